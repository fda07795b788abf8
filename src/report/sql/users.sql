SELECT
    s.name AS site,
    u.key,
    v.name,
    v.full_name,
    v.email,
    v.status,
    v.active,
    v.has_access,
    v.directory,
    v.account_type,
    v.is_external,
    v.department,
    v.position,
    v.location,
    v.phone,
    v.im,
    v.website,
    v.language,
    v.time_zone,
    v.account_status,
    v.email_hidden,
    u.created_at,
    u.updated_at,
    -- What a walk after as-of brought was not known then, however old it is.
    (SELECT l.at FROM logins l JOIN walks w ON w.id = l.walk_id
        WHERE l.user_id = u.id AND l.kind = 'success' AND w.at <= :as_of
        ORDER BY l.at DESC LIMIT 1) AS last_login_at,
    u.last_login_known,
    (SELECT l.at FROM logins l JOIN walks w ON w.id = l.walk_id
        WHERE l.user_id = u.id AND l.kind = 'failure' AND w.at <= :as_of
        ORDER BY l.at DESC LIMIT 1) AS last_failed_login_at,
    (SELECT l.at FROM logins l JOIN walks w ON w.id = l.walk_id
        WHERE l.user_id = u.id AND l.kind = 'active' AND w.at <= :as_of
        ORDER BY l.at DESC LIMIT 1) AS last_active_at,
    coalesce(u.last_active_known_since <= :as_of, 0) AS last_active_known,
    u.first_seen_at,
    CASE WHEN u.missing_since <= :as_of THEN u.missing_since END AS missing_since,
    CASE WHEN u.deactivated_at <= :as_of THEN u.deactivated_at END AS deactivated_at,
    CASE WHEN u.deleted_at <= :as_of THEN u.deleted_at END AS deleted_at
FROM users u
JOIN sites s ON s.id = u.site_id
JOIN user_history v ON v.user_id = u.id
    AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
WHERE s.name IN (SELECT value FROM json_each(:sites))
ORDER BY s.name, u.key NULLS LAST, v.name, u.id
