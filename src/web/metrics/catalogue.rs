//! Every metric, once: its name, its labels, what it means. The exposition and `docs/monitoring.md` come from this list.
//! Names and units are those of Prometheus; a counter rises, also over a restart.

/// One metric.
#[derive(Debug)]
pub(in crate::web) struct Metric {
    /// Its name, with the unit.
    pub name: &'static str,
    pub kind: Kind,
    /// The names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// A sentence.
    pub help: &'static str,
}

/// How a value behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Kind {
    /// It rises and falls.
    Gauge,
    /// It only rises.
    Counter,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) static $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*

        /// All of them, in the order in which they are told.
        pub(in crate::web) static ALL: &[&Metric] = &[$(&$constant,)*];
    };
}

metrics! {
    BUILD_INFO: Gauge "rollbook_build_info" ["version"] "Always 1; the release that runs.";
    STARTED: Gauge "process_start_time_seconds" [] "When the process began.";
    LOOP_AGE: Gauge "rollbook_loop_age_seconds" [] "How long ago the loop of the service last turned; it does every second.";
    CONFIG_LOADED: Gauge "rollbook_config_loaded_timestamp_seconds" [] "When the configuration in force was read.";
    CONFIG_OK: Gauge "rollbook_config_last_reload_successful" []
        "1: the configuration that was read last is in force; 0: it was refused, and the one before is.";
    DATABASE_READABLE: Gauge "rollbook_database_readable" []
        "1: the database was read for this answer; 0: it could not be, and all that it tells is missing here.";
    DATABASE_SIZE: Gauge "rollbook_database_size_bytes" [] "Size of the database file.";
    WAL_SIZE: Gauge "rollbook_wal_size_bytes" []
        "Size of the write-ahead log; it stays large while somebody reads an old state.";
    DISK_AVAILABLE: Gauge "rollbook_disk_available_bytes" [] "Room left on the disk of the database.";
    NOTIFICATIONS: Gauge "rollbook_notifications_waiting" [] "Notifications that webhooks are still to be told.";

    SITE_INFO: Gauge "rollbook_site_info" ["site", "kind"] "Always 1; every site that is configured.";
    FRESH: Gauge "rollbook_site_fresh" ["site"]
        "1: the last applied walk is no older than the site's freshness limit; 0: it is, or there is none.";
    AGE: Gauge "rollbook_site_age_seconds" ["site"] "Age of the last applied walk; missing before the first.";
    FRESHNESS_LIMIT: Gauge "rollbook_site_freshness_limit_seconds" ["site"] "How old the last applied walk may be.";
    LAST_APPLIED: Gauge "rollbook_site_last_applied_timestamp_seconds" ["site"]
        "The moment of the last walk that was applied whole.";
    LAST_WALK: Gauge "rollbook_site_last_walk_timestamp_seconds" ["site"]
        "When the newest walk that has ended did so, whatever became of it.";
    LAST_DURATION: Gauge "rollbook_site_last_walk_duration_seconds" ["site"]
        "How long that walk took; missing of a hold that was approved.";
    LAST_STATUS: Gauge "rollbook_site_last_walk_status" ["site", "status"] "1 for what became of that walk, 0 for all else.";
    WALKING: Gauge "rollbook_site_walking" ["site"] "1: a walk is under way.";
    FAILURES: Gauge "rollbook_site_consecutive_failures" ["site"]
        "So many of the newest walks failed in a row; at most 100 are counted, and none that was stopped by a signal.";
    PARTIALS: Gauge "rollbook_site_consecutive_partial_walks" ["site"]
        "So many of the newest walks were partial in a row; at most 100 are counted.";
    REFUSED: Gauge "rollbook_site_credentials_refused" ["site"] "1: the site refused the credentials when it was walked last.";
    PART_INCOMPLETE: Gauge "rollbook_site_part_incomplete" ["site", "part"]
        "1: this part of the newest walk that has ended could not be read whole; 0: it was.";
    HELD: Gauge "rollbook_site_held" ["site"] "1: removals wait for a decision.";
    HELD_SINCE: Gauge "rollbook_site_held_since_timestamp_seconds" ["site"]
        "Since when; later walks that are held too do not change it.";
    HELD_REMOVALS: Gauge "rollbook_site_held_removals" ["site"] "How many changes approving them adds.";
    NEXT_RUN: Gauge "rollbook_site_next_run_timestamp_seconds" ["site"] "When the next walk begins; missing without a schedule.";
    USERS: Gauge "rollbook_site_users" ["site", "status"] "Users that the mirror knows, by status.";
    GROUPS: Gauge "rollbook_site_groups" ["site"] "Groups that the last applied walk saw.";
    MEMBERSHIPS: Gauge "rollbook_site_memberships" ["site"] "Memberships that the last applied walk saw.";
    SEATS: Gauge "rollbook_site_seats" ["site"] "How many users the licence allows; missing where the configuration does not say.";
    SEATS_TAKEN: Gauge "rollbook_site_seats_taken" ["site"]
        "Users who take a seat: those who are active, but for Cloud's accounts of apps and customers.";

    WALKS: Counter "rollbook_walks_total" ["site", "status"]
        "Walks that ended so; one that was held counts as held, whatever was decided.";
    WALK_SECONDS: Counter "rollbook_walk_seconds_total" ["site"] "How long walks took, those held left out.";
    REQUESTS: Counter "rollbook_requests_total" ["site"] "HTTP requests that walks sent, retries included.";
    RETRIES: Counter "rollbook_retries_total" ["site"] "Requests that walks sent again.";
    RATE_LIMITED: Counter "rollbook_rate_limited_total" ["site"] "Answers 429 that walks got.";
    CHANGES: Counter "rollbook_changes_total" ["site", "kind"] "Changes that walks recorded, by kind.";

    JOB_RUNNING: Gauge "rollbook_job_running" ["name"] "1: the job runs.";
    JOB_NEXT: Gauge "rollbook_job_next_run_timestamp_seconds" ["name"] "When the job begins next; missing when it does not.";
    JOB_FAILURES: Gauge "rollbook_job_consecutive_failures" ["name"] "How often the job failed in a row.";
    JOB_SUCCESS: Gauge "rollbook_job_last_success_timestamp_seconds" ["name"]
        "When the job last did its work; missing when it never did.";
    JOB_DURATION: Gauge "rollbook_job_last_duration_seconds" ["name"] "How long the job took when it last ended.";
    JOB_SKIPPED: Gauge "rollbook_job_skipped_firings" ["name"] "Firings of the job's schedule that were left out in the last day.";
}
