/*
title = "Users who vanished"
description = """\
    Users who were missing (no longer listed, and nothing proves why) or deleted (proven gone) at as-of, and were first \
    seen so at or after `since`. Of one who was missing before the deletion was proven, the time is that of the proof."""
users = true
parameters = [
    { name = "since", type = "time", meaning = "first seen so at or after this moment; a date is its first millisecond, UTC" },
]
columns = [
    { name = "vanished_at", type = "time", meaning = "when a walk first saw this status, without a break since" },
    { name = "not_before", type = "time", meaning = "the applied walk before: it is later; empty: found so by the site's first" },
    { name = "walk_id", type = "integer", meaning = "the walk that saw it" },
    { name = "evidence", type = "text", meaning = "what the site last answered about the user, known at as-of; empty: nobody asked" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known" },
]
*/
WITH
-- include user_then
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    u.status_since AS vanished_at,
    w.not_before,
    w.id AS walk_id,
    (SELECT e.answer FROM evidence e JOIN walks a ON a.id = e.walk_id
        WHERE e.user_id = u.id AND a.at <= :as_of
        ORDER BY e.id DESC LIMIT 1) AS evidence,
    u.last_login_at
FROM user_then u
-- What was held is dated by its approval, after its walk: hence the newest walk up to it.
LEFT JOIN walks w ON w.id = (
    SELECT e.id FROM walks e WHERE e.site_id = u.site_id AND e.at <= u.status_since ORDER BY e.at DESC LIMIT 1)
WHERE u.status IN ('missing', 'deleted') AND (:since IS NULL OR u.status_since >= :since)
ORDER BY u.site, vanished_at, u.key NULLS LAST, u.name, u.id
