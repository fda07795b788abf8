/*
title = "Membership changes"
description = """\
    Who joined or left which group between `since` and as-of. Each change happened after `not_before` and was seen \
    `at`. The members whom a site's first walk found are left out: they were found, not seen to join."""
users = true
looks_back = "since"
parameters = [
    { name = "since", type = "time", days_before = 30, meaning = "changes seen at or after this moment; a date is its first millisecond, UTC" },
    { name = "group", type = "group", meaning = "only this group" },
]
columns = [
    { name = "group", type = "text", meaning = "the group's name" },
    { name = "kind", type = "text", meaning = "member.added or member.removed" },
    { name = "at", type = "time", meaning = "when the walk saw it" },
    { name = "not_before", type = "time", meaning = "the applied walk before: the change is later; empty: none was applied whole before, so it may be older" },
    { name = "walk_id", type = "integer", meaning = "the walk that saw it" },
]
*/
SELECT
    c.site,
    u.key,
    v.name,
    v.full_name,
    v.email,
    v.status,
    -- What it was called at as-of.
    coalesce((SELECT n.name FROM group_history n
        WHERE n.group_id = g.id AND n.valid_from <= :as_of AND n.valid_to > :as_of), g.name) AS "group",
    c.kind,
    c.at,
    c.not_before,
    c.walk_id
FROM changes c
JOIN groups g ON g.id = c.group_id
JOIN accounts u ON u.id = c.user_id -- those who were forgotten too
JOIN user_history v ON v.user_id = u.id
    AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
WHERE c.kind IN ('member.added', 'member.removed')
    AND c.at >= :since AND c.at <= :as_of
    -- The first walk found its members, it did not see them join.
    AND EXISTS (SELECT 1 FROM walks w JOIN walks e ON e.site_id = w.site_id AND e.at < w.at WHERE w.id = c.walk_id)
    AND c.site IN (SELECT value FROM json_each(:sites))
    AND (:group IS NULL OR "group" = :group)
ORDER BY c.site, c.id
