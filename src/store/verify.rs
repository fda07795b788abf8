//! `db verify`: is the file whole, and does what it says agree with itself?
//!
//! It reads only, in one transaction: a walk may go on beside it.

mod checks;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};

use self::checks::CHECKS;
use super::groups::{current_members, members_fingerprint};
use super::listings::{self, ENTRIES, ENTRY};
use super::open::{StoreError, check_header, exists, in_memory, is_unusable, known, options};
use crate::model::GroupId;

/// So many of what is wrong are named, the others counted.
const NAMED: usize = 5;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The check.
    pub check: &'static str,
    /// How much breaks it; 0: it holds.
    pub wrong: u64,
    /// What the ids are ids of.
    pub of: &'static str,
    /// The first ids: numbers and names of tables, never of people.
    pub first: Vec<String>,
    /// What is wrong with them.
    pub means: &'static str,
}

impl Verdict {
    fn new(check: &'static str, of: &'static str, means: &'static str) -> Self {
        Self { check, wrong: 0, of, first: Vec::new(), means }
    }

    fn wrong(&mut self, id: impl FnOnce() -> String) {
        self.wrong += 1;
        if self.first.len() < NAMED {
            self.first.push(id());
        }
    }

    /// The invariant holds.
    pub fn is_ok(&self) -> bool {
        self.wrong == 0
    }
}

/// What all checks found, in their order.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The schema's version.
    pub schema: i32,
    /// One a check. A damaged file gets no further than the first.
    pub verdicts: Vec<Verdict>,
}

impl Verification {
    /// Every invariant holds.
    pub fn is_ok(&self) -> bool {
        self.verdicts.iter().all(Verdict::is_ok)
    }

    /// The file itself is damaged: what else it says counts for nothing.
    pub fn is_damaged(&self) -> bool {
        self.verdicts.first().is_some_and(|integrity| !integrity.is_ok())
    }
}

/// Verifies the database at `path`, whatever its schema's version, and makes no file beside it.
///
/// # Errors
/// A file that is none of ours, is newer, or is damaged so much that it cannot be read.
pub async fn verify_file(path: &Path) -> Result<Verification, StoreError> {
    look_into(path, async |connection| verify(connection).await).await
}

/// Lets `look` read the database at `path`, whatever its schema's version; makes no file beside it. What is seen may be
/// looked at twice.
pub(super) async fn look_into<T>(
    path: &Path,
    look: impl AsyncFn(&mut SqliteConnection) -> Result<T, sqlx::Error>,
) -> Result<T, StoreError> {
    if !exists(path)? {
        return Err(StoreError::Absent(path.to_owned()));
    }
    check_header(path)?;
    check_end(path)?;
    // While nobody has it open it needs no lock and no files beside it, and can be read where nothing can be written.
    if let Some(before) = at_rest(path)? {
        let found = look_as(path, true, &look).await;
        if at_rest(path)? == Some(before) {
            return found;
        }
    }
    look_as(path, false, &look).await
}

async fn look_as<T>(
    path: &Path,
    immutable: bool,
    look: impl AsyncFn(&mut SqliteConnection) -> Result<T, sqlx::Error>,
) -> Result<T, StoreError> {
    let sql = |error| StoreError::Sql { path: path.to_owned(), error };
    let mut connection = options(path).read_only(true).immutable(immutable).connect().await.map_err(sql)?;
    let schema = schema(&mut connection).await.map_err(sql)?;
    known(path, schema)?;
    let found = look(&mut connection).await.map_err(sql)?;
    connection.close().await.map_err(sql)?;
    Ok(found)
}

/// Refuses a file that was cut off within a page: SQLite takes what is missing for zeros. While a log is beside it, the
/// page may be in there.
pub(super) fn check_end(path: &Path) -> Result<(), StoreError> {
    // The smallest page there is; the sizes of all others are multiples of it.
    const PAGE: u64 = 512;
    let unreadable = |error| StoreError::Unreadable { path: path.to_owned(), error };
    let is_logged = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    if !is_logged && fs::metadata(path).map_err(unreadable)?.len() % PAGE != 0 {
        return Err(StoreError::Foreign { path: path.to_owned(), why: "it is cut off in the middle of a page" });
    }
    Ok(())
}

/// Length and time of a file that no connection has open, as far as can be seen: one that has keeps a log beside it.
fn at_rest(path: &Path) -> Result<Option<(u64, SystemTime)>, StoreError> {
    let seen = || -> io::Result<_> {
        for suffix in ["-wal", "-journal"] {
            if beside(path, suffix).try_exists()? {
                return Ok(None);
            }
        }
        let metadata = fs::metadata(path)?;
        Ok(Some((metadata.len(), metadata.modified()?)))
    };
    seen().map_err(|error| StoreError::Unreadable { path: path.to_owned(), error })
}

/// A file that SQLite keeps beside the database `path`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Verifies the database behind a connection, in one read transaction. Takes memory for one group's members and one
/// stretch of a listing, and what SQLite sorts in temporary files.
///
/// # Errors
/// Those of SQLite.
pub async fn verify(connection: &mut SqliteConnection) -> Result<Verification, sqlx::Error> {
    let mut snapshot = connection.begin().await?;
    let mut found =
        Verification { schema: schema(&mut snapshot).await?, verdicts: vec![integrity(&mut snapshot).await?] };
    if !found.is_damaged() {
        check_all(&mut snapshot, &mut found).await?;
    }
    snapshot.rollback().await?;
    Ok(found)
}

async fn check_all(connection: &mut SqliteConnection, found: &mut Verification) -> Result<(), sqlx::Error> {
    let schema = compare_schema(connection, found.schema).await?;
    let as_expected = schema.is_ok();
    found.verdicts.push(schema);
    found.verdicts.push(foreign_keys(connection).await?);
    for check in CHECKS.iter().filter(|check| (check.since..=check.until).contains(&found.schema)) {
        let mut verdict = Verdict::new(check.name, check.of, check.means);
        let asked = ask(connection, check.sql, &mut verdict).await;
        found.verdicts.push(asked_of(asked.map(|()| verdict), check.name, as_expected)?);
    }
    let listings = remembered_listings(connection).await;
    found.verdicts.push(asked_of(listings, "listings", as_expected)?);
    let fingerprints = fingerprints(connection).await;
    found.verdicts.push(asked_of(fingerprints, "group-fingerprints", as_expected)?);
    Ok(())
}

/// A schema that is not as expected may lack what a check asks for: that is then what is wrong.
fn asked_of(
    verdict: Result<Verdict, sqlx::Error>,
    check: &'static str,
    as_expected: bool,
) -> Result<Verdict, sqlx::Error> {
    match verdict {
        Err(sqlx::Error::Database(error)) if !as_expected && error.code().as_deref() == Some("1") => {
            let mut verdict = Verdict::new(check, "schema", "it cannot be asked");
            verdict.wrong(|| error.message().to_owned());
            Ok(verdict)
        }
        other => other,
    }
}

pub(super) async fn schema(connection: &mut SqliteConnection) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

async fn ask(connection: &mut SqliteConnection, sql: &'static str, verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query(sql).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        verdict.wrong(|| id(&row));
    }
    Ok(())
}

/// A number or a text, as text.
fn id(row: &SqliteRow) -> String {
    row.try_get::<i64, _>(0).map(|id| id.to_string()).or_else(|_| row.try_get(0)).unwrap_or_else(|_| "?".to_owned())
}

async fn integrity(connection: &mut SqliteConnection) -> Result<Verdict, sqlx::Error> {
    let mut verdict = Verdict::new("integrity", "SQLite", "the file is damaged");
    let answers: Result<Vec<String>, _> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(connection).await;
    match answers {
        Ok(answers) => {
            answers.into_iter().filter(|answer| answer != "ok").for_each(|answer| verdict.wrong(|| one_line(&answer)));
        }
        // Damaged so much that not even this can be asked.
        Err(error) if is_unusable(&error) => verdict.wrong(|| one_line(&error.to_string())),
        Err(error) => return Err(error),
    }
    Ok(verdict)
}

/// SQLite's report can have several lines.
pub(super) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// Every table, index and view is there, as the migrations make it; others may be there too.
async fn compare_schema(connection: &mut SqliteConnection, version: i32) -> Result<Verdict, sqlx::Error> {
    const OBJECTS: &str = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let mut verdict = Verdict::new("schema", "schema", "missing, or not as this release makes it");
    let found: HashMap<String, String> = sqlx::query_as(OBJECTS).fetch_all(connection).await?.into_iter().collect();
    let expected: Vec<(String, String)> = sqlx::query_as(OBJECTS).fetch_all(&mut in_memory(version).await?).await?;
    for (name, sql) in expected {
        if found.get(&name).map(|sql| statement(sql)) != Some(statement(&sql)) {
            verdict.wrong(|| name);
        }
    }
    Ok(verdict)
}

/// A statement without its comments and layout, which may be bettered in a later release.
fn statement(sql: &str) -> String {
    let code = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

async fn foreign_keys(connection: &mut SqliteConnection) -> Result<Verdict, sqlx::Error> {
    let mut verdict = Verdict::new("foreign-keys", "rows", "it refers to a row that is not there");
    let mut rows = sqlx::query("PRAGMA foreign_key_check").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let (table, rowid, parent): (String, Option<i64>, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        verdict.wrong(|| match rowid {
            Some(rowid) => format!("{table} {rowid} -> {parent}"),
            None => format!("{table} -> {parent}"),
        });
    }
    Ok(verdict)
}

/// The remembered listings are cut as they are written, and about users of their site.
async fn remembered_listings(connection: &mut SqliteConnection) -> Result<Verdict, sqlx::Error> {
    let mut verdict =
        Verdict::new("listings", "site part stretch", "it is not whole, or about a user who is not on that site");
    let stretches: Vec<(i64, i64, String, i64, i64)> =
        sqlx::query_as("SELECT rowid, site_id, part, seq, length(entries) FROM listings ORDER BY site_id, part, seq")
            .fetch_all(&mut *connection)
            .await?;
    let mut before = None;
    for (index, (row, site, part, seq, length)) in stretches.iter().enumerate() {
        let next = stretches.get(index + 1).filter(|next| (next.1, &next.2) == (*site, part));
        let follows = match before {
            Some((of, place)) if of == (*site, part) => *seq == place + 1,
            _ => *seq == 0,
        };
        before = Some(((*site, part), *seq));
        let full = (ENTRY * ENTRIES) as i64;
        let cut = if next.is_some() { *length == full } else { (1..=full).contains(length) };
        let name = || format!("{site} {part} {seq}");
        if !follows || !cut || length % ENTRY as i64 != 0 {
            verdict.wrong(name);
            continue;
        }
        let entries: Vec<u8> = sqlx::query_scalar("SELECT entries FROM listings WHERE rowid = ?")
            .bind(row)
            .fetch_one(&mut *connection)
            .await?;
        let strangers: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM json_each(?1) WHERE NOT EXISTS \
             (SELECT 1 FROM users u WHERE u.id = value AND u.site_id = ?2)",
        )
        .bind(super::json_ids(listings::decode(&entries).map(|entry| i64::from(entry.user))))
        .bind(site)
        .fetch_one(&mut *connection)
        .await?;
        if strangers > 0 {
            verdict.wrong(name);
        }
    }
    Ok(verdict)
}

/// The fingerprint of each group is that of its members: a walk passes over a group whose fingerprint did not move.
async fn fingerprints(connection: &mut SqliteConnection) -> Result<Verdict, sqlx::Error> {
    let mut verdict = Verdict::new("group-fingerprints", "groups", "the fingerprint is not that of its members");
    let known: Vec<(i64, i64)> = sqlx::query_as("SELECT group_id, members FROM group_fingerprints ORDER BY group_id")
        .fetch_all(&mut *connection)
        .await?;
    for (group, fingerprint) in known {
        // One at a time: a large site's groups together would be millions of ids.
        let mut members = current_members(connection, &[GroupId(group)]).await?;
        let members = members.remove(&GroupId(group)).unwrap_or_default();
        if members_fingerprint(members.into_iter()) != fingerprint as u64 {
            verdict.wrong(|| group.to_string());
        }
    }
    Ok(verdict)
}
