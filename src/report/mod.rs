//! Reports: named, parameterised questions with a fixed set of columns.
//!
//! A report is a `.sql` file in `sql/` and its declaration in [`registry`]. The SQL is one statement over the public
//! tables; it may name `:as_of` (a time in SQLite's format), `:sites` (a JSON array of site names) and its own
//! parameters (`:days`), and orders its rows completely. [`run`] binds these, refuses a report whose columns are not
//! the declared ones, and says which walks the answer rests on.

mod bind;
pub mod history;
mod output;
pub mod registry;
pub mod rows;
mod run;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use output::write;
pub use run::{ReportError, ReportResult, Request, WalkBasis, run};

use crate::model::{TimeError, Timestamp};
use crate::render::{Column, Kind, Value};

/// A report's declaration.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it answers, and what it does not.
    pub description: &'static str,
    /// What may be asked of it.
    pub parameters: &'static [Parameter],
    /// What it answers with.
    pub columns: &'static [ReportColumn],
    /// One statement.
    pub sql: &'static str,
}

/// A column of a report.
#[derive(Clone, Copy, Debug)]
pub struct ReportColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What a value tells, and what an empty one does.
    pub meaning: &'static str,
}

impl ReportColumn {
    /// As a column of a table.
    pub fn column(&self) -> Column {
        Column::new(self.name, self.kind)
    }
}

/// A parameter of a report.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, before the `=` of `--param`.
    pub name: &'static str,
    /// What it takes, and what it is when not given.
    pub kind: ParameterKind,
    /// What it does.
    pub meaning: &'static str,
}

/// What a parameter takes, with its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Whole days, 0 to [`DAYS_MAX`].
    Days {
        /// When not given.
        default: i64,
    },
    /// A moment; a bare date is its first millisecond.
    Since {
        /// When not given: so many days before as-of.
        days_before: i64,
    },
    /// The name of a group; every group when not given.
    Group,
}

/// The most days a parameter takes: a century.
pub const DAYS_MAX: i64 = 36_500;

/// Milliseconds in a day.
pub(crate) const DAY: i64 = 86_400_000;

impl Parameter {
    /// What it takes, for a listing: `0 to 36500`.
    pub fn takes(&self) -> String {
        match self.kind {
            ParameterKind::Days { .. } => format!("days, 0 to {DAYS_MAX}"),
            ParameterKind::Since { .. } => "a date or an RFC 3339 time".to_owned(),
            ParameterKind::Group => "the name of a group".to_owned(),
        }
    }

    /// What it is when not given, for a listing.
    pub fn default_text(&self) -> String {
        match self.kind {
            ParameterKind::Days { default } => default.to_string(),
            ParameterKind::Since { days_before } => format!("{days_before} days before as-of"),
            ParameterKind::Group => "every group".to_owned(),
        }
    }

    fn default_value(&self, as_of: Timestamp) -> Value {
        match self.kind {
            ParameterKind::Days { default } => Value::Integer(default),
            ParameterKind::Since { days_before } => Value::Time(as_of.plus_millis(-days_before * DAY)),
            ParameterKind::Group => Value::Null,
        }
    }

    fn parse(&self, text: &str) -> Result<Value, String> {
        let invalid = |why: String| format!("the parameter {} takes {}: {why}", self.name, self.takes());
        match self.kind {
            ParameterKind::Days { .. } => match text.trim().parse::<i64>() {
                Ok(days) if (0..=DAYS_MAX).contains(&days) => Ok(Value::Integer(days)),
                _ => Err(invalid(format!("'{text}' is not that"))),
            },
            ParameterKind::Since { .. } => {
                since(text).map(Value::Time).map_err(|error: TimeError| invalid(error.to_string()))
            }
            ParameterKind::Group => Ok(Value::Text(text.to_owned())),
        }
    }
}

/// A moment to count from: as [`Timestamp::parse_human`], but a bare date is its first millisecond.
fn since(text: &str) -> Result<Timestamp, TimeError> {
    let time = Timestamp::parse_human(text)?;
    // Of what is read, only a date has no colon.
    Ok(if text.contains(':') { time } else { time.plus_millis(1 - DAY) })
}

/// The report called `name`.
pub fn find(name: &str) -> Option<&'static Report> {
    registry::ALL.iter().find(|report| report.name == name)
}
