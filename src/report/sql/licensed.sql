/*
title = "Users with a seat"
description = """\
    Who holds a seat of the licence: active users, without Cloud's apps and the customers of its portals, who hold \
    none."""
users = true
columns = [
    { name = "directory", type = "text", meaning = "the user directory, at as-of; empty: no source says" },
    { name = "created_at", type = "time", meaning = "when the account was made, by the site; empty: not known" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known, see reason" },
    { name = "last_active_at", type = "time", meaning = "the last activity known at as-of (Cloud)" },
    { name = "days", type = "integer", meaning = "idle: whole days since; never: age of the account in days; unknown: empty" },
    { name = "reason", type = "text", meaning = "idle: was there, if only a moment ago: few days are somebody at work; never: the site says so; unknown: nobody says" },
]
*/
WITH
-- include seat
SELECT
    site, key, name, full_name, email, status,
    directory,
    created_at,
    last_login_at,
    last_active_at,
    days,
    reason
FROM seat
ORDER BY site, key NULLS LAST, name, id
