-- Every group that the chosen sites had at as-of, under the name it had then.
group_then AS (
    SELECT
        s.name AS site,
        g.site_id,
        g.id,
        coalesce((SELECT n.name FROM group_history n
            WHERE n.group_id = g.id AND n.valid_from <= :as_of AND n.valid_to > :as_of), g.name) AS name,
        g.external_id,
        g.first_seen_at
    FROM groups g
    JOIN sites s ON s.id = g.site_id
    WHERE g.first_seen_at <= :as_of AND (g.removed_at IS NULL OR g.removed_at > :as_of)
        AND s.name IN (SELECT value FROM json_each(:sites))
),
-- Who was in which of them then.
member_then AS (
    SELECT g.site_id, g.id AS group_id, g.name AS group_name, m.user_id, m.valid_from AS since
    FROM group_then g
    JOIN memberships m ON m.group_id = g.id
        AND m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of)
)
