//! What `db prune` took: a moment before it is refused, and an answer that would reach further back says so.

use super::declaration::Report;
use super::run::{ReportError, Request};
use super::{DAY, ParameterKind};
use crate::model::Timestamp;
use crate::render::{Value, quoted};
use crate::store::Boundary;

/// The moment that a person means with as-of, and whether it is one of the past. Today's date is now: the day is not over.
///
/// # Errors
/// A sentence for what is no time, and for the future: what will be is not known.
pub fn moment(text: Option<&str>, now: Timestamp) -> Result<(Timestamp, bool), String> {
    let Some(text) = text else { return Ok((now, false)) };
    let time = Timestamp::parse_human(text).map_err(|_| {
        let told = quoted(text);
        format!("{told} is neither a date (2026-03-31) nor an RFC 3339 time (2026-03-31T12:00:00Z)")
    })?;
    let is_today = !text.contains(':') && now < time && time.plus_millis(-DAY) < now;
    match time {
        _ if is_today => Ok((now, false)),
        time if time > now => {
            let now = &now.to_sql()[..19];
            Err(format!("{} is in the future: it is {now} UTC, and the mirror knows only what was", quoted(text)))
        }
        time => Ok((time, true)),
    }
}

/// How far back the rows of a report reach, of whatever moment it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// They tell of that moment alone.
    #[default]
    Moment,
    /// To what this parameter says: a time, or days before the moment.
    Parameter(String),
    /// To the beginning.
    Always,
}

/// Refuses a moment of which the mirror does not know any more how things were.
pub(super) fn refuse(boundary: Option<Boundary>, request: &Request) -> Result<(), ReportError> {
    match boundary {
        Some(boundary) if request.as_of < boundary.cutoff => {
            Err(ReportError::Pruned { as_of: request.as_of, boundary })
        }
        _ => Ok(()),
    }
}

/// A sentence, where the answer would tell of what was removed.
pub(super) fn note(
    boundary: Option<Boundary>,
    report: &Report,
    request: &Request,
    parameters: &[(String, Value)],
) -> Option<String> {
    let boundary = boundary?;
    let reaches = match &report.looks_back {
        Reach::Moment => false,
        Reach::Always => true,
        Reach::Parameter(name) => match parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value) {
            Some(Value::Time(since)) => *since < boundary.cutoff,
            Some(Value::Integer(days)) => request.as_of.plus_millis(-days.saturating_mul(DAY)) < boundary.cutoff,
            _ => true,
        },
    };
    reaches.then(|| format!("PRUNED: {boundary}: the answer lacks it."))
}

impl Report {
    /// Whether the parameter can say how far back the report looks.
    pub(super) fn may_look_back_by(&self, name: &str) -> bool {
        let kind = self.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| &parameter.kind);
        matches!(kind, Some(ParameterKind::Time { .. } | ParameterKind::Days { .. }))
    }
}
