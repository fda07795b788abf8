-- The members of a group, with and without access.
SELECT a.id, iif(v.user_id IS NULL, a.name, v.name)
FROM memberships m
JOIN accounts a ON a.id = m.user_id
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE m.group_id = :group AND m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of)
    AND a.key IS NOT NULL AND a.forgotten_at IS NULL
    AND (a.version_from <= :as_of OR v.user_id IS NOT NULL)
    AND iif(v.user_id IS NULL, a.status, v.status) NOT IN ('deleted', 'missing')
ORDER BY a.key
