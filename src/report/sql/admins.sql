/*
title = "Administrators"
description = """\
    Who was at as-of in a group that administers, and when they were there last: those who never were come first, then \
    the idle ones, those of whom nobody says, and those who were there within `days` days. Rollbook does not read \
    permissions: that these groups administer, and no others, is what `groups` says. A member of several has a row for \
    each. The members of a group with a / in its name cannot be read."""
users = true
parameters = [
    { name = "groups", type = "names", default = "confluence-administrators,confluence-admins*,administrators,site-admins*,system-administrators,org-admins*", meaning = "the groups that administer; the case of the letters does not count" },
    { name = "days", type = "days", default = 90, meaning = "whole days without a log-in after which one is idle, counted back from as-of" },
]
columns = [
    { name = "group", type = "text", meaning = "the group's name, at as-of" },
    { name = "since", type = "time", meaning = "when a walk first saw the membership" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known, see reason" },
    { name = "last_active_at", type = "time", meaning = "the last activity known at as-of (Cloud)" },
    { name = "days", type = "integer", meaning = "idle, current: whole days since; never: age of the account in days; unknown: empty" },
    { name = "reason", type = "text", meaning = "never: the site says so; idle: last there `days` days ago or longer; current: there since; unknown: nobody says" },
]
*/
WITH
-- include member_then, activity
,
admin_group AS MATERIALIZED (
    SELECT g.id
    FROM group_then g
    WHERE EXISTS (SELECT 1 FROM json_each(:groups) p WHERE lower(g.name) GLOB p.value)
),
admin AS MATERIALIZED (
    SELECT m.user_id, m.group_id, m.group_name, m.since
    FROM admin_group g CROSS JOIN member_then m ON m.group_id = g.id
),
judged_admin AS (
    SELECT
        a.*,
        m.group_id,
        m.group_name,
        m.since,
        CASE WHEN a.reason = 'idle' AND a.days < :days THEN 'current' ELSE a.reason END AS presence
    FROM admin m
    JOIN activity a ON a.id = m.user_id
)
SELECT
    site, key, name, full_name, email, status,
    group_name AS "group",
    since,
    last_login_at,
    last_active_at,
    days,
    presence AS reason
FROM judged_admin
ORDER BY
    CASE presence WHEN 'never' THEN 1 WHEN 'idle' THEN 2 WHEN 'unknown' THEN 3 ELSE 4 END,
    CASE WHEN presence IN ('idle', 'current') THEN days END DESC,
    site, key NULLS LAST, name, id, "group", group_id
