//! Somebody's own SQL on the mirror: one statement, reading only, for so long and so many rows.
//!
//! A read-only connection alone is no sandbox: `VACUUM INTO` writes a file through it and `ATTACH` reads others. So an
//! authorizer lets through only what reads this database, and the statement is prepared, run and read here, on SQLite's
//! own interface, with the handle locked: between the checks and the run nothing can be swapped.

#[cfg(test)]
mod tests;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use libsqlite3_sys as ffi;
use sqlx::SqliteConnection;

/// How far somebody's SQL may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest it may run.
    pub timeout: Duration,
    /// The most rows it answers; `None` is all of them.
    pub rows: Option<usize>,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    /// The columns' names, as SQLite gives them.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// There were more rows than the limit.
    pub limited: bool,
}

/// A value as SQLite stores it; nothing is reinterpreted.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // SQLite's own storage classes
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// Why it was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It does more than read this database, or is not exactly one statement.
    #[error("refused: {0}")]
    Refused(String),
    /// SQLite says that it is wrong.
    #[error("SQLite says: {0}")]
    Invalid(String),
    /// It ran for longer than it may.
    #[error("stopped after {} s: --timeout allows longer", .0.as_secs_f64())]
    Timeout(Duration),
    /// SQLite could not read the database.
    #[error("the database cannot be read: {0}")]
    Failed(String),
    /// The file is damaged.
    #[error("the database cannot be read: {0}")]
    Damaged(String),
    /// The connection is gone.
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
}

/// Pragmas that tell something about the schema, argument and all.
const SCHEMA_PRAGMAS: &[&str] = &[
    "collation_list",
    "compile_options",
    "database_list",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "module_list",
    "pragma_list",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that tell a number as long as they are given none.
const NUMBER_PRAGMAS: &[&str] =
    &["application_id", "data_version", "encoding", "page_count", "page_size", "schema_version", "user_version"];

/// Instructions between two looks at the clock: well under a millisecond.
const LOOK_EVERY: i32 = 1000;

/// Runs `sql`. Blocks the thread meanwhile: the connection's own worker cannot be asked to check before it runs.
///
/// # Errors
/// [`SandboxError::Refused`] and [`SandboxError::Invalid`] are the asker's, [`SandboxError::Timeout`] says so.
pub async fn query(connection: &mut SqliteConnection, sql: &str, limits: Limits) -> Result<Answer, SandboxError> {
    // The worker may hold a cached statement; query_only is for whatever the authorizer might not foresee.
    sqlx::query("PRAGMA query_only = ON").execute(&mut *connection).await?;
    let mut locked = connection.lock_handle().await?;
    let started = Instant::now();
    locked.set_progress_handler(LOOK_EVERY, move || started.elapsed() < limits.timeout);
    let answer = Guard::new(locked.as_raw_handle()).run(sql, limits);
    locked.remove_progress_handler();
    answer
}

/// The handle while the sandbox is around it; dropping it takes the sandbox away.
struct Guard {
    db: NonNull<ffi::sqlite3>,
    attached: c_int,
}

impl Guard {
    fn new(db: NonNull<ffi::sqlite3>) -> Self {
        // SAFETY: the caller has the handle locked for as long as the guard lives.
        let attached = unsafe {
            ffi::sqlite3_set_authorizer(db.as_ptr(), Some(authorize), ptr::null_mut());
            ffi::sqlite3_limit(db.as_ptr(), ffi::SQLITE_LIMIT_ATTACHED, 0)
        };
        Self { db, attached }
    }

    fn run(&self, sql: &str, limits: Limits) -> Result<Answer, SandboxError> {
        let statement = self.prepare(sql, limits)?;
        let columns = (0..statement.column_count()).map(|i| statement.column_name(i)).collect();
        let mut rows = Vec::new();
        let mut limited = false;
        loop {
            // SAFETY: the statement lives, and the database handle is locked.
            match unsafe { ffi::sqlite3_step(statement.0.as_ptr()) } {
                ffi::SQLITE_ROW if limits.rows.is_some_and(|most| rows.len() >= most) => {
                    limited = true;
                    break;
                }
                ffi::SQLITE_ROW => {
                    rows.push((0..statement.column_count()).map(|i| statement.value(i)).collect());
                }
                ffi::SQLITE_DONE => break,
                code => return Err(self.error(code, limits)),
            }
        }
        Ok(Answer { columns, rows, limited })
    }

    fn prepare(&self, sql: &str, limits: Limits) -> Result<Prepared, SandboxError> {
        let sql = CString::new(sql).map_err(|_| SandboxError::Invalid("the statement holds a NUL".into()))?;
        let (prepared, rest) = self.prepare_one(&sql, limits)?;
        let Some(prepared) = prepared else {
            return Err(SandboxError::Refused("there is no statement".into()));
        };
        // What follows may be white space and comments: that prepares to nothing.
        let mut rest = rest.to_owned();
        while !rest.is_empty() {
            let Ok((None, next)) = self.prepare_one(&rest, limits) else {
                return Err(SandboxError::Refused("only one statement can be asked at a time".into()));
            };
            if next.count_bytes() >= rest.count_bytes() {
                break;
            }
            rest = next.to_owned();
        }
        // SAFETY: the statement was just prepared and lives.
        if unsafe { ffi::sqlite3_stmt_readonly(prepared.0.as_ptr()) } == 0 {
            return Err(SandboxError::Refused("the statement writes; only reading is allowed".into()));
        }
        Ok(prepared)
    }

    /// The first statement of `sql`, if it holds one, and what follows it.
    fn prepare_one<'a>(&self, sql: &'a CStr, limits: Limits) -> Result<(Option<Prepared>, &'a CStr), SandboxError> {
        let mut statement = ptr::null_mut();
        let mut tail: *const c_char = ptr::null();
        // SAFETY: `sql` ends in NUL; the tail that SQLite gives back points into it, so the same NUL ends it.
        let (code, rest) = unsafe {
            let code = ffi::sqlite3_prepare_v2(self.db.as_ptr(), sql.as_ptr(), -1, &mut statement, &mut tail);
            (code, if tail.is_null() { c"" } else { CStr::from_ptr(tail) })
        };
        let prepared = NonNull::new(statement).map(Prepared);
        if code == ffi::SQLITE_OK { Ok((prepared, rest)) } else { Err(self.error(code, limits)) }
    }

    fn error(&self, code: c_int, limits: Limits) -> SandboxError {
        // SAFETY: SQLite keeps the message until the next call on the handle, which is locked.
        let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.db.as_ptr())) }.to_string_lossy().into_owned();
        match code & 0xff {
            ffi::SQLITE_INTERRUPT => SandboxError::Timeout(limits.timeout),
            ffi::SQLITE_AUTH => SandboxError::Refused(format!("only reading the mirror is allowed ({message})")),
            // Of a function SQLite says so under its general code.
            ffi::SQLITE_ERROR if message.starts_with("not authorized") => SandboxError::Refused(message),
            ffi::SQLITE_READONLY => SandboxError::Refused(message),
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => SandboxError::Damaged(message),
            ffi::SQLITE_BUSY
            | ffi::SQLITE_LOCKED
            | ffi::SQLITE_IOERR
            | ffi::SQLITE_CANTOPEN
            | ffi::SQLITE_NOMEM
            | ffi::SQLITE_FULL => SandboxError::Failed(message),
            _ => SandboxError::Invalid(message),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        unsafe {
            ffi::sqlite3_set_authorizer(self.db.as_ptr(), None, ptr::null_mut());
            ffi::sqlite3_limit(self.db.as_ptr(), ffi::SQLITE_LIMIT_ATTACHED, self.attached);
        }
    }
}

/// Lets through what reads this database, and nothing else. SQLite asks while it prepares.
extern "C" fn authorize(
    _: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    _: *const c_char,
    _: *const c_char,
) -> c_int {
    // SAFETY: SQLite passes NULL or a text that ends in NUL and lives through the call.
    let text = |text: *const c_char| unsafe { (!text.is_null()).then(|| CStr::from_ptr(text)) };
    let among = |names: &[&str]| {
        text(first).is_some_and(|name| names.iter().any(|known| name.to_bytes().eq_ignore_ascii_case(known.as_bytes())))
    };
    let allowed = match action {
        ffi::SQLITE_SELECT | ffi::SQLITE_READ | ffi::SQLITE_RECURSIVE => true,
        // The second text of a function is its name.
        ffi::SQLITE_FUNCTION => {
            text(second).is_some_and(|name| !name.to_bytes().eq_ignore_ascii_case(b"load_extension"))
        }
        ffi::SQLITE_PRAGMA => among(SCHEMA_PRAGMAS) || (second.is_null() && among(NUMBER_PRAGMAS)),
        _ => false,
    };
    if allowed { ffi::SQLITE_OK } else { ffi::SQLITE_DENY }
}

/// A prepared statement, finalized when dropped.
struct Prepared(NonNull<ffi::sqlite3_stmt>);

impl Prepared {
    fn column_count(&self) -> c_int {
        // SAFETY: the statement lives.
        unsafe { ffi::sqlite3_column_count(self.0.as_ptr()) }
    }

    fn column_name(&self, i: c_int) -> String {
        // SAFETY: the statement lives; SQLite keeps the name until it is asked again.
        unsafe {
            let name = ffi::sqlite3_column_name(self.0.as_ptr(), i);
            if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
        }
    }

    fn value(&self, i: c_int) -> Cell {
        let statement = self.0.as_ptr();
        // SAFETY: the statement stands on a row; what it points to lives until the next step and is copied here.
        unsafe {
            match ffi::sqlite3_column_type(statement, i) {
                ffi::SQLITE_INTEGER => Cell::Integer(ffi::sqlite3_column_int64(statement, i)),
                ffi::SQLITE_FLOAT => Cell::Real(ffi::sqlite3_column_double(statement, i)),
                ffi::SQLITE_TEXT => {
                    let text = ffi::sqlite3_column_text(statement, i);
                    Cell::Text(String::from_utf8_lossy(self.bytes(text.cast(), i)).into_owned())
                }
                ffi::SQLITE_BLOB => {
                    let blob = ffi::sqlite3_column_blob(statement, i);
                    Cell::Blob(self.bytes(blob, i).to_owned())
                }
                _ => Cell::Null,
            }
        }
    }

    /// SAFETY: `start` is what SQLite just gave for column `i` of the row.
    unsafe fn bytes(&self, start: *const c_void, i: c_int) -> &[u8] {
        let length = unsafe { ffi::sqlite3_column_bytes(self.0.as_ptr(), i) };
        if start.is_null() || length <= 0 {
            return &[]; // an empty blob has no address
        }
        unsafe { std::slice::from_raw_parts(start.cast(), length as usize) }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // SAFETY: the statement lives, and nothing uses it hereafter.
        unsafe { ffi::sqlite3_finalize(self.0.as_ptr()) };
    }
}
