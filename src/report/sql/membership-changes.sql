SELECT
    c.site,
    u.key,
    v.name,
    v.full_name,
    v.email,
    v.status,
    -- What it was called then.
    coalesce((SELECT n.name FROM group_history n
        WHERE n.group_id = g.id AND n.valid_from <= :as_of AND n.valid_to > :as_of), g.name) AS "group",
    c.kind,
    c.at,
    c.not_before,
    c.walk_id
FROM changes c
JOIN groups g ON g.id = c.group_id
JOIN users u ON u.id = c.user_id
JOIN user_history v ON v.user_id = u.id
    AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
WHERE c.kind IN ('member.added', 'member.removed')
    AND c.at >= :since AND c.at <= :as_of
    AND c.not_before IS NOT NULL -- the first walk found its members, it did not see them join
    AND c.site IN (SELECT value FROM json_each(:sites))
    AND (:group IS NULL OR "group" = :group)
ORDER BY c.site, c.id
