/*
title = "Licence groups"
description = """\
    Which groups give each user a seat. Where the configuration names the licence groups of a site, these and no others \
    count. Elsewhere they are deduced from who has access: a group is a candidate when a member has access and no \
    member is without it (one who is deactivated, missing or deleted proves nothing), and it is proven to be a licence \
    group when somebody has a seat who is in no other candidate. A site that does not tell who has access, as Cloud, \
    lets nothing be deduced. A user with a seat has a row for each such group, or one without a group."""
users = true
columns = [
    { name = "group", type = "text", meaning = "the group's name, at as-of; empty: none is known" },
    { name = "basis", type = "text", meaning = "configured; none of the configured: the user is in none of them; deduced: a proven group; possible: candidates, none of them proven; unexplained: no candidate; not known: the site does not tell who has access" },
    { name = "members", type = "integer", meaning = "how many users were in the group, whatever their status" },
]
*/
WITH
-- include member_then, user_then
,
account_then AS MATERIALIZED (
    SELECT id, site_id, status, has_access, has_seat FROM user_then
),
membership AS MATERIALIZED (
    SELECT m.group_id, m.user_id, p.site_id, p.status, p.has_access, p.has_seat
    FROM member_then m JOIN account_then p ON p.id = m.user_id
),
configured AS (
    SELECT g.id, g.site_id
    FROM group_then g
    -- Neither product tells groups apart by the case of their names.
    WHERE EXISTS (
        SELECT 1 FROM json_each(:licence_groups) c
        WHERE c.value ->> 0 = g.site AND lower(c.value ->> 1) = lower(g.name))
),
site_then AS (
    SELECT
        s.id,
        EXISTS (SELECT 1 FROM json_each(:licence_groups) c WHERE c.value ->> 0 = s.name) AS is_configured,
        -- Of the deleted every site says that they have none.
        EXISTS (SELECT 1 FROM account_then p WHERE p.site_id = s.id AND p.has_access = 1) AS tells_access
    FROM sites s
),
candidate AS MATERIALIZED (
    SELECT group_id
    FROM membership
    GROUP BY group_id
    HAVING count(*) FILTER (WHERE has_access = 1) > 0
        AND count(*) FILTER (WHERE has_access = 0 AND status = 'no-access') = 0
),
-- Whoever has access and is in one candidate alone has it by that one.
proven AS MATERIALIZED (
    SELECT DISTINCT group_id
    FROM (
        SELECT min(m.group_id) AS group_id
        FROM membership m JOIN candidate c ON c.group_id = m.group_id
        WHERE m.has_seat AND m.has_access = 1
        GROUP BY m.user_id
        HAVING count(*) = 1
    )
),
-- The groups of each seat that may explain it: the configured ones, or the candidates.
explanation AS MATERIALIZED (
    SELECT m.user_id, m.group_id, 'configured' AS basis
    FROM membership m
    JOIN site_then s ON s.id = m.site_id
    WHERE m.has_seat AND s.is_configured AND m.group_id IN (SELECT id FROM configured)
    UNION ALL
    SELECT m.user_id, m.group_id,
        CASE WHEN m.group_id IN (SELECT group_id FROM proven) THEN 'deduced' ELSE 'possible' END
    FROM membership m
    JOIN site_then s ON s.id = m.site_id
    WHERE m.has_seat AND NOT s.is_configured AND m.group_id IN (SELECT group_id FROM candidate)
),
-- A candidate that is not proven is told only of users who are in none that is.
told AS (
    SELECT user_id, group_id, basis
    FROM explanation
    WHERE basis <> 'possible' OR user_id NOT IN (SELECT user_id FROM explanation WHERE basis = 'deduced')
),
size AS (
    SELECT group_id, count(*) AS members FROM membership GROUP BY group_id
)
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    g.name AS "group",
    coalesce(t.basis, CASE
        WHEN s.is_configured THEN 'none of the configured'
        WHEN s.tells_access THEN 'unexplained'
        ELSE 'not known'
    END) AS basis,
    z.members
FROM user_then u
JOIN site_then s ON s.id = u.site_id
LEFT JOIN told t ON t.user_id = u.id
LEFT JOIN group_then g ON g.id = t.group_id
LEFT JOIN size z ON z.group_id = t.group_id
WHERE u.has_seat
ORDER BY u.site, u.key NULLS LAST, u.name, u.id, "group", g.id
