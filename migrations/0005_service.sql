-- Rollbook's schema, version 5: what the service remembers, and what was taken out of the mirror on purpose.

CREATE TABLE jobs (
    -- What the daemon does on a schedule, and what it remembers of it; one row each. Whoever starts it again, after
    -- however long, goes on from here.
    job TEXT PRIMARY KEY,              -- `walk:SITE`, `export:REPORT:PATH`, `housekeeping`, `backup`
    schedule TEXT NOT NULL,            -- the schedule that `due_at` is a firing of
    due_at TEXT NOT NULL,              -- the last firing that was acted upon: done, or left out
    started_at TEXT,                   -- when it was last begun; NULL: it never was
    finished_at TEXT,                  -- when that ended; NULL while it runs, and when the process died in it
    outcome TEXT,                      -- how: `done`, `applied`, `partial`, `held`, `failed`, `refused`, `unreachable`, …
    error TEXT,                        -- why, unless it is done
    failures INTEGER NOT NULL DEFAULT 0,  -- failed so often in a row
    next_at TEXT                       -- when it is to begin next, as it was planned last; NULL: not again
) STRICT, WITHOUT ROWID;

CREATE TABLE skipped_runs (
    -- Firings of a schedule that were left out, and why.
    id INTEGER PRIMARY KEY,            -- rises in the order recorded
    job TEXT NOT NULL,                 -- `jobs.job`
    due_at TEXT NOT NULL,              -- the first of these firings
    last_due_at TEXT NOT NULL,         -- the last of them
    firings INTEGER NOT NULL,          -- how many
    at TEXT NOT NULL,                  -- when that was found
    reason TEXT NOT NULL               -- `running`, `asleep` (nobody was there), `backing off`, `locked` (another process walks the site)
) STRICT;

CREATE TABLE notifications (
    -- What webhooks were told, or are still to be told. No personal data: counts, names of sites and groups.
    id INTEGER PRIMARY KEY,            -- rises in the order recorded
    at TEXT NOT NULL,                  -- when it happened
    event TEXT NOT NULL,               -- `walk.failed`, `walk.held`, `site.stale`, `admins.changed`, `seats.exceeded`
    site TEXT NOT NULL,                -- the site's id in the configuration
    walk_id INTEGER NOT NULL,          -- the walk that it is about; of `site.stale` the last that was applied, 0: none was
    target TEXT NOT NULL,              -- whom: scheme, host and port of the webhook, and a fingerprint of its address
    body TEXT NOT NULL,                -- what is sent: JSON
    attempts INTEGER NOT NULL DEFAULT 0,  -- how often it was tried
    next_at TEXT,                      -- when it is tried next; NULL: not again
    delivered_at TEXT,                 -- when it was accepted; NULL: not yet, or given up
    answer TEXT,                       -- what came of the last attempt
    UNIQUE (event, site, walk_id, target)  -- nobody is told twice
) STRICT;

CREATE TABLE walks_told (
    -- Up to which walk of a site it was looked whether webhooks have to be told something.
    site TEXT PRIMARY KEY,             -- the site's id in the configuration
    walk_id INTEGER NOT NULL           -- that walk
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_due ON notifications (next_at) WHERE next_at IS NOT NULL;

-- What was taken out of the mirror on purpose: `db prune` and `db forget`.

CREATE TABLE pruned (
    -- What had ended by some moment and was removed (`db prune`). What was so before the latest `cutoff` is not known any
    -- more: no report tells of it.
    id INTEGER PRIMARY KEY,            -- rises in the order recorded
    at TEXT NOT NULL,                  -- when
    cutoff TEXT NOT NULL,              -- what had ended by this moment was removed
    finished INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1)),  -- 1: all of it was; 0: not yet, or it was stopped: the next one goes on
    versions INTEGER NOT NULL DEFAULT 0,       -- versions of users
    memberships INTEGER NOT NULL DEFAULT 0,    -- memberships
    group_names INTEGER NOT NULL DEFAULT 0,    -- names of groups (Cloud)
    logins INTEGER NOT NULL DEFAULT 0,         -- log-ins, failed ones, activities
    changes INTEGER NOT NULL DEFAULT 0,        -- rows of the change feed
    evidence INTEGER NOT NULL DEFAULT 0,       -- answers of look-ups
    held INTEGER NOT NULL DEFAULT 0,           -- removals of rejected holds
    notifications INTEGER NOT NULL DEFAULT 0,  -- what webhooks were told
    skipped_runs INTEGER NOT NULL DEFAULT 0    -- firings of schedules that were left out
) STRICT;

CREATE TABLE forgotten (
    -- Users who were erased (`db forget`). Of each a nameless row stays, so that counts of the past are true.
    id INTEGER PRIMARY KEY,            -- rises in the order recorded
    user_id INTEGER NOT NULL UNIQUE REFERENCES accounts (id),  -- `user_history.user_id`, `memberships.user_id`; `users` has it no more
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site the account was on
    at TEXT NOT NULL,                  -- when
    why TEXT NOT NULL CHECK (why IN ('command', 'closed')),  -- `command`: somebody said so; `closed`: found closed long enough ago (Cloud)
    versions INTEGER NOT NULL,         -- versions that are nameless now
    memberships INTEGER NOT NULL,      -- memberships that were open
    logins INTEGER NOT NULL,           -- log-ins, failed ones, activities removed
    changes INTEGER NOT NULL,          -- rows of the change feed without their values now
    evidence INTEGER NOT NULL,         -- answers of look-ups removed
    held INTEGER NOT NULL,             -- rows of holds removed
    proven INTEGER NOT NULL DEFAULT 0 CHECK (proven IN (0, 1))  -- 1: the files were searched afterwards, and had none of it
) STRICT;

CREATE TABLE kept_months (
    -- What the report `activity` counted in months of which the versions were pruned.
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site
    month TEXT NOT NULL,               -- `YYYY-MM`
    found INTEGER NOT NULL,            -- as in the report
    joiners INTEGER NOT NULL,          -- as in the report
    leavers INTEGER NOT NULL,          -- as in the report
    forgotten INTEGER NOT NULL,        -- as in the report
    PRIMARY KEY (site_id, month)
) STRICT, WITHOUT ROWID;

CREATE TABLE kept_presence (
    -- Users of whose log-ins in a month none is left: they were pruned, or the users forgotten.
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site
    month TEXT NOT NULL,               -- `YYYY-MM`
    walk_id INTEGER NOT NULL,          -- the walk that brought the first of them; 0: before all that can be asked about
    users INTEGER NOT NULL,            -- how many
    PRIMARY KEY (site_id, month, walk_id)
) STRICT, WITHOUT ROWID;

-- A nameless row: no key, no attribute, `name` is forgotten-ID, and `version_from` lies beyond every moment, for there is
-- no version that is current.
ALTER TABLE accounts ADD COLUMN forgotten_at TEXT;
CREATE INDEX accounts_forgotten ON accounts (site_id, id) WHERE forgotten_at IS NOT NULL;
-- What the versions, names and memberships that were pruned would tell of the present.
ALTER TABLE accounts ADD COLUMN pruned_status_since TEXT;
ALTER TABLE accounts ADD COLUMN pruned_active_until TEXT;
ALTER TABLE groups ADD COLUMN pruned_name_since TEXT;
ALTER TABLE groups ADD COLUMN pruned_change_at TEXT;

DROP VIEW users;
CREATE VIEW users AS
    -- One row per user ever seen, but those who were forgotten. Identity is the key, never the name.
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
FROM accounts a
WHERE a.forgotten_at IS NULL;

DROP VIEW user_history;
CREATE VIEW user_history AS
    -- One row per version of a user: [valid_from, valid_to), valid_to NULL = current. Log-in times are in `logins`. Of a
    -- user who was forgotten the last one ends then; the name is `forgotten-` and the id, and nothing else is left but
    -- status, active, has_access and account_type.
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
FROM accounts
WHERE forgotten_at IS NULL;

DROP VIEW group_history;
CREATE VIEW group_history AS
    -- What each group was called: [valid_from, valid_to), valid_to NULL = now. Only on Cloud a group's name changes.
SELECT
    group_id,                          -- the group: `groups.id`
    valid_from,                        -- from when on it had this name
    valid_to,                          -- until when; NULL: still
    name                               -- the name
FROM group_versions
UNION ALL
SELECT id, coalesce((SELECT max(v.valid_to) FROM group_versions v WHERE v.group_id = g.id), pruned_name_since, first_seen_at),
    removed_at, name
FROM groups g;

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
    c.before,                          -- its value before; NULL: empty, or the user was forgotten
    c.after                            -- its value after; NULL: empty, or the user was forgotten
FROM change_log c CROSS JOIN walks w CROSS JOIN sites s
WHERE w.id = c.walk_id AND s.id = w.site_id
ORDER BY c.id;

-- What monitoring asks at every look, without reading what is long.

-- The newest walks of a site, beside those in walks_applied. (One index over all of them would be taken in its place.)
CREATE INDEX walks_unapplied ON walks (site_id, id) WHERE status <> 'applied';

CREATE TABLE change_counts (
    -- How many changes of each kind the walks of a site ever recorded, those that are not in `changes` any more included.
    site_id INTEGER NOT NULL REFERENCES sites (id),  -- the site
    kind TEXT NOT NULL,                -- as in `changes`
    changes INTEGER NOT NULL,          -- how many
    PRIMARY KEY (site_id, kind)
) STRICT, WITHOUT ROWID;

INSERT INTO change_counts (site_id, kind, changes)
SELECT w.site_id, c.kind, count(*) FROM change_log c CROSS JOIN walks w WHERE w.id = c.walk_id GROUP BY w.site_id, c.kind;

ALTER TABLE jobs ADD COLUMN succeeded_at TEXT;
CREATE INDEX skipped_runs_until ON skipped_runs (last_due_at);
