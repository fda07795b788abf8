-- Everybody whom User Export lists, with what its search looks at.
SELECT
    a.id,
    iif(v.user_id IS NULL, a.name, v.name),
    iif(v.user_id IS NULL, a.full_name, v.full_name),
    iif(v.user_id IS NULL, a.email, v.email),
    -- Who may use Confluence has an active account.
    coalesce(iif(v.user_id IS NULL, a.active, v.active), iif(iif(v.user_id IS NULL, a.status, v.status) = 'active', 1, NULL))
FROM accounts a
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE a.site_id = :site AND a.forgotten_at IS NULL
    AND (a.version_from <= :as_of OR v.user_id IS NOT NULL)
    AND iif(v.user_id IS NULL, a.status, v.status) NOT IN ('deleted', 'missing')
ORDER BY a.key
