/*
title = "Groups"
description = "The table `groups`, as it stood at as-of: every life of every group, those that were removed too."
columns = [
    { name = "id", type = "integer", meaning = "`groups.id`" },
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "name", type = "text", meaning = "the name, at as-of" },
    { name = "external_id", type = "text", meaning = "Cloud's id of the group" },
    { name = "first_seen_at", type = "time", meaning = "when a walk first saw it" },
    { name = "removed_at", type = "time", meaning = "when a walk found it no longer listed; empty: it was there" },
]
*/
SELECT
    g.id,
    s.name AS site,
    -- What it was called then.
    coalesce((SELECT n.name FROM group_history n
        WHERE n.group_id = g.id AND n.valid_from <= :as_of AND n.valid_to > :as_of), g.name) AS name,
    g.external_id,
    g.first_seen_at,
    CASE WHEN g.removed_at <= :as_of THEN g.removed_at END AS removed_at
FROM groups g JOIN sites s ON s.id = g.site_id
WHERE s.name IN (SELECT value FROM json_each(:sites)) AND g.first_seen_at <= :as_of
ORDER BY g.id
