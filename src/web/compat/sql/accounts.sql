-- Accounts of Cloud, by their ids, in the order of these.
SELECT
    a.key,
    iif(v.user_id IS NULL, a.account_type, v.account_type),
    iif(v.user_id IS NULL, a.account_status, v.account_status),
    iif(v.user_id IS NULL, a.name, v.name),
    iif(v.user_id IS NULL, a.full_name, v.full_name),
    iif(iif(v.user_id IS NULL, a.email_hidden, v.email_hidden), '', iif(v.user_id IS NULL, a.email, v.email)),
    iif(v.user_id IS NULL, a.time_zone, v.time_zone),
    iif(v.user_id IS NULL, a.is_external, v.is_external)
FROM json_each(:ids) j
CROSS JOIN accounts a ON a.site_id = :site AND a.key = j.value
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE a.forgotten_at IS NULL AND (a.version_from <= :as_of OR v.user_id IS NOT NULL)
    AND iif(v.user_id IS NULL, a.status, v.status) <> 'missing'
ORDER BY j.key
