/*
title = "Memberships"
description = """\
    Who was in which group at as-of. The members of a group with a / in its name cannot be read: of them nothing is \
    known."""
users = true
parameters = [
    { name = "group", type = "group", meaning = "only this group" },
]
columns = [
    { name = "group", type = "text", meaning = "the group's name" },
    { name = "since", type = "time", meaning = "when a walk first saw the membership" },
]
*/
WITH
-- include member_then, user_then
,
-- The groups first: there may be one of thousands.
chosen AS MATERIALIZED (
    SELECT id, name
    FROM group_then
    WHERE :group IS NULL
        -- Whose name it is or was, before each group is asked what it was called then.
        OR (id IN (SELECT id FROM groups WHERE name = :group
                UNION ALL SELECT group_id FROM group_versions WHERE name = :group)
            AND name = :group)
)
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    g.name AS "group",
    m.valid_from AS since
FROM chosen g
CROSS JOIN memberships m ON m.group_id = g.id
    AND m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of)
CROSS JOIN user_then u ON u.id = m.user_id
ORDER BY u.site, u.key NULLS LAST, u.name, u.id, "group", g.id
