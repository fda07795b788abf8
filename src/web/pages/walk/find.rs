//! What is read of one walk.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::super::changes::{ChangeRow, HeldRow, SELECT};
use crate::model::WalkId;
use crate::store::{HoldRow, find_hold};
use crate::web::refusal::Refusal;

/// Held changes a page.
pub(super) const HELD: usize = 100;

/// So many of its changes are shown with it; the feed has them all.
const CHANGES: i64 = 100;

/// A row of `walks`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct WalkRow {
    pub site: String,
    pub status: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub at: Option<String>,
    pub not_before: Option<String>,
    pub users_declared: Option<i64>,
    pub users_seen: Option<i64>,
    pub groups_seen: Option<i64>,
    pub memberships_seen: Option<i64>,
    pub requests: i64,
    pub retries: i64,
    pub rate_limited: i64,
    pub changes: i64,
    pub error: Option<String>,
}

/// A row of `walk_coverage`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct PartRow {
    pub part: String,
    pub asked: Option<i64>,
    pub received: Option<i64>,
    pub declared: Option<i64>,
    pub repeated: Option<i64>,
    pub rewalked: Option<i64>,
    pub retried: Option<i64>,
    pub rate_limited: Option<i64>,
    pub problem: Option<String>,
}

/// All of it.
pub(super) struct Found {
    pub walk: WalkRow,
    pub parts: Vec<PartRow>,
    pub hold: Option<HoldRow>,
    /// Those after the one that was asked for, one more than a page has.
    pub held: Vec<HeldRow>,
    /// How many of its changes are of which kind.
    pub kinds: Vec<(String, i64)>,
    pub changes: Vec<ChangeRow>,
}

/// Reads it as of one moment.
pub(super) async fn find(reader: &mut SqliteConnection, id: i64, after: i64) -> Result<Option<Found>, Refusal> {
    let mut snapshot = reader.begin().await?;
    let Some(walk) = walk(&mut snapshot, id).await? else { return Ok(None) };
    let parts = parts(&mut snapshot, id).await?;
    let hold = find_hold(&mut snapshot, WalkId(id)).await?;
    let held = match &hold {
        Some(_) => held(&mut snapshot, id, after).await?,
        None => Vec::new(),
    };
    let kinds = kinds(&mut snapshot, id, walk.changes).await?;
    let changes = match kinds.is_empty() {
        true => Vec::new(),
        false => changes(&mut snapshot, id, walk.changes).await?,
    };
    snapshot.rollback().await?;
    Ok(Some(Found { walk, parts, hold, held, kinds, changes }))
}

async fn walk(connection: &mut SqliteConnection, id: i64) -> Result<Option<WalkRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.name AS site, w.status, w.started_at, w.finished_at, w.at, w.not_before, w.users_declared, \
             w.users_seen, w.groups_seen, w.memberships_seen, w.requests, w.retries, w.rate_limited, w.changes, w.error \
         FROM walks w JOIN sites s ON s.id = w.site_id WHERE w.id = ?",
    )
    .bind(id)
    .fetch_optional(connection)
    .await
}

async fn parts(connection: &mut SqliteConnection, id: i64) -> Result<Vec<PartRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT CAST(part AS TEXT) AS part, CAST(asked AS INTEGER) AS asked, CAST(received AS INTEGER) AS received, \
             CAST(declared AS INTEGER) AS declared, CAST(repeated AS INTEGER) AS repeated, \
             CAST(rewalked AS INTEGER) AS rewalked, CAST(retried AS INTEGER) AS retried, \
             CAST(rate_limited AS INTEGER) AS rate_limited, CAST(problem AS TEXT) AS problem \
         FROM walk_coverage WHERE walk_id = ?",
    )
    .bind(id)
    .fetch_all(connection)
    .await
}

async fn held(connection: &mut SqliteConnection, id: i64, after: i64) -> Result<Vec<HeldRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT h.seq, h.kind, h.user_id, a.name AS user_name, h.group_id, g.name AS group_name, h.field, h.before, \
             h.after \
         FROM held_changes h LEFT JOIN accounts a ON a.id = h.user_id AND a.forgotten_at IS NULL \
         LEFT JOIN groups g ON g.id = h.group_id \
         WHERE h.walk_id = ? AND h.seq > ? ORDER BY h.seq LIMIT ?",
    )
    .bind(id)
    .bind(after)
    .bind(HELD as i64 + 1)
    .fetch_all(connection)
    .await
}

/// The feed is read from its end, and no further than to the first of the walk's changes.
async fn kinds(connection: &mut SqliteConnection, id: i64, changes: i64) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT kind, count(*) FROM (SELECT kind FROM change_log WHERE walk_id = ?1 ORDER BY id DESC LIMIT ?2) \
         GROUP BY kind ORDER BY kind",
    )
    .bind(id)
    .bind(changes)
    .fetch_all(connection)
    .await
}

async fn changes(connection: &mut SqliteConnection, id: i64, changes: i64) -> Result<Vec<ChangeRow>, sqlx::Error> {
    let own =
        "SELECT id FROM (SELECT id FROM change_log WHERE walk_id = ?1 ORDER BY id DESC LIMIT ?2) ORDER BY id LIMIT ?3";
    sqlx::query_as(AssertSqlSafe(format!("{SELECT} AND c.id IN ({own}) ORDER BY c.id")))
        .bind(id)
        .bind(changes)
        .bind(CHANGES)
        .fetch_all(connection)
        .await
}
