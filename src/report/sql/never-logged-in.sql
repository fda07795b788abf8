/*
title = "Users who never logged in"
description = """\
    Active users of whom the site says that they never logged in, whose account is at least `days` days old. Users \
    of whom nobody says are not among them."""
users = true
parameters = [
    { name = "days", type = "days", default = 30, meaning = "least age of the account in days, counted back from as-of" },
]
columns = [
    { name = "created_at", type = "time", meaning = "when the account was made, by the site; empty: not known" },
    { name = "first_seen_at", type = "time", meaning = "when a walk first saw the user" },
    { name = "days", type = "integer", meaning = "age of the account in days, from created_at, else first_seen_at" },
]
*/
WITH
-- include activity
SELECT
    a.site, a.key, a.name, a.full_name, a.email, a.status,
    a.created_at,
    u.first_seen_at,
    a.days
FROM activity a JOIN users u ON u.id = a.id
WHERE a.status = 'active' AND a.reason = 'never' AND a.days >= :days
ORDER BY a.site, a.key NULLS LAST, a.name, a.id
