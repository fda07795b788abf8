use sqlx::Connection;

use super::*;

async fn database() -> (tempfile::TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.db");
    let mut writer = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    sqlx::raw_sql(include_str!("../../../migrations/0001_initial.sql")).execute(&mut writer).await.unwrap();
    (folder, writer)
}

const LIMITS: Limits = Limits { timeout: Duration::from_secs(10), rows: None };

#[tokio::test]
async fn values_come_as_they_are_stored() {
    let (_folder, mut connection) = database().await;
    let sql = "SELECT NULL, 1, 0.5, '2026-01-31 08:15:00.000' AS t, x'00ff', x'', '' ; -- done\n /* and done */ ; ";
    let answer = query(&mut connection, sql, LIMITS).await.unwrap();
    assert_eq!(answer.columns[3], "t");
    assert_eq!(
        answer.rows,
        [[
            Cell::Null,
            Cell::Integer(1),
            Cell::Real(0.5),
            Cell::Text("2026-01-31 08:15:00.000".into()),
            Cell::Blob(vec![0, 255]),
            Cell::Blob(vec![]),
            Cell::Text(String::new()),
        ]]
    );
}

#[tokio::test]
async fn what_reads_the_mirror_is_answered() {
    let (_folder, mut connection) = database().await;
    for sql in [
        "SELECT * FROM users",
        "SELECT count(*) FROM changes WHERE at > datetime('now', '-90 days')",
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
        "SELECT value FROM json_each('[1,2]')",
        "SELECT name FROM sqlite_master",
        "SELECT name FROM pragma_table_info('users')",
        "PRAGMA table_info(users)",
        "PRAGMA user_version",
        "EXPLAIN QUERY PLAN SELECT * FROM users",
        "VALUES (1)",
    ] {
        let answer = query(&mut connection, sql, LIMITS).await;
        assert!(answer.is_ok(), "{sql}: {answer:?}");
    }
}

#[tokio::test]
async fn whatever_else_is_refused_and_does_nothing() {
    let (folder, mut connection) = database().await;
    let elsewhere = folder.path().join("elsewhere.db").display().to_string();
    for sql in [
        "INSERT INTO sites (name, kind, base_url) VALUES ('x', 'cloud', 'y')",
        "WITH x AS (SELECT 1) DELETE FROM sites",
        "UPDATE sites SET name = 'x'",
        "DROP TABLE sites",
        "CREATE TEMP TABLE t (x)",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE sites",
        "SELECT 1; no sql at all",
        &format!("ATTACH '{elsewhere}' AS e"),
        &format!("VACUUM INTO '{elsewhere}'"),
        "VACUUM",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT s",
        "PRAGMA query_only = OFF",
        "PRAGMA user_version = 7",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA journal_mode",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA optimize",
        "SELECT load_extension('x')",
        "ANALYZE",
        "REINDEX",
        "",
        " -- nothing",
    ] {
        let error = query(&mut connection, sql, LIMITS).await.unwrap_err();
        assert!(matches!(error, SandboxError::Refused(_)), "{sql}: {error}");
    }
    for sql in ["SELEC 1", "SELECT nobody FROM users", "SELECT 'open", "SELECT 1\0"] {
        let error = query(&mut connection, sql, LIMITS).await.unwrap_err();
        assert!(matches!(error, SandboxError::Invalid(_)), "{sql}: {error}");
    }
    assert!(!folder.path().join("elsewhere.db").exists());
}

#[tokio::test]
async fn the_error_is_what_sqlite_says() {
    let (_folder, mut connection) = database().await;
    let error = query(&mut connection, "SELECT nobody FROM users", LIMITS).await.unwrap_err();
    assert_eq!(error.to_string(), "SQLite says: no such column: nobody");
}

#[tokio::test]
async fn time_and_rows_are_limited() {
    let (_folder, mut connection) = database().await;
    let endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT ";
    let limits = Limits { timeout: Duration::from_millis(50), rows: None };
    let error = query(&mut connection, &format!("{endless} count(*) FROM n"), limits).await.unwrap_err();
    assert!(matches!(error, SandboxError::Timeout(_)), "{error}");
    let answer =
        query(&mut connection, &format!("{endless} i FROM n"), Limits { rows: Some(3), ..LIMITS }).await.unwrap();
    assert!(answer.limited);
    assert_eq!(answer.rows.len(), 3);
    let exactly = query(&mut connection, "VALUES (1), (2), (3)", Limits { rows: Some(3), ..LIMITS }).await.unwrap();
    assert!(!exactly.limited);
}

#[tokio::test]
async fn the_connection_is_as_before_but_for_writing() {
    let (_folder, mut connection) = database().await;
    query(&mut connection, "SELECT 1", LIMITS).await.unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    sqlx::query("ROLLBACK").execute(&mut connection).await.unwrap();
    sqlx::query("ATTACH ':memory:' AS other").execute(&mut connection).await.unwrap();
    assert!(sqlx::query("DELETE FROM sites").execute(&mut connection).await.is_err());
}
