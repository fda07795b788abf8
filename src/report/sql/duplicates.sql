/*
title = "Duplicate accounts"
description = """\
    Accounts of one site that share the e-mail address or the name with another, neither missing nor deleted. It may be \
    one person twice, two people of one name, or an address that several use."""
users = true
columns = [
    { name = "same", type = "text", meaning = "email or name: what is shared; an account that shares both has a row for each" },
    { name = "value", type = "text", meaning = "what is shared, in lower case (ASCII)" },
    { name = "accounts", type = "integer", meaning = "how many accounts share it" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known" },
    { name = "last_active_at", type = "time", meaning = "the last activity known at as-of (Cloud)" },
]
*/
WITH
-- include user_then
,
mark AS MATERIALIZED (
    SELECT site_id, id, 'email' AS same, lower(trim(email)) AS value
    FROM user_then
    WHERE status NOT IN ('missing', 'deleted') AND trim(email) <> ''
    UNION ALL
    SELECT site_id, id, 'name', lower(name)
    FROM user_then
    WHERE status NOT IN ('missing', 'deleted') AND name <> ''
),
shared AS MATERIALIZED (
    SELECT site_id, same, value, count(*) AS accounts
    FROM mark
    GROUP BY site_id, same, value
    HAVING count(*) > 1
)
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    d.same,
    d.value,
    d.accounts,
    u.last_login_at,
    u.last_active_at
FROM mark m
JOIN shared d ON d.site_id = m.site_id AND d.same = m.same AND d.value = m.value
JOIN user_then u ON u.id = m.id
ORDER BY u.site, d.same, d.value, u.key NULLS LAST, u.name, u.id
