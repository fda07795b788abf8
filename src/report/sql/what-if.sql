/*
title = "What if idle seats had been freed"
description = """\
    For each first of a month: the seats that had been idle for `days` days (or never used, by an account so old), as \
    it was known then, and how many of their owners came back within 30 days. So many would have missed their seat. \
    Those of whom nobody says are not counted as freed. Who they are is told by the report came-back."""
looks_back = "always"
parameters = [
    { name = "days", type = "days", default = 90, meaning = "whole days without a log-in, counted back from the first of the month" },
]
chart = { x = "month", y = ["freed", "came_back"] }
columns = [
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "month", type = "time", meaning = "the first of the month, 00:00 UTC" },
    { name = "seats", type = "integer", meaning = "users who held a seat then" },
    { name = "freed", type = "integer", meaning = "those of them who would have lost it" },
    { name = "came_back", type = "integer", meaning = "those of the freed with a log-in, or on Cloud activity, in the 30 days after, known at as-of" },
    { name = "came_back_percent", type = "real", meaning = "came_back in per cent of freed; empty: none was freed" },
    { name = "complete", type = "boolean", meaning = "whether the 30 days were over at the site's last walk; else more may come back" },
]
*/
WITH RECURSIVE
-- include seat_judged
,
counted AS (
    SELECT
        site_id,
        month,
        count(*) AS seats,
        sum(is_freed) AS freed,
        count(came_back_at) AS came_back
    FROM seat_judged
    GROUP BY site_id, month
)
SELECT
    m.site,
    m.at AS month,
    coalesce(c.seats, 0) AS seats,
    coalesce(c.freed, 0) AS freed,
    coalesce(c.came_back, 0) AS came_back,
    round(100.0 * c.came_back / nullif(c.freed, 0), 1) AS came_back_percent,
    m.is_complete AS complete
FROM first_of_month m
LEFT JOIN counted c ON c.site_id = m.site_id AND c.month = m.at
ORDER BY m.site, m.at
