//! The room that removed rows leave: free pages of the file, and the write-ahead log.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::open::{Store, StoreError};

/// Bytes of the file that hold nothing: what is written next goes there.
pub async fn free_bytes(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let bytes: i64 =
        sqlx::query_scalar("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")
            .fetch_one(connection)
            .await?;
    Ok(bytes as u64)
}

/// Writes the whole file anew, without free pages. Takes as much room again while it lasts, and lets nobody else write.
///
/// # Errors
/// Those of SQLite, a full disk among them; the database is then as it was.
pub async fn vacuum(store: &Store) -> Result<(), StoreError> {
    let sql = |error| store.sql(error);
    let mut writer = store.writer().await?;
    sqlx::raw_sql("VACUUM").execute(&mut *writer).await.map_err(sql)?;
    writer.close().await.map_err(sql)
}

/// Carries the write-ahead log over into the file and cuts it to nothing. Whoever reads an older state keeps it from that:
/// it is waited for, about so long. Gives whether it is empty.
///
/// # Errors
/// Those of SQLite.
pub async fn empty_log(store: &Store, patience: Duration) -> Result<bool, StoreError> {
    // SQLite itself waits, as long as `busy_timeout` says.
    const ONCE: Duration = Duration::from_secs(5);
    let sql = |error| store.sql(error);
    let mut waited = Duration::ZERO;
    loop {
        let mut writer = store.writer().await?;
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *writer).await.map_err(sql)?;
        writer.close().await.map_err(sql)?;
        if busy == 0 {
            return Ok(true);
        }
        waited += ONCE;
        if waited >= patience {
            return Ok(false);
        }
    }
}
