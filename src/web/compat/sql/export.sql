-- Users as User Export shows them, by their numbers, in the order of these.
SELECT
    iif(v.user_id IS NULL, a.name, v.name),
    coalesce(iif(v.user_id IS NULL, a.active, v.active), iif(iif(v.user_id IS NULL, a.status, v.status) = 'active', 1, NULL)),
    iif(v.user_id IS NULL, a.full_name, v.full_name),
    iif(v.user_id IS NULL, a.email, v.email),
    iif(v.user_id IS NULL, a.directory, v.directory),
    a.created_at,
    -- When it was last edited before the last edit is not kept.
    iif(a.updated_at <= :as_of, a.updated_at, NULL),
    (SELECT json_group_array(g.name ORDER BY g.name)
        FROM memberships m JOIN groups g ON g.id = m.group_id
        WHERE m.user_id = a.id AND m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of)),
    iif(v.user_id IS NULL, a.language, v.language),
    coalesce(iif(v.user_id IS NULL, a.has_access, v.has_access),
        CASE iif(v.user_id IS NULL, a.status, v.status) WHEN 'active' THEN 1 WHEN 'no-access' THEN 0 END),
    -- That log-ins are told is known of today alone. They were not yet when a log-in from before the walk was brought by a
    -- later one.
    a.last_login_known AND (:is_newest
        OR EXISTS (SELECT 1 FROM logins l WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id <= :walk)
        OR NOT EXISTS (SELECT 1 FROM logins l
            WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id > :walk AND l.at <= :walk_at)),
    iif(:is_newest, a.last_login_at, (
        SELECT l.at FROM logins l WHERE l.user_id = a.id AND l.kind = 'success' AND l.walk_id <= :walk
        ORDER BY l.at DESC LIMIT 1))
FROM json_each(:ids) j
CROSS JOIN accounts a ON a.id = j.value
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE a.forgotten_at IS NULL AND (a.version_from <= :as_of OR v.user_id IS NOT NULL)
ORDER BY j.key
