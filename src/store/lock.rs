//! OS file locks beside the database. They die with their process; none is held while idle.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::StoreError;

const DAEMON: &str = "daemon.lock";

/// A lock held until it is dropped. The file stays: removing it would let two processes lock two files of one name.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock for walking `site`, or says that another process has it.
pub fn lock_walk(database: &Path, site: &str) -> Result<Lock, StoreError> {
    try_lock(&beside(database, &format!("walk-{site}.lock")))?
        .ok_or_else(|| StoreError::Walking { site: site.to_owned(), database: database.to_owned() })
}

/// Takes the lock for being the daemon of this database, or says that another process has it.
pub fn lock_daemon(database: &Path) -> Result<Lock, StoreError> {
    let path = beside(database, DAEMON);
    for _ in 0..5 {
        if let Some(lock) = try_lock(&path)? {
            return Ok(lock);
        }
        // Whoever only looks whether it is taken has it for an instant.
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(StoreError::Serving { database: database.to_owned() })
}

/// Whether a daemon works on this database; `None`: it cannot be told, as by a user who may not open the lock.
pub fn is_served(database: &Path) -> Option<bool> {
    let file = match File::open(beside(database, DAEMON)) {
        Ok(file) => file,
        Err(error) => return (error.kind() == ErrorKind::NotFound).then_some(false),
    };
    match file.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// Whether some process is walking `site`. Makes no file. Asks the lock itself, for an instant in which nobody can take it:
/// ask only when the database says that a walk runs.
pub fn is_walking(database: &Path, site: &str) -> Result<bool, StoreError> {
    let path = beside(database, &format!("walk-{site}.lock"));
    let unreadable = |error| StoreError::Unreadable { path: path.clone(), error };
    match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(error)),
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(unreadable(error)),
        },
    }
}

/// Takes the lock for making or migrating the database; waits a little, since that is short work.
pub(super) async fn lock_migration(database: &Path) -> Result<Lock, StoreError> {
    let path = beside(database, "migrate.lock");
    for _ in 0..50 {
        if let Some(lock) = try_lock(&path)? {
            return Ok(lock);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(StoreError::Migrating { database: database.to_owned() })
}

/// Takes the lock for writing. Waits as long as that takes: whoever holds it is writing, and asks no site meanwhile.
pub(super) async fn lock_writing(database: &Path) -> Result<Lock, StoreError> {
    const LONG: Duration = Duration::from_secs(30);
    let path = beside(database, "write.lock");
    let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(1));
    loop {
        if let Some(lock) = try_lock(&path)? {
            return Ok(lock);
        }
        tokio::time::sleep(pause).await;
        if waited < LONG && waited + pause >= LONG {
            tracing::warn!("another walk is still writing into {}; waiting for it to end", database.display());
        }
        waited += pause;
        pause = (2 * pause).min(Duration::from_millis(100));
    }
}

fn try_lock(path: &Path) -> Result<Option<Lock>, StoreError> {
    let unwritable = |error| StoreError::Unwritable { path: path.to_owned(), error };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    database.with_file_name(name)
}
