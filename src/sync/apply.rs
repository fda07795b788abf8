//! Writes a diff in one transaction: readers see the walk before it, or the walk.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::diff::{Diff, DiffChange, Edit, GroupRef};
use super::hold::Hold;
use super::people::members_fingerprint;
use super::remember::{Listing, Listings};
use crate::model::{GroupId, Timestamp, UserId, WalkId};
use crate::store::{self, ChangeRow, Decider, Decision, Entry, Fingerprint, HeldStanding, WalkEnd, WalkStart};

/// All a walk writes.
pub struct Writing<'a> {
    /// The changes.
    pub diff: &'a Diff,
    /// The moment they are dated by.
    pub at: Timestamp,
    /// What look-ups answered, where that is news.
    pub evidence: &'a [(UserId, String)],
    /// What is set aside.
    pub hold: Option<&'a Hold>,
    /// The listings, each as it is to be remembered.
    pub listings: Listings,
    /// The user-list endpoint the site answers, where that is news.
    pub user_list: Option<&'static str>,
    /// Which Confluence of its organization the site is, where that is news.
    pub cloud_id: Option<&'a str>,
    /// What was told of activity was that of another site.
    pub forgets_activity: bool,
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
    let (at, hold) = (writing.at, writing.hold);
    write(&mut transaction, start, writing).await?;
    store::restore_indexes(&mut transaction, &dropped).await?;
    // This walk judged afresh: what an earlier one held is either held again or was applied.
    if let Some(earlier) = store::current_hold(&mut transaction, start.site).await? {
        let nobody = Decider { actor: None, reason: None };
        store::decide_hold(&mut transaction, earlier, Decision::Superseded, "superseded", at, nobody).await?;
    }
    if let Some(hold) = hold {
        keep(&mut transaction, start, hold, end.error.as_deref()).await?;
    }
    store::end_walk(&mut transaction, start, &end).await?;
    transaction.commit().await
}

/// Sets the removals of a walk aside.
async fn keep(
    connection: &mut SqliteConnection,
    start: &WalkStart,
    hold: &Hold,
    walk_error: Option<&str>,
) -> Result<(), sqlx::Error> {
    let Hold { reasons, removals } = hold;
    let reasons = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let changes: Vec<ChangeRow> = removals.changes().map(|change| change_row(change, UserId(0), &[])).collect();
    let standings: Vec<HeldStanding> = removals
        .edits
        .iter()
        .filter(|edit| edit.before.standing != edit.after.standing)
        .map(|Edit { id, after, .. }| HeldStanding {
            user: *id,
            standing: after.standing,
            unlisted_seen_at: after.presence.unlisted_seen_at,
        })
        .collect();
    store::add_hold(connection, (start.walk, start.site), &reasons, walk_error, &changes, &standings).await
}

/// Applies what was set aside, dated by its approval at `at`.
pub async fn apply_removals(
    connection: &mut SqliteConnection,
    walk: WalkId,
    at: Timestamp,
    removals: &Diff,
) -> Result<u64, sqlx::Error> {
    for edit in &removals.edits {
        store::update_account(connection, walk, at, edit.id, &edit.after, edit.is_versioned()).await?;
    }
    end_memberships(connection, at, removals, &[]).await?;
    let groups: Vec<GroupId> = removals.members.iter().map(|group| group_id(group.group, &[])).collect();
    store::forget_fingerprints(connection, &groups).await?;
    let changes: Vec<ChangeRow> = removals.changes().map(|change| change_row(change, UserId(0), &[])).collect();
    let rows = changes.len() as u64;
    store::add_changes(connection, walk, Some(at), changes.into_iter()).await?;
    Ok(rows)
}

async fn end_memberships(
    connection: &mut SqliteConnection,
    at: Timestamp,
    diff: &Diff,
    new_groups: &[GroupId],
) -> Result<(), sqlx::Error> {
    for group in diff.members.iter().filter(|group| !group.removed.is_empty()) {
        store::end_members(connection, at, group_id(group.group, new_groups), &group.removed).await?;
    }
    for (group, members) in &diff.groups_removed {
        store::end_members(connection, at, group.id, members).await?;
        store::remove_group(connection, group.id, at).await?;
    }
    Ok(())
}

fn group_id(group: GroupRef, new_groups: &[GroupId]) -> GroupId {
    match group {
        GroupRef::Known(id) => id,
        GroupRef::New(index) => new_groups[index],
    }
}

/// A change as it is stored, when the first new user gets `first` and the new groups these ids.
fn change_row(change: DiffChange<'_>, first: UserId, new_groups: &[GroupId]) -> ChangeRow {
    let DiffChange { kind, user, group, field } = change;
    let (field, before, after) = match field {
        Some(change) => (Some(change.field), change.before, change.after),
        None => (None, None, None),
    };
    let group = group.map(|(group, _)| group_id(group, new_groups));
    ChangeRow { kind, user: user.map(|user| user.id(first)), group, field, before, after }
}

async fn write(connection: &mut SqliteConnection, start: &WalkStart, writing: Writing<'_>) -> Result<(), sqlx::Error> {
    let Writing { diff, at, evidence, hold: _, listings, user_list, cloud_id, forgets_activity } = writing;
    let walk = start.walk;
    if let Some(list) = user_list {
        store::set_user_list(connection, start.site, list).await?;
    }
    if let Some(id) = cloud_id {
        store::set_cloud_id(connection, start.site, id).await?;
    }
    if forgets_activity {
        store::forget_activity(connection, start.site).await?;
    }
    let first = store::next_user(connection).await?;
    let new_groups = store::create_groups(connection, start.site, &diff.groups_created, at).await?;
    store::rename_groups(connection, walk, at, &diff.groups_renamed).await?;
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
    store::add_logins(connection, walk, "active", &diff.activity).await?;
    store::add_evidence(connection, walk, evidence).await?;

    let added = diff
        .members
        .iter()
        .filter(|group| !group.added.is_empty())
        .map(|group| (group_id(group.group, &new_groups), group.added.iter().map(|user| user.id(first)).collect()));
    store::add_members(connection, walk, at, added).await?;
    end_memberships(connection, at, diff, &new_groups).await?;
    let read = diff.members.iter().map(|group| {
        let members = members_fingerprint(group.members.iter().map(|user| user.id(first)));
        (group_id(group.group, &new_groups), Fingerprint { members, listing: group.listing })
    });
    store::set_fingerprints(connection, read.chain(diff.relisted.iter().copied())).await?;

    let changes = diff.changes().map(|change| change_row(change, first, &new_groups));
    store::add_changes(connection, walk, None, changes).await?;

    for (part, Listing { before, now }) in listings.parts() {
        let Some(now) = now else { continue };
        let entries: Vec<Entry> = now
            .into_iter()
            .map(|(fingerprint, user, name)| Entry { fingerprint, user: user.id(first).0 as u32, name })
            .collect();
        store::save_listing(connection, start.site, part, &before, &entries).await?;
    }
    Ok(())
}
