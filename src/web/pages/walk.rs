//! One walk: what it read, what it changed, and what it holds.

mod find;

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use self::find::{Found, HELD, PartRow, WalkRow, find};
use super::changes::{Change, moment, words};
use super::show::{Moment, count, escaped, lines};
use super::walks::{look, took};
use super::{Shell, page as done};
use crate::model::Timestamp;
use crate::render::{quoted, visible};
use crate::store::HoldRow;
use crate::web::asked::Asked;
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

/// The changes of an old walk are far down in the feed.
const WITHIN: Duration = Duration::from_secs(20);

/// A figure, and what it is.
type Figure = (&'static str, String);

/// What a walk asked of a part of the site, and what it got.
struct Part {
    part: String,
    asked: String,
    received: String,
    declared: String,
    repeated: String,
    rewalked: String,
    retried: String,
    rate_limited: String,
    problem: String,
}

/// What a walk holds, and what was decided about it.
struct Hold {
    stands: bool,
    reasons: Vec<String>,
    removals: String,
    walk_error: String,
    decision: String,
    decided_at: Option<Moment>,
    decided_by: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "web/walk.html")]
struct Page {
    shell: Shell,
    id: i64,
    site: String,
    /// The site's name, in a query.
    site_query: String,
    status: String,
    look: &'static str,
    /// Its moments: what each is, and when.
    moments: Vec<(&'static str, Moment)>,
    figures: Vec<Figure>,
    error: String,
    parts: Vec<Part>,
    hold: Option<Hold>,
    held: Vec<(i64, Change)>,
    held_on: Option<i64>,
    held_from_start: bool,
    kinds: Vec<(&'static str, String, String)>,
    changes: Vec<Change>,
    /// There are more.
    has_more: bool,
    /// So many of its changes are on record no more.
    removed: Option<String>,
}

pub(super) async fn page(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    mut asked: Asked,
) -> Result<Response, Refusal> {
    let after = asked.take_number("after")?.map_or(0, |seq| seq as i64);
    asked.done()?;
    let absent = || Refusal::absent(format!("there is no walk {}", quoted(&id)));
    let id: i64 = id.parse().map_err(|_| absent())?;
    let look_up = async move |mut reader: Reader| find(&mut reader, id, after).await;
    let found: Option<Found> = shared.mirror.ask(Lane::Slow, WITHIN, look_up).await?;
    let Found { walk, parts, hold, mut held, kinds, changes } = found.ok_or_else(absent)?;
    let now = shared.clock.now();
    let held_on = (held.len() > HELD).then(|| held[HELD - 1].seq);
    held.truncate(HELD);
    let kept: i64 = kinds.iter().map(|(_, count)| count).sum();
    Ok(done(&Page {
        shell: Shell::new(format!("Walk {id} of {}", visible(&walk.site)), "/walks", &shared),
        id,
        site: visible(&walk.site).into_owned(),
        site_query: escaped(&walk.site),
        look: look(&walk.status),
        moments: moments(&walk, hold.as_ref(), now)?,
        figures: figures(&walk, hold.as_ref()),
        error: walk.error.as_deref().map(lines).unwrap_or_default(),
        parts: parts.into_iter().map(Part::of).collect(),
        hold: hold.map(|hold| Hold::of(hold, now)),
        held: held.iter().map(|row| (row.seq, Change::held(row))).collect(),
        held_on,
        held_from_start: after == 0,
        kinds: kinds.into_iter().map(|(kind, number)| (words(&kind), kind, count(number))).collect(),
        has_more: kept > changes.len() as i64,
        changes: changes.iter().map(|row| Change::of(row, now)).collect::<Result<_, _>>()?,
        removed: (kept < walk.changes).then(|| count(walk.changes - kept)),
        status: walk.status,
    }))
}

fn moments(walk: &WalkRow, hold: Option<&HoldRow>, now: Timestamp) -> Result<Vec<(&'static str, Moment)>, Refusal> {
    let approved = hold.filter(|hold| hold.decision.as_deref() == Some("approved"));
    let approved = approved.and_then(|hold| hold.decided_at).map(Timestamp::to_sql);
    let known = [
        ("began", Some(walk.started_at.as_str())),
        ("ended", walk.finished_at.as_deref()),
        ("its changes are dated", walk.at.as_deref()),
        ("and happened after", walk.not_before.as_deref()),
        ("what it held is dated", approved.as_deref()),
    ];
    let mut moments = Vec::new();
    for (what, sql) in known {
        moments.extend(moment(sql, now)?.map(|moment| (what, moment)));
    }
    Ok(moments)
}

fn figures(walk: &WalkRow, hold: Option<&HoldRow>) -> Vec<Figure> {
    let decided_at = hold.and_then(|hold| hold.decided_at).map(Timestamp::to_sql);
    let took = took(&walk.started_at, walk.finished_at.as_deref(), decided_at.as_deref());
    let figures = [
        ("took", Some(took).filter(|took| !took.is_empty())),
        ("users seen", walk.users_seen.map(count)),
        ("users declared", walk.users_declared.map(count)),
        ("groups seen", walk.groups_seen.map(count)),
        ("memberships seen", walk.memberships_seen.map(count)),
        ("requests", Some(count(walk.requests))),
        ("of them sent again", Some(count(walk.retries))),
        ("answers 429", Some(count(walk.rate_limited))),
        ("changes", Some(count(walk.changes))),
    ];
    figures.into_iter().filter_map(|(what, figure)| Some((what, figure?))).collect()
}

impl Part {
    fn of(row: PartRow) -> Self {
        let number = |number: Option<i64>| number.map(count).unwrap_or_default();
        Self {
            part: visible(&row.part).into_owned(),
            asked: number(row.asked),
            received: number(row.received),
            declared: number(row.declared),
            repeated: number(row.repeated),
            rewalked: number(row.rewalked),
            retried: number(row.retried),
            rate_limited: number(row.rate_limited),
            problem: row.problem.as_deref().map(lines).unwrap_or_default(),
        }
    }
}

impl Hold {
    fn of(hold: HoldRow, now: Timestamp) -> Self {
        let shown = |text: &Option<String>| text.as_deref().map(lines).unwrap_or_default();
        Self {
            stands: hold.decision.is_none(),
            reasons: hold.reasons.lines().map(|reason| visible(reason).into_owned()).collect(),
            removals: count(hold.removals as i64),
            walk_error: shown(&hold.walk_error),
            decided_at: hold.decided_at.map(|at| Moment::of(at, now)),
            decided_by: shown(&hold.decided_by),
            reason: shown(&hold.reason),
            decision: hold.decision.unwrap_or_default(),
        }
    }
}
