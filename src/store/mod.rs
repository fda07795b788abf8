//! The mirror: one SQLite file, one writer, any number of readers.

mod accounts;
mod backup;
mod boundary;
mod bulk;
mod examine;
mod forget;
mod groups;
mod holds;
mod jobs;
mod listings;
mod lock;
mod notifications;
mod oddities;
mod open;
mod prune;
mod reference;
pub mod sandbox;
mod size;
mod space;
mod standing;
mod totals;
mod verify;
mod walks;
mod writer;

pub use accounts::{
    AccountRow, account_keys, accounts_by_id, accounts_by_key, accounts_by_name, activity_rotation, begin_bulk,
    drop_indexes, forget_activity, insert_accounts, is_activity_known, keyless_accounts, newest_keyless,
    restore_indexes, rotation, some_active, update_account, update_times,
};
pub use backup::{Backup, BackupError, NewestWalk, backup};
pub use boundary::{Boundary, boundary};
pub use bulk::{Bound, Prepared};
pub use examine::{Examined, Structure, examine};
pub use forget::{
    Candidate, Erased, ForgetError, Forgotten, Left, Proof, Why, clean_up, find_forgettable, find_forgotten, forget,
    forget_closed, forgettable, of_same_address,
};
pub use groups::{
    Fingerprint, GroupRename, GroupRow, NewGroup, add_members, create_groups, current_groups, current_members,
    end_members, forget_fingerprints, members_fingerprint, remove_group, rename_groups, set_fingerprints,
};
pub use holds::{
    Decider, Decision, HeldChange, HeldStanding, HoldRow, add_hold, add_to_walk, count_known, current_hold,
    decide_hold, find_hold, group_names, held_changes, held_standings,
};
pub use jobs::{JobRow, SkippedRow, load_jobs, newest_walks, skipped_since, walk_job};
pub use listings::{Entry, Part, load_listing, save_listing};
pub use lock::{Lock, is_served, is_walking, lock_daemon, lock_walk};
pub use notifications::{
    Attempt, DueNotification, EndedWalk, GroupMoves, NewNotification, due_notifications, ended_walks, last_applied,
    moves, seats_taken_at, site_id, walks_told,
};
pub use oddities::Oddities;
pub use open::{SCHEMA, Store, StoreError, is_unusable};
pub use prune::{Pruned, prunable, prune};
pub use reference::reference;
pub use size::{Size, size};
pub use space::{empty_log, free_bytes, vacuum};
pub use standing::{
    Freshness, HoldStanding, SiteStanding, WalkRow, applied_moments, count_users, notifications_waiting,
    site_standings, walk_parts,
};
pub use totals::{SiteTotals, WalkTotals, change_counts};
pub use verify::{Verdict, Verification, verify, verify_file};
pub use walks::{
    Before, ChangeRow, DIED, Figures, STOPPED, WalkEnd, WalkStart, add_changes, add_evidence, add_first_logins,
    add_logins, begin_walk, end_walk, fail_running, find_site, kind_of_users, last_evidence, next_user, running_walks,
    set_cloud_id, set_user_list,
};
pub use writer::Writer;

use crate::model::Timestamp;

/// How many values go into one `json_each` argument: enough to make the statement's own cost vanish.
const CHUNK: usize = 5_000;

/// A time as SQL spells it.
fn time(sql: &str) -> Result<Timestamp, sqlx::Error> {
    Timestamp::parse_sql(sql).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Ids as a JSON array, for `json_each`.
fn json_ids(ids: impl Iterator<Item = i64>) -> String {
    use std::fmt::Write;
    let mut json = String::from("[");
    for id in ids {
        if json.len() > 1 {
            json.push(',');
        }
        let _ = write!(json, "{id}");
    }
    json.push(']');
    json
}
