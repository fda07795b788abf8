//! A quick look at a database file, whatever its schema: can it be used, and is it whole as far as a short time tells?

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;

use super::open::{SCHEMA, StoreError, is_unusable};
use super::verify::{look_into, one_line, schema};

/// So many of SQLite's instructions between two looks at the time.
const LOOK_EVERY: i32 = 10_000;
/// SQLite's code for a statement that was stopped.
const INTERRUPTED: i32 = 9;

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The schema's version.
    pub schema: i32,
    /// The newest that this program knows, to which the next walk migrates it.
    pub newest: i32,
    /// What SQLite says of the file's structure.
    pub structure: Structure,
}

/// Whether the pages of a file hang together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Structure {
    /// They do.
    Whole,
    /// They do, as far as the time reached.
    Unfinished,
    /// They do not; SQLite's words.
    Damaged(String),
}

/// Looks at the database at `path` for `limit` at most; migrates nothing, and makes no file beside it.
///
/// # Errors
/// A file that is none of ours, is newer, or cannot be read.
pub async fn examine(path: &Path, limit: Duration) -> Result<Examined, StoreError> {
    look_into(path, async |connection| {
        let schema = schema(connection).await?;
        Ok(Examined { schema, newest: SCHEMA, structure: structure(connection, limit).await? })
    })
    .await
}

async fn structure(connection: &mut SqliteConnection, limit: Duration) -> Result<Structure, sqlx::Error> {
    let begun = Instant::now();
    connection.lock_handle().await?.set_progress_handler(LOOK_EVERY, move || begun.elapsed() < limit);
    let answer: Result<String, _> = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    Ok(match answer {
        Ok(answer) if answer == "ok" => Structure::Whole,
        Ok(answer) => Structure::Damaged(one_line(&answer)),
        Err(error) if is_interrupted(&error) => Structure::Unfinished,
        // Damaged so much that not even this can be asked.
        Err(error) if is_unusable(&error) => Structure::Damaged(one_line(&error.to_string())),
        Err(error) => return Err(error),
    })
}

fn is_interrupted(error: &sqlx::Error) -> bool {
    let code = || error.as_database_error()?.code()?.parse::<i32>().ok();
    code().is_some_and(|code| code & 0xff == INTERRUPTED)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn a_good_file_is_whole_and_a_short_time_says_no_more_than_it_knows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollbook.db");
        let store = Store::open_or_create(&path).await.unwrap();
        let found = examine(&path, Duration::from_secs(60)).await.unwrap();
        assert_eq!(found, Examined { schema: SCHEMA, newest: SCHEMA, structure: Structure::Whole });
        assert!(matches!(examine(&folder.path().join("none"), Duration::ZERO).await, Err(StoreError::Absent(_))));

        let mut writer = store.writer().await.unwrap();
        let rows = "CREATE TABLE many (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) \
                    INSERT INTO many SELECT i FROM n";
        sqlx::raw_sql(rows).execute(&mut *writer).await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(examine(&path, Duration::ZERO).await.unwrap().structure, Structure::Unfinished);
    }

    #[tokio::test]
    async fn a_damaged_file_is_told_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollbook.db");
        let mut writer = Store::open_or_create(&path).await.unwrap().writer().await.unwrap();
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *writer).await.unwrap();
        writer.close().await.unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let second = 4096..2 * 4096;
        bytes[second].fill(0xA5);
        fs::write(&path, &bytes).unwrap();
        let found = examine(&path, Duration::from_secs(60)).await.unwrap();
        assert!(matches!(found.structure, Structure::Damaged(_)), "{found:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(
            fs::read_dir(folder.path())
                .unwrap()
                .filter(|file| { file.as_ref().unwrap().file_name().to_string_lossy().contains(".db-") })
                .count(),
            0
        );
    }
}
