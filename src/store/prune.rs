//! `db prune`: removes what ended long ago. What is so now, and the walks with their figures, stay.
//!
//! Everything as of the cutoff and later is told as before, so what a later moment rests on is kept, however old: the
//! newest log-in of each user as it was known at the cutoff, since when a status or a name is what it is, and by month what
//! the report `activity` counts.

mod kept;
mod steps;

#[cfg(test)]
mod tests;

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use self::steps::{LOGINS, STEPS, Step};
use super::open::{Store, StoreError};
use super::space::{empty_log, free_bytes};
use crate::model::Timestamp;

/// Rows removed in one transaction: it lasts some tenths of a second.
const BATCH: i64 = 10_000;

/// After each transaction nobody writes for so long: whoever waits for the lock asks for it every tenth of a second.
const PAUSE: Duration = Duration::from_millis(110);

/// How many rows were removed, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Versions of users.
    pub versions: u64,
    /// Memberships.
    pub memberships: u64,
    /// Names of groups (Cloud).
    pub group_names: u64,
    /// Log-ins, failed ones, activities.
    pub logins: u64,
    /// Rows of the change feed.
    pub changes: u64,
    /// Answers of look-ups.
    pub evidence: u64,
    /// Removals of rejected holds.
    pub held: u64,
    /// What webhooks were told.
    pub notifications: u64,
    /// Firings of schedules that were left out.
    pub skipped_runs: u64,
    /// Bytes of the file that hold nothing now.
    pub free_bytes: u64,
}

impl Pruned {
    /// The columns of `pruned`, with how many rows of each.
    pub fn counts(&self) -> [(&'static str, u64); 9] {
        let Self {
            versions,
            memberships,
            group_names,
            logins,
            changes,
            evidence,
            held,
            notifications,
            skipped_runs,
            free_bytes: _,
        } = *self;
        [
            ("versions", versions),
            ("memberships", memberships),
            ("group_names", group_names),
            ("logins", logins),
            ("changes", changes),
            ("evidence", evidence),
            ("held", held),
            ("notifications", notifications),
            ("skipped_runs", skipped_runs),
        ]
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.counts().iter().map(|(_, rows)| rows).sum()
    }

    fn add(&mut self, column: &str, rows: u64) {
        let count = match column {
            "versions" => &mut self.versions,
            "memberships" => &mut self.memberships,
            "group_names" => &mut self.group_names,
            "logins" => &mut self.logins,
            "changes" => &mut self.changes,
            "evidence" => &mut self.evidence,
            "held" => &mut self.held,
            "notifications" => &mut self.notifications,
            _ => &mut self.skipped_runs,
        };
        *count += rows;
    }
}

/// What [`prune`] would remove.
///
/// # Errors
/// Those of SQLite.
pub async fn prunable(connection: &mut SqliteConnection, cutoff: Timestamp) -> Result<Pruned, sqlx::Error> {
    let mut found = Pruned { free_bytes: free_bytes(&mut *connection).await?, ..Pruned::default() };
    for step in &STEPS {
        let sql = format!("SELECT count(*) FROM ({})", step.select);
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(cutoff.to_sql())
            .bind(step.first)
            .bind(-1)
            .fetch_one(&mut *connection)
            .await?;
        found.add(step.column, rows as u64);
    }
    Ok(found)
}

/// Removes what had ended by `cutoff`, in many small transactions, between which walks may write. Where there is nothing to
/// remove nothing is written, and the mirror knows as much as before.
///
/// # Errors
/// Those of the database; what was removed until then stays so, and the next call goes on.
pub async fn prune(store: &Store, cutoff: Timestamp, now: Timestamp) -> Result<Pruned, StoreError> {
    let sql = |error| store.sql(error);
    let mut reader = store.reader().await?;
    let found = prunable(&mut reader, cutoff).await.map_err(sql)?;
    if found.rows() == 0 {
        reader.close().await.map_err(sql)?;
        return Ok(found);
    }
    let mut writer = store.writer().await?;
    let row = begin(&mut writer, cutoff, now).await.map_err(sql)?;
    writer.close().await.map_err(sql)?;
    let mut removed = Pruned::default();
    for step in &STEPS {
        let rows = run(store, &mut reader, step, row, cutoff).await?;
        removed.add(step.column, rows);
    }
    let mut writer = store.writer().await?;
    let done = sqlx::query("UPDATE pruned SET finished = 1 WHERE id = ?").bind(row).execute(&mut *writer).await;
    done.map_err(sql)?;
    writer.close().await.map_err(sql)?;
    removed.free_bytes = free_bytes(&mut reader).await.map_err(sql)?;
    reader.close().await.map_err(sql)?;
    // A reader who keeps the log from being emptied only puts that off.
    empty_log(store, Duration::ZERO).await?;
    Ok(removed)
}

/// From here on the mirror says that it does not know what was before: first that, then the removing.
async fn begin(connection: &mut SqliteConnection, cutoff: Timestamp, now: Timestamp) -> Result<i64, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    kept::keep_months(&mut transaction, cutoff).await?;
    let row = sqlx::query("INSERT INTO pruned (at, cutoff) VALUES (?, ?)")
        .bind(now.to_sql())
        .bind(cutoff.to_sql())
        .execute(&mut *transaction)
        .await?
        .last_insert_rowid();
    transaction.commit().await?;
    Ok(row)
}

/// Removes the rows of one step; finds them beside the writers, and removes them batch by batch.
async fn run(
    store: &Store,
    reader: &mut SqliteConnection,
    step: &Step,
    row: i64,
    cutoff: Timestamp,
) -> Result<u64, StoreError> {
    let sql = |error| store.sql(error);
    let (mut removed, mut cursor) = (0, step.first.to_owned());
    loop {
        let keys: Vec<String> = sqlx::query_scalar(step.select)
            .bind(cutoff.to_sql())
            .bind(&cursor)
            .bind(BATCH)
            .fetch_all(&mut *reader)
            .await
            .map_err(sql)?;
        let Some(last) = keys.last() else { return Ok(removed) };
        cursor.clone_from(last);
        let full = keys.len() as i64 == BATCH;
        let mut writer = store.writer().await?;
        // On an error the connection is dropped: SQLite may have rolled back by itself.
        removed += remove(&mut writer, step, row, cutoff, &keys).await.map_err(sql)?;
        writer.close().await.map_err(sql)?;
        if !full {
            return Ok(removed);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn remove(
    connection: &mut SqliteConnection,
    step: &Step,
    row: i64,
    cutoff: Timestamp,
    keys: &[String],
) -> Result<u64, sqlx::Error> {
    let json = format!("[{}]", keys.join(","));
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for statement in step.before {
        sqlx::query(*statement).bind(&json).bind(cutoff.to_sql()).execute(&mut *transaction).await?;
    }
    let rows = sqlx::query(step.delete).bind(&json).execute(&mut *transaction).await?.rows_affected();
    if step.column == LOGINS {
        kept::keep_presence(&mut transaction, &json).await?;
    }
    let statement = format!("UPDATE pruned SET {0} = {0} + ? WHERE id = ?", step.column);
    sqlx::query(AssertSqlSafe(statement)).bind(rows as i64).bind(row).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(rows)
}
