//! The database file, read as anybody might read it.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use tokio::runtime::Runtime;

/// A connection that only reads.
pub struct Database<'a> {
    runtime: &'a Runtime,
    connection: SqliteConnection,
}

impl<'a> Database<'a> {
    /// Opens the file, which must exist.
    pub fn open(runtime: &'a Runtime, file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        Self { runtime, connection: runtime.block_on(options.connect()).unwrap() }
    }

    /// Opens the file for writing.
    pub fn writable(runtime: &'a Runtime, file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file);
        Self { runtime, connection: runtime.block_on(options.connect()).unwrap() }
    }

    /// The rows of a query, the columns of each joined with `|`; NULL is `NULL`.
    #[track_caller]
    pub fn rows(&mut self, sql: &str) -> Vec<String> {
        let found = self.runtime.block_on(sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut self.connection));
        let found = found.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let cell = |row: &sqlx::sqlite::SqliteRow, column| -> String {
            let text: Option<Vec<u8>> = row.try_get_unchecked(column).unwrap();
            text.map_or("NULL".to_owned(), |text| String::from_utf8_lossy(&text).into_owned())
        };
        found.iter().map(|row| (0..row.len()).map(|column| cell(row, column)).collect::<Vec<_>>().join("|")).collect()
    }

    /// Every row of every stored table but those left out.
    pub fn contents(&mut self, without: &[&str]) -> BTreeMap<String, Vec<String>> {
        let tables = self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
        let tables = tables.into_iter().filter(|table| !without.contains(&table.as_str()));
        tables.map(|table| (table.clone(), self.rows(&format!("SELECT * FROM \"{table}\"")))).collect()
    }
}
