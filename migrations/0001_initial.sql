-- Rollbook's schema, version 1.
--
-- Public: sites, walks, users, user_history, logins, groups, memberships, changes, actions.
-- Everything else is storage behind them. Every timestamp is TEXT, UTC, `YYYY-MM-DD HH:MM:SS.mmm`.
-- Migrations only add or carry over. The comments inside the statements are the schema reference
-- (docs/schema.md is generated from them).

CREATE TABLE sites (
    -- One Confluence: a Data Center base URL or a Cloud site.
    id INTEGER PRIMARY KEY,            -- the other tables' `site_id`
    name TEXT NOT NULL UNIQUE,         -- the site's id in the configuration
    kind TEXT NOT NULL CHECK (kind IN ('data-center', 'cloud')),  -- `data-center` or `cloud`
    base_url TEXT NOT NULL,            -- as configured when it was last walked
    user_list TEXT                     -- the user-list endpoint this site answers (REST API Extender renamed it)
) STRICT;

CREATE TABLE walks (
    -- One row per walk: one pass over a site's users, groups and memberships, whatever became of it.
    id INTEGER PRIMARY KEY,            -- rises with every walk, over all sites
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site walked
    started_at TEXT NOT NULL,          -- when it began
    finished_at TEXT,                  -- when it ended; NULL while it runs
    status TEXT NOT NULL CHECK (status IN  -- what became of it
        ('running', 'applied', 'partial', 'held', 'rejected', 'failed', 'superseded')),
    users_declared INTEGER,            -- the `total` of the site's own user list
    users_seen INTEGER,                -- distinct users the user list brought
    groups_seen INTEGER,               -- groups listed
    memberships_seen INTEGER,          -- members read, over all groups
    requests INTEGER NOT NULL DEFAULT 0,     -- HTTP requests sent, retries included
    retries INTEGER NOT NULL DEFAULT 0,      -- requests sent again
    rate_limited INTEGER NOT NULL DEFAULT 0, -- answers 429
    changes INTEGER NOT NULL DEFAULT 0,      -- rows this walk added to `changes`
    error TEXT,                        -- why it failed, or what is missing from a partial walk
    at TEXT,                           -- the moment its changes are dated by; NULL when nothing was applied
    not_before TEXT,                   -- `at` of the applied walk before it; NULL for the first
    coverage TEXT,                     -- JSON: what each listing declared and brought, and what could not be read
    lookup_cursor INTEGER              -- the last user of the look-up rotation
) STRICT;

CREATE INDEX walks_applied ON walks (site_id, id) WHERE status = 'applied';

CREATE TABLE accounts (
    -- What is known now about each user; the public view is `users`, which tells what the columns mean.
    id INTEGER PRIMARY KEY,
    site_id INTEGER NOT NULL REFERENCES sites (id),
    key TEXT,
    name TEXT NOT NULL,
    full_name TEXT,
    email TEXT,
    status TEXT NOT NULL CHECK (status IN
        ('active', 'no-access', 'deactivated', 'deleted', 'missing', 'unknown')),
    active INTEGER CHECK (active IN (0, 1)),
    has_access INTEGER CHECK (has_access IN (0, 1)),
    directory TEXT,
    account_type TEXT,
    is_external INTEGER CHECK (is_external IN (0, 1)),
    department TEXT,
    position TEXT,
    location TEXT,
    phone TEXT,
    im TEXT,
    website TEXT,
    language TEXT,
    time_zone TEXT,
    created_at TEXT,
    updated_at TEXT,
    last_login_at TEXT,
    last_login_known INTEGER NOT NULL DEFAULT 0 CHECK (last_login_known IN (0, 1)),
    last_failed_login_at TEXT,
    last_active_at TEXT,
    first_seen_at TEXT NOT NULL,
    unlisted_seen_at TEXT,             -- NULL while a listing shows the user; else when it was last seen
    missing_since TEXT,
    deactivated_at TEXT,
    deleted_at TEXT,
    version_from TEXT NOT NULL,        -- since when the versioned attributes are as they are
    version_walk_id INTEGER NOT NULL REFERENCES walks (id)  -- the walk that brought them
) STRICT;

CREATE UNIQUE INDEX accounts_key ON accounts (site_id, key);
CREATE INDEX accounts_name ON accounts (name COLLATE NOCASE);
CREATE INDEX accounts_unlisted ON accounts (site_id, id) WHERE unlisted_seen_at IS NOT NULL;

CREATE TABLE account_versions (
    -- What was once true of a user and no longer is; the public view, with the current version, is `user_history`,
    -- which tells what the columns mean.
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    valid_from TEXT NOT NULL,
    valid_to TEXT NOT NULL,            -- until when it was so
    walk_id INTEGER NOT NULL REFERENCES walks (id),
    name TEXT NOT NULL,
    full_name TEXT,
    email TEXT,
    status TEXT NOT NULL,
    active INTEGER,
    has_access INTEGER,
    directory TEXT,
    account_type TEXT,
    is_external INTEGER,
    department TEXT,
    position TEXT,
    location TEXT,
    phone TEXT,
    im TEXT,
    website TEXT,
    language TEXT,
    time_zone TEXT,
    PRIMARY KEY (user_id, valid_from)
) STRICT, WITHOUT ROWID;

CREATE INDEX account_versions_name ON account_versions (name COLLATE NOCASE);

CREATE VIEW users AS
    -- One row per user ever seen. Identity is the key, never the name.
SELECT
    a.id,                              -- Rollbook's own number of the user: `user_id` elsewhere
    a.site_id,                         -- the site the account is on: `sites.id`
    a.key,                             -- permanent id at the site: Extender's key, Cloud's accountId
    a.name,                            -- the log-in name; may change, and may be given to another
    a.full_name,                       -- the display name
    a.email,                           -- the e-mail address
    a.status,                          -- active, no-access, deactivated, deleted, missing, unknown
    a.active,                          -- the account is active: 1, 0; NULL: no source says
    a.has_access,                      -- may use Confluence: 1, 0; NULL: no source says
    a.directory,                       -- the user directory; no source in this release tells it
    a.account_type,                    -- Cloud's kind of account; no source in this release tells it
    a.is_external,                     -- whether Cloud calls the user external; no source in this release tells it
    a.department,                      -- profile field
    a.position,                        -- profile field
    a.location,                        -- profile field
    a.phone,                           -- profile field
    a.im,                              -- profile field: instant messaging
    a.website,                         -- profile field
    a.language,                        -- profile field; no source in this release tells it
    a.time_zone,                       -- profile field; no source in this release tells it
    a.created_at,                      -- when the account was made, by the site
    a.updated_at,                      -- when the account was last edited, by the site
    a.last_login_at,                   -- the last log-in, by the site; NULL: never, when last_login_known = 1, else not known
    a.last_login_known,                -- 1: the site says when the user last logged in, or that it never did
    a.last_failed_login_at,            -- the last failed log-in, by the site; NULL: none known
    a.last_active_at,                  -- the last activity (Cloud); no source in this release tells it
    a.first_seen_at,                   -- when a walk first saw the user
    max(a.first_seen_at, coalesce(
        a.unlisted_seen_at,
        (SELECT w.at FROM walks w WHERE w.site_id = a.site_id AND w.status = 'applied' ORDER BY w.id DESC LIMIT 1),
        a.first_seen_at)) AS last_seen_at,  -- of a user who is present: the moment of the site's last applied walk
    a.missing_since,                   -- when a walk first found it missing; NULL unless `status` is missing
    a.deactivated_at,                  -- when a walk first saw it so; NULL unless `status` is deactivated
    a.deleted_at                       -- when a walk proved it; NULL unless `status` is deleted
FROM accounts a;

CREATE VIEW user_history AS
    -- One row per version of a user: [valid_from, valid_to), valid_to NULL = current. Log-in times are in `logins`.
SELECT
    user_id,                           -- the user: `users.id`
    valid_from,                        -- from when on this was so; the first version begins when the user was first seen
    valid_to,                          -- until when it was so; NULL: still
    walk_id,                           -- the walk that brought it
    name, full_name, email, status, active, has_access, directory,
    account_type, is_external, department, position, location, phone, im, website, language, time_zone
FROM account_versions
UNION ALL
SELECT id, version_from, NULL, version_walk_id, name, full_name, email, status, active, has_access, directory,
    account_type, is_external, department, position, location, phone, im, website, language, time_zone
FROM accounts;

CREATE TABLE logins (
    -- Every log-in time the site ever showed for a user.
    user_id INTEGER NOT NULL REFERENCES accounts (id),  -- the user: `users.id`
    kind TEXT NOT NULL CHECK (kind IN ('success', 'failure', 'active')),  -- a log-in, a failed one, activity (Cloud)
    at TEXT NOT NULL,                  -- when the user logged in, by the site's clock
    walk_id INTEGER NOT NULL REFERENCES walks (id),  -- the walk that brought it
    PRIMARY KEY (user_id, kind, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
    -- One row per group and life: a group that is removed and made again is a new row.
    id INTEGER PRIMARY KEY,            -- `group_id` elsewhere
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site it is on
    name TEXT NOT NULL,                -- its name, which on Data Center is its identity; on Cloud it may change
    external_id TEXT,                  -- Cloud's group id, which is its identity there
    first_seen_at TEXT NOT NULL,       -- when a walk first saw it
    removed_at TEXT                    -- when a walk found it no longer listed; NULL: it is there
) STRICT;

CREATE UNIQUE INDEX groups_name ON groups (site_id, name) WHERE removed_at IS NULL;

CREATE TABLE memberships (
    -- Who was in which group: [valid_from, valid_to), valid_to NULL = member now.
    group_id INTEGER NOT NULL REFERENCES groups (id),   -- the group: `groups.id`
    user_id INTEGER NOT NULL REFERENCES accounts (id),  -- the member: `users.id`
    valid_from TEXT NOT NULL,          -- when a walk first saw it
    valid_to TEXT,                     -- when a walk saw that it had ended; NULL: member now
    walk_id INTEGER NOT NULL,          -- the walk that first saw it
    PRIMARY KEY (group_id, user_id, valid_from)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE change_log (
    -- Every change, in the order recorded; the public view is `changes`.
    id INTEGER PRIMARY KEY,
    walk_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    user_id INTEGER,
    group_id INTEGER,
    field TEXT,
    before TEXT,
    after TEXT
) STRICT;

CREATE VIEW changes AS
    -- The change feed. A change happened after `not_before` (the applied walk before) and was seen `at`.
SELECT
    c.id,                              -- rises in the order recorded
    s.name AS site,                    -- the site's id in the configuration
    c.walk_id,                         -- the walk that saw it
    w.at,                              -- the moment of that walk
    w.not_before,                      -- the applied walk before it; NULL: found by the first, however old it is
    c.kind,                            -- `user.…`, `group.…` or `member.…`: see above
    c.user_id,                         -- `users.id`; NULL: it is about a group alone
    c.group_id,                        -- `groups.id`; NULL: it is about a user alone
    c.field,                           -- the column of `users` that changed, where one did
    c.before,                          -- its value before; NULL: empty
    c.after                            -- its value after; NULL: empty
FROM change_log c CROSS JOIN walks w ON w.id = c.walk_id CROSS JOIN sites s ON s.id = w.site_id
ORDER BY c.id;

CREATE TABLE evidence (
    -- What look-ups, and User Export, answered about users whom the other listings do not show; a row is added when the
    -- answer differs from the one before.
    id INTEGER PRIMARY KEY,            -- rises in the order recorded
    user_id INTEGER NOT NULL REFERENCES accounts (id),  -- the user: `users.id`
    walk_id INTEGER NOT NULL REFERENCES walks (id),     -- the walk that asked
    answer TEXT NOT NULL               -- what was asked, and what the site said
) STRICT;

CREATE INDEX evidence_user ON evidence (user_id);

CREATE TABLE actions (
    -- The write-back journal: every request that changed a site. Empty in this release, which changes none.
    id INTEGER PRIMARY KEY,            -- rises in the order recorded
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site that was changed
    at TEXT NOT NULL,                  -- when the request was sent
    actor TEXT NOT NULL,               -- on whose behalf
    kind TEXT NOT NULL,                -- what was done
    target TEXT NOT NULL,              -- to whom or what
    request TEXT,                      -- what was sent
    outcome TEXT,                      -- what became of it
    response TEXT                      -- what the site answered
) STRICT;

CREATE TABLE listings (
    -- How a site's listings looked when last read: lets a walk pass over what did not change, and tells it who is not
    -- there any more.
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site
    part TEXT NOT NULL CHECK (part IN ('users', 'members')),  -- the user list, or the members whom it does not show
    seq INTEGER NOT NULL,              -- the place of this stretch of up to 1000 entries
    entries BLOB NOT NULL,             -- per row: fingerprint of the record, user id, hash of the name
    UNIQUE (site_id, part, seq)
) STRICT;

CREATE TABLE group_fingerprints (
    -- The members of a group when last read, as fingerprints. Safe to delete.
    group_id INTEGER PRIMARY KEY REFERENCES groups (id),  -- the group: `groups.id`
    members INTEGER NOT NULL,          -- XXH3-64 over the ids of its members, sorted
    listing INTEGER                    -- XXH3-64 over the bytes of the listing; NULL when they alone do not tell the users
) STRICT;
