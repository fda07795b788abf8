//! `db backup`: one consistent copy of the database while others walk into it.
//!
//! SQLite's backup interface copies page by page, within one read transaction of ours: in WAL mode that holds no writer
//! up, and no writer makes the copy start again. `VACUUM INTO` would do so too, but builds every table and index anew:
//! many times the work, a read transaction as much longer, and damage in the file would go unseen.

#[cfg(test)]
mod tests;

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use libsqlite3_sys as ffi;
use sqlx::sqlite::{LockedSqliteHandle, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::open::{StoreError, check_header, exists, known, options};
use super::verify::{Verification, beside, check_end, verify_file};

/// Pages copied at a time, 4 MiB: in between a signal is heard.
const PAGES: i32 = 1_000;

/// Files that SQLite keeps beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A copy that was made, verified, and put in its place.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
    /// The last walk in it.
    pub newest_walk: Option<NewestWalk>,
}

/// The last walk that a copy has.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct NewestWalk {
    /// `walks.id`
    pub id: i64,
    /// The site's id in the configuration.
    pub site: String,
    /// `walks.status`
    pub status: String,
    /// `walks.started_at`
    pub started_at: String,
    /// `walks.finished_at`
    pub finished_at: Option<String>,
}

/// Why there is no copy. Nothing of it is left behind then, and what was at its place is there still.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name.
    #[error("{} exists already and was left as it is: name another, or replace it with --force", .0.display())]
    Exists(PathBuf),
    /// The name cannot be that of a copy.
    #[error("{} cannot be a backup: {why}", path.display())]
    Name {
        /// The name.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// Another process makes the same copy.
    #[error("another rollbook process is writing {}; wait for it to end", .0.display())]
    Busy(PathBuf),
    /// The disk is full.
    #[error("no room for {}: the copy needs {bytes} bytes; make room on its disk, or name a file on another", path.display())]
    Full {
        /// The copy.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The folder cannot be written.
    #[error("cannot write {}: {error}; name a file in a folder that exists and may be written", path.display())]
    Unwritable {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// SQLite could not copy.
    #[error("{} could not be copied to {}: {why}", database.display(), path.display())]
    Failed {
        /// The database.
        database: PathBuf,
        /// The copy.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
    /// The copy breaks invariants, as the database does.
    #[error("no backup was made: the copy fails {}; `rollbook db verify` says what is wrong with {}", checks(.found), database.display())]
    Wrong {
        /// The database.
        database: PathBuf,
        /// What is wrong.
        found: Verification,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn checks(found: &Verification) -> String {
    let wrong = found.verdicts.iter().filter(|verdict| !verdict.is_ok()).map(|verdict| verdict.check);
    wrong.collect::<Vec<_>>().join(", ")
}

/// Copies the database to `target`, verifies the copy, and puts it in place; `replace` allows a file to be there.
/// Never migrates: the copy has the schema that the database has.
pub async fn backup(database: &Path, target: &Path, replace: bool) -> Result<Backup, BackupError> {
    if !exists(database)? {
        return Err(StoreError::Absent(database.to_owned()).into());
    }
    check_header(database)?;
    check_end(database)?;
    check_name(database, target, replace)?;
    let temporary = Temporary::create(target)?;
    let newest_walk = copy(database, &temporary, target).await?;
    let unwritable = |error| unwritable(target, error);
    set_wal(&temporary.path).await.map_err(|error| StoreError::Sql { path: temporary.path.clone(), error })?;
    let bytes = temporary.file.metadata().map_err(unwritable)?.len();
    temporary.file.sync_all().map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            BackupError::Full { path: target.to_owned(), bytes }
        }
        _ => unwritable(error),
    })?;
    let found = verify_file(&temporary.path).await?;
    if !found.is_ok() {
        return Err(BackupError::Wrong { database: database.to_owned(), found });
    }
    // Again: it may have appeared meanwhile.
    check_name(database, target, replace)?;
    temporary.keep(target).map_err(unwritable)?;
    Ok(Backup { bytes, newest_walk })
}

fn unwritable(path: &Path, error: io::Error) -> BackupError {
    BackupError::Unwritable { path: path.to_owned(), error }
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses a name at which there is something else, or which is one of the database's own.
fn check_name(database: &Path, target: &Path, replace: bool) -> Result<(), BackupError> {
    let refused = |why| Err(BackupError::Name { path: target.to_owned(), why });
    let Some(name) = target.file_name() else { return refused("it is not the name of a file") };
    let unwritable = |error| unwritable(target, error);
    let whole = fs::canonicalize(folder(target)).map_err(unwritable)?.join(name);
    let own =
        fs::canonicalize(database).map_err(|error| StoreError::Unreadable { path: database.to_owned(), error })?;
    // Another name of the same file: a link.
    let same = |a: &Path, b: &Path| match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    };
    if whole == own || same(&whole, &own) {
        return refused("it is the database itself");
    }
    let companions = COMPANIONS.map(|suffix| beside(&own, suffix));
    let spelled = whole.as_os_str().as_encoded_bytes();
    let is_lock = spelled.starts_with(beside(&own, ".").as_os_str().as_encoded_bytes()) && spelled.ends_with(b".lock");
    if is_lock || companions.iter().any(|companion| whole == *companion || same(&whole, companion)) {
        return refused("the name belongs to the database");
    }
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(error)),
        Ok(_) if !replace => return Err(BackupError::Exists(target.to_owned())),
        // An older copy, or an empty file made for it; anything else is somebody's.
        Ok(found) if found.is_file() && (found.len() == 0 || check_header(target).is_ok()) => {}
        Ok(found) if found.is_file() => return refused("a file is there that is not a Rollbook database"),
        Ok(_) => return refused("something is there that is not a regular file"),
    }
    // SQLite would take it for the log of the new file. An empty one, as readers leave it, holds nothing.
    for companion in ["-wal", "-journal"].map(|suffix| beside(target, suffix)) {
        if fs::metadata(companion).is_ok_and(|found| found.len() > 0) {
            return refused("a database of this name is in use, or was left in mid-write: its log is beside it");
        }
    }
    Ok(())
}

/// The copy under its temporary name, locked; gone when dropped.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// Makes the file beside `target`. What a process that died has left of that name is removed.
    fn create(target: &Path) -> Result<Self, BackupError> {
        let unwritable = |error| unwritable(target, error);
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".backup.tmp");
        let path = target.with_file_name(name);
        let lock = |file: &File| match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(BackupError::Busy(target.to_owned())),
            Err(TryLockError::Error(error)) => Err(unwritable(error)),
        };
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            let leftover = File::open(&path).map_err(unwritable)?;
            lock(&leftover)?;
            // Unless its process has just put it in place, and this is the finished copy.
            let held = leftover.metadata().map_err(unwritable)?;
            if fs::metadata(&path).is_ok_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino())) {
                remove(&path);
            }
        }
        // What it holds is people: for its owner alone.
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(unwritable)?;
        lock(&file)?;
        Ok(Self { path, file })
    }

    /// Gives the copy its name.
    fn keep(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        for companion in COMPANIONS {
            let _ = fs::remove_file(beside(target, companion)); // empty, or not there
        }
        File::open(folder(target))?.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // When it has its name there is nothing any more.
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    for companion in COMPANIONS {
        let _ = fs::remove_file(beside(path, companion));
    }
}

/// Copies all pages as they are at one moment, and tells the last walk at that moment.
async fn copy(database: &Path, temporary: &Temporary, target: &Path) -> Result<Option<NewestWalk>, BackupError> {
    let sql = |error| StoreError::Sql { path: database.to_owned(), error };
    let mut source = options(database).read_only(true).connect().await.map_err(sql)?;
    let mut snapshot = source.begin().await.map_err(sql)?;
    let schema: i32 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *snapshot).await.map_err(sql)?;
    known(database, schema)?;
    let newest = sqlx::query_as(
        "SELECT w.id, s.name AS site, w.status, w.started_at, w.finished_at FROM walks w \
         JOIN sites s ON s.id = w.site_id ORDER BY w.id DESC LIMIT 1",
    )
    .fetch_optional(&mut *snapshot)
    .await
    .map_err(sql)?;
    let bytes: i64 = sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        .fetch_one(&mut *snapshot)
        .await
        .map_err(sql)?;
    // It is thrown away unless it is whole, and synced by us: no journal.
    let failed = |why: String| BackupError::Failed { database: database.to_owned(), path: target.to_owned(), why };
    let into = options(&temporary.path).journal_mode(SqliteJournalMode::Off).synchronous(SqliteSynchronous::Off);
    let mut into = into.connect().await.map_err(|error| failed(error.to_string()))?;
    let code = copy_pages(&mut snapshot, &mut into).await.map_err(|error| failed(error.to_string()))?;
    match code & 0xff {
        ffi::SQLITE_OK => {}
        ffi::SQLITE_FULL => return Err(BackupError::Full { path: target.to_owned(), bytes: bytes as u64 }),
        _ => return Err(failed(message(code))),
    }
    into.close().await.map_err(|error| failed(error.to_string()))?;
    snapshot.rollback().await.map_err(sql)?;
    source.close().await.map_err(sql)?;
    Ok(newest)
}

/// Gives SQLite's code: `SQLITE_OK`, or why not.
async fn copy_pages(from: &mut SqliteConnection, into: &mut SqliteConnection) -> Result<i32, sqlx::Error> {
    let mut copying = match Copying::begin(into.lock_handle().await?, from.lock_handle().await?) {
        Ok(copying) => copying,
        Err(code) => return Ok(code),
    };
    loop {
        match copying.step() {
            ffi::SQLITE_OK => tokio::task::yield_now().await,
            ffi::SQLITE_DONE => return Ok(copying.finish()),
            code => return Ok(code),
        }
    }
}

/// SQLite's own backup, under way. Both connections are locked meanwhile.
struct Copying<'c> {
    backup: Option<NonNull<ffi::sqlite3_backup>>,
    _into: LockedSqliteHandle<'c>,
    _from: LockedSqliteHandle<'c>,
}

// SAFETY: SQLite is built thread-safe, and both connections are locked for this value.
unsafe impl Send for Copying<'_> {}

impl<'c> Copying<'c> {
    fn begin(mut into: LockedSqliteHandle<'c>, mut from: LockedSqliteHandle<'c>) -> Result<Self, i32> {
        let (to, of) = (into.as_raw_handle().as_ptr(), from.as_raw_handle().as_ptr());
        // SAFETY: both handles are open while they are locked, and differ.
        let backup = unsafe { ffi::sqlite3_backup_init(to, c"main".as_ptr(), of, c"main".as_ptr()) };
        match NonNull::new(backup) {
            Some(backup) => Ok(Self { backup: Some(backup), _into: into, _from: from }),
            // SAFETY: as above.
            None => Err(unsafe { ffi::sqlite3_extended_errcode(to) }),
        }
    }

    fn step(&mut self) -> i32 {
        // SAFETY: the backup lives until it is finished, which takes it out.
        self.backup.map_or(ffi::SQLITE_MISUSE, |backup| unsafe { ffi::sqlite3_backup_step(backup.as_ptr(), PAGES) })
    }

    fn finish(&mut self) -> i32 {
        // SAFETY: it is taken out, and so finished once.
        self.backup.take().map_or(ffi::SQLITE_OK, |backup| unsafe { ffi::sqlite3_backup_finish(backup.as_ptr()) })
    }
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

fn message(code: i32) -> String {
    // SAFETY: SQLite has a static text for every code.
    let text = unsafe { CStr::from_ptr(ffi::sqlite3_errstr(code)) };
    format!("{} (SQLite code {code})", text.to_string_lossy())
}

/// A copy of a database in WAL mode is in WAL mode; any other is put there.
async fn set_wal(path: &Path) -> Result<(), sqlx::Error> {
    let mut header = [0; 20];
    File::open(path).and_then(|mut file| file.read_exact(&mut header)).map_err(sqlx::Error::Io)?;
    if header[18..20] != [2, 2] {
        options(path).journal_mode(SqliteJournalMode::Wal).connect().await?.close().await?;
    }
    Ok(())
}
