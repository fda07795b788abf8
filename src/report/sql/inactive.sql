WITH known AS (
    SELECT
        s.name AS site,
        s.kind AS site_kind,
        u.id,
        u.key,
        v.name,
        v.full_name,
        v.email,
        v.status,
        -- Log-ins are told by Data Center, activity by the organization of a Cloud site.
        u.last_login_known = 1 OR coalesce(u.last_active_known_since <= :as_of, 0) AS is_known,
        coalesce(u.created_at, u.first_seen_at) AS born_at,
        -- What a walk after as-of brought was not known then, however old it is.
        (SELECT l.at FROM logins l JOIN walks w ON w.id = l.walk_id
            WHERE l.user_id = u.id AND l.kind = 'success' AND w.at <= :as_of
            ORDER BY l.at DESC LIMIT 1) AS last_login_at,
        (SELECT l.at FROM logins l JOIN walks w ON w.id = l.walk_id
            WHERE l.user_id = u.id AND l.kind = 'active' AND w.at <= :as_of
            ORDER BY l.at DESC LIMIT 1) AS last_active_at
    FROM users u
    JOIN sites s ON s.id = u.site_id
    JOIN user_history v ON v.user_id = u.id
        AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
    WHERE s.name IN (SELECT value FROM json_each(:sites)) AND v.status = 'active'
),
judged AS (
    SELECT
        *,
        CASE
            WHEN last_login_at IS NOT NULL OR (site_kind = 'cloud' AND last_active_at IS NOT NULL) THEN 'idle'
            WHEN is_known THEN 'never'
            ELSE 'unknown'
        END AS reason
    FROM known
),
counted AS (
    SELECT
        *,
        -- In whole milliseconds: fractions of days would miss the boundary.
        (CAST(round(unixepoch(:as_of, 'subsec') * 1000) AS INTEGER)
            - CAST(round(unixepoch(
                CASE reason
                    WHEN 'never' THEN born_at
                    WHEN 'idle' THEN max(
                        coalesce(last_login_at, ''),
                        CASE site_kind WHEN 'cloud' THEN coalesce(last_active_at, '') ELSE '' END)
                END, 'subsec') * 1000) AS INTEGER)) / 86400000 AS days
    FROM judged
)
SELECT site, key, name, full_name, email, status, last_login_at, last_active_at, days, reason
FROM counted
WHERE reason = 'unknown' OR days >= :days
ORDER BY site, key NULLS LAST, name, id
