//! The connection that writes, and the lock that goes with it.

use std::ops::{Deref, DerefMut};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::runtime::Handle;

use super::lock::Lock;

/// A connection that writes. It holds the lock for writing, so that there is one of them at a time, in all processes:
/// not to be kept while a site is asked.
///
/// After an error inside a transaction, drop it: SQLite may have rolled back by itself, of which sqlx knows nothing.
#[derive(Debug)]
pub struct Writer(Option<(SqliteConnection, Lock)>);

impl Writer {
    pub(super) fn new(connection: SqliteConnection, lock: Lock) -> Self {
        Self(Some((connection, lock)))
    }

    /// Closes the connection, and gives the lock back.
    pub async fn close(mut self) -> Result<(), sqlx::Error> {
        match self.0.take() {
            Some((connection, _lock)) => connection.close().await,
            None => Ok(()),
        }
    }
}

impl Deref for Writer {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.0.as_ref().expect("it is there until it is closed").0
    }
}

impl DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.0.as_mut().expect("it is there until it is closed").0
    }
}

impl Drop for Writer {
    /// The connection's thread may be in the middle of a statement: the lock is given back once it has ended, and what
    /// was not committed is undone.
    fn drop(&mut self) {
        let (Some((connection, lock)), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "the database could not be closed in order");
            }
            drop(lock);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[tokio::test]
    async fn one_writes_at_a_time_and_the_next_sees_what_the_one_before_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
        let site = "INSERT INTO sites (name, kind, base_url) SELECT count(*), 'data-center', '' FROM sites";
        let write = async |commits: bool| {
            let mut writer = store.writer().await.unwrap();
            let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
            let id = sqlx::query(site).execute(&mut *transaction).await.unwrap().last_insert_rowid();
            tokio::task::yield_now().await;
            // What is dropped in the middle is undone before anybody else writes.
            if commits {
                transaction.commit().await.unwrap();
            }
            id
        };
        let written = tokio::join!(write(true), write(true), write(true), write(true));
        let mut ids = [written.0, written.1, written.2, written.3];
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4]);
        assert_eq!((write(false).await, write(true).await), (5, 5));
    }
}
