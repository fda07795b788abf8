-- Every first of a month (00:00 UTC) at which the mirror had a picture of a chosen site, up to as-of.
picture AS (
    SELECT
        s.id AS site_id,
        s.name AS site,
        s.kind AS site_kind,
        -- What was so before that is pruned.
        max(min(w.at), coalesce((SELECT max(cutoff) FROM pruned), '')) AS first_at,
        max(w.at) AS last_at,
        max(w.id) AS walk_id
    FROM walks w
    JOIN sites s ON s.id = w.site_id
    WHERE w.at <= :as_of AND s.name IN (SELECT value FROM json_each(:sites))
    GROUP BY s.id
),
month AS (
    SELECT site_id, site, site_kind, last_at, walk_id,
        strftime('%Y-%m-%d %H:%M:%f', first_at, '-0.001 seconds', 'start of month', '+1 month') AS at
    FROM picture
    UNION ALL
    SELECT site_id, site, site_kind, last_at, walk_id, strftime('%Y-%m-%d %H:%M:%f', at, '+1 month')
    FROM month
    WHERE strftime('%Y-%m-%d %H:%M:%f', at, '+1 month') <= :as_of
),
first_of_month AS MATERIALIZED (
    SELECT
        site_id,
        site,
        site_kind,
        at,
        -- The walks of a site are in the order of their ids: what a later one brought was not known then, or at as-of.
        (SELECT max(w.id) FROM walks w WHERE w.site_id = month.site_id AND w.at <= month.at) AS known_to,
        (SELECT max(w.at) FROM walks w WHERE w.site_id = month.site_id AND w.at <= month.at) AS known_at,
        walk_id,
        -- Whoever was there last by then is idle.
        strftime('%Y-%m-%d %H:%M:%f', at, '-' || :days || ' days') AS idle_to,
        -- A log-in that was known at that moment may be later by the site's clock, but not by more than this.
        strftime('%Y-%m-%d %H:%M:%f', at, '+1 day') AS clock_to,
        -- The window in which they may come back, and whether it was over at the last walk.
        strftime('%Y-%m-%d %H:%M:%f', at, '+30 days') AS window_to,
        strftime('%Y-%m-%d %H:%M:%f', at, '+30 days') <= last_at AS is_complete
    FROM month
    WHERE at <= :as_of
),
-- Every seat that was held then, with what was known then.
seat_known AS (
    SELECT
        t.site_id,
        t.site_kind,
        t.walk_id,
        t.at AS month,
        t.idle_to,
        t.window_to,
        a.id,
        coalesce(a.created_at, a.first_seen_at) AS born_at,
        -- As in the part `activity`.
        coalesce(a.last_active_known_since <= t.at, 0) OR (a.last_login_known AND (a.last_login_at IS NULL OR NOT EXISTS (
            SELECT 1 FROM logins l WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id > t.known_to
                AND l.at <= t.known_at))) AS is_known,
        nullif(max(
            coalesce((SELECT l.at FROM logins l
                WHERE l.user_id = a.id AND l.kind = 'success' AND l.at <= t.clock_to AND l.walk_id <= t.known_to
                ORDER BY l.at DESC LIMIT 1), ''),
            -- Log-ins are told by Data Center, activity by the organization of a Cloud site.
            iif(t.site_kind = 'cloud', coalesce((SELECT l.at FROM logins l
                WHERE l.user_id = a.id AND l.kind = 'active' AND l.at <= t.clock_to AND l.walk_id <= t.known_to
                ORDER BY l.at DESC LIMIT 1), ''), '')), '') AS last_at
    -- As in the part `person`.
    FROM accounts a
    CROSS JOIN first_of_month t ON t.site_id = a.site_id
    LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > t.at, a.id, NULL)
        AND v.valid_from <= t.at AND v.valid_to > t.at
    WHERE iif(a.version_from <= t.at, a.status, v.status) = 'active'
        AND coalesce(iif(a.version_from <= t.at, a.account_type, v.account_type), '') NOT IN ('app', 'customer')
    LIMIT -1 -- keeps SQLite from putting the subqueries into every place that uses their columns
),
-- Since when nobody used it; of whom nobody says when they were there last, there is none.
seat_unused AS (
    SELECT *, coalesce(last_at, iif(is_known, born_at, NULL)) AS unused_since
    FROM seat_known
),
-- Those that would have been freed then, and when their owners came back, as far as it is known at as-of.
seat_judged AS (
    SELECT
        *,
        coalesce(unused_since <= idle_to, 0) AS is_freed,
        iif(unused_since <= idle_to, (
            SELECT min(l.at) FROM logins l
            WHERE l.user_id = j.id AND (l.kind = 'success' OR l.kind = 'active' AND j.site_kind = 'cloud')
                AND l.at > j.month AND l.at <= j.window_to AND l.walk_id <= j.walk_id), NULL) AS came_back_at
    FROM seat_unused j
)
