//! Opening, making and migrating the database file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::lock::{lock_migration, lock_writing};
use super::writer::Writer;
use crate::files;

/// "ROLL": tells a Rollbook database from any other SQLite file.
const APPLICATION_ID: i32 = 0x524F_4C4C;

/// SQLite's name for a database in memory.
const NOWHERE: &str = ":memory:";

/// The migrations, oldest first; `user_version` counts those applied.
const MIGRATIONS: [&str; 5] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_trust.sql"),
    include_str!("../../migrations/0003_cloud.sql"),
    include_str!("../../migrations/0004_history.sql"),
    include_str!("../../migrations/0005_service.sql"),
];

/// The newest schema this program knows.
pub const SCHEMA: i32 = MIGRATIONS.len() as i32;

/// What can be wrong with a database file. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database yet.
    #[error("{} does not exist yet: 'rollbook sync' makes it", .0.display())]
    Absent(PathBuf),
    /// The folder or file cannot be written.
    #[error("cannot write {}: {error}; give rollbook's user a folder it may write, or set database.path", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not a Rollbook database.
    #[error("{} is not a Rollbook database ({why}); it was left as it is: set database.path to another file, or restore a backup", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// The file was made by a newer release.
    #[error("{} was made by a newer Rollbook (schema {found}, this one knows {known}); it was left as it is: install the newer release", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i32,
        /// The newest version this program knows.
        known: i32,
    },
    /// Another process is walking the site.
    #[error("another rollbook process is walking site '{site}' into {}; wait for it to end", database.display())]
    Walking {
        /// The site's id.
        site: String,
        /// The database.
        database: PathBuf,
    },
    /// Another daemon works on the database.
    #[error("another rollbook daemon works on {}; stop it first", database.display())]
    Serving {
        /// The database.
        database: PathBuf,
    },
    /// Another process is migrating the database.
    #[error("another rollbook process is making or migrating {}; try again when it is done", database.display())]
    Migrating {
        /// The database.
        database: PathBuf,
    },
    /// SQLite failed.
    #[error("database {}: {error}", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: sqlx::Error,
    },
}

impl StoreError {
    /// SQLite says that the file or its folder cannot be used at all: read-only, not openable, corrupt, no database.
    pub fn is_unusable(&self) -> bool {
        matches!(self, Self::Sql { error, .. } if is_unusable(error))
    }
}

/// SQLite says that the file or its folder cannot be used at all: read-only, not openable, corrupt, no database.
pub fn is_unusable(error: &sqlx::Error) -> bool {
    const PRIMARY: [i32; 4] = [8, 11, 14, 26];
    let sqlx::Error::Database(error) = error else { return false };
    error.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| PRIMARY.contains(&(code & 0xff)))
}

/// A database file that exists, is ours, and has the current schema.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// Opens the database at `path`, making it first when there is none, and migrating it when it is older.
    pub async fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        if !exists(path)? {
            let _lock = lock_migration(path).await?;
            if !exists(path)? {
                create(path).await?;
            }
        }
        Self::open(path).await
    }

    /// Opens the database at `path`, which must exist; migrates it when it is older.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if !exists(path)? {
            return Err(StoreError::Absent(path.to_owned()));
        }
        check_header(path)?;
        let store = Self { path: path.to_owned() };
        let mut reader = store.reader().await?;
        let found = store.version(&mut reader).await?;
        reader.close().await.map_err(|error| store.sql(error))?;
        known(path, found)?;
        if found < SCHEMA {
            let _lock = lock_migration(path).await?;
            let mut writer = store.writer().await?;
            let found = store.version(&mut writer).await?;
            migrate(&mut writer, found, SCHEMA).await.map_err(|error| store.sql(error))?;
            writer.close().await.map_err(|error| store.sql(error))?;
        }
        Ok(store)
    }

    /// A mirror that holds nothing and is written nowhere: what a dry run compares with before the first walk.
    pub fn nowhere() -> Self {
        Self { path: PathBuf::from(NOWHERE) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection that writes. There is one at a time, in all processes: SQLite has one writer, and would wait for
    /// another no longer than five seconds.
    pub async fn writer(&self) -> Result<Writer, StoreError> {
        let lock = lock_writing(&self.path).await?;
        let options = options(&self.path)
            .pragma("secure_delete", "ON")
            .pragma("journal_size_limit", "67108864")
            .synchronous(SqliteSynchronous::Full);
        let connection = options.connect().await.map_err(|error| self.sql(error))?;
        follow(&self.path);
        Ok(Writer::new(connection, lock))
    }

    /// A connection that only reads.
    pub async fn reader(&self) -> Result<SqliteConnection, StoreError> {
        if self.path == Path::new(NOWHERE) {
            return in_memory(SCHEMA).await.map_err(|error| self.sql(error));
        }
        let connection = options(&self.path).read_only(true).connect().await.map_err(|error| self.sql(error))?;
        follow(&self.path);
        Ok(connection)
    }

    /// A connection that only reads, whose statements are stopped at `deadline`.
    pub async fn reader_until(&self, deadline: Instant) -> Result<SqliteConnection, StoreError> {
        // Instructions between two looks at the clock: well under a millisecond.
        const LOOK_EVERY: i32 = 1000;
        let mut reader = self.reader().await?;
        let mut locked = reader.lock_handle().await.map_err(|error| self.sql(error))?;
        locked.set_progress_handler(LOOK_EVERY, move || Instant::now() < deadline);
        drop(locked);
        Ok(reader)
    }

    /// Lets the members of a group read the database, and from now on what SQLite keeps beside it.
    pub fn share(&self, group: &str) -> io::Result<()> {
        files::share(&self.path, group)?;
        follow(&self.path);
        Ok(())
    }

    /// Renews the statistics that SQLite plans by, and carries the write-ahead log over into the database. Says how long
    /// that log is then: what a reader holds on to stays.
    pub async fn tidy(&self) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        // What the service did and told so long ago is nobody's history.
        let old = "DELETE FROM skipped_runs WHERE at < datetime('now', '-400 days'); \
                   DELETE FROM notifications WHERE next_at IS NULL AND at < datetime('now', '-400 days')";
        sqlx::raw_sql(old).execute(&mut *writer).await.map_err(|error| self.sql(error))?;
        // Of all tables that have changed much; SQLite itself bounds how many rows it looks at.
        let tidied = sqlx::raw_sql("PRAGMA optimize = 0x10002; PRAGMA wal_checkpoint(TRUNCATE)");
        tidied.execute(&mut *writer).await.map_err(|error| self.sql(error))?;
        writer.close().await.map_err(|error| self.sql(error))?;
        Ok(fs::metadata(beside(&self.path, "-wal")).map_or(0, |found| found.len()))
    }

    /// Names the file in what SQLite said.
    pub fn sql(&self, error: sqlx::Error) -> StoreError {
        StoreError::Sql { path: self.path.clone(), error }
    }

    async fn version(&self, connection: &mut SqliteConnection) -> Result<i32, StoreError> {
        sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await.map_err(|error| self.sql(error))
    }
}

/// The group that may read the database may read what SQLite keeps beside it, which SQLite itself makes for the group of
/// the process.
fn follow(database: &Path) {
    let Ok(found) = fs::metadata(database) else { return };
    if found.mode() & 0o040 == 0 {
        return;
    }
    for companion in ["-wal", "-shm"].map(|end| beside(database, end)) {
        let Ok(file) = fs::metadata(&companion) else { continue };
        if file.uid() != found.uid() || (file.gid() == found.gid() && file.mode() == found.mode()) {
            continue;
        }
        if let Err(error) = files::give(&companion, found.gid(), found.permissions()) {
            tracing::warn!("{} cannot be read by those who may read the database: {error}", companion.display());
        }
    }
}

/// What SQLite keeps beside a database under its name and this ending.
pub(super) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// An empty database in memory whose schema is that of `version`.
pub(super) async fn in_memory(version: i32) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options(Path::new(NOWHERE)).connect().await?;
    migrate(&mut connection, 0, version).await?;
    Ok(connection)
}

/// How every connection is opened.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    super::bulk::configure();
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0")
        .pragma("cache_size", "-16000")
        .thread_name(|_| "sqlite".to_owned())
        // Statement logging would put slow statements' texts into the log.
        .disable_statement_logging()
}

pub(super) fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|error| StoreError::Unreadable { path: path.to_owned(), error })
}

/// Refuses a database of a newer release.
pub(super) fn known(path: &Path, found: i32) -> Result<(), StoreError> {
    if found > SCHEMA {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA });
    }
    Ok(())
}

/// Reads the header by hand: opening a foreign database with SQLite could already change files beside it.
pub(super) fn check_header(path: &Path) -> Result<(), StoreError> {
    let unreadable = |error| StoreError::Unreadable { path: path.to_owned(), error };
    let foreign = |why| Err(StoreError::Foreign { path: path.to_owned(), why });
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return foreign("not a regular file");
    }
    let mut header = Vec::with_capacity(100);
    File::open(path).map_err(unreadable)?.take(100).read_to_end(&mut header).map_err(unreadable)?;
    if header.is_empty() {
        return foreign("the file is empty");
    }
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return foreign("not an SQLite file");
    }
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return foreign("an SQLite file of another application");
    }
    Ok(())
}

/// Makes the database under another name and moves it into place, so that a half-made one is never seen.
async fn create(path: &Path) -> Result<(), StoreError> {
    let unwritable = |error| StoreError::Unwritable { path: path.to_owned(), error };
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let temporary = path.with_file_name(name);
    // The lock is held: whatever has this name was left by a process that died.
    for leftover in [temporary.clone(), temporary.with_extension("new-journal"), temporary.with_extension("new-wal")] {
        if leftover.exists() {
            fs::remove_file(&leftover).map_err(unwritable)?;
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(unwritable)?;
    let sql = |error| StoreError::Sql { path: path.to_owned(), error };
    // Outside WAL first, so that the application id is in the file's own header.
    let mut connection = options(&temporary).journal_mode(SqliteJournalMode::Delete).connect().await.map_err(sql)?;
    let statement = format!("PRAGMA application_id = {APPLICATION_ID}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.map_err(sql)?;
    migrate(&mut connection, 0, SCHEMA).await.map_err(sql)?;
    sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut connection).await.map_err(sql)?;
    connection.close().await.map_err(sql)?;
    fs::rename(&temporary, path).map_err(unwritable)?;
    File::open(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(unwritable)
}

/// Applies the migrations after version `applied`, up to version `to`, all of them or none.
async fn migrate(connection: &mut SqliteConnection, applied: i32, to: i32) -> Result<(), sqlx::Error> {
    if applied >= to {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for migration in &MIGRATIONS[applied as usize..to as usize] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    let statement = format!("PRAGMA user_version = {to}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_file_is_ours_private_and_recent_enough() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollbook.db");
        let store = Store::open_or_create(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut reader = store.reader().await.unwrap();
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut reader).await.unwrap();
        let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(
            numbers >= vec![3, 51, 3],
            "SQLite {version} can corrupt a WAL database when two connections checkpoint"
        );
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut reader).await.unwrap();
        assert_eq!(mode, "wal");
        assert!(sqlx::raw_sql("DELETE FROM walks").execute(&mut reader).await.is_err(), "a reader must not write");
        Store::open_or_create(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_not_ours_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollbook.db");
        for content in [&b""[..], b"hello", &[7; 4096]] {
            fs::write(&path, content).unwrap();
            assert!(matches!(Store::open_or_create(&path).await, Err(StoreError::Foreign { .. })));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        fs::remove_file(&path).unwrap();
        let mut other = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (a)").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(Store::open_or_create(&path).await, Err(StoreError::Foreign { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn a_newer_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollbook.db");
        let store = Store::open_or_create(&path).await.unwrap();
        let mut writer = store.writer().await.unwrap();
        sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut *writer).await.unwrap();
        writer.close().await.unwrap();
        assert!(matches!(Store::open(&path).await, Err(StoreError::Newer { found: 99, .. })));
    }

    #[tokio::test]
    async fn racing_first_starts_make_one_schema() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollbook.db");
        let (a, b, c) =
            tokio::join!(Store::open_or_create(&path), Store::open_or_create(&path), Store::open_or_create(&path));
        a.unwrap();
        b.unwrap();
        c.unwrap();
    }
}
