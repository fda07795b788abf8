/*
title = "Deactivated users"
description = """\
    Users who were deactivated at as-of, and were first seen so at or after `since`. The deactivation happened after \
    `not_before` and was seen at `deactivated_at`."""
users = true
parameters = [
    { name = "since", type = "time", meaning = "first seen so at or after this moment; a date is its first millisecond, UTC" },
]
columns = [
    { name = "deactivated_at", type = "time", meaning = "when a walk first saw it, without a break since" },
    { name = "not_before", type = "time", meaning = "the applied walk before: it is later; empty: found so by the site's first" },
    { name = "walk_id", type = "integer", meaning = "the walk that saw it" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known" },
    { name = "groups", type = "integer", meaning = "in how many groups the user was at as-of" },
]
*/
WITH
-- include user_then
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    u.status_since AS deactivated_at,
    w.not_before,
    w.id AS walk_id,
    u.last_login_at,
    u.groups
FROM user_then u
-- What was held is dated by its approval, after its walk: hence the newest walk up to it.
LEFT JOIN walks w ON w.id = (
    SELECT e.id FROM walks e WHERE e.site_id = u.site_id AND e.at <= u.status_since ORDER BY e.at DESC LIMIT 1)
WHERE u.status = 'deactivated' AND (:since IS NULL OR u.status_since >= :since)
ORDER BY u.site, deactivated_at, u.key NULLS LAST, u.name, u.id
