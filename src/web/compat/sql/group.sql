-- A group, by its name.
SELECT id
FROM groups
WHERE site_id = :site AND name = :group AND first_seen_at <= :as_of AND (removed_at IS NULL OR removed_at > :as_of)
