/*
title = "Users"
description = "The table `users`, as it stood at as-of: every user ever seen, with every attribute as it was then."
columns = [
    { name = "id", type = "integer", meaning = "`users.id`" },
    { name = "site", type = "text", meaning = "the site's id in the configuration" },
    { name = "key", type = "text", meaning = "the permanent id at the site; empty while only User Export knows the user" },
    { name = "name", type = "text", meaning = "the log-in name" },
    { name = "full_name", type = "text", meaning = "the display name" },
    { name = "email", type = "text", meaning = "the e-mail address, as it was last shown" },
    { name = "status", type = "text", meaning = "active, no-access, deactivated, deleted, missing or unknown" },
    { name = "active", type = "boolean", meaning = "whether the account is active; empty: no source says" },
    { name = "has_access", type = "boolean", meaning = "whether the user may use Confluence; empty: no source says" },
    { name = "directory", type = "text", meaning = "the user directory" },
    { name = "account_type", type = "text", meaning = "Cloud's kind of account" },
    { name = "is_external", type = "boolean", meaning = "whether Cloud calls the user external" },
    { name = "department", type = "text", meaning = "profile field" },
    { name = "position", type = "text", meaning = "profile field" },
    { name = "location", type = "text", meaning = "profile field" },
    { name = "phone", type = "text", meaning = "profile field" },
    { name = "im", type = "text", meaning = "profile field: instant messaging" },
    { name = "website", type = "text", meaning = "profile field" },
    { name = "language", type = "text", meaning = "profile field: the preferred language" },
    { name = "time_zone", type = "text", meaning = "profile field" },
    { name = "created_at", type = "time", meaning = "when the account was made, by the site; empty: not known" },
    { name = "updated_at", type = "time", meaning = "when the account was last edited, as known now; empty: not known, or after as-of" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: see last_login_known" },
    { name = "last_login_known", type = "boolean", meaning = "true: the site tells log-ins, so an empty last_login_at is never; as known now" },
    { name = "last_failed_login_at", type = "time", meaning = "the last failed log-in known at as-of; empty: none known" },
    { name = "last_active_at", type = "time", meaning = "the last activity known at as-of (Cloud); empty: see last_active_known" },
    { name = "last_active_known", type = "boolean", meaning = "true: the organization told activity at as-of, so an empty last_active_at is never" },
    { name = "first_seen_at", type = "time", meaning = "when a walk first saw the user" },
    { name = "last_seen_at", type = "time", meaning = "the last applied walk up to as-of that saw the user" },
    { name = "missing_since", type = "time", meaning = "since when no source showed the user; empty unless missing" },
    { name = "deactivated_at", type = "time", meaning = "when a walk first saw it so; empty unless deactivated" },
    { name = "deleted_at", type = "time", meaning = "when a walk proved it; empty unless deleted" },
    { name = "account_status", type = "text", meaning = "Cloud's own word for the status" },
    { name = "email_hidden", type = "boolean", meaning = "Cloud: true: email is the one that was shown before" },
]
*/
WITH
-- include user_then
SELECT
    t.id, t.site, t.key,
    t.name, t.full_name, t.email, t.status, t.active, t.has_access, t.directory, t.account_type, t.is_external,
    t.department, t.position, t.location, t.phone, t.im, t.website, t.language, t.time_zone,
    t.created_at,
    -- Only the last edit is kept: one after as-of hides the one before it.
    CASE WHEN t.updated_at <= :as_of THEN t.updated_at END AS updated_at,
    t.last_login_at,
    t.last_login_known,
    t.last_failed_login_at,
    t.last_active_at,
    t.last_active_known,
    t.first_seen_at,
    -- Of somebody seen since as-of: who was there then had been seen by the last applied walk, who was not, by the one
    -- before it was found gone.
    max(t.first_seen_at, coalesce(CASE
        WHEN t.unlisted_seen_at <= :as_of THEN t.unlisted_seen_at
        WHEN t.status NOT IN ('missing', 'deleted') THEN t.applied_at
        ELSE (SELECT w.at FROM walks w
            WHERE w.site_id = t.site_id AND w.status = 'applied' AND w.at < t.status_since
            ORDER BY w.id DESC LIMIT 1)
    END, t.first_seen_at)) AS last_seen_at,
    CASE t.status WHEN 'missing' THEN t.status_since END AS missing_since,
    CASE t.status WHEN 'deactivated' THEN t.status_since END AS deactivated_at,
    CASE t.status WHEN 'deleted' THEN t.status_since END AS deleted_at,
    t.account_status,
    t.email_hidden
-- In the order of the users, so that nothing is sorted.
FROM user_then t
ORDER BY t.id
