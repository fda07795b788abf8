//! SQL on the mirror that is not the program's own: one statement, reading only, for so long and so many rows.
//!
//! A read-only connection alone is no sandbox: `VACUUM INTO` writes a file through it and `ATTACH` reads others. So an
//! authorizer lets through only what reads this database, and the statement is prepared, run and read here, on SQLite's
//! own interface, with the handle locked: between the checks and the run nothing can be swapped. Rows are lent one by one
//! as SQLite holds them, so that a million of them cost no memory.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use libsqlite3_sys as ffi;
use sqlx::SqliteConnection;

/// How far somebody's SQL may go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// The longest it may run, what is done with its rows apart; `None` is as long as it takes, or as the connection has.
    pub timeout: Option<Duration>,
    /// The most rows it answers; `None` is all of them.
    pub rows: Option<u64>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// One statement.
    pub sql: &'a str,
    /// A value for each `:name` that it may have.
    pub parameters: &'a [(&'a str, Bound)],
    /// How far it may go.
    pub limits: Limits,
}

/// A value for a parameter.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // SQLite's own storage classes
pub enum Bound {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
}

/// Who takes the rows.
pub trait Reader {
    /// What goes wrong with it, or with the statement.
    type Error: From<SandboxError>;

    /// Takes the columns, before the first row.
    ///
    /// # Errors
    /// Ends the statement.
    fn begin(&mut self, columns: &[Described]) -> Result<(), Self::Error>;

    /// Takes a row.
    ///
    /// # Errors
    /// Ends the statement.
    fn row(&mut self, row: Row<'_>) -> Result<(), Self::Error>;
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// As SQLite gives it.
    pub name: String,
    /// The type of the table's column behind it, where there is one.
    pub declared: Option<String>,
}

/// A row while SQLite stands on it.
#[derive(Clone, Copy)]
pub struct Row<'a>(&'a Prepared);

/// A value as SQLite stores it; nothing is reinterpreted.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // SQLite's own storage classes
pub enum Raw<'a> {
    Null,
    Integer(i64),
    Real(f64),
    /// Bytes that are no UTF-8 are replaced.
    Text(Cow<'a, str>),
    Blob(&'a [u8]),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Rows taken.
    pub rows: u64,
    /// There were more than the limit.
    pub limited: bool,
}

/// Why it was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It does more than read this database, or is not exactly one statement.
    #[error("refused: {0}")]
    Refused(String),
    /// SQLite says that it is wrong.
    #[error("SQLite says: {message}")]
    Invalid {
        /// SQLite's words.
        message: String,
        /// The line of the statement, from 1, where SQLite tells it.
        line: Option<usize>,
    },
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

/// Runs the statement and gives its rows to `reader`. Blocks the thread meanwhile: the connection's own worker cannot be
/// asked to check before it runs.
///
/// # Errors
/// [`SandboxError::Refused`] and [`SandboxError::Invalid`] are the asker's, [`SandboxError::Timeout`] says so.
pub async fn read<R: Reader>(
    connection: &mut SqliteConnection,
    question: Question<'_>,
    reader: &mut R,
) -> Result<Read, R::Error> {
    // The worker may hold a cached statement; query_only is for whatever the authorizer might not foresee.
    sqlx::query("PRAGMA query_only = ON").execute(&mut *connection).await.map_err(SandboxError::from)?;
    let mut locked = connection.lock_handle().await.map_err(SandboxError::from)?;
    let watch = Watch::start();
    if let Some(timeout) = question.limits.timeout {
        let watch = watch.clone();
        locked.set_progress_handler(LOOK_EVERY, move || watch.spent() < timeout);
    }
    let answer = Guard::new(locked.as_raw_handle()).run(question, &watch, reader);
    if question.limits.timeout.is_some() {
        locked.remove_progress_handler();
    }
    answer
}

/// The columns of the statement, and the names of its parameters, each once; it is not run.
///
/// # Errors
/// As [`read`].
pub async fn describe(
    connection: &mut SqliteConnection,
    sql: &str,
) -> Result<(Vec<Described>, Vec<String>), SandboxError> {
    let mut locked = connection.lock_handle().await?;
    let guard = Guard::new(locked.as_raw_handle());
    let statement = guard.prepare(sql, Limits::default())?;
    Ok((statement.columns(), statement.parameters()?.into_iter().map(|(_, name)| name).collect()))
}

/// Time that the statement takes: while its rows are written, which may go to a pager, it stands still.
#[derive(Clone)]
struct Watch {
    started: Instant,
    /// Nanoseconds that do not count.
    idle: Arc<AtomicU64>,
}

impl Watch {
    fn start() -> Self {
        Self { started: Instant::now(), idle: Arc::default() }
    }

    fn spent(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_nanos(self.idle.load(Ordering::Relaxed)))
    }

    /// Does what does not count.
    fn pause<T>(&self, work: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let done = work();
        self.idle.fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
        done
    }
}

/// The handle while the sandbox is around it; dropping it takes the sandbox away, but for `query_only`.
struct Guard {
    db: NonNull<ffi::sqlite3>,
    attached: c_int,
    length: c_int,
}

/// No text and no blob is longer: one of a gigabyte is made in an instant, and takes as much memory to write.
const LONGEST: c_int = 16 << 20;

impl Guard {
    fn new(db: NonNull<ffi::sqlite3>) -> Self {
        // SAFETY: the caller has the handle locked for as long as the guard lives.
        let (attached, length) = unsafe {
            ffi::sqlite3_set_authorizer(db.as_ptr(), Some(authorize), ptr::null_mut());
            let attached = ffi::sqlite3_limit(db.as_ptr(), ffi::SQLITE_LIMIT_ATTACHED, 0);
            (attached, ffi::sqlite3_limit(db.as_ptr(), ffi::SQLITE_LIMIT_LENGTH, LONGEST))
        };
        Self { db, attached, length }
    }

    fn run<R: Reader>(&self, question: Question<'_>, watch: &Watch, reader: &mut R) -> Result<Read, R::Error> {
        let Question { sql, parameters, limits } = question;
        let statement = self.prepare(sql, limits)?;
        for (place, name) in statement.parameters()? {
            let Some((_, value)) = parameters.iter().find(|(known, _)| *known == name) else {
                return Err(SandboxError::Refused(format!("there is no value for :{name}")).into());
            };
            let code = statement.bind(place, value);
            if code != ffi::SQLITE_OK {
                return Err(self.error(code, limits, sql).into());
            }
        }
        reader.begin(&statement.columns())?;
        let mut rows = 0;
        loop {
            // SAFETY: the statement lives, and the database handle is locked.
            match unsafe { ffi::sqlite3_step(statement.0.as_ptr()) } {
                ffi::SQLITE_ROW if limits.rows.is_some_and(|most| rows >= most) => {
                    return Ok(Read { rows, limited: true });
                }
                ffi::SQLITE_ROW if limits.timeout.is_some() => watch.pause(|| reader.row(Row(&statement)))?,
                ffi::SQLITE_ROW => reader.row(Row(&statement))?,
                ffi::SQLITE_DONE => return Ok(Read { rows, limited: false }),
                code => return Err(self.error(code, limits, sql).into()),
            }
            rows += 1;
        }
    }

    fn prepare(&self, sql: &str, limits: Limits) -> Result<Prepared, SandboxError> {
        let holds_nul = |_| SandboxError::Invalid { message: "the statement holds a NUL".into(), line: None };
        let sql = CString::new(sql).map_err(holds_nul)?;
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
        if code == ffi::SQLITE_OK {
            Ok((prepared, rest))
        } else {
            Err(self.error(code, limits, &sql.to_string_lossy()))
        }
    }

    fn error(&self, code: c_int, limits: Limits, sql: &str) -> SandboxError {
        // SAFETY: SQLite keeps the message until the next call on the handle, which is locked.
        let (message, offset) = unsafe {
            let message = CStr::from_ptr(ffi::sqlite3_errmsg(self.db.as_ptr())).to_string_lossy().into_owned();
            (message, ffi::sqlite3_error_offset(self.db.as_ptr()))
        };
        match code & 0xff {
            ffi::SQLITE_INTERRUPT => SandboxError::Timeout(limits.timeout.unwrap_or_default()),
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
            _ => {
                let before = usize::try_from(offset).ok().and_then(|offset| sql.as_bytes().get(..offset));
                let line = before.map(|before| 1 + memchr::memchr_iter(b'\n', before).count());
                SandboxError::Invalid { message, line }
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        unsafe {
            ffi::sqlite3_set_authorizer(self.db.as_ptr(), None, ptr::null_mut());
            ffi::sqlite3_limit(self.db.as_ptr(), ffi::SQLITE_LIMIT_ATTACHED, self.attached);
            ffi::sqlite3_limit(self.db.as_ptr(), ffi::SQLITE_LIMIT_LENGTH, self.length);
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

impl<'a> Row<'a> {
    /// How many columns it has; it is never empty.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        self.0.column_count() as usize
    }

    /// The value of a column, counted from 0; NULL where there is no such column.
    pub fn get(self, i: usize) -> Raw<'a> {
        self.0.value(i as c_int)
    }
}

/// A prepared statement, finalized when dropped.
struct Prepared(NonNull<ffi::sqlite3_stmt>);

impl Prepared {
    fn column_count(&self) -> c_int {
        // SAFETY: the statement lives.
        unsafe { ffi::sqlite3_column_count(self.0.as_ptr()) }
    }

    fn columns(&self) -> Vec<Described> {
        let text = |text: *const c_char| {
            // SAFETY: SQLite gave NULL or a text that ends in NUL, and keeps it until it is asked again.
            (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
        };
        let column = |i| {
            // SAFETY: the statement lives.
            let (name, declared) = unsafe {
                let name = text(ffi::sqlite3_column_name(self.0.as_ptr(), i));
                (name, text(ffi::sqlite3_column_decltype(self.0.as_ptr(), i)))
            };
            Described { name: name.unwrap_or_default(), declared }
        };
        (0..self.column_count()).map(column).collect()
    }

    /// Each parameter's place and name.
    fn parameters(&self) -> Result<Vec<(c_int, String)>, SandboxError> {
        // SAFETY: the statement lives; SQLite keeps the names as long as it does.
        let count = unsafe { ffi::sqlite3_bind_parameter_count(self.0.as_ptr()) };
        let name = |place| {
            // SAFETY: as above; a name ends in NUL.
            let name = unsafe { ffi::sqlite3_bind_parameter_name(self.0.as_ptr(), place) };
            let name = if name.is_null() { c"?" } else { unsafe { CStr::from_ptr(name) } }.to_string_lossy();
            match name.strip_prefix(':') {
                Some(name) => Ok((place, name.to_owned())),
                None => {
                    let reason = format!("a parameter is written :name, as in :as_of, and not {name}");
                    Err(SandboxError::Refused(reason))
                }
            }
        };
        (1..=count).map(name).collect()
    }

    fn bind(&self, place: c_int, value: &Bound) -> c_int {
        let statement = self.0.as_ptr();
        // SAFETY: the statement lives and has that many parameters; SQLite copies the text.
        unsafe {
            match value {
                Bound::Null => ffi::sqlite3_bind_null(statement, place),
                Bound::Integer(number) => ffi::sqlite3_bind_int64(statement, place, *number),
                Bound::Real(number) => ffi::sqlite3_bind_double(statement, place, *number),
                Bound::Text(text) => ffi::sqlite3_bind_text(
                    statement,
                    place,
                    text.as_ptr().cast(),
                    c_int::try_from(text.len()).unwrap_or(c_int::MAX),
                    ffi::SQLITE_TRANSIENT(),
                ),
            }
        }
    }

    fn value(&self, i: c_int) -> Raw<'_> {
        let statement = self.0.as_ptr();
        // SAFETY: the statement stands on a row; what it points to lives until the next step, which needs the row back.
        unsafe {
            match ffi::sqlite3_column_type(statement, i) {
                ffi::SQLITE_INTEGER => Raw::Integer(ffi::sqlite3_column_int64(statement, i)),
                ffi::SQLITE_FLOAT => Raw::Real(ffi::sqlite3_column_double(statement, i)),
                ffi::SQLITE_TEXT => {
                    let text = ffi::sqlite3_column_text(statement, i);
                    let bytes = self.bytes(text.cast(), i);
                    // Looking first is several times faster than looking for what to replace.
                    match std::str::from_utf8(bytes) {
                        Ok(text) => Raw::Text(Cow::Borrowed(text)),
                        Err(_) => Raw::Text(String::from_utf8_lossy(bytes)),
                    }
                }
                ffi::SQLITE_BLOB => {
                    let blob = ffi::sqlite3_column_blob(statement, i);
                    Raw::Blob(self.bytes(blob, i))
                }
                _ => Raw::Null,
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
