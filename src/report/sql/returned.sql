/*
title = "Users who came back"
description = """\
    Every return between `since` and as-of: accounts that were missing or deleted and are there again (user.returned), \
    that are deactivated no longer (user.reactivated), or got their access back or for the first time \
    (user.access-gained). Each happened after `not_before` and was seen `at`. Who came back twice is told twice. The \
    columns of the user are those of as-of."""
users = true
looks_back = "since"
parameters = [
    { name = "since", type = "time", meaning = "seen at or after this moment; a date is its first millisecond, UTC" },
]
columns = [
    { name = "at", type = "time", meaning = "when the walk saw it" },
    { name = "not_before", type = "time", meaning = "the applied walk before: it is later; empty: seen before the site's first complete one" },
    { name = "kind", type = "text", meaning = "user.returned, user.reactivated or user.access-gained" },
    { name = "from_status", type = "text", meaning = "the status before" },
    { name = "away_days", type = "integer", meaning = "whole days until `at` in which no walk saw the user active; of one never seen active before, since first seen" },
    { name = "walk_id", type = "integer", meaning = "the walk that saw it" },
]
*/
WITH
-- include user_then
SELECT
    u.site, u.key, u.name, u.full_name, u.email, u.status,
    c.at,
    c.not_before,
    c.kind,
    c.before AS from_status,
    -- From where the last version with the status active ended. In whole milliseconds, as fractions of days would miss
    -- the boundary.
    (CAST(round(unixepoch(c.at, 'subsec') * 1000) AS INTEGER)
        - CAST(round(unixepoch(coalesce((SELECT o.valid_to FROM user_history o
            WHERE o.user_id = u.id AND o.valid_to <= c.at AND o.status = 'active'
            ORDER BY o.valid_to DESC LIMIT 1),
            -- … or ended that was pruned.
            (SELECT a.pruned_active_until FROM accounts a WHERE a.id = u.id), u.first_seen_at), 'subsec') * 1000) AS INTEGER))
        / 86400000 AS away_days,
    c.walk_id
FROM changes c
JOIN user_then u ON u.id = c.user_id
WHERE c.kind IN ('user.returned', 'user.reactivated', 'user.access-gained')
    AND c.at <= :as_of AND (:since IS NULL OR c.at >= :since)
ORDER BY u.site, c.at, c.id
