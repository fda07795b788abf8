/*
title = "Idle users who came back"
description = """\
    Who is counted as come back by the report what-if: users who held a seat on the first of a month, had been idle for \
    `days` days then (or had never used it, by an account so old), as it was known then, and logged in within the 30 \
    days after. The columns of the user are those of as-of."""
users = true
looks_back = "always"
parameters = [
    { name = "days", type = "days", default = 90, meaning = "whole days without a log-in, counted back from the first of the month" },
]
columns = [
    { name = "month", type = "time", meaning = "the first of the month, 00:00 UTC" },
    { name = "days", type = "integer", meaning = "idle: whole days since the last log-in; never: age of the account in days; both on the first of the month" },
    { name = "reason", type = "text", meaning = "idle or never, on the first of the month" },
    { name = "came_back_at", type = "time", meaning = "the first log-in, or on Cloud activity, in the 30 days that a walk saw by as-of" },
]
*/
WITH RECURSIVE
-- include seat_judged, user_then
,
back AS MATERIALIZED (
    SELECT id, month, last_at, unused_since, came_back_at FROM seat_judged WHERE came_back_at IS NOT NULL
)
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    b.month,
    -- In whole milliseconds: fractions of days would miss the boundary.
    (CAST(round(unixepoch(b.month, 'subsec') * 1000) AS INTEGER)
        - CAST(round(unixepoch(b.unused_since, 'subsec') * 1000) AS INTEGER)) / 86400000 AS days,
    CASE WHEN b.last_at IS NULL THEN 'never' ELSE 'idle' END AS reason,
    b.came_back_at
FROM back b
JOIN user_then u ON u.id = b.id
ORDER BY u.site, b.month, u.key NULLS LAST, u.name, u.id
