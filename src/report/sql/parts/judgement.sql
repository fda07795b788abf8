-- What follows from it. reason: idle (they were there once), never (the site says so), unknown (nobody says); days: whole
-- days since, of never the age of the account.
judged AS (
    SELECT
        *,
        nullif(max(
            coalesce(last_login_at, ''), iif(site_kind = 'cloud', coalesce(last_active_at, ''), '')), '') AS last_at,
        -- That a site tells log-ins is known of today alone. It did not yet when a log-in from before the walk was brought
        -- by a later one.
        tells_activity OR (tells_logins AND (is_now OR newest_login_at IS NULL OR NOT EXISTS (
            SELECT 1 FROM logins l WHERE l.user_id = known.id AND l.kind = 'success' AND l.walk_id > known.walk_id
                AND l.at <= known.walk_at))) AS is_known
    FROM known
),
activity AS (
    SELECT
        *,
        CASE WHEN last_at IS NOT NULL THEN 'idle' WHEN is_known THEN 'never' ELSE 'unknown' END AS reason,
        -- In whole milliseconds: fractions of days would miss the boundary.
        (CAST(round(unixepoch(:as_of, 'subsec') * 1000) AS INTEGER)
            - CAST(round(unixepoch(coalesce(last_at, iif(is_known, born_at, NULL)), 'subsec') * 1000) AS INTEGER))
            / 86400000 AS days
    FROM judged
)
