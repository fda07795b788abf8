//! Writes a diff in one transaction: readers see the walk before it, or the walk.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::diff::{Diff, DiffChange, GroupRef};
use super::people::{UserRef, members_fingerprint};
use crate::model::{Timestamp, UserId};
use crate::store::{self, ChangeRow, Entry, Fingerprint, Part, WalkEnd, WalkStart};

/// A listing as it is to be remembered.
pub struct Remembered<'a> {
    /// How it was.
    pub before: &'a [Entry],
    /// Its rows now: fingerprint, user, hash of the name. `None` = as it was.
    pub now: Option<Vec<(u64, UserRef, u64)>>,
}

/// All a walk writes.
pub struct Writing<'a> {
    /// The changes.
    pub diff: &'a Diff,
    /// The moment they are dated by.
    pub at: Timestamp,
    /// What look-ups answered, where that is news.
    pub evidence: &'a [(UserId, String)],
    /// The user list.
    pub users: Remembered<'a>,
    /// The members whom the user list does not show.
    pub members: Remembered<'a>,
    /// The user-list endpoint the site answers, where that is news.
    pub user_list: Option<&'static str>,
}

/// A first load this large builds its indexes afterwards.
const BULK: usize = 10_000;

/// Applies the walk and ends its row, as the last that is written through the connection. On an error drop it: SQLite
/// may have rolled back by itself.
pub async fn apply(
    connection: &mut SqliteConnection,
    start: &WalkStart,
    writing: Writing<'_>,
    end: WalkEnd,
) -> Result<(), sqlx::Error> {
    let bulk = writing.diff.created.len() >= BULK && store::next_user(connection).await? == UserId(1);
    if bulk {
        store::begin_bulk(connection).await?;
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let dropped = if bulk { store::drop_indexes(&mut transaction).await? } else { Vec::new() };
    write(&mut transaction, start, writing).await?;
    store::restore_indexes(&mut transaction, &dropped).await?;
    store::end_walk(&mut transaction, start, &end).await?;
    transaction.commit().await
}

async fn write(connection: &mut SqliteConnection, start: &WalkStart, writing: Writing<'_>) -> Result<(), sqlx::Error> {
    let Writing { diff, at, evidence, users, members, user_list } = writing;
    let walk = start.walk;
    if let Some(list) = user_list {
        store::set_user_list(connection, start.site, list).await?;
    }
    let first = store::next_user(connection).await?;
    let new_groups = store::create_groups(connection, start.site, &diff.groups_created, at).await?;
    store::insert_accounts(connection, start.site, walk, at, first, &diff.created).await?;
    store::add_first_logins(connection, walk, first, &diff.created).await?;

    let mut times = Vec::new();
    for edit in &diff.edits {
        if edit.is_times_only() {
            times.push((edit.id, edit.after.times));
        } else {
            store::update_account(connection, walk, at, edit.id, &edit.after, edit.is_versioned()).await?;
        }
    }
    store::update_times(connection, &times).await?;
    store::add_logins(connection, walk, "success", &diff.logins).await?;
    store::add_logins(connection, walk, "failure", &diff.failed_logins).await?;
    for (user, answer) in evidence {
        store::add_evidence(connection, walk, *user, answer).await?;
    }

    let group_id = |group: GroupRef| match group {
        GroupRef::Known(id) => id,
        GroupRef::New(index) => new_groups[index],
    };
    let added = diff
        .members
        .iter()
        .filter(|group| !group.added.is_empty())
        .map(|group| (group_id(group.group), group.added.iter().map(|user| user.id(first)).collect()));
    store::add_members(connection, walk, at, added).await?;
    for group in diff.members.iter().filter(|group| !group.removed.is_empty()) {
        store::end_members(connection, at, group_id(group.group), &group.removed).await?;
    }
    for (group, members) in &diff.groups_removed {
        store::end_members(connection, at, group.id, members).await?;
        store::remove_group(connection, group.id, at).await?;
    }
    let read = diff.members.iter().map(|group| {
        let members = members_fingerprint(group.members.iter().map(|user| user.id(first)));
        (group_id(group.group), Fingerprint { members, listing: group.listing })
    });
    store::set_fingerprints(connection, read.chain(diff.relisted.iter().copied())).await?;

    let changes = diff.changes().map(|DiffChange { kind, user, group, field }| {
        let (field, before, after) = match field {
            Some(change) => (Some(change.field), change.before, change.after),
            None => (None, None, None),
        };
        let (user, group) = (user.map(|user| user.id(first)), group.map(|(group, _)| group_id(group)));
        ChangeRow { kind, user, group, field, before, after }
    });
    store::add_changes(connection, walk, changes).await?;

    for (part, Remembered { before, now }) in [(Part::Users, users), (Part::Members, members)] {
        let Some(now) = now else { continue };
        let entries: Vec<Entry> = now
            .into_iter()
            .map(|(fingerprint, user, name)| Entry { fingerprint, user: user.id(first).0 as u32, name })
            .collect();
        store::save_listing(connection, start.site, part, before, &entries).await?;
    }
    Ok(())
}
