//! `groups` and `memberships`.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::bulk::{Bound, Prepared};
use super::json_ids;
use crate::model::{GroupId, SiteId, Timestamp, UserId, WalkId};

/// A group that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// `groups.id`
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Cloud: its id there.
    pub external_id: Option<String>,
    /// How its members were when last read.
    pub fingerprint: Option<Fingerprint>,
}

/// The members of a group, condensed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of the users, sorted.
    pub members: u64,
    /// Of the bytes of the listing of their names; `None` when these alone do not tell the users.
    pub listing: Option<u64>,
}

/// The fingerprint of a set of members, sorted by id.
pub fn members_fingerprint(members: impl Iterator<Item = UserId>) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for member in members {
        hasher.update(&(member.0 as u32).to_le_bytes());
    }
    hasher.digest()
}

/// The groups of `site` that are there now.
pub async fn current_groups(connection: &mut SqliteConnection, site: SiteId) -> Result<Vec<GroupRow>, sqlx::Error> {
    // One row of JSON: reading thousands of narrow rows one by one costs more than the rest of an unchanged walk.
    let json: String = sqlx::query_scalar(
        "SELECT json_group_array(json_array(g.id, g.name, g.external_id, f.members, f.listing)) FROM groups g \
         LEFT JOIN group_fingerprints f ON f.group_id = g.id WHERE g.site_id = ? AND g.removed_at IS NULL",
    )
    .bind(site.0)
    .fetch_one(connection)
    .await?;
    type Row = (i64, String, Option<String>, Option<i64>, Option<i64>);
    let rows: Vec<Row> = serde_json::from_str(&json).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(rows
        .into_iter()
        .map(|(id, name, external_id, members, listing)| GroupRow {
            id: GroupId(id),
            name,
            external_id,
            fingerprint: members
                .map(|members| Fingerprint { members: members as u64, listing: listing.map(|listing| listing as u64) }),
        })
        .collect())
}

/// The members now of these groups, sorted; a group without any is left out.
pub async fn current_members(
    connection: &mut SqliteConnection,
    groups: &[GroupId],
) -> Result<HashMap<GroupId, Vec<UserId>>, sqlx::Error> {
    let mut members = HashMap::with_capacity(groups.len());
    for chunk in groups.chunks(100) {
        let rows = sqlx::query(
            "SELECT group_id, json_group_array(user_id) FROM memberships \
             WHERE group_id IN (SELECT value FROM json_each(?)) AND valid_to IS NULL GROUP BY group_id",
        )
        .bind(json_ids(chunk.iter().map(|group| group.0)))
        .fetch_all(&mut *connection)
        .await?;
        for row in rows {
            let ids: Vec<i64> =
                serde_json::from_str(row.try_get(1)?).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            let mut ids: Vec<UserId> = ids.into_iter().map(UserId).collect();
            ids.sort_unstable();
            members.insert(GroupId(row.try_get(0)?), ids);
        }
    }
    Ok(members)
}

/// A group that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// Cloud: its id there.
    pub external_id: Option<String>,
}

/// A group whose name changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRename {
    /// Which.
    pub id: GroupId,
    /// Its name until now.
    pub before: String,
    /// Its name from now on.
    pub after: String,
}

/// Adds groups, and gives their ids.
pub async fn create_groups(
    connection: &mut SqliteConnection,
    site: SiteId,
    groups: &[NewGroup],
    at: Timestamp,
) -> Result<Vec<GroupId>, sqlx::Error> {
    let first: i64 =
        sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM groups").fetch_one(&mut *connection).await?;
    let now = at.to_sql();
    let sql = "INSERT INTO groups (id, site_id, name, external_id, first_seen_at) VALUES (?, ?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    let mut ids = Vec::with_capacity(groups.len());
    for (id, NewGroup { name, external_id }) in (first..).zip(groups) {
        let external_id = Bound::text(external_id.as_deref());
        rows.run(&[Bound::Integer(id), Bound::Integer(site.0), Bound::Text(name), external_id, Bound::Text(&now)])
            .await?;
        ids.push(GroupId(id));
    }
    Ok(ids)
}

/// Gives groups other names; those they had end at `at`.
pub async fn rename_groups(
    connection: &mut SqliteConnection,
    walk: WalkId,
    at: Timestamp,
    renames: &[GroupRename],
) -> Result<(), sqlx::Error> {
    for GroupRename { id, before: _, after } in renames {
        sqlx::query(
            "INSERT INTO group_versions (group_id, valid_from, valid_to, walk_id, name) \
             SELECT group_id, valid_from, ?, ?, name FROM group_history WHERE group_id = ? AND valid_to IS NULL",
        )
        .bind(at.to_sql())
        .bind(walk.0)
        .bind(id.0)
        .execute(&mut *connection)
        .await?;
        let renamed = sqlx::query("UPDATE groups SET name = ? WHERE id = ?")
            .bind(after)
            .bind(id.0)
            .execute(&mut *connection)
            .await?;
        if renamed.rows_affected() != 1 {
            return Err(sqlx::Error::RowNotFound);
        }
    }
    Ok(())
}

/// Ends a group; its memberships are ended by [`end_members`].
pub async fn remove_group(connection: &mut SqliteConnection, group: GroupId, at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE groups SET removed_at = ? WHERE id = ?")
        .bind(at.to_sql())
        .bind(group.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM group_fingerprints WHERE group_id = ?").bind(group.0).execute(connection).await.map(drop)
}

/// Begins memberships, group by group.
pub async fn add_members(
    connection: &mut SqliteConnection,
    walk: WalkId,
    at: Timestamp,
    groups: impl Iterator<Item = (GroupId, Vec<UserId>)>,
) -> Result<(), sqlx::Error> {
    let now = at.to_sql();
    let sql = "INSERT INTO memberships (group_id, user_id, valid_from, walk_id) \
               SELECT ?, value, ?, ? FROM json_each(?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for (group, users) in groups {
        let users = json_ids(users.iter().map(|user| user.0));
        rows.run(&[Bound::Integer(group.0), Bound::Text(&now), Bound::Integer(walk.0), Bound::Text(&users)]).await?;
    }
    Ok(())
}

/// Ends memberships.
pub async fn end_members(
    connection: &mut SqliteConnection,
    at: Timestamp,
    group: GroupId,
    users: &[UserId],
) -> Result<(), sqlx::Error> {
    let ended = sqlx::query(
        "UPDATE memberships SET valid_to = ?1 WHERE group_id = ?2 AND valid_to IS NULL \
         AND user_id IN (SELECT value FROM json_each(?3))",
    )
    .bind(at.to_sql())
    .bind(group.0)
    .bind(json_ids(users.iter().map(|user| user.0)))
    .execute(connection)
    .await?;
    affected(ended.rows_affected(), users.len())
}

/// Remembers how groups' members were read.
pub async fn set_fingerprints(
    connection: &mut SqliteConnection,
    fingerprints: impl Iterator<Item = (GroupId, Fingerprint)>,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT OR REPLACE INTO group_fingerprints (group_id, members, listing) VALUES (?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for (group, Fingerprint { members, listing }) in fingerprints {
        rows.run(&[
            Bound::Integer(group.0),
            Bound::Integer(members as i64),
            Bound::integer(listing.map(|listing| listing as i64)),
        ])
        .await?;
    }
    Ok(())
}

/// Forgets how groups' members were read: the next walk reads them as for the first time.
pub async fn forget_fingerprints(connection: &mut SqliteConnection, groups: &[GroupId]) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM group_fingerprints WHERE group_id IN (SELECT value FROM json_each(?))")
        .bind(json_ids(groups.iter().map(|group| group.0)))
        .execute(connection)
        .await
        .map(drop)
}

fn affected(rows: u64, expected: usize) -> Result<(), sqlx::Error> {
    if rows == expected as u64 {
        return Ok(());
    }
    Err(sqlx::Error::Protocol(format!(
        "{rows} memberships written where {expected} were to be; the transaction is undone"
    )))
}
