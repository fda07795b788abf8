use sqlx::Connection;

use super::*;

async fn database() -> (tempfile::TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.db");
    let mut writer = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    sqlx::raw_sql(include_str!("../../../migrations/0001_initial.sql")).execute(&mut writer).await.unwrap();
    (folder, writer)
}

const LIMITS: Limits = Limits { timeout: Some(Duration::from_secs(10)), rows: None };

/// What was answered, kept.
#[derive(Debug, Default)]
struct Answer {
    columns: Vec<Described>,
    rows: Vec<Vec<Raw<'static>>>,
    limited: bool,
}

impl Reader for Answer {
    type Error = SandboxError;

    fn begin(&mut self, columns: &[Described]) -> Result<(), SandboxError> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), SandboxError> {
        let kept = |i| match row.get(i) {
            Raw::Null => Raw::Null,
            Raw::Integer(number) => Raw::Integer(number),
            Raw::Real(number) => Raw::Real(number),
            Raw::Text(text) => Raw::Text(text.into_owned().into()),
            Raw::Blob(bytes) => Raw::Blob(bytes.to_vec().leak()),
        };
        self.rows.push((0..row.len()).map(kept).collect());
        Ok(())
    }
}

async fn query(connection: &mut SqliteConnection, sql: &str, limits: Limits) -> Result<Answer, SandboxError> {
    ask(connection, sql, &[], limits).await
}

async fn ask(
    connection: &mut SqliteConnection,
    sql: &str,
    parameters: &[(&str, Bound)],
    limits: Limits,
) -> Result<Answer, SandboxError> {
    let mut answer = Answer::default();
    let read = read(connection, Question { sql, parameters, limits }, &mut answer).await?;
    answer.limited = read.limited;
    assert_eq!(read.rows, answer.rows.len() as u64);
    Ok(answer)
}

#[tokio::test]
async fn values_come_as_they_are_stored() {
    let (_folder, mut connection) = database().await;
    let sql = "SELECT NULL, 1, 0.5, '2026-01-31 08:15:00.000' AS t, x'00ff', x'', '' ; -- done\n /* and done */ ; ";
    let answer = query(&mut connection, sql, LIMITS).await.unwrap();
    assert_eq!(answer.columns[3].name, "t");
    assert_eq!(
        answer.rows,
        [[
            Raw::Null,
            Raw::Integer(1),
            Raw::Real(0.5),
            Raw::Text("2026-01-31 08:15:00.000".into()),
            Raw::Blob(&[0, 255]),
            Raw::Blob(&[]),
            Raw::Text("".into()),
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
        assert!(matches!(error, SandboxError::Invalid { .. }), "{sql}: {error}");
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
    let limits = Limits { timeout: Some(Duration::from_millis(50)), rows: None };
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

#[tokio::test]
async fn parameters_are_bound_by_name() {
    let (_folder, mut connection) = database().await;
    let values = [("days", Bound::Integer(90)), ("who", Bound::Text("o'brien".into())), ("none", Bound::Null)];
    let sql = "SELECT :days + 1, :who, :none, :days -- not :nobody\n";
    let answer = ask(&mut connection, sql, &values, LIMITS).await.unwrap();
    assert_eq!(answer.rows, [[Raw::Integer(91), Raw::Text("o'brien".into()), Raw::Null, Raw::Integer(90)]]);
    let (columns, names) = describe(&mut connection, sql).await.unwrap();
    assert_eq!((columns.len(), names), (4, vec!["days".to_owned(), "who".to_owned(), "none".to_owned()]));
    for (sql, said) in
        [("SELECT :nobody", ":nobody"), ("SELECT ?", "not ?"), ("SELECT ?1", "not ?1"), ("SELECT @x", "not @x")]
    {
        let error = ask(&mut connection, sql, &values, LIMITS).await.unwrap_err();
        assert!(matches!(&error, SandboxError::Refused(why) if why.contains(said)), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_mistake_is_told_with_its_line() {
    let (_folder, mut connection) = database().await;
    let error = query(&mut connection, "SELECT id\nFROM users\nWHERE nobody = 1", LIMITS).await.unwrap_err();
    assert!(matches!(error, SandboxError::Invalid { line: Some(3), .. }), "{error:?}");
}

#[tokio::test]
async fn time_with_the_rows_does_not_count() {
    struct Slow;
    impl Reader for Slow {
        type Error = SandboxError;
        fn begin(&mut self, _: &[Described]) -> Result<(), SandboxError> {
            Ok(())
        }
        fn row(&mut self, _: Row<'_>) -> Result<(), SandboxError> {
            std::thread::sleep(Duration::from_millis(120));
            Ok(())
        }
    }
    let (_folder, mut connection) = database().await;
    // Each row takes SQLite more instructions than there are between two looks at the clock.
    let sql = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9000) \
               SELECT i FROM n WHERE i % 3000 = 0";
    let limits = Limits { timeout: Some(Duration::from_millis(100)), rows: None };
    let done = read(&mut connection, Question { sql, parameters: &[], limits }, &mut Slow).await.unwrap();
    assert_eq!(done, Read { rows: 3, limited: false });
}
