-- Every user whom the chosen sites had at as-of, with every attribute as it was then. What a report does not ask of it
-- is not looked up.
user_then AS (
    SELECT
        s.name AS site,
        s.kind AS site_kind,
        a.site_id,
        a.id,
        a.key,
        iif(v.user_id IS NULL, a.name, v.name) AS name,
        iif(v.user_id IS NULL, a.full_name, v.full_name) AS full_name,
        iif(v.user_id IS NULL, a.email, v.email) AS email,
        iif(v.user_id IS NULL, a.status, v.status) AS status,
        iif(v.user_id IS NULL, a.active, v.active) AS active,
        iif(v.user_id IS NULL, a.has_access, v.has_access) AS has_access,
        iif(v.user_id IS NULL, a.directory, v.directory) AS directory,
        iif(v.user_id IS NULL, a.account_type, v.account_type) AS account_type,
        iif(v.user_id IS NULL, a.is_external, v.is_external) AS is_external,
        iif(v.user_id IS NULL, a.department, v.department) AS department,
        iif(v.user_id IS NULL, a.position, v.position) AS position,
        iif(v.user_id IS NULL, a.location, v.location) AS location,
        iif(v.user_id IS NULL, a.phone, v.phone) AS phone,
        iif(v.user_id IS NULL, a.im, v.im) AS im,
        iif(v.user_id IS NULL, a.website, v.website) AS website,
        iif(v.user_id IS NULL, a.language, v.language) AS language,
        iif(v.user_id IS NULL, a.time_zone, v.time_zone) AS time_zone,
        iif(v.user_id IS NULL, a.account_status, v.account_status) AS account_status,
        iif(v.user_id IS NULL, a.email_hidden, v.email_hidden) AS email_hidden,
        -- Cloud's apps and the customers of its portals hold no seat.
        iif(v.user_id IS NULL, a.status, v.status) = 'active'
            AND coalesce(iif(v.user_id IS NULL, a.account_type, v.account_type), '') NOT IN ('app', 'customer') AS has_seat,
        -- Where the last version with another status ended. No status ends without another that begins. When that was
        -- pruned, since when the oldest version that is left has its status is kept.
        coalesce((SELECT o.valid_to FROM account_versions o
            WHERE o.user_id = a.id AND o.valid_from <= :as_of AND o.status <> iif(v.user_id IS NULL, a.status, v.status)
            ORDER BY o.valid_from DESC LIMIT 1), a.pruned_status_since, a.first_seen_at) AS status_since,
        a.created_at,
        a.updated_at,
        -- What a walk after as-of brought was not known then, however old it is.
        iif(s.is_now, a.last_login_at, (
            SELECT l.at FROM logins l WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id <= s.walk_id
            ORDER BY l.at DESC LIMIT 1)) AS last_login_at,
        a.last_login_known,
        iif(s.is_now, a.last_failed_login_at, (
            SELECT l.at FROM logins l WHERE l.user_id = a.id AND l.kind = 'failure' AND l.walk_id <= s.walk_id
            ORDER BY l.at DESC LIMIT 1)) AS last_failed_login_at,
        iif(s.is_now, a.last_active_at, (
            SELECT l.at FROM logins l WHERE l.user_id = a.id AND l.kind = 'active' AND l.walk_id <= s.walk_id
            ORDER BY l.at DESC LIMIT 1)) AS last_active_at,
        coalesce(a.last_active_known_since <= :as_of, 0) AS last_active_known,
        a.first_seen_at,
        -- Until when a listing showed the user, of one whom none shows now; and the last applied walk.
        a.unlisted_seen_at,
        s.applied_at,
        (SELECT count(*) FROM memberships m
            WHERE m.user_id = a.id
                AND m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of)) AS groups
    -- As in the part `person`.
    FROM accounts a
    CROSS JOIN site s ON s.id = a.site_id
    LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
        AND v.valid_from <= :as_of AND v.valid_to > :as_of
    WHERE a.version_from <= :as_of OR v.user_id IS NOT NULL
)
