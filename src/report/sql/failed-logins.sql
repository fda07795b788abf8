/*
title = "Failed log-ins"
description = """\
    Users with a failed log-in within the last `days` days, whatever their status, the deleted ones left out. At each \
    walk a site tells only the latest failure of a user: the numbers are of those that walks saw, and there may have \
    been more."""
users = true
looks_back = "days"
parameters = [
    { name = "days", type = "days", default = 30, meaning = "how far back, counted from as-of" },
]
columns = [
    { name = "failures", type = "integer", meaning = "how many different failures walks saw within the days" },
    { name = "first_failed_at", type = "time", meaning = "the first of them" },
    { name = "last_failed_login_at", type = "time", meaning = "the last of them" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known" },
    { name = "since_success", type = "integer", meaning = "how many of the failures are later than last_login_at" },
]
*/
WITH
-- include user_then
,
failure AS (
    SELECT l.user_id, l.at
    FROM logins l JOIN walks w ON w.id = l.walk_id
    WHERE l.kind = 'failure' AND w.at <= :as_of
        AND l.at >= strftime('%Y-%m-%d %H:%M:%f', :as_of, '-' || :days || ' days') AND l.at <= :as_of
)
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    count(*) AS failures,
    min(f.at) AS first_failed_at,
    max(f.at) AS last_failed_login_at,
    u.last_login_at,
    count(*) FILTER (WHERE u.last_login_at IS NULL OR f.at > u.last_login_at) AS since_success
FROM failure f
JOIN user_then u ON u.id = f.user_id
WHERE u.status <> 'deleted'
GROUP BY u.id
ORDER BY u.site, failures DESC, max(f.at) DESC, u.key NULLS LAST, u.name, u.id
