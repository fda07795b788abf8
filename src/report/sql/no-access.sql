/*
title = "Users without access"
description = "Users who exist, may not use Confluence, and of whom nothing says that they are deactivated."
users = true
columns = [
    { name = "since", type = "time", meaning = "since when, without a break; the first walk's time if it was found so" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known" },
    { name = "groups", type = "integer", meaning = "in how many groups the user was at as-of" },
]
*/
WITH
-- include user_then
SELECT
    site, key, name, full_name, email, status,
    status_since AS since,
    last_login_at,
    groups
FROM user_then
WHERE status = 'no-access'
ORDER BY site, key NULLS LAST, name, id
