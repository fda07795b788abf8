/*
title = "Memberships"
description = """\
    The table `memberships`, as it stood at as-of: who was in which group from when until when, with the names at as-of."""
looks_back = "always"
columns = [
    { name = "group_id", type = "integer", meaning = "`groups.id`" },
    { name = "user_id", type = "integer", meaning = "`users.id`" },
    { name = "valid_from", type = "time", meaning = "when a walk first saw it" },
    { name = "valid_to", type = "time", meaning = "when a walk saw that it had ended; empty: a member" },
    { name = "walk_id", type = "integer", meaning = "the walk that first saw it" },
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "group", type = "text", meaning = "the group's name" },
    { name = "key", type = "text", meaning = "the member's permanent id at the site" },
    { name = "name", type = "text", meaning = "the member's log-in name" },
]
*/
SELECT
    m.group_id,
    m.user_id,
    m.valid_from,
    CASE WHEN m.valid_to <= :as_of THEN m.valid_to END AS valid_to,
    m.walk_id,
    s.name AS site,
    -- What it was called at as-of.
    coalesce((SELECT n.name FROM group_history n
        WHERE n.group_id = g.id AND n.valid_from <= :as_of AND n.valid_to > :as_of), g.name) AS "group",
    a.key,
    iif(v.user_id IS NULL, a.name, v.name) AS name
-- In the order of the key of memberships, so that nothing is sorted.
FROM memberships m
CROSS JOIN groups g ON g.id = m.group_id
CROSS JOIN sites s ON s.id = g.site_id
CROSS JOIN accounts a ON a.id = m.user_id
-- Only who has changed since is looked up: nothing equals NULL.
LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > :as_of, a.id, NULL)
    AND v.valid_from <= :as_of AND v.valid_to > :as_of
WHERE s.name IN (SELECT value FROM json_each(:sites)) AND m.valid_from <= :as_of
ORDER BY m.group_id, m.user_id, m.valid_from
