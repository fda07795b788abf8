/*
title = "Groups"
description = """\
    Every group there was at as-of, with how many were in it. Of a group whose members could never be read (a / in the \
    name, or the site refused) that is not known."""
columns = [
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "group", type = "text", meaning = "the group's name, at as-of" },
    { name = "external_id", type = "text", meaning = "Cloud's id of the group" },
    { name = "members", type = "integer", meaning = "how many users were in it, whatever their status; empty: not known" },
    { name = "active_members", type = "integer", meaning = "how many of them had the status active; empty: not known" },
    { name = "first_seen_at", type = "time", meaning = "when a walk first saw the group" },
    { name = "empty", type = "boolean", meaning = "whether nobody was in it; empty: not known" },
    { name = "last_change_at", type = "time", meaning = "when a walk last saw somebody join or leave, or found the first members; empty: it never had any" },
]
*/
WITH
-- include site, member_then
,
membership AS (
    SELECT
        m.group_id,
        count(*) AS members,
        count(*) FILTER (WHERE v.status = 'active') AS active_members
    FROM member_then m
    JOIN user_history v ON v.user_id = m.user_id
        AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
    GROUP BY m.group_id
),
-- Of whose members the walk says that it could not read them.
unread AS MATERIALIZED (
    SELECT s.name AS site, g.value AS name
    FROM site s
    JOIN walks w ON w.id = s.walk_id
    CROSS JOIN json_each(iif(json_valid(w.coverage), w.coverage, '{}'), '$.members') p
    CROSS JOIN json_each(p.value) g
    WHERE p.key IN ('not_addressable', 'unread') AND p.type = 'array'
),
-- An end after as-of was not known then. Whoever is forgotten did not leave.
change AS (
    SELECT
        group_id,
        max(max(valid_from, CASE
            WHEN valid_to <= :as_of AND NOT EXISTS (
                SELECT 1 FROM forgotten f WHERE f.user_id = m.user_id AND f.at = m.valid_to) THEN valid_to
            ELSE valid_from
        END)) AS at
    FROM memberships m
    WHERE valid_from <= :as_of
    GROUP BY group_id
)
SELECT
    g.site,
    g.name AS "group",
    g.external_id,
    iif(m.members IS NULL AND u.name IS NOT NULL, NULL, coalesce(m.members, 0)) AS members,
    iif(m.members IS NULL AND u.name IS NOT NULL, NULL, coalesce(m.active_members, 0)) AS active_members,
    g.first_seen_at,
    iif(m.members IS NULL AND u.name IS NOT NULL, NULL, m.members IS NULL) AS empty,
    nullif(max(coalesce(c.at, ''), coalesce(o.pruned_change_at, '')), '') AS last_change_at
FROM group_then g
JOIN groups o ON o.id = g.id
LEFT JOIN membership m ON m.group_id = g.id
LEFT JOIN unread u ON u.site = g.site AND u.name = g.name
LEFT JOIN change c ON c.group_id = g.id
ORDER BY g.site, g.name, g.id
