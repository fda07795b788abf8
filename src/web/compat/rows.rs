//! Reading rows fast: as SQLite holds them, without a copy.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::SqliteConnection;

use super::super::refusal::Refusal;
use crate::model::Timestamp;
use crate::store::sandbox::{self, Bound, Described, Limits, Question, Raw, Reader, Row, SandboxError};

/// How long a question may take.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

struct Each<F>(F);

impl<F: FnMut(Row<'_>)> Reader for Each<F> {
    type Error = SandboxError;

    fn begin(&mut self, _: &[Described]) -> Result<(), SandboxError> {
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), SandboxError> {
        self.0(row);
        Ok(())
    }
}

/// Gives each row of the statement to `take`.
///
/// # Errors
/// It takes too long, or the database cannot be read.
pub(super) async fn each(
    connection: &mut SqliteConnection,
    sql: &str,
    parameters: &[(&str, Bound)],
    take: impl FnMut(Row<'_>),
) -> Result<(), Refusal> {
    let limits = Limits { timeout: Some(LIMIT), rows: None };
    match sandbox::read(connection, Question { sql, parameters, limits }, &mut Each(take)).await {
        Ok(_) => Ok(()),
        Err(SandboxError::Timeout(_)) => Err(Refusal::busy("it takes too long to be answered here")),
        Err(error) => Err(Refusal::failed(&error)),
    }
}

/// A text; empty where there is none.
pub(super) fn text<'a>(row: Row<'a>, column: usize) -> Cow<'a, str> {
    told(row, column).unwrap_or_default()
}

/// A text, where there is one.
pub(super) fn told<'a>(row: Row<'a>, column: usize) -> Option<Cow<'a, str>> {
    match row.get(column) {
        Raw::Text(text) => Some(text),
        _ => None,
    }
}

/// A number, where there is one.
pub(super) fn number(row: Row<'_>, column: usize) -> Option<i64> {
    match row.get(column) {
        Raw::Integer(number) => Some(number),
        _ => None,
    }
}

/// A truth value, where there is one.
pub(super) fn truth(row: Row<'_>, column: usize) -> Option<bool> {
    number(row, column).map(|number| number != 0)
}

/// A time, where there is one.
pub(super) fn time(row: Row<'_>, column: usize) -> Option<Timestamp> {
    told(row, column).and_then(|text| Timestamp::parse_sql(&text).ok())
}
