//! `db forget`: erases users from the database, and proves it by the bytes of its files.
//!
//! A nameless row stays of each, with the intervals of its status and its memberships, so that the counts of the past are
//! what they were. Rows alone would not do: what SQLite frees it overwrites (`secure_delete`), but copies may lie in the
//! write-ahead log, or in the gaps of pages that were split long ago. So the log is emptied, the files are searched for every
//! value that was ever known of the users, and when one is found the file is written anew.

mod erase;
mod find;
mod scan;
mod texts;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Sum;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

pub use self::find::{Candidate, find_forgettable, find_forgotten, of_same_address};
use self::scan::{Needles, SHORTEST};
use super::lock::{Lock, lock_walk};
use super::open::{Store, StoreError};
use super::space::{empty_log, vacuum};
use super::verify::beside;
use super::walks::find_site;
use crate::model::{Timestamp, UserId};

/// So long somebody who reads an older state is waited for, before the erasing and after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nobody was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The database cannot be used, or a walk of the site is under way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody reads an older state of the database.
    #[error(
        "another program has been reading {} for long, and what is erased would stay in {}: nothing was erased; end its \
         read transaction, or the program, and try again",
        database.display(), beside(database, "-wal").display()
    )]
    Read {
        /// The database.
        database: PathBuf,
    },
    /// A file could not be searched.
    #[error("erased, but {} could not be searched: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// Why users are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody said so.
    Command,
    /// Cloud: the account was found closed long enough ago.
    Closed,
}

impl Why {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Closed => "closed",
        }
    }
}

/// How much was erased, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Users.
    pub users: u64,
    /// Versions that are nameless now.
    pub versions: u64,
    /// Memberships that were open.
    pub memberships: u64,
    /// Log-ins, failed ones, activities.
    pub logins: u64,
    /// Rows of the change feed that lost their values.
    pub changes: u64,
    /// Answers of look-ups.
    pub evidence: u64,
    /// Rows of holds.
    pub held: u64,
}

impl Sum for Erased {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            users: sum.users + one.users,
            versions: sum.versions + one.versions,
            memberships: sum.memberships + one.memberships,
            logins: sum.logins + one.logins,
            changes: sum.changes + one.changes,
            evidence: sum.evidence + one.evidence,
            held: sum.held + one.held,
        })
    }
}

/// Where an erased value was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// The file.
    pub file: PathBuf,
    /// The table or index, where one can be told.
    pub table: Option<String>,
}

/// What came of searching the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Values that were searched.
    pub searched: u64,
    /// Values too short to be searched: they are found everywhere by chance.
    pub short: u64,
    /// Values that rows hold which stay, by the table of one.
    pub held: BTreeMap<String, u64>,
    /// How many values were found all the same, and where.
    pub found: BTreeMap<Left, u64>,
    /// The file was written anew.
    pub rebuilt: bool,
    /// Somebody reads an older state, which keeps the write-ahead log.
    pub is_log_kept: bool,
}

impl Proof {
    /// Nothing was found, and nothing is kept from being overwritten.
    pub fn holds(&self) -> bool {
        self.found.is_empty() && !self.is_log_kept
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How much was erased.
    pub erased: Erased,
    /// What came of searching the files.
    pub proof: Proof,
    /// Closed accounts that are left until next time, for their site is being walked.
    pub waiting: u64,
}

/// What [`forget`] would erase.
///
/// # Errors
/// Those of SQLite.
pub async fn forgettable(connection: &mut SqliteConnection, users: &[UserId]) -> Result<Erased, sqlx::Error> {
    erase::count_all(connection, &super::json_ids(users.iter().map(|user| user.0))).await
}

/// Erases users, and proves it.
///
/// # Errors
/// [`StoreError::Walking`] while one of their sites is walked. Once erased, what is wrong is in [`Forgotten::proof`].
pub async fn forget(store: &Store, users: &[UserId], why: Why, now: Timestamp) -> Result<Forgotten, ForgetError> {
    let sql = |error| store.sql(error);
    let mut reader = store.reader().await?;
    let sites: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT s.name FROM accounts a JOIN sites s ON s.id = a.site_id \
         WHERE a.id IN (SELECT value FROM json_each(?)) ORDER BY s.name",
    )
    .bind(super::json_ids(users.iter().map(|user| user.0)))
    .fetch_all(&mut reader)
    .await
    .map_err(sql)?;
    reader.close().await.map_err(sql)?;
    let locked = sites.into_iter().map(|site| Ok((lock_walk(store.path(), &site)?, site)));
    let locked = locked.collect::<Result<Vec<_>, StoreError>>()?;
    forget_of(store, &locked, users, why, now).await
}

/// Forgets the accounts of Cloud sites that were found closed longer ago than `grace`; those of a site that is being walked
/// wait until next time.
///
/// # Errors
/// As [`forget`].
pub async fn forget_closed(store: &Store, grace: Duration, now: Timestamp) -> Result<Forgotten, ForgetError> {
    let sql = |error| store.sql(error);
    let since = now.plus_millis(i64::try_from(grace.as_millis()).unwrap_or(i64::MAX).saturating_neg());
    let mut reader = store.reader().await?;
    let closed: Vec<(i64, String)> = sqlx::query_as(
        "SELECT a.id, s.name FROM accounts a JOIN sites s ON s.id = a.site_id WHERE s.kind = 'cloud' \
         AND a.account_status = 'closed' AND a.status = 'deleted' AND a.deleted_at <= ? AND a.forgotten_at IS NULL \
         ORDER BY a.id",
    )
    .bind(since.to_sql())
    .fetch_all(&mut reader)
    .await
    .map_err(sql)?;
    reader.close().await.map_err(sql)?;
    let sites: BTreeSet<&str> = closed.iter().map(|(_, site)| site.as_str()).collect();
    let mut locked = Vec::new();
    for site in sites {
        match lock_walk(store.path(), site) {
            Ok(lock) => locked.push((lock, site.to_owned())),
            Err(StoreError::Walking { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let is_locked = |name: &str| locked.iter().any(|(_, site)| site == name);
    let users: Vec<UserId> = closed.iter().filter(|(_, site)| is_locked(site)).map(|(id, _)| UserId(*id)).collect();
    let waiting = (closed.len() - users.len()) as u64;
    if users.is_empty() {
        return Ok(Forgotten { waiting, ..Forgotten::default() });
    }
    Ok(Forgotten { waiting, ..forget_of(store, &locked, &users, Why::Closed, now).await? })
}

/// Forgets users of sites that no walk is underway of: one would know them still.
async fn forget_of(
    store: &Store,
    locked: &[(Lock, String)],
    users: &[UserId],
    why: Why,
    now: Timestamp,
) -> Result<Forgotten, ForgetError> {
    let sql = |error| store.sql(error);
    if !empty_log(store, PATIENCE).await? {
        return Err(ForgetError::Read { database: store.path().to_owned() });
    }
    let mut writer = store.writer().await?;
    // On an error the connection is dropped: SQLite may have rolled back by itself.
    let (erased, values) = erase(&mut writer, locked, users, why, now).await.map_err(sql)?;
    writer.close().await.map_err(sql)?;
    let proof = prove(store, &values).await?;
    if proof.holds() {
        let mut writer = store.writer().await?;
        let proven = sqlx::query("UPDATE forgotten SET proven = 1 WHERE user_id IN (SELECT value FROM json_each(?))");
        let proven = proven.bind(super::json_ids(users.iter().map(|user| user.0))).execute(&mut *writer).await;
        proven.map_err(sql)?;
        writer.close().await.map_err(sql)?;
    }
    Ok(Forgotten { erased, proof, waiting: 0 })
}

/// Empties the log and writes the file anew, for users whose forgetting was not proven: their values are not known any
/// more. Gives whether nothing kept it from that.
///
/// # Errors
/// Those of the database, a full disk among them.
pub async fn clean_up(store: &Store) -> Result<bool, StoreError> {
    if !empty_log(store, PATIENCE).await? {
        return Ok(false);
    }
    vacuum(store).await?;
    empty_log(store, PATIENCE).await
}

async fn erase(
    connection: &mut SqliteConnection,
    locked: &[(Lock, String)],
    users: &[UserId],
    why: Why,
    now: Timestamp,
) -> Result<(Erased, Vec<String>), sqlx::Error> {
    let ids = super::json_ids(users.iter().map(|user| user.0));
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // A clock that was set back must not turn intervals around.
    let mut at = now;
    for (_, site) in locked {
        let latest = find_site(&mut transaction, site).await?.and_then(|(_, before)| before.latest);
        at = latest.map_or(at, |latest| at.max(latest.plus_millis(1)));
    }
    let values = values::collect(&mut transaction, &ids).await?;
    let erased = erase::erase(&mut transaction, users, &values, why, at).await?;
    transaction.commit().await?;
    Ok((erased, values))
}

/// Searches the files for values that no row holds any more; writes the database anew when one is found.
async fn prove(store: &Store, values: &[String]) -> Result<Proof, ForgetError> {
    let sql = |error| store.sql(error);
    let long: Vec<&str> = values.iter().map(String::as_str).filter(|value| value.len() >= SHORTEST).collect();
    let mut proof = Proof { short: (values.len() - long.len()) as u64, ..Proof::default() };
    proof.is_log_kept = !empty_log(store, PATIENCE).await?;
    let mut reader = store.reader().await?;
    let held = values::held(&mut reader, &Needles::new(long.iter().copied())).await.map_err(sql)?;
    reader.close().await.map_err(sql)?;
    for table in held.values() {
        *proof.held.entry(table.clone()).or_default() += 1;
    }
    let alone = long.into_iter().enumerate().filter(|(number, _)| !held.contains_key(number)).map(|(_, value)| value);
    let needles = Needles::new(alone);
    proof.searched = needles.len() as u64;
    let files = ["", "-wal", "-journal"].map(|suffix| beside(store.path(), suffix));
    let mut places = search(&files, &needles)?;
    if !places.is_empty() && !proof.is_log_kept {
        vacuum(store).await?;
        proof.rebuilt = true;
        proof.is_log_kept = !empty_log(store, PATIENCE).await?;
        places = search(&files, &needles)?;
    }
    proof.found = name(store, places).await?;
    proof.files = files.into_iter().filter(|file| file.exists()).collect();
    Ok(proof)
}

/// Where each needle is found first, by file.
fn search(files: &[PathBuf], needles: &Needles) -> Result<BTreeMap<PathBuf, BTreeMap<usize, u64>>, ForgetError> {
    let mut all = BTreeMap::new();
    for path in files {
        let mut places = BTreeMap::new();
        let searched = needles.search_file(path, |number, at| {
            places.entry(number).or_insert(at);
        });
        searched.map_err(|error| ForgetError::Unreadable { path: path.clone(), error })?;
        if !places.is_empty() {
            all.insert(path.clone(), places);
        }
    }
    Ok(all)
}

/// Counts what was found by file and table.
async fn name(
    store: &Store,
    places: BTreeMap<PathBuf, BTreeMap<usize, u64>>,
) -> Result<BTreeMap<Left, u64>, StoreError> {
    let mut found = BTreeMap::new();
    for (file, places) in places {
        let mut tables = BTreeMap::new();
        if file == store.path() {
            let mut reader = store.reader().await?;
            tables = tables_at(&mut reader, places.values().copied()).await.map_err(|error| store.sql(error))?;
            reader.close().await.map_err(|error| store.sql(error))?;
        }
        for at in places.values() {
            *found.entry(Left { file: file.clone(), table: tables.get(at).cloned() }).or_default() += 1;
        }
    }
    Ok(found)
}

/// The table or index whose page is at each place of the file.
async fn tables_at(
    connection: &mut SqliteConnection,
    places: impl Iterator<Item = u64>,
) -> Result<BTreeMap<u64, String>, sqlx::Error> {
    let size: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut *connection).await?;
    let pages: Vec<(u64, i64)> = places.map(|at| (at, at as i64 / size + 1)).collect();
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT pageno, name FROM dbstat WHERE pageno IN (SELECT value FROM json_each(?))")
            .bind(super::json_ids(pages.iter().map(|(_, page)| *page)))
            .fetch_all(connection)
            .await?;
    let names: BTreeMap<i64, String> = rows.into_iter().collect();
    Ok(pages.into_iter().filter_map(|(at, page)| Some((at, names.get(&page)?.clone()))).collect())
}
