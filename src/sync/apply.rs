//! Writes a diff in one transaction: readers see the walk before it, or the walk.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::diff::{Diff, GroupDiff, GroupRef};
use super::people::{UserRef, members_fingerprint};
use crate::model::{ChangeKind, GroupId, Timestamp, UserId};
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

/// Applies the walk and ends its row. On an error drop the connection: SQLite may have rolled back by itself.
pub async fn apply(
    connection: &mut SqliteConnection,
    start: &WalkStart,
    writing: Writing<'_>,
    end: WalkEnd,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    write(&mut transaction, start, writing).await?;
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
    let dropped = match first {
        UserId(1) if diff.created.len() >= BULK => store::drop_indexes(connection).await?,
        _ => Vec::new(),
    };

    let mut new_groups = Vec::with_capacity(diff.groups_created.len());
    for name in &diff.groups_created {
        new_groups.push(store::create_group(connection, start.site, name, at).await?);
    }
    store::add_changes(connection, walk, &group_changes(ChangeKind::GroupCreated, new_groups.iter().copied())).await?;

    store::insert_accounts(connection, start.site, walk, at, first.0, &diff.created).await?;
    let created: Vec<UserId> = (0..diff.created.len() as i64).map(|index| UserId(first.0 + index)).collect();
    store::add_user_changes(connection, walk, ChangeKind::UserCreated, None, &created).await?;
    if !created.is_empty() {
        store::add_first_logins(connection, walk, first).await?;
    }

    let mut times = Vec::new();
    let mut changes = Vec::new();
    for edit in &diff.edits {
        if edit.is_times_only() {
            times.push((edit.id, edit.after.times));
            continue;
        }
        store::update_account(connection, walk, at, edit.id, &edit.after, edit.is_versioned()).await?;
        changes.extend(edit.changes().into_iter().map(|change| ChangeRow {
            kind: change.kind,
            user: Some(edit.id),
            group: None,
            field: Some(change.field),
            before: change.before,
            after: change.after,
        }));
    }
    store::update_times(connection, &times).await?;
    store::add_changes(connection, walk, &changes).await?;
    store::add_logins(connection, walk, "success", &diff.logins).await?;
    store::add_logins(connection, walk, "failure", &diff.failed_logins).await?;
    for (user, answer) in evidence {
        store::add_evidence(connection, walk, *user, answer).await?;
    }

    for GroupDiff { group, name: _, added, removed, members, listing } in &diff.members {
        let group = match group {
            GroupRef::Known(id) => *id,
            GroupRef::New(index) => new_groups[*index],
        };
        if !added.is_empty() {
            let added: Vec<UserId> = added.iter().map(|user| user.id(first)).collect();
            store::add_members(connection, walk, at, group, &added).await?;
            store::add_user_changes(connection, walk, ChangeKind::MemberAdded, Some(group), &added).await?;
        }
        if !removed.is_empty() {
            store::end_members(connection, at, group, removed).await?;
            store::add_user_changes(connection, walk, ChangeKind::MemberRemoved, Some(group), removed).await?;
        }
        let members = members_fingerprint(members.iter().map(|user| user.id(first)));
        store::set_fingerprint(connection, group, Fingerprint { members, listing: *listing }).await?;
    }
    for (group, fingerprint) in &diff.relisted {
        store::set_fingerprint(connection, *group, *fingerprint).await?;
    }
    // In the order of `Diff::changes`.
    for (group, members) in &diff.groups_removed {
        store::end_members(connection, at, group.id, members).await?;
        store::add_user_changes(connection, walk, ChangeKind::MemberRemoved, Some(group.id), members).await?;
        store::remove_group(connection, group.id, at).await?;
    }
    let removed = diff.groups_removed.iter().map(|(group, _)| group.id);
    store::add_changes(connection, walk, &group_changes(ChangeKind::GroupRemoved, removed)).await?;

    for (part, Remembered { before, now }) in [(Part::Users, users), (Part::Members, members)] {
        let Some(now) = now else { continue };
        let entries: Vec<Entry> = now
            .into_iter()
            .map(|(fingerprint, user, name)| Entry { fingerprint, user: user.id(first).0 as u32, name })
            .collect();
        store::save_listing(connection, start.site, part, before, &entries).await?;
    }
    store::restore_indexes(connection, &dropped).await
}

fn group_changes(kind: ChangeKind, groups: impl Iterator<Item = GroupId>) -> Vec<ChangeRow> {
    groups
        .map(|group| ChangeRow { kind, user: None, group: Some(group), field: None, before: None, after: None })
        .collect()
}
