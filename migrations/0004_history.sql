-- Rollbook's schema, version 4: a user's history is found without reading the whole feed.

-- Joins, leaves and first sights are told by other tables.
CREATE INDEX change_log_user ON change_log (user_id)
    WHERE kind NOT IN ('user.created', 'member.added', 'member.removed');
-- Which walk was the newest at a moment.
CREATE INDEX walks_at ON walks (site_id, at);

-- With a NULL of no type SQLite would not look into the view, and copy all of it for every join.
DROP VIEW user_history;
CREATE VIEW user_history AS
    -- One row per version of a user: [valid_from, valid_to), valid_to NULL = current. Log-in times are in `logins`.
SELECT
    user_id,                           -- the user: `users.id`
    valid_from,                        -- from when on this was so; the first version begins when the user was first seen
    valid_to,                          -- until when it was so; NULL: still
    walk_id,                           -- the walk that brought it
    name, full_name, email, status, active, has_access, directory,
    account_type, is_external, department, position, location, phone, im, website, language, time_zone,
    account_status, email_hidden
FROM account_versions
UNION ALL
SELECT id, version_from, CAST(NULL AS TEXT), version_walk_id, name, full_name, email, status, active, has_access, directory,
    account_type, is_external, department, position, location, phone, im, website, language, time_zone,
    account_status, email_hidden
FROM accounts;

-- As they were, in words that DuckDB understands too, which reads the views of an attached file.
DROP VIEW users;
CREATE VIEW users AS
    -- One row per user ever seen. Identity is the key, never the name.
SELECT
    a.id,                              -- Rollbook's own number of the user: `user_id` elsewhere
    a.site_id,                         -- the site the account is on: `sites.id`
    a.key,                             -- permanent id at the site: Extender's key, Cloud's accountId; NULL: only User Export shows the user
    a.name,                            -- the log-in name, on Cloud the public name; may change, and may be given to another
    a.full_name,                       -- the display name
    a.email,                           -- the e-mail address, as it was last shown
    a.email_hidden,                    -- 1: Cloud shows the e-mail address no more, and this is the one it showed before
    lower(ltrim(rtrim(a.email))) AS email_normalised,  -- to find one person on several sites by; in lower case (ASCII)
    a.status,                          -- active, no-access, deactivated, deleted, missing, unknown
    a.account_status,                  -- Cloud's own word for the status: active, inactive, closed, or any other
    a.active,                          -- the account is active: 1, 0; NULL: no source says
    a.has_access,                      -- may use Confluence: 1, 0; NULL: no source says
    a.directory,                       -- the user directory (User Export); NULL: no source says
    a.account_type,                    -- Cloud's kind of account: atlassian, app, customer, or any other
    a.is_external,                     -- Cloud: 1: an external collaborator, a guest
    a.department,                      -- profile field
    a.position,                        -- profile field
    a.location,                        -- profile field
    a.phone,                           -- profile field
    a.im,                              -- profile field: instant messaging
    a.website,                         -- profile field
    a.language,                        -- profile field: the preferred language (User Export)
    a.time_zone,                       -- profile field (Cloud)
    a.created_at,                      -- when the account was made, by the site; on Cloud when it was added to the organization
    a.updated_at,                      -- when the account was last edited, by the site
    a.last_login_at,                   -- the last log-in, by the site; NULL: never, when last_login_known = 1, else not known
    a.last_login_known,                -- 1: the site says when the user last logged in, or that it never did
    a.last_failed_login_at,            -- the last failed log-in, by the site; NULL: none known
    a.last_active_at,                  -- the last activity in Confluence (Cloud, from its organization); NULL: never, when last_active_known = 1, else not known
    coalesce(a.last_active_known, 0) AS last_active_known,  -- 1: the organization says when the user was last active, or that it never was
    a.last_active_known_since,         -- the moment of the walk since which it says so; NULL: it does not
    a.dates_from_export,               -- 1: the dates are User Export's: to the minute, read in the configured time zone
    a.first_seen_at,                   -- when a walk first saw the user
    max(a.first_seen_at, coalesce(
        a.unlisted_seen_at,
        (SELECT w.at FROM walks w WHERE w.site_id = a.site_id AND w.status = 'applied' ORDER BY w.id DESC LIMIT 1),
        a.first_seen_at)) AS last_seen_at,  -- of a user who is present: the moment of the site's last applied walk
    a.missing_since,                   -- when a walk first found it missing; NULL unless `status` is missing
    a.deactivated_at,                  -- when a walk first saw it so; NULL unless `status` is deactivated
    a.deleted_at                       -- when a walk proved it; NULL unless `status` is deleted
FROM accounts a;

DROP VIEW changes;
CREATE VIEW changes AS
    -- The change feed. A change happened after `not_before` (the applied walk before) and was seen `at`.
SELECT
    c.id,                              -- rises in the order recorded
    s.name AS site,                    -- the site's id in the configuration
    c.walk_id,                         -- the walk that saw it
    coalesce(c.at, w.at) AS at,        -- the moment of that walk; of what it held, that of the approval
    w.not_before,                      -- the applied walk before it; NULL: found by the first, however old it is
    c.kind,                            -- `user.…`, `group.…` or `member.…`: see above
    c.user_id,                         -- `users.id`; NULL: it is about a group alone
    c.group_id,                        -- `groups.id`; NULL: it is about a user alone
    c.field,                           -- the column of `users` that changed, where one did
    c.before,                          -- its value before; NULL: empty
    c.after                            -- its value after; NULL: empty
FROM change_log c CROSS JOIN walks w CROSS JOIN sites s
WHERE w.id = c.walk_id AND s.id = w.site_id
ORDER BY c.id;
