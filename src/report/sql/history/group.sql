-- An end is dated by the walk that saw it or, when that was held, by its approval later: hence the newest walk up to it.
WITH event AS (
    SELECT g.first_seen_at AS at, w.not_before, 'group.created' AS kind, NULL AS field, NULL AS before, NULL AS after,
        NULL AS user_name, w.id AS walk_id, 0 AS place, 0 AS seq
    FROM groups g
    LEFT JOIN walks w ON w.id = (
        SELECT f.id FROM walks f WHERE f.site_id = g.site_id AND f.at = g.first_seen_at ORDER BY f.id LIMIT 1)
    WHERE g.id = ?1
    UNION ALL
    SELECT c.at, c.not_before, c.kind, c.field, c.before, c.after, NULL, c.walk_id, 0, c.id
    FROM changes c
    WHERE c.group_id = ?1 AND c.kind = 'group.renamed'
    UNION ALL
    SELECT m.valid_from, w.not_before, 'member.added', NULL, NULL, NULL, u.name, m.walk_id, 1, u.id
    FROM memberships m
    JOIN accounts u ON u.id = m.user_id
    LEFT JOIN walks w ON w.id = m.walk_id
    WHERE m.group_id = ?1
    UNION ALL
    -- Whoever was forgotten did not leave.
    SELECT m.valid_to, w.not_before, iif(u.forgotten_at = m.valid_to, 'member.forgotten', 'member.removed'), NULL, NULL, NULL,
        u.name, w.id, 2, u.id
    FROM memberships m
    JOIN accounts u ON u.id = m.user_id
    JOIN groups g ON g.id = m.group_id
    LEFT JOIN walks w ON u.forgotten_at IS NOT m.valid_to AND w.id = (
        SELECT e.id FROM walks e WHERE e.site_id = g.site_id AND e.at <= m.valid_to ORDER BY e.at DESC, e.id DESC LIMIT 1)
    WHERE m.group_id = ?1 AND m.valid_to IS NOT NULL
    UNION ALL
    SELECT g.removed_at, w.not_before, 'group.removed', NULL, NULL, NULL, NULL, w.id, 3, 0
    FROM groups g
    LEFT JOIN walks w ON w.id = (
        SELECT e.id FROM walks e WHERE e.site_id = g.site_id AND e.at <= g.removed_at ORDER BY e.at DESC, e.id DESC LIMIT 1)
    WHERE g.id = ?1 AND g.removed_at IS NOT NULL
)
SELECT
    at, not_before, kind, field, before, after, NULL AS group_name, user_name,
    iif(user_name IS NULL, NULL, seq) AS other_id, walk_id
FROM event
-- What one walk saw is told in a fixed order.
ORDER BY at, place, user_name, seq
