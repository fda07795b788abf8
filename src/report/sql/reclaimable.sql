/*
title = "Seats to reclaim"
description = """\
    Users who hold a seat and have not logged in for `days` days (idle), who never did though their account is at least \
    `days` days old (never), or of whom nobody says (unknown): that proves nothing, so ask before such a seat is taken \
    away. On Cloud activity counts as well as log-ins. Cloud's apps and the customers of its portals hold no seat. \
    Accounts that `[[exceptions]]` names are told apart."""
users = true
exceptions = true
parameters = [
    { name = "days", type = "days", default = 90, meaning = "whole days without a log-in, counted back from as-of" },
]
columns = [
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known, see reason" },
    { name = "last_active_at", type = "time", meaning = "the last activity known at as-of (Cloud)" },
    { name = "days", type = "integer", meaning = "idle: whole days since; never: age of the account in days; unknown: empty" },
    { name = "reason", type = "text", meaning = "idle, never or unknown" },
]
*/
WITH
-- include idle
SELECT site, key, name, full_name, email, status, last_login_at, last_active_at, days, reason
FROM idle
WHERE coalesce(account_type, '') NOT IN ('app', 'customer')
ORDER BY site, key NULLS LAST, name, id
