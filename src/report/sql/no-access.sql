SELECT
    s.name AS site,
    u.key,
    v.name,
    v.full_name,
    v.email,
    v.status,
    -- The first version after the last one with another status.
    (SELECT min(h.valid_from) FROM user_history h
        WHERE h.user_id = u.id AND h.valid_from <= :as_of AND h.valid_from > coalesce((
            SELECT max(o.valid_from) FROM user_history o
            WHERE o.user_id = u.id AND o.valid_from <= :as_of AND o.status <> 'no-access'), '')) AS since,
    -- What a walk after as-of brought was not known then, however old it is.
    (SELECT l.at FROM logins l JOIN walks w ON w.id = l.walk_id
        WHERE l.user_id = u.id AND l.kind = 'success' AND w.at <= :as_of
        ORDER BY l.at DESC LIMIT 1) AS last_login_at,
    (SELECT count(*) FROM memberships m
        WHERE m.user_id = u.id
            AND m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of)) AS groups
FROM users u
JOIN sites s ON s.id = u.site_id
JOIN user_history v ON v.user_id = u.id
    AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
WHERE s.name IN (SELECT value FROM json_each(:sites)) AND v.status = 'no-access'
ORDER BY s.name, u.key NULLS LAST, v.name, u.id
