//! What may be asked of a report.

use crate::model::{TimeError, Timestamp};
use crate::render::Value;
use crate::store::sandbox::Bound;

use super::DAY;

/// The most days a parameter takes: a century.
pub const DAYS_MAX: i64 = 36_500;

/// A parameter of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, before the `=` of `--param`, and after the `:` in the SQL.
    pub name: String,
    /// What it takes, and what it is when not given.
    pub kind: ParameterKind,
    /// What it does.
    pub meaning: String,
}

/// What a parameter takes, with its default.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterKind {
    /// Whole days, 0 to [`DAYS_MAX`].
    Days {
        /// When not given.
        default: i64,
    },
    /// A whole number.
    Integer {
        /// When not given; `None` is NULL.
        default: Option<i64>,
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A moment; a bare date is its first millisecond.
    Time {
        /// When not given: so many days before as-of; `None` is NULL, from the beginning.
        days_before: Option<i64>,
    },
    /// The name of a group; NULL, every group, when not given.
    Group,
    /// Patterns with `*` and `?`, separated by commas; the SQL has them as a JSON array, in lower case.
    Names {
        /// When not given.
        default: String,
    },
    /// Any text.
    Text {
        /// When not given; `None` is NULL.
        default: Option<String>,
    },
}

impl Parameter {
    /// What it takes, for a listing: `days, 0 to 36500`.
    pub fn takes(&self) -> String {
        match &self.kind {
            ParameterKind::Days { .. } => format!("days, 0 to {DAYS_MAX}"),
            ParameterKind::Integer { min, max: i64::MAX, .. } => format!("a whole number, {min} or more"),
            ParameterKind::Integer { min, max, .. } => format!("a whole number, {min} to {max}"),
            ParameterKind::Time { .. } => "a date or an RFC 3339 time".to_owned(),
            ParameterKind::Group => "the name of a group".to_owned(),
            ParameterKind::Names { .. } => "names, separated by commas; * and ? stand for others".to_owned(),
            ParameterKind::Text { .. } => "a text".to_owned(),
        }
    }

    /// What it is when not given, for a listing.
    pub fn default_text(&self) -> String {
        match &self.kind {
            ParameterKind::Days { default } | ParameterKind::Integer { default: Some(default), .. } => {
                default.to_string()
            }
            ParameterKind::Time { days_before: Some(days) } => format!("{days} days before as-of"),
            ParameterKind::Time { days_before: None } => "the beginning".to_owned(),
            ParameterKind::Group => "every group".to_owned(),
            ParameterKind::Names { default } | ParameterKind::Text { default: Some(default) } => default.clone(),
            ParameterKind::Integer { default: None, .. } | ParameterKind::Text { default: None } => "none".to_owned(),
        }
    }

    /// What it is when not given.
    pub(super) fn default_value(&self, as_of: Timestamp) -> Value {
        match &self.kind {
            ParameterKind::Days { default } => Value::Integer(*default),
            ParameterKind::Integer { default, .. } => (*default).into(),
            ParameterKind::Time { days_before } => days_before.map(|days| as_of.plus_millis(-days * DAY)).into(),
            ParameterKind::Group => Value::Null,
            ParameterKind::Names { default } => Value::Text(default.clone()),
            ParameterKind::Text { default } => default.clone().into(),
        }
    }

    /// Reads a value that was given.
    ///
    /// # Errors
    /// A sentence that says what it takes.
    pub(super) fn parse(&self, text: &str) -> Result<Value, String> {
        let invalid = |why: String| format!("the parameter {} takes {}: {why}", self.name, self.takes());
        let whole = |least: i64, most: i64| match text.trim().parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Value::Integer(number)),
            _ => Err(invalid(format!("{} is not that", crate::render::quoted(text)))),
        };
        match &self.kind {
            ParameterKind::Days { .. } => whole(0, DAYS_MAX),
            ParameterKind::Integer { min, max, .. } => whole(*min, *max),
            ParameterKind::Time { .. } => {
                since(text).map(Value::Time).map_err(|error: TimeError| invalid(error.to_string()))
            }
            ParameterKind::Names { .. } if patterns(text).next().is_none() => Err(invalid("there is none".to_owned())),
            ParameterKind::Group | ParameterKind::Names { .. } | ParameterKind::Text { .. } => {
                Ok(Value::Text(text.to_owned()))
            }
        }
    }

    /// The value as the SQL has it.
    pub(super) fn bound(&self, value: &Value) -> Bound {
        match value {
            Value::Null => Bound::Null,
            Value::Integer(number) => Bound::Integer(*number),
            Value::Real(number) => Bound::Real(*number),
            Value::Time(time) => Bound::Text(time.to_sql()),
            Value::Text(text) if matches!(self.kind, ParameterKind::Names { .. }) => {
                Bound::Text(serde_json::Value::from(patterns(text).collect::<Vec<_>>()).to_string())
            }
            Value::Text(text) => Bound::Text(text.clone()),
        }
    }
}

/// The patterns of a [`ParameterKind::Names`], as SQLite's GLOB has them: `[` stands for itself. In lower case as SQLite's
/// `lower` makes it, of ASCII alone: else a name outside it would not fit its own spelling.
fn patterns(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(|name| name.trim().to_ascii_lowercase().replace('[', "[[]")).filter(|name| !name.is_empty())
}

/// A moment to count from: as [`Timestamp::parse_human`], but a bare date is its first millisecond.
fn since(text: &str) -> Result<Timestamp, TimeError> {
    let time = Timestamp::parse_human(text)?;
    // Of what is read, only a date has no colon.
    Ok(if text.contains(':') { time } else { time.plus_millis(1 - DAY) })
}
