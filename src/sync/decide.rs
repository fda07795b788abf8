//! What a person decides about a held walk: its removals are applied exactly as they were set aside, or dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::apply::apply_removals;
use super::diff::{Diff, Edit, GroupDiff, GroupRef, Moment};
use super::merge::stand;
use crate::clock::Clock;
use crate::model::{GroupId, HIDDEN, Profile, Status, Timestamp, UserId, WalkId};
use crate::store::{self, Decider, Decision, Entry, GroupRow, HeldChange, HoldRow, Part, Store, StoreError, find_hold};

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The database cannot be used, or a walk of the site is under way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to decide.
    #[error("{0}")]
    NotHeld(String),
    /// What was held is not as it was.
    #[error(
        "walk {walk} was held with {what} as it is no longer; nothing was applied: walk the site again, which judges afresh"
    )]
    Moved {
        /// The walk.
        walk: i64,
        /// What is different.
        what: &'static str,
    },
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The site's id in the configuration.
    pub site: String,
    /// The walk's status now.
    pub status: &'static str,
    /// Rows added to `changes`.
    pub changes: u64,
    /// When.
    pub at: Timestamp,
}

/// Applies or drops the removals of a held walk. Takes the site's lock: a walk under way judges afresh anyway.
///
/// # Errors
/// [`DecideError::NotHeld`] unless it is the hold of its site.
pub async fn decide(
    store: &Store,
    walk: WalkId,
    decision: Decision,
    decider: Decider<'_>,
    clock: &Clock,
) -> Result<Decided, DecideError> {
    let mut reader = store.reader().await?;
    let hold = standing(&mut reader, store, walk).await?;
    reader.close().await.map_err(|error| store.sql(error))?;
    let _lock = store::lock_walk(store.path(), &hold.site_name)?;
    let mut writer = store.writer().await?;
    // On an error the connection is dropped: SQLite may have rolled back by itself.
    let decided = write(&mut writer, store, walk, decision, decider, clock.now()).await?;
    writer.close().await.map_err(|error| store.sql(error))?;
    Ok(decided)
}

async fn standing(connection: &mut SqliteConnection, store: &Store, walk: WalkId) -> Result<HoldRow, DecideError> {
    let found = find_hold(connection, walk).await.map_err(|error| store.sql(error))?;
    let why = match found {
        Some(hold) if hold.decision.is_none() => return Ok(hold),
        Some(hold) => format!("it is {} already", hold.decision.unwrap_or_default()),
        None => "it holds nothing, or there is no such walk".to_owned(),
    };
    Err(DecideError::NotHeld(format!(
        "walk {} cannot be decided: {why}; only a site's current hold can, which 'rollbook status' names",
        walk.0
    )))
}

async fn write(
    writer: &mut SqliteConnection,
    store: &Store,
    walk: WalkId,
    decision: Decision,
    decider: Decider<'_>,
    now: Timestamp,
) -> Result<Decided, DecideError> {
    let sql = |error| store.sql(error);
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
    let hold = standing(&mut transaction, store, walk).await?;
    let latest = store::find_site(&mut transaction, &hold.site_name).await.map_err(sql)?;
    let latest = latest.and_then(|(_, before)| before.latest);
    let at = latest.map_or(now, |latest| now.max(latest.plus_millis(1)));
    // What could not be read then is missing still.
    let complete = if hold.walk_error.is_none() { "applied" } else { "partial" };
    let (status, changes) = match decision {
        Decision::Approved => {
            let removals = removals(&mut transaction, store, &hold, at).await?;
            let changes = apply_removals(&mut transaction, walk, at, &removals).await.map_err(sql)?;
            forget_unlisted(&mut transaction, &hold, &removals).await.map_err(sql)?;
            (complete, changes)
        }
        Decision::Rejected => ("rejected", 0),
        Decision::Superseded => ("superseded", 0),
    };
    store::decide_hold(&mut transaction, walk, decision, status, at, decider).await.map_err(sql)?;
    if changes > 0 {
        store::add_to_walk(&mut transaction, walk, changes, at).await.map_err(sql)?;
    }
    transaction.commit().await.map_err(sql)?;
    Ok(Decided { site: hold.site_name, status, changes, at })
}

/// The removals of a hold as they were set aside, upon what is known now.
async fn removals(
    connection: &mut SqliteConnection,
    store: &Store,
    hold: &HoldRow,
    at: Timestamp,
) -> Result<Diff, DecideError> {
    let sql = |error| store.sql(error);
    let moved = |what| DecideError::Moved { walk: hold.walk.0, what };
    let changes = store::held_changes(connection, hold.walk).await.map_err(sql)?;
    let standings = store::held_standings(connection, hold.walk).await.map_err(sql)?;
    let standings: HashMap<UserId, _> = standings.into_iter().map(|held| (held.user, held)).collect();

    let mut users: BTreeMap<UserId, Vec<&HeldChange>> = BTreeMap::new();
    let mut left: BTreeMap<GroupId, Vec<UserId>> = BTreeMap::new();
    let mut gone: BTreeSet<GroupId> = BTreeSet::new();
    for change in &changes {
        match (change.user_id, change.group_id) {
            (Some(user), None) => users.entry(UserId(user)).or_default().push(change),
            (Some(user), Some(group)) => left.entry(GroupId(group)).or_default().push(UserId(user)),
            (None, Some(group)) => drop(gone.insert(GroupId(group))),
            (None, None) => {}
        }
    }

    let ids: Vec<UserId> = users.keys().copied().collect();
    let accounts = store::accounts_by_id(connection, &ids).await.map_err(sql)?;
    if accounts.len() != ids.len() {
        return Err(moved("a user"));
    }
    let mut removals = Diff::default();
    let moment = Moment { at, not_before: None, zone: chrono_tz::UTC };
    for store::AccountRow { id, account: before } in accounts {
        let mut after = before.clone();
        let fields: HashMap<&str, _> = before.profile.fields().into_iter().collect();
        for change in &users[&id] {
            let known = match change.field.as_deref() {
                Some("status") => Some(before.standing.status.as_str().into()),
                // It is not shown any more, and stays known.
                Some("email") if change.after.as_deref() == Some(HIDDEN) => {
                    after.profile.email_hidden = true;
                    fields.get("email").cloned().flatten()
                }
                Some(field) => {
                    after.profile.keep(field, &Profile::default());
                    fields.get(field).cloned().flatten()
                }
                None => None,
            };
            if known.as_deref() != change.before.as_deref() {
                return Err(moved("a user"));
            }
        }
        if let Some(held) = standings.get(&id) {
            after.standing = held.standing;
            stand(&mut after, held.standing.status, held.unlisted_seen_at, moment);
            if let (Some(word), Some(_)) = (cloud_word(held.standing.status), &before.profile.account_status) {
                after.profile.account_status = Some(word.to_owned());
            }
        }
        removals.edits.push(Edit { id, before, after });
    }

    let ids: Vec<GroupId> = left.keys().chain(&gone).copied().collect();
    let names = store::group_names(connection, &ids).await.map_err(sql)?;
    for (group, mut removed) in left {
        removed.sort_unstable();
        let name = names.get(&group).cloned().ok_or_else(|| moved("a group"))?;
        if gone.remove(&group) {
            removals.groups_removed.push((group_row(group, name), removed));
        } else {
            let (group, added, members) = (GroupRef::Known(group), Vec::new(), Vec::new());
            removals.members.push(GroupDiff { group, name, added, removed, members, listing: None });
        }
    }
    for group in gone {
        let name = names.get(&group).cloned().ok_or_else(|| moved("a group"))?;
        removals.groups_removed.push((group_row(group, name), Vec::new()));
    }
    Ok(removals)
}

/// Cloud's word for a status; `None` where it may have been any.
fn cloud_word(status: Status) -> Option<&'static str> {
    match status {
        Status::Active => Some("active"),
        Status::Deactivated => Some("inactive"),
        Status::Deleted => Some("closed"),
        Status::NoAccess | Status::Missing | Status::Unknown => None,
    }
}

fn group_row(id: GroupId, name: String) -> GroupRow {
    GroupRow { id, name, external_id: None, fingerprint: None }
}

/// Lets the remembered listings go of users whom none of them shows: the next walk need not look them up afresh.
async fn forget_unlisted(
    connection: &mut SqliteConnection,
    hold: &HoldRow,
    removals: &Diff,
) -> Result<(), sqlx::Error> {
    let unlisted: HashSet<UserId> = removals
        .edits
        .iter()
        .filter(|edit| edit.after.presence.unlisted_seen_at.is_some() || edit.after.standing.status == Status::Deleted)
        .map(|edit| edit.id)
        .collect();
    if unlisted.is_empty() {
        return Ok(());
    }
    for part in Part::ALL {
        let before = store::load_listing(connection, hold.site, part).await?;
        let now: Vec<Entry> = before.iter().filter(|entry| !unlisted.contains(&entry.user_id())).copied().collect();
        if now.len() != before.len() {
            store::save_listing(connection, hold.site, part, &before, &now).await?;
        }
    }
    Ok(())
}
