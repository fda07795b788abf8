/*
title = "Users, as Confluence User Export writes them"
description = """\
    The users whom a site had at as-of, in the fields of the app Confluence User Export. Dates are written as the app does, \
    `yyyy-MM-dd HH:mm` in the site's time zone; groups as a list in JSON and XML, with commas elsewhere. lastLoginKnown is \
    not written: where it is false, JSON and XML have no lastLogin."""
columns = [
    { name = "username", type = "text", meaning = "the log-in name" },
    { name = "active", type = "boolean", meaning = "whether the account is active; empty: no source says" },
    { name = "fullName", type = "text", meaning = "the display name" },
    { name = "email", type = "text", meaning = "the e-mail address" },
    { name = "directoryName", type = "text", meaning = "the user directory" },
    { name = "createdDate", type = "time", meaning = "when the account was made" },
    { name = "updatedDate", type = "time", meaning = "when it was last edited" },
    { name = "lastLogin", type = "time", meaning = "the last log-in; empty: never, or not known" },
    { name = "groups", type = "text", meaning = "the names of the groups, a JSON array" },
    { name = "preferredLanguage", type = "text", meaning = "the preferred language" },
    { name = "canUse", type = "boolean", meaning = "whether the user may use Confluence; empty: no source says" },
    { name = "lastLoginKnown", type = "boolean", meaning = "whether the site tells log-ins: only then there is lastLogin" },
]
*/
WITH
-- include user_then
SELECT
    name AS username,
    active,
    full_name AS fullName,
    email,
    directory AS directoryName,
    created_at AS createdDate,
    CASE WHEN updated_at <= :as_of THEN updated_at END AS updatedDate,
    last_login_at AS lastLogin,
    (SELECT json_group_array(name ORDER BY name) FROM (
        SELECT coalesce((SELECT n.name FROM group_history n
            WHERE n.group_id = g.id AND n.valid_from <= :as_of AND n.valid_to > :as_of), g.name) AS name
        FROM memberships m JOIN groups g ON g.id = m.group_id
        WHERE m.user_id = t.id AND m.valid_from <= :as_of AND (m.valid_to IS NULL OR m.valid_to > :as_of))) AS groups,
    language AS preferredLanguage,
    has_access AS canUse,
    last_login_known AS lastLoginKnown
FROM user_then t
WHERE status NOT IN ('deleted', 'missing')
ORDER BY lower(name), id
