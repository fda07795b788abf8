/*
title = "Activity by month"
description = """\
    Per calendar month (UTC), since a site's first walk: who held a seat, who joined and left, and who was there. \
    `active` is that of the month before, plus `found` and `joiners`, less `leavers` and `forgotten`. Cloud's apps and the \
    customers of its portals are left out. Somebody who left and came back between two walks was seen to do neither. What \
    was pruned, and when somebody was there who was forgotten, is told as it was counted then."""
chart = { x = "month", y = ["active", "logged_in"] }
columns = [
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "month", type = "time", meaning = "the first moment of the month" },
    { name = "ends_at", type = "time", meaning = "the last moment that is counted: the end of the month, or as-of" },
    { name = "found", type = "integer", meaning = "users first seen, and active, by a walk before which none was applied whole: nobody knows when they joined" },
    { name = "joiners", type = "integer", meaning = "how often a user was seen to become active, new or again" },
    { name = "leavers", type = "integer", meaning = "how often a user was seen to be active no longer" },
    { name = "active", type = "integer", meaning = "users who were active at ends_at: seats in use" },
    { name = "logged_in", type = "integer", meaning = "users with a log-in, or on Cloud activity, in the month; a site tells only the latest of each at each walk, so there may have been more" },
    { name = "forgotten", type = "integer", meaning = "users who were active when they were erased (db forget): what became of them is not known" },
]
*/
WITH RECURSIVE
picture AS (
    SELECT s.id AS site_id, s.name AS site, min(w.at) AS first_at
    FROM walks w
    JOIN sites s ON s.id = w.site_id
    WHERE w.at <= :as_of AND s.name IN (SELECT value FROM json_each(:sites))
    GROUP BY s.id
),
month AS (
    SELECT site_id, site, strftime('%Y-%m-%d %H:%M:%f', first_at, 'start of month') AS at
    FROM picture
    UNION ALL
    SELECT site_id, site, strftime('%Y-%m-%d %H:%M:%f', at, '+1 month')
    FROM month
    WHERE strftime('%Y-%m-%d %H:%M:%f', at, '+1 month') <= :as_of
),
-- What was dated by then is counted in kept_months.
boundary AS MATERIALIZED (
    SELECT coalesce((SELECT max(cutoff) FROM pruned), '') AS at
),
-- Those who were forgotten too: they were there.
account AS (
    SELECT a.id, a.site_id, a.forgotten_at, s.kind AS site_kind
    FROM accounts a
    JOIN sites s ON s.id = a.site_id
    WHERE s.name IN (SELECT value FROM json_each(:sites))
),
-- Cloud's apps and the customers of its portals hold no seat.
seat_version AS (
    SELECT
        a.site_id,
        h.user_id,
        h.valid_from,
        h.walk_id,
        h.status = 'active' AND coalesce(h.account_type, '') NOT IN ('app', 'customer') AS is_active
    FROM account a
    JOIN user_history h ON h.user_id = a.id
    WHERE h.valid_from <= :as_of
),
version AS (
    SELECT
        site_id,
        valid_from AS at,
        walk_id,
        is_active,
        lag(is_active) OVER (PARTITION BY user_id ORDER BY valid_from) AS was_active
    FROM seat_version
),
counted AS (
    SELECT
        v.site_id,
        substr(v.at, 1, 7) AS month,
        -- What has no walk before it was found, not seen to happen.
        count(*) FILTER (WHERE v.is_active AND v.was_active IS NULL AND w.not_before IS NULL) AS found,
        count(*) FILTER (WHERE v.is_active AND (v.was_active = 0
            OR v.was_active IS NULL AND w.not_before IS NOT NULL)) AS joiners,
        count(*) FILTER (WHERE NOT v.is_active AND v.was_active) AS leavers,
        0 AS forgotten
    FROM version v
    JOIN walks w ON w.id = v.walk_id
    WHERE v.at > (SELECT at FROM boundary)
    GROUP BY 1, 2
    UNION ALL
    SELECT a.site_id, substr(a.forgotten_at, 1, 7), 0, 0, 0, count(*)
    FROM account a
    JOIN account_versions h ON h.user_id = a.id AND h.valid_to = a.forgotten_at
    WHERE a.forgotten_at > (SELECT at FROM boundary) AND a.forgotten_at <= :as_of
        AND h.status = 'active' AND coalesce(h.account_type, '') NOT IN ('app', 'customer')
    GROUP BY 1, 2
    UNION ALL
    SELECT site_id, month, found, joiners, leavers, forgotten FROM kept_months
),
step AS (
    SELECT
        site_id,
        month,
        sum(found) AS found,
        sum(joiners) AS joiners,
        sum(leavers) AS leavers,
        sum(forgotten) AS forgotten
    FROM counted
    GROUP BY 1, 2
),
seen AS (
    SELECT
        p.site_id,
        substr(l.at, 1, 7) AS month,
        count(DISTINCT l.user_id) AS users
    FROM logins l
    JOIN walks w ON w.id = l.walk_id
    JOIN account p ON p.id = l.user_id
    JOIN user_history h ON h.user_id = l.user_id
        AND h.valid_from <= :as_of AND (h.valid_to IS NULL OR h.valid_to > :as_of)
    WHERE w.at <= :as_of AND l.at <= :as_of AND coalesce(h.account_type, '') NOT IN ('app', 'customer')
        -- Log-ins are told by Data Center, activity by the organization of a Cloud site.
        AND (l.kind = 'success' OR l.kind = 'active' AND p.site_kind = 'cloud')
    GROUP BY 1, 2
    UNION ALL
    SELECT k.site_id, k.month, k.users
    FROM kept_presence k
    LEFT JOIN walks w ON w.id = k.walk_id
    WHERE k.walk_id = 0 OR w.at <= :as_of
),
presence AS (
    SELECT site_id, month, sum(users) AS users FROM seen GROUP BY 1, 2
)
SELECT
    m.site,
    m.at AS month,
    min(strftime('%Y-%m-%d %H:%M:%f', m.at, '+1 month', '-0.001 seconds'), :as_of) AS ends_at,
    coalesce(s.found, 0) AS found,
    coalesce(s.joiners, 0) AS joiners,
    coalesce(s.leavers, 0) AS leavers,
    sum(coalesce(s.found + s.joiners - s.leavers - s.forgotten, 0)) OVER (PARTITION BY m.site_id ORDER BY m.at) AS active,
    coalesce(p.users, 0) AS logged_in,
    coalesce(s.forgotten, 0) AS forgotten
FROM month m
LEFT JOIN step s ON s.site_id = m.site_id AND s.month = substr(m.at, 1, 7)
LEFT JOIN presence p ON p.site_id = m.site_id AND p.month = substr(m.at, 1, 7)
ORDER BY m.site, m.at
