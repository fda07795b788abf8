-- Who of the candidates may have been meant by a name; the likeliest first.
SELECT a.id, iif(v.user_id IS NULL, a.name, v.name), a.key IS NOT NULL
FROM candidate c
CROSS JOIN accounts a ON a.id = c.id
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE a.site_id = :site AND a.forgotten_at IS NULL
    AND (a.version_from <= :as_of OR v.user_id IS NOT NULL)
    AND iif(v.user_id IS NULL, a.status, v.status) NOT IN ('deleted', 'missing')
-- A name goes to another account when the one before is gone, which may be on hold: so the one found last.
ORDER BY a.key IS NULL, a.unlisted_seen_at IS NOT NULL, a.first_seen_at DESC, a.key
