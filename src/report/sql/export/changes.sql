/*
title = "Changes"
description = "The table `changes`, the feed of all changes, up to as-of."
looks_back = "always"
columns = [
    { name = "id", type = "integer", meaning = "rises in the order recorded" },
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "walk_id", type = "integer", meaning = "the walk that saw it" },
    { name = "at", type = "time", meaning = "the moment of that walk; of what it held, that of the approval" },
    { name = "not_before", type = "time", meaning = "the applied walk before; empty: found by the first" },
    { name = "kind", type = "text", meaning = "what changed: user.renamed, member.added, …" },
    { name = "user_id", type = "integer", meaning = "`users.id`; empty: it is about a group alone" },
    { name = "group_id", type = "integer", meaning = "`groups.id`; empty: it is about a user alone" },
    { name = "field", type = "text", meaning = "the attribute that changed" },
    { name = "before", type = "text", meaning = "its value before; empty: none" },
    { name = "after", type = "text", meaning = "its value after; empty: none" },
    { name = "key", type = "text", meaning = "the user's permanent id at the site" },
    { name = "name", type = "text", meaning = "the user's log-in name, at as-of" },
    { name = "group", type = "text", meaning = "the group's name, at as-of" },
]
*/
SELECT
    c.id, c.site, c.walk_id, c.at, c.not_before, c.kind, c.user_id, c.group_id, c.field, c.before, c.after,
    a.key,
    iif(v.user_id IS NULL, a.name, v.name) AS name,
    -- What it was called at as-of.
    coalesce((SELECT n.name FROM group_history n
        WHERE n.group_id = c.group_id AND n.valid_from <= :as_of AND n.valid_to > :as_of),
        (SELECT g.name FROM groups g WHERE g.id = c.group_id)) AS "group"
FROM changes c
LEFT JOIN accounts a ON a.id = c.user_id
-- Only who has changed since is looked up: nothing equals NULL.
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE c.site IN (SELECT value FROM json_each(:sites)) AND c.at <= :as_of
ORDER BY c.id
