-- Users by their numbers, in the order of these.
SELECT
    iif(v.user_id IS NULL, a.name, v.name),
    iif(v.user_id IS NULL, a.full_name, v.full_name),
    a.key,
    iif(v.user_id IS NULL, a.email, v.email),
    iif(v.user_id IS NULL, a.location, v.location),
    iif(v.user_id IS NULL, a.position, v.position),
    iif(v.user_id IS NULL, a.department, v.department),
    iif(v.user_id IS NULL, a.website, v.website),
    iif(v.user_id IS NULL, a.im, v.im),
    iif(v.user_id IS NULL, a.phone, v.phone),
    a.created_at,
    -- When it was last edited before the last edit is not kept.
    iif(a.updated_at <= :as_of, a.updated_at, NULL),
    -- That log-ins are told is known of today alone. They were not yet when a log-in from before the walk was brought by a
    -- later one.
    a.last_login_known AND (:is_newest
        OR EXISTS (SELECT 1 FROM logins l WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id <= :walk)
        OR NOT EXISTS (SELECT 1 FROM logins l
            WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id > :walk AND l.at <= :walk_at)),
    iif(:is_newest, a.last_login_at, (
        SELECT l.at FROM logins l WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id <= :walk
        ORDER BY l.at DESC LIMIT 1)),
    iif(:is_newest, a.last_failed_login_at, (
        SELECT l.at FROM logins l WHERE l.user_id = a.id AND l.kind = 'failure' AND l.walk_id <= :walk
        ORDER BY l.at DESC LIMIT 1)),
    iif(v.user_id IS NULL, a.status, v.status)
FROM json_each(:ids) j
CROSS JOIN accounts a ON a.id = j.value
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE a.forgotten_at IS NULL AND (a.version_from <= :as_of OR v.user_id IS NOT NULL)
ORDER BY j.key
