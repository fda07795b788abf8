//! Many rows through one prepared statement, straight into SQLite.
//!
//! sqlx copies every value and hands every statement to its own thread: 100 000 users with their memberships take it
//! three times the time of the rows themselves. This is the one place that goes around it, for statements that answer no rows.

use std::ffi::{CString, c_int};
use std::ptr::{self, NonNull};

use libsqlite3_sys as ffi;
use sqlx::sqlite::{LockedSqliteHandle, SqliteConnection};

/// Tells SQLite, before it is first used, not to keep statistics of its memory: they take a lock at every allocation.
pub(super) fn configure() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: called before the first connection is opened; later it is refused, which is as good.
    ONCE.call_once(|| unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int);
    });
}

/// A value to be bound.
#[derive(Clone, Copy, Debug)]
pub enum Bound<'a> {
    /// NULL
    Null,
    /// INTEGER
    Integer(i64),
    /// TEXT
    Text(&'a str),
}

impl<'a> Bound<'a> {
    /// A text, or NULL.
    pub fn text(value: Option<&'a str>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }

    /// A number, or NULL.
    pub fn integer(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Integer)
    }
}

/// After so many rows others get their turn: one thread runs all walks, and one that writes long delays none that reads.
const TURN: usize = 1_000;

/// A prepared statement. It holds the connection: what runs through it runs in the connection's transaction.
pub struct Prepared<'c> {
    handle: LockedSqliteHandle<'c>,
    statement: NonNull<ffi::sqlite3_stmt>,
    parameters: usize,
    rows: usize,
}

// SAFETY: SQLite is built thread-safe, and the statement is used only while the connection is locked for this value.
unsafe impl Send for Prepared<'_> {}

impl<'c> Prepared<'c> {
    /// Prepares `sql`, one statement.
    pub async fn prepare(connection: &'c mut SqliteConnection, sql: &str) -> Result<Self, sqlx::Error> {
        let mut handle = connection.lock_handle().await?;
        let text = CString::new(sql).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let mut statement = ptr::null_mut();
        let database = handle.as_raw_handle().as_ptr();
        // SAFETY: the handle is open while it is locked, and the text ends with NUL.
        let code = unsafe { ffi::sqlite3_prepare_v2(database, text.as_ptr(), -1, &raw mut statement, ptr::null_mut()) };
        match NonNull::new(statement).filter(|_| code == ffi::SQLITE_OK) {
            Some(statement) => {
                // SAFETY: the statement was just prepared.
                let parameters = unsafe { ffi::sqlite3_bind_parameter_count(statement.as_ptr()) } as usize;
                Ok(Self { handle, statement, parameters, rows: 0 })
            }
            None => Err(last_error(&mut handle)),
        }
    }

    /// Runs the statement with `values`, one for each parameter.
    pub async fn run(&mut self, values: &[Bound<'_>]) -> Result<(), sqlx::Error> {
        assert_eq!(values.len(), self.parameters, "a value for each parameter");
        let statement = self.statement.as_ptr();
        for (place, value) in (1..).zip(values) {
            // SAFETY: the statement is alive, and `place` is one of its parameters. A text is bound without a copy: it
            // outlives this call, and every parameter is bound again before the statement runs the next time.
            let code = unsafe {
                match *value {
                    Bound::Null => ffi::sqlite3_bind_null(statement, place),
                    Bound::Integer(value) => ffi::sqlite3_bind_int64(statement, place, value),
                    Bound::Text(text) => ffi::sqlite3_bind_text(
                        statement,
                        place,
                        text.as_ptr().cast(),
                        c_int::try_from(text.len()).unwrap_or(c_int::MAX),
                        ffi::SQLITE_STATIC(),
                    ),
                }
            };
            if code != ffi::SQLITE_OK {
                return Err(last_error(&mut self.handle));
            }
        }
        // SAFETY: the statement is alive; resetting it after a failure gives the failure's code again.
        let code = unsafe {
            ffi::sqlite3_step(statement);
            ffi::sqlite3_reset(statement)
        };
        if code != ffi::SQLITE_OK {
            return Err(last_error(&mut self.handle));
        }
        self.rows += 1;
        if self.rows.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        // SAFETY: the statement is finalised once, before the connection is given back.
        unsafe { ffi::sqlite3_finalize(self.statement.as_ptr()) };
    }
}

fn last_error(handle: &mut LockedSqliteHandle<'_>) -> sqlx::Error {
    match handle.last_error() {
        Some(error) => sqlx::Error::Database(Box::new(error)),
        None => sqlx::Error::Protocol("SQLite refused a statement without saying why".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;

    #[tokio::test]
    async fn rows_go_in_and_errors_come_out() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (a INTEGER UNIQUE, b TEXT) STRICT").execute(&mut connection).await.unwrap();
        let mut rows = Prepared::prepare(&mut connection, "INSERT INTO t VALUES (?, ?)").await.unwrap();
        rows.run(&[Bound::Integer(1), Bound::Text("é\u{2400}")]).await.unwrap();
        rows.run(&[Bound::Null, Bound::text(None)]).await.unwrap();
        let error = rows.run(&[Bound::Integer(1), Bound::Text("again")]).await.unwrap_err();
        assert!(error.as_database_error().is_some_and(|error| error.is_unique_violation()), "{error}");
        rows.run(&[Bound::Integer(2), Bound::Text("")]).await.unwrap();
        drop(rows);
        let all: Vec<(Option<i64>, Option<String>)> =
            sqlx::query_as("SELECT a, b FROM t ORDER BY rowid").fetch_all(&mut connection).await.unwrap();
        let expected = [(Some(1), Some("é\u{2400}".to_owned())), (None, None), (Some(2), Some(String::new()))];
        assert_eq!(all, expected);
        assert!(Prepared::prepare(&mut connection, "INSERT INTO nowhere VALUES (?)").await.is_err());
    }
}
