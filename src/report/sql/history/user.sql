-- An end is dated by the walk that saw it or, when that was held, by its approval later: hence the newest walk up to it.
WITH event AS (
    SELECT
        u.first_seen_at AS at, w.not_before, 'user.created' AS kind, NULL AS field, NULL AS before, NULL AS after,
        NULL AS group_name, w.id AS walk_id, 0 AS place, 0 AS seq
    FROM users u
    LEFT JOIN walks w ON w.id = (
        SELECT f.id FROM walks f WHERE f.site_id = u.site_id AND f.at = u.first_seen_at ORDER BY f.id LIMIT 1)
    WHERE u.id = ?1
    UNION ALL
    SELECT c.at, c.not_before, c.kind, c.field, c.before, c.after, NULL, c.walk_id, 1, c.id
    FROM changes c
    WHERE c.user_id = ?1 AND c.at IS NOT NULL AND c.kind NOT IN ('user.created', 'member.added', 'member.removed')
    UNION ALL
    SELECT m.valid_from, w.not_before, 'member.added', NULL, NULL, NULL, g.name, m.walk_id, 2, m.group_id
    FROM memberships m
    JOIN groups g ON g.id = m.group_id
    LEFT JOIN walks w ON w.id = m.walk_id
    WHERE m.user_id = ?1
    UNION ALL
    SELECT m.valid_to, w.not_before, 'member.removed', NULL, NULL, NULL, g.name, w.id, 3, m.group_id
    FROM memberships m
    JOIN groups g ON g.id = m.group_id
    LEFT JOIN walks w ON w.id = (
        SELECT e.id FROM walks e WHERE e.site_id = g.site_id AND e.at <= m.valid_to ORDER BY e.at DESC, e.id DESC LIMIT 1)
    WHERE m.user_id = ?1 AND m.valid_to IS NOT NULL
    UNION ALL
    SELECT coalesce(w.at, w.started_at), NULL, 'evidence', NULL, NULL, e.answer, NULL, e.walk_id, 4, e.id
    FROM evidence e JOIN walks w ON w.id = e.walk_id
    WHERE e.user_id = ?1
    UNION ALL
    SELECT l.at, NULL, 'login.' || l.kind, NULL, NULL, NULL, NULL, l.walk_id, 5, 0
    FROM logins l
    WHERE l.user_id = ?1
)
SELECT
    at, not_before, kind, field, before, after, group_name, NULL AS user_name,
    iif(group_name IS NULL, NULL, seq) AS other_id, walk_id
FROM event
-- What one walk saw is told in a fixed order.
ORDER BY at, place, seq, kind
