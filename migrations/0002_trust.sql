-- Rollbook's schema, version 2: held walks, Confluence User Export, coverage by part.

CREATE TABLE holds (
    -- One row per walk whose removals were set aside because they would take away an implausible share of what is known.
    -- A site has at most one without a decision: its hold.
    walk_id INTEGER PRIMARY KEY REFERENCES walks (id),  -- the walk
    site_id INTEGER NOT NULL REFERENCES sites (id),     -- its site
    reasons TEXT NOT NULL,             -- which shares were too large; a line each
    removals INTEGER NOT NULL,         -- rows of `changes` that approving it adds
    walk_error TEXT,                   -- what could not be read in the walk; NULL: it was complete
    decision TEXT CHECK (decision IN ('approved', 'rejected', 'superseded')),  -- NULL: it stands
    decided_at TEXT,                   -- when that was decided
    decided_by TEXT,                   -- who approved or rejected it; NULL where the next walk superseded it
    reason TEXT                        -- why, as that person told
) STRICT;

CREATE UNIQUE INDEX holds_current ON holds (site_id) WHERE decision IS NULL;

CREATE TABLE held_changes (
    -- The removals of a hold, as they will stand in `changes` when it is approved. Kept while it stands, and when it was
    -- rejected.
    walk_id INTEGER NOT NULL REFERENCES holds (walk_id),  -- the held walk
    seq INTEGER NOT NULL,              -- the order in which they are applied
    kind TEXT NOT NULL,                -- as in `changes`
    user_id INTEGER REFERENCES accounts (id),  -- as in `changes`
    group_id INTEGER REFERENCES groups (id),   -- as in `changes`
    field TEXT,                        -- as in `changes`
    before TEXT,                       -- as in `changes`
    after TEXT,                        -- as in `changes`
    PRIMARY KEY (walk_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE held_standings (
    -- How the users whom a hold takes out of `active` stand when it is approved.
    walk_id INTEGER NOT NULL REFERENCES holds (walk_id),  -- the held walk
    user_id INTEGER NOT NULL REFERENCES accounts (id),    -- the user
    status TEXT NOT NULL,              -- `users.status` to be
    active INTEGER,                    -- `users.active` to be
    has_access INTEGER,                -- `users.has_access` to be
    unlisted_seen_at TEXT,             -- when the user was last seen; NULL: a listing shows it
    PRIMARY KEY (walk_id, user_id)
) STRICT, WITHOUT ROWID;

-- The removals of an approved hold are dated by the approval, all else by its walk.
ALTER TABLE change_log ADD COLUMN at TEXT;  -- when it is dated otherwise than its walk

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
FROM change_log c CROSS JOIN walks w ON w.id = c.walk_id CROSS JOIN sites s ON s.id = w.site_id
ORDER BY c.id;

-- Confluence User Export tells times to the minute and without a zone: a user has them until REST API Extender tells better.
ALTER TABLE accounts ADD COLUMN dates_from_export INTEGER NOT NULL DEFAULT 0 CHECK (dates_from_export IN (0, 1));
CREATE INDEX accounts_keyless ON accounts (site_id, id) WHERE key IS NULL;

DROP VIEW users;
CREATE VIEW users AS
    -- One row per user ever seen. Identity is the key, never the name.
SELECT
    a.id,                              -- Rollbook's own number of the user: `user_id` elsewhere
    a.site_id,                         -- the site the account is on: `sites.id`
    a.key,                             -- permanent id at the site: Extender's key, Cloud's accountId; NULL: only User Export shows the user
    a.name,                            -- the log-in name; may change, and may be given to another
    a.full_name,                       -- the display name
    a.email,                           -- the e-mail address
    a.status,                          -- active, no-access, deactivated, deleted, missing, unknown
    a.active,                          -- the account is active: 1, 0; NULL: no source says
    a.has_access,                      -- may use Confluence: 1, 0; NULL: no source says
    a.directory,                       -- the user directory (User Export); NULL: no source says
    a.account_type,                    -- Cloud's kind of account; no source in this release tells it
    a.is_external,                     -- whether Cloud calls the user external; no source in this release tells it
    a.department,                      -- profile field
    a.position,                        -- profile field
    a.location,                        -- profile field
    a.phone,                           -- profile field
    a.im,                              -- profile field: instant messaging
    a.website,                         -- profile field
    a.language,                        -- profile field: the preferred language (User Export)
    a.time_zone,                       -- profile field; no source in this release tells it
    a.created_at,                      -- when the account was made, by the site
    a.updated_at,                      -- when the account was last edited, by the site
    a.last_login_at,                   -- the last log-in, by the site; NULL: never, when last_login_known = 1, else not known
    a.last_login_known,                -- 1: the site says when the user last logged in, or that it never did
    a.last_failed_login_at,            -- the last failed log-in, by the site; NULL: none known
    a.last_active_at,                  -- the last activity (Cloud); no source in this release tells it
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

-- The listing of User Export is remembered as the others are.
CREATE TABLE listings_with_export (
    -- How a site's listings looked when last read: lets a walk pass over what did not change, and tells it who is not
    -- there any more.
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site
    part TEXT NOT NULL CHECK (part IN ('users', 'members', 'export')),  -- the user list, the members whom it does not show, User Export
    seq INTEGER NOT NULL,              -- the place of this stretch of up to 1000 entries
    entries BLOB NOT NULL,             -- per row: fingerprint of the record, user id, hash of the name
    UNIQUE (site_id, part, seq)
) STRICT;
INSERT INTO listings_with_export SELECT site_id, part, seq, entries FROM listings ORDER BY site_id, part, seq;
DROP TABLE listings;
ALTER TABLE listings_with_export RENAME TO listings;

CREATE VIEW walk_coverage AS
    -- What each walk asked of a site and what it got, one row a part: `users` (the user list), `groups` (their list),
    -- `members`, `details` (members without access, read with details), `export` (User Export), `lookups` (single users);
    -- of Cloud: `search`, `groups`, `members`, `users` (the look-ups of account ids), `organization`.
SELECT
    w.id AS walk_id,                   -- `walks.id`
    p.key AS part,                     -- which part
    coalesce(p.value ->> 'asked', 0) AS asked,                -- requests sent for it, retries included
    coalesce(p.value ->> 'received', 0) AS received,          -- rows received, overlaps once
    p.value ->> 'declared' AS declared,                       -- rows the site said there are; NULL: it did not say
    coalesce(p.value ->> 'repeated', 0) AS repeated,          -- rows that came again unexpectedly
    coalesce(p.value ->> 'rewalked', 0) AS rewalked,          -- how often the whole list was read again
    coalesce(p.value ->> 'retried', 0) AS retried,            -- requests sent again
    coalesce(p.value ->> 'rate_limited', 0) AS rate_limited,  -- answers 429
    coalesce(p.value ->> 'problem', p.value ->> 'note') AS problem  -- why it is not complete; NULL: it is, or is not there
FROM walks w CROSS JOIN json_each(iif(json_valid(w.coverage), w.coverage, '{}')) p;
