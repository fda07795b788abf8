-- Rollbook's schema, version 5: what the service remembers, and what was taken out of the mirror on purpose.

CREATE TABLE jobs (
    -- What the daemon does on a schedule, and what it remembers of it; one row each. Whoever starts it again, after
    -- however long, goes on from here.
    job TEXT PRIMARY KEY,              -- `walk:SITE`, `export:REPORT:FILE`, `housekeeping`, `backup`
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

CREATE INDEX notifications_due ON notifications (next_at) WHERE next_at IS NOT NULL;
