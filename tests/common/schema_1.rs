//! A database as the release with schema version 1 left it.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const COVERAGE: &str = r#"{"users":{"pages":1,"received":60,"malformed":1},"groups":{"pages":1,"declared":20},"members":{"read":19,"unread":["one"]},"lookups":{"asked":2}}"#;

/// Copies what the database `from` holds into a new one at `to` with the first schema. It must not have what that schema
/// had no place for: holds, and users whom User Export alone shows.
pub async fn write(from: &Path, to: &Path) {
    let options = SqliteConnectOptions::new().filename(to).create_if_missing(true).foreign_keys(false);
    let mut connection = options.connect().await.unwrap();
    // "ROLL"
    sqlx::raw_sql("PRAGMA application_id = 1380928588").execute(&mut connection).await.unwrap();
    sqlx::raw_sql(include_str!("../../migrations/0001_initial.sql")).execute(&mut connection).await.unwrap();
    sqlx::query("ATTACH ? AS newer").bind(from.to_str().unwrap()).execute(&mut connection).await.unwrap();
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    for table in tables {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
            .bind(&table)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let columns = columns.join(", ");
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}");
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.unwrap();
    }
    // How that release told what a walk covered.
    let rest = "UPDATE walks SET coverage = COVERAGE WHERE coverage IS NOT NULL; DETACH newer; PRAGMA user_version = 1; \
                PRAGMA journal_mode = WAL";
    let rest = rest.replace("COVERAGE", &format!("'{COVERAGE}'"));
    sqlx::raw_sql(AssertSqlSafe(rest)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
