-- The user list: who may use Confluence.
SELECT a.id, iif(v.user_id IS NULL, a.name, v.name)
FROM accounts a
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE a.site_id = :site AND a.key IS NOT NULL AND a.forgotten_at IS NULL
    AND (a.version_from <= :as_of OR v.user_id IS NOT NULL)
    AND iif(v.user_id IS NULL, a.status, v.status) = 'active'
ORDER BY a.key
