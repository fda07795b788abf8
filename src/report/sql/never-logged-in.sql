WITH known AS (
    SELECT
        s.name AS site,
        u.id,
        u.key,
        v.name,
        v.full_name,
        v.email,
        v.status,
        u.created_at,
        u.first_seen_at,
        -- In whole milliseconds: fractions of days would miss the boundary.
        (CAST(round(unixepoch(:as_of, 'subsec') * 1000) AS INTEGER)
            - CAST(round(unixepoch(coalesce(u.created_at, u.first_seen_at), 'subsec') * 1000) AS INTEGER))
            / 86400000 AS days
    FROM users u
    JOIN sites s ON s.id = u.site_id
    JOIN user_history v ON v.user_id = u.id
        AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
    WHERE s.name IN (SELECT value FROM json_each(:sites))
        AND v.status = 'active'
        -- Log-ins are told by Data Center, activity by the organization of a Cloud site.
        AND (u.last_login_known = 1 OR u.last_active_known_since <= :as_of)
        -- What a walk after as-of brought was not known then, however old it is.
        AND NOT EXISTS (
            SELECT 1 FROM logins l JOIN walks w ON w.id = l.walk_id
            WHERE l.user_id = u.id AND w.at <= :as_of
                AND (l.kind = 'success' OR (l.kind = 'active' AND s.kind = 'cloud')))
)
SELECT site, key, name, full_name, email, status, created_at, first_seen_at, days
FROM known
WHERE days >= :days
ORDER BY site, key NULLS LAST, name, id
