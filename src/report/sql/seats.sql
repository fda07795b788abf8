/*
title = "Seats"
description = """\
    How many seats of the licence each site uses, how many of them nobody needed for `days` days, and what became of \
    the other accounts. A site that no walk had seen by as-of has no row."""
parameters = [
    { name = "tier", type = "integer", min = 1, meaning = "how many seats the licence has, the same for every site" },
    { name = "days", type = "days", default = 90, meaning = "whole days without a log-in, counted back from as-of" },
]
columns = [
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "licensed", type = "integer", meaning = "seats in use: active users, without Cloud's apps and the customers of its portals" },
    { name = "tier", type = "integer", meaning = "the parameter" },
    { name = "free", type = "integer", meaning = "tier less licensed; below zero: more are in use than there are; empty without tier" },
    { name = "used_percent", type = "real", meaning = "licensed in per cent of tier; empty without tier" },
    { name = "idle", type = "integer", meaning = "of licensed: were there last `days` days ago or longer" },
    { name = "never", type = "integer", meaning = "of licensed: never there, and the account is at least `days` days old" },
    { name = "unknown", type = "integer", meaning = "of licensed: nobody says whether they were there" },
    { name = "no_access", type = "integer", meaning = "accounts with the status no-access" },
    { name = "deactivated", type = "integer", meaning = "accounts with the status deactivated" },
    { name = "missing", type = "integer", meaning = "accounts with the status missing" },
    { name = "deleted", type = "integer", meaning = "accounts with the status deleted" },
    { name = "other", type = "integer", meaning = "accounts with the status unknown" },
]
*/
WITH
-- include seat
,
-- How many of each site's accounts there are of each status, and how many of its seats of each reason.
account AS (
    SELECT
        site,
        count(*) FILTER (WHERE status = 'no-access') AS no_access,
        count(*) FILTER (WHERE status = 'deactivated') AS deactivated,
        count(*) FILTER (WHERE status = 'missing') AS missing,
        count(*) FILTER (WHERE status = 'deleted') AS deleted,
        count(*) FILTER (WHERE status = 'unknown') AS other,
        count(*) FILTER (WHERE has_seat) AS licensed,
        count(*) FILTER (WHERE has_seat AND reason = 'idle' AND days >= :days) AS idle,
        count(*) FILTER (WHERE has_seat AND reason = 'never' AND days >= :days) AS never,
        count(*) FILTER (WHERE has_seat AND reason = 'unknown') AS unknown
    FROM (
        SELECT site, status, reason, days, 1 AS has_seat FROM seat
        UNION ALL
        SELECT site, status, reason, days, 0 FROM activity WHERE status <> 'active'
    )
    GROUP BY site
)
SELECT
    s.name AS site,
    coalesce(a.licensed, 0) AS licensed,
    :tier AS tier,
    :tier - coalesce(a.licensed, 0) AS free,
    round(100.0 * coalesce(a.licensed, 0) / :tier, 1) AS used_percent,
    coalesce(a.idle, 0) AS idle,
    coalesce(a.never, 0) AS never,
    coalesce(a.unknown, 0) AS unknown,
    coalesce(a.no_access, 0) AS no_access,
    coalesce(a.deactivated, 0) AS deactivated,
    coalesce(a.missing, 0) AS missing,
    coalesce(a.deleted, 0) AS deleted,
    coalesce(a.other, 0) AS other
FROM sites s
LEFT JOIN account a ON a.site = s.name
WHERE s.name IN (SELECT value FROM json_each(:sites))
    -- Before the first walk nobody knows how many there are.
    AND EXISTS (SELECT 1 FROM walks w WHERE w.site_id = s.id AND w.at <= :as_of)
ORDER BY s.name
