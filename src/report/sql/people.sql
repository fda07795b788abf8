/*
title = "People on several sites"
description = """\
    Everybody who has accounts on two sites or more, found by the e-mail address that they share, a row for each \
    account, with whether its owner is active on another site. Missing and deleted accounts do not count. An account \
    without an address is nobody's. The answer rests on all sites; `--site` chooses the rows."""
users = true
every_site = true
parameters = [
    { name = "days", type = "days", default = 90, meaning = "whole days without a log-in after which one is idle, counted back from as-of" },
]
columns = [
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: never or not known, see reason" },
    { name = "last_active_at", type = "time", meaning = "the last activity known at as-of (Cloud)" },
    { name = "days", type = "integer", meaning = "idle, current: whole days since; never: age of the account in days; unknown: empty" },
    { name = "reason", type = "text", meaning = "current: there within `days` days; idle: last there before; never: the site says so; unknown: nobody says" },
    { name = "sites", type = "integer", meaning = "on how many sites the person has accounts" },
    { name = "elsewhere", type = "text", meaning = "the reason of the person's active accounts on other sites: the first that there is of current, unknown, idle, never; empty: none is active" },
    { name = "verdict", type = "text", meaning = "of an active account: idle here, active there (idle, or never used and at least `days` days old, and elsewhere is current), or active here (current); else empty" },
]
*/
WITH
-- include activity everywhere
,
account AS MATERIALIZED (
    SELECT
        *,
        lower(trim(email)) AS person,
        CASE WHEN reason = 'idle' AND days < :days THEN 'current' ELSE reason END AS presence
    FROM activity
    WHERE status IN ('active', 'no-access', 'deactivated', 'unknown') AND trim(email) <> ''
),
-- Few are on several sites.
shared AS MATERIALIZED (
    SELECT person FROM account GROUP BY person HAVING min(site) <> max(site)
),
-- What each person is on each site, the best of several accounts.
standing AS (
    SELECT
        person,
        site,
        min(CASE WHEN status = 'active' THEN
            CASE presence WHEN 'current' THEN 1 WHEN 'unknown' THEN 2 WHEN 'idle' THEN 3 ELSE 4 END
        END) AS place
    FROM account
    WHERE person IN (SELECT person FROM shared)
    GROUP BY person, site
),
-- The best, and the best without that site: one of them is on another site, whichever is left out.
person_then AS MATERIALIZED (
    SELECT
        person,
        count(*) AS sites,
        min(place) AS best,
        max(site) FILTER (WHERE nth = 1) AS best_site,
        min(place) FILTER (WHERE nth > 1) AS next
    FROM (
        SELECT *, row_number() OVER (PARTITION BY person ORDER BY place NULLS LAST, site) AS nth FROM standing
    )
    GROUP BY person
),
told AS (
    SELECT
        a.*,
        p.sites,
        CASE CASE a.site WHEN p.best_site THEN p.next ELSE p.best END
            WHEN 1 THEN 'current' WHEN 2 THEN 'unknown' WHEN 3 THEN 'idle' WHEN 4 THEN 'never'
        END AS elsewhere
    FROM account a
    JOIN person_then p ON p.person = a.person
    WHERE a.site IN (SELECT value FROM json_each(:sites))
)
SELECT
    site, key, name, full_name, email, status,
    last_login_at,
    last_active_at,
    days,
    presence AS reason,
    sites,
    elsewhere,
    CASE
        WHEN status <> 'active' THEN NULL
        WHEN presence = 'current' THEN 'active here'
        WHEN presence IN ('idle', 'never') AND days >= :days AND elsewhere = 'current' THEN 'idle here, active there'
    END AS verdict
FROM told
ORDER BY person, site, key NULLS LAST, name, id
