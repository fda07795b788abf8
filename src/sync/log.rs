//! The log line of a walk: one each, which stands alone. Its fields are public, see `docs/logging.md`.

use super::error::WalkError;
use super::walk::{WalkReport, WalkStatus};
use crate::model::{Timestamp, WalkId};
use crate::store::{Figures, StoreError};

/// What is told of a walk that has ended; what is not known is left out.
#[derive(Default)]
pub(super) struct Line<'a> {
    site: &'a str,
    walk: Option<WalkId>,
    outcome: &'static str,
    duration_ms: u64,
    figures: Option<&'a Figures>,
    /// Why it ended otherwise than it should have.
    error: Option<String>,
}

/// Tells the fields of a line at a level. A macro, since level and fields are fixed when it is compiled.
macro_rules! tell {
    ($level:ident, $line:ident, $($message:tt)+) => {{
        let Line { site, walk, outcome, duration_ms, figures, error } = $line;
        tracing::$level!(
            %site,
            walk = walk.map(|walk| walk.0),
            %outcome,
            duration_ms,
            users = figures.and_then(|figures| figures.users_seen),
            groups = figures.and_then(|figures| figures.groups_seen),
            memberships = figures.and_then(|figures| figures.memberships_seen),
            changes = figures.map(|figures| figures.changes),
            requests = figures.map(|figures| figures.requests),
            retries = figures.map(|figures| figures.retries),
            rate_limited = figures.map(|figures| figures.rate_limited),
            error,
            $($message)+
        );
    }};
}

impl<'a> Line<'a> {
    /// A walk that applied something.
    pub(super) fn of(site: &'a str, report: &'a WalkReport) -> Self {
        Self {
            site,
            walk: report.walk,
            outcome: report.status.as_str(),
            duration_ms: between(report.started_at, report.finished_at),
            figures: Some(&report.figures),
            error: why(report),
        }
    }

    /// A walk that failed, after so many requests if it came to ask at all.
    pub(super) fn failed(
        site: &'a str,
        error: &WalkError,
        asked: Option<&'a (WalkId, Figures)>,
        (began, now): (Timestamp, Timestamp),
    ) -> Self {
        let busy = matches!(error, WalkError::Store(StoreError::Walking { .. }));
        Self {
            site,
            walk: asked.map(|asked| asked.0),
            outcome: if busy { "busy" } else { "failed" },
            duration_ms: between(began, now),
            figures: asked.map(|asked| &asked.1),
            error: Some(error.to_string()),
        }
    }

    /// A walk that was stopped in the middle.
    pub(super) fn stopped(site: &'a str, walk: WalkId, why: &str, (began, now): (Timestamp, Timestamp)) -> Self {
        let (duration_ms, error) = (between(began, now), Some(why.to_owned()));
        Self { site, walk: Some(walk), outcome: "stopped", duration_ms, error, ..Self::default() }
    }

    /// Writes it: what needs nobody as information, what somebody should see as a warning, what failed as an error.
    pub(super) fn write(self) {
        let Line { site, walk, outcome, .. } = self;
        let line = self;
        match (walk, outcome) {
            (Some(WalkId(id)), "applied") => tell!(info, line, "walk {id} of {site} {outcome}"),
            (Some(WalkId(id)), "failed") => tell!(error, line, "walk {id} of {site} {outcome}"),
            (Some(WalkId(id)), _) => tell!(warn, line, "walk {id} of {site} {outcome}"),
            (None, "busy") => tell!(warn, line, "no walk of {site} began: another process is walking the site"),
            (None, _) => tell!(error, line, "no walk of {site} began"),
        }
    }
}

fn between(began: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.millis() - began.millis()).unwrap_or(0)
}

/// Why a walk that applied something is not simply applied: the first reason, and how many others there are.
fn why(report: &WalkReport) -> Option<String> {
    let held = report.hold.iter().flat_map(|hold| &hold.reasons).map(ToString::to_string);
    let reasons: Vec<String> = held.chain(report.problems.iter().cloned()).collect();
    let first = reasons.first().filter(|_| report.status != WalkStatus::Applied)?;
    let more = reasons.len() - 1;
    Some(if more > 0 { format!("{first} (and {more} more)") } else { first.clone() })
}
