-- Rollbook's schema, version 3: Confluence Cloud, and last-active dates of an organization.

ALTER TABLE accounts ADD COLUMN account_status TEXT;
ALTER TABLE accounts ADD COLUMN email_hidden INTEGER NOT NULL DEFAULT 0 CHECK (email_hidden IN (0, 1));
-- NULL: nobody asked yet; 0: asked, and not told.
ALTER TABLE accounts ADD COLUMN last_active_known INTEGER CHECK (last_active_known IN (0, 1));
ALTER TABLE accounts ADD COLUMN last_active_known_since TEXT;
ALTER TABLE account_versions ADD COLUMN account_status TEXT;
ALTER TABLE account_versions ADD COLUMN email_hidden INTEGER NOT NULL DEFAULT 0;

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
    lower(trim(a.email)) AS email_normalised,  -- to find one person on several sites by; in lower case (ASCII)
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
SELECT id, version_from, NULL, version_walk_id, name, full_name, email, status, active, has_access, directory,
    account_type, is_external, department, position, location, phone, im, website, language, time_zone,
    account_status, email_hidden
FROM accounts;

-- A group of Cloud has an id: its name may change, and another group may have the same one.
DROP INDEX groups_name;
CREATE UNIQUE INDEX groups_name ON groups (site_id, name) WHERE removed_at IS NULL AND external_id IS NULL;
CREATE UNIQUE INDEX groups_external ON groups (site_id, external_id) WHERE removed_at IS NULL AND external_id IS NOT NULL;

CREATE TABLE group_versions (
    -- Names that groups of Cloud once had; the public view, with the current names, is `group_history`.
    group_id INTEGER NOT NULL REFERENCES groups (id),
    valid_from TEXT NOT NULL,
    valid_to TEXT NOT NULL,            -- until when it was so
    walk_id INTEGER NOT NULL REFERENCES walks (id),  -- the walk that saw the next name
    name TEXT NOT NULL,
    PRIMARY KEY (group_id, valid_from)
) STRICT, WITHOUT ROWID;

CREATE VIEW group_history AS
    -- What each group was called: [valid_from, valid_to), valid_to NULL = now. Only on Cloud a group's name changes.
SELECT
    group_id,                          -- the group: `groups.id`
    valid_from,                        -- from when on it had this name
    valid_to,                          -- until when; NULL: still
    name                               -- the name
FROM group_versions
UNION ALL
SELECT id, coalesce((SELECT max(v.valid_to) FROM group_versions v WHERE v.group_id = g.id), first_seen_at), removed_at, name
FROM groups g;

ALTER TABLE sites ADD COLUMN cloud_id TEXT;
ALTER TABLE walks ADD COLUMN activity_cursor INTEGER;

-- The directory of an organization is remembered as the listings are.
CREATE TABLE listings_with_organization (
    -- How a site's listings looked when last read: lets a walk pass over what did not change, and tells it who is not
    -- there any more.
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site
    part TEXT NOT NULL CHECK (part IN  -- the user list (on Cloud the look-ups), the members whom it does not show, User Export, the organization
        ('users', 'members', 'export', 'organization')),
    seq INTEGER NOT NULL,              -- the place of this stretch of up to 1000 entries
    entries BLOB NOT NULL,             -- per row: fingerprint of the record, user id, hash of the name
    UNIQUE (site_id, part, seq)
) STRICT;
INSERT INTO listings_with_organization SELECT site_id, part, seq, entries FROM listings ORDER BY site_id, part, seq;
DROP TABLE listings;
ALTER TABLE listings_with_organization RENAME TO listings;
