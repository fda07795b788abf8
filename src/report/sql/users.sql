/*
title = "Users"
description = "Every user known at as-of, with every attribute as it was then."
users = true
columns = [
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
    { name = "language", type = "text", meaning = "profile field" },
    { name = "time_zone", type = "text", meaning = "profile field" },
    { name = "account_status", type = "text", meaning = "Cloud's own word for the status" },
    { name = "email_hidden", type = "boolean", meaning = "Cloud: true: email is the one that was shown before" },
    { name = "created_at", type = "time", meaning = "when the account was made, by the site; empty: not known" },
    { name = "updated_at", type = "time", meaning = "when the account was last edited, by the site; empty: not known, or edited again after as-of" },
    { name = "last_login_at", type = "time", meaning = "the last log-in known at as-of; empty: see last_login_known" },
    { name = "last_login_known", type = "boolean", meaning = "true: the site tells log-ins, so an empty last_login_at is never; false: it is not known" },
    { name = "last_failed_login_at", type = "time", meaning = "the last failed log-in known at as-of; empty: none known" },
    { name = "last_active_at", type = "time", meaning = "the last activity known at as-of (Cloud); empty: see last_active_known" },
    { name = "last_active_known", type = "boolean", meaning = "true: the organization tells activity, so an empty last_active_at is never; false: it is not known" },
    { name = "first_seen_at", type = "time", meaning = "when a walk first saw the user" },
    { name = "missing_since", type = "time", meaning = "of a missing user: when a walk first found it so, without a break since" },
    { name = "deactivated_at", type = "time", meaning = "of a deactivated user: when a walk first saw it so, without a break since" },
    { name = "deleted_at", type = "time", meaning = "of a deleted user: when a walk first saw the proof, without a break since" },
]
*/
WITH
-- include user_then
SELECT
    site,
    key,
    name,
    full_name,
    email,
    status,
    active,
    has_access,
    directory,
    account_type,
    is_external,
    department,
    position,
    location,
    phone,
    im,
    website,
    language,
    time_zone,
    account_status,
    email_hidden,
    created_at,
    -- Only the last edit is kept: one after as-of hides the one before it.
    CASE WHEN updated_at <= :as_of THEN updated_at END AS updated_at,
    last_login_at,
    last_login_known,
    last_failed_login_at,
    last_active_at,
    last_active_known,
    first_seen_at,
    CASE status WHEN 'missing' THEN status_since END AS missing_since,
    CASE status WHEN 'deactivated' THEN status_since END AS deactivated_at,
    CASE status WHEN 'deleted' THEN status_since END AS deleted_at
FROM user_then
ORDER BY site, key NULLS LAST, name, id
