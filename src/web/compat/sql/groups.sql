-- The groups.
SELECT name
FROM groups
WHERE site_id = :site AND first_seen_at <= :as_of AND (removed_at IS NULL OR removed_at > :as_of)
