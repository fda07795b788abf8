SELECT
    s.name AS site,
    u.key,
    v.name,
    v.full_name,
    v.email,
    v.status,
    -- What it was called then.
    coalesce((SELECT n.name FROM group_history n
        WHERE n.group_id = g.id AND n.valid_from <= :as_of AND n.valid_to > :as_of), g.name) AS "group",
    m.valid_from AS since
FROM memberships m
JOIN groups g ON g.id = m.group_id
    AND g.first_seen_at <= :as_of AND (g.removed_at IS NULL OR g.removed_at > :as_of)
JOIN sites s ON s.id = g.site_id
JOIN users u ON u.id = m.user_id
JOIN user_history v ON v.user_id = u.id
    AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
WHERE m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of)
    AND s.name IN (SELECT value FROM json_each(:sites))
    AND (:group IS NULL OR "group" = :group)
ORDER BY s.name, u.key NULLS LAST, v.name, u.id, "group", g.id
