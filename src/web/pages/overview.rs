//! The first page: how each site stands.

mod known;

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use self::known::{DAYS, KnownSite, Month, Seats, id};
use super::changes::Change;
use super::show::{Moment, count, escaped, lines, shortened};
use super::walks::{lasted, look};
use super::{Shell, page as done};
use crate::config::Config;
use crate::daemon::Standing;
use crate::model::Timestamp;
use crate::render::{INCOMPLETE, duration, visible};
use crate::store::{Freshness, WalkRow, walk_job};
use crate::web::asked::Asked;
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

pub(super) use known::Known;

/// The state of the database is told at once.
const STATE_WITHIN: Duration = Duration::from_secs(5);

/// Figures of all users: two reports, one after the other.
const WITHIN: Duration = Duration::from_secs(60);

/// So many reasons of a hold are told here; its walk's page has them all.
const REASONS: usize = 6;

/// How fresh a site is, for a reader.
struct Badge {
    look: &'static str,
    words: String,
}

/// A walk that has ended.
struct Last {
    id: i64,
    status: String,
    look: &'static str,
    moment: Moment,
    took: String,
}

/// A hold that stands.
struct Hold {
    walk: i64,
    since: Moment,
    removals: String,
    reasons: Vec<String>,
    /// So many reasons more.
    more: usize,
}

/// A figure, and where those are listed whom it counts.
struct Figure {
    what: String,
    number: String,
    link: String,
}

/// A month, for a reader.
struct ShownMonth {
    ends_at: Moment,
    active: String,
    logged_in: String,
}

/// A site, for a reader.
struct Card<'a> {
    id: String,
    name: String,
    query: String,
    kind: &'a str,
    base_url: String,
    is_configured: bool,
    fresh: Badge,
    /// The moment of its last walk that was applied whole.
    applied: Option<Moment>,
    last: Option<Last>,
    /// A walk is under way since then.
    walking: Option<Moment>,
    failures: String,
    error: String,
    next: Option<Moment>,
    next_words: &'static str,
    parts: String,
    is_incomplete: bool,
    hold: Option<Hold>,
    seats: Option<String>,
    figures: Vec<Figure>,
    months: Vec<ShownMonth>,
    tier: String,
    chart: &'a str,
    changes: Vec<Change>,
}

#[derive(Template)]
#[template(path = "web/overview.html")]
struct Page<'a> {
    shell: Shell,
    as_of: Moment,
    cards: Vec<Card<'a>>,
    notes: &'a [String],
    incomplete: &'static str,
    tells_next: bool,
}

pub(super) async fn page(State(shared): State<Shared>, asked: Asked) -> Result<Response, Refusal> {
    asked.done()?;
    let (beat, now) = (shared.pulse.beat(), shared.clock.now());
    let generation = shared.mirror.generation(STATE_WITHIN).await?;
    // Who is idle is another question every day; which sites there are, and their tiers, when the configuration is read.
    let question = format!("{} {}", &now.to_sql()[..10], beat.loaded_at.millis());
    let (mirror, config) = (shared.mirror.clone(), beat.config.clone());
    let find = async move |mut reader: Reader| known::find(&mut reader, &config, now).await;
    let known = shared.pages.overview.get(generation, question, WITHIN, mirror.ask(Lane::Slow, WITHIN, find)).await?;
    let card = |site| Card::of(site, &beat.config, &beat.jobs, now);
    Ok(done(&Page {
        shell: Shell::new("Overview", "/", &shared),
        as_of: Moment::of(known.as_of, now),
        cards: known.sites.iter().map(card).collect::<Result<_, _>>()?,
        notes: &known.notes,
        incomplete: INCOMPLETE,
        tells_next: tells_next(&beat.jobs),
    }))
}

impl<'a> Card<'a> {
    fn of(site: &'a KnownSite, config: &Config, jobs: &[Standing], now: Timestamp) -> Result<Self, Refusal> {
        let standing = site.standing.as_ref();
        let applied = standing.and_then(|standing| standing.last_applied.as_ref()?.at);
        let ended = standing.and_then(|standing| standing.last_ended.as_ref());
        let last = standing.and_then(|standing| standing.last_walk.as_ref());
        let walking = last.filter(|walk| walk.status == "running").map(|walk| Moment::of(walk.started_at, now));
        let failures = standing.map_or(0, |standing| standing.failures);
        let error = ended.and_then(|walk| walk.error.as_deref());
        let job = jobs.iter().find(|job| job.job == walk_job(&site.name));
        let limit = config.sites.iter().find(|known| known.id == site.name).map(|known| known.freshness);
        let query = escaped(&site.name);
        Ok(Self {
            id: id(&site.name),
            name: visible(&site.name).into_owned(),
            kind: &site.kind,
            base_url: visible(&site.base_url).into_owned(),
            is_configured: site.is_configured,
            fresh: Badge::of(applied, limit, now),
            applied: applied.map(|at| Moment::of(at, now)),
            last: ended.map(|walk| Last::of(walk, now)),
            walking,
            failures: if failures > 1 { format!("{failures} walks in a row failed") } else { String::new() },
            error: error.map(|error| shortened(&lines(error))).unwrap_or_default(),
            next: job.and_then(|job| job.next_at).map(|at| Moment::of(at, now)),
            next_words: next_words(job),
            parts: site.incomplete_parts.join(", "),
            is_incomplete: site.is_incomplete,
            hold: standing.and_then(|standing| standing.held.as_ref()).map(|held| Hold {
                walk: held.walk.id,
                since: Moment::of(held.since, now),
                removals: count(held.removals),
                reasons: held.reasons.lines().take(REASONS).map(|line| visible(line).into_owned()).collect(),
                more: held.reasons.lines().count().saturating_sub(REASONS),
            }),
            seats: site.seats.as_ref().map(in_use),
            figures: site.seats.as_ref().map(|seats| figures(seats, &query)).unwrap_or_default(),
            months: site.months.iter().rev().map(|month| ShownMonth::of(month, now)).collect(),
            tier: site.seats.as_ref().and_then(|seats| seats.tier).map(count).unwrap_or_default(),
            chart: &site.chart,
            changes: site.changes.iter().map(|row| Change::of(row, now)).collect::<Result<_, _>>()?,
            query,
        })
    }
}

impl Badge {
    fn of(applied: Option<Timestamp>, limit: Option<Duration>, now: Timestamp) -> Self {
        let badge = |look, words: String| Self { look, words };
        let Some(limit) = limit else { return badge("", "not configured".to_owned()) };
        match Freshness::of(applied, limit, now) {
            Freshness::Ok => badge("good", "fresh".to_owned()),
            Freshness::Stale => {
                let limit = duration(i64::try_from(limit.as_secs()).unwrap_or(i64::MAX));
                badge("bad", format!("stale: older than {limit}"))
            }
            Freshness::Never => badge("warn", "never applied".to_owned()),
        }
    }
}

impl Last {
    fn of(walk: &WalkRow, now: Timestamp) -> Self {
        let took = walk.took().and_then(|took| i64::try_from(took.as_millis()).ok());
        Self {
            id: walk.id,
            status: walk.status.clone(),
            look: look(&walk.status),
            moment: Moment::of(walk.moment(), now),
            took: took.map(lasted).unwrap_or_default(),
        }
    }
}

impl ShownMonth {
    fn of(month: &Month, now: Timestamp) -> Self {
        Self { ends_at: Moment::of(month.ends_at, now), active: count(month.active), logged_in: count(month.logged_in) }
    }
}

/// What there is to say of a next walk that has no time.
fn next_words(job: Option<&Standing>) -> &'static str {
    match job {
        Some(job) if job.running => "under way",
        Some(_) => "not again",
        None => "no schedule",
    }
}

/// Whether it is known here when a site is walked next: a server without a daemon does not know what one beside it does.
fn tells_next(jobs: &[Standing]) -> bool {
    !jobs.is_empty()
}

/// `45 of 50 (90.0 %)`.
fn in_use(seats: &Seats) -> String {
    let licensed = count(seats.licensed);
    match (seats.tier, seats.percent()) {
        (Some(tier), Some(percent)) => format!("{licensed} of {} ({percent:.1}\u{a0}%)", count(tier)),
        _ => licensed,
    }
}

/// The accounts by what became of them, each with the report that lists them.
fn figures(seats: &Seats, site: &str) -> Vec<Figure> {
    let figure = |what: String, number: i64, report: &str, query: String| Figure {
        what,
        number: count(number),
        link: format!("/reports/{report}?site={site}{query}"),
    };
    let days = || format!("&days={DAYS}");
    let mut figures = vec![
        figure(format!("idle ≥ {DAYS} days"), seats.idle, "inactive", days()),
        figure(format!("never logged in, ≥ {DAYS} days old"), seats.never, "never-logged-in", days()),
        figure("last log-in unknown".to_owned(), seats.unknown, "licensed", "&sort=reason&order=desc".to_owned()),
        figure("no access".to_owned(), seats.no_access, "no-access", String::new()),
        figure("deactivated".to_owned(), seats.deactivated, "deactivated", String::new()),
        figure("missing".to_owned(), seats.missing, "vanished", String::new()),
        figure("deleted".to_owned(), seats.deleted, "vanished", String::new()),
    ];
    if seats.other > 0 {
        figures.push(figure("status unknown".to_owned(), seats.other, "users", String::new()));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_judged_by_the_limit_of_the_site() {
        let at = |text| Timestamp::parse_sql(text).unwrap();
        let (applied, now) = (at("2026-01-01 00:00:00.000"), at("2026-01-02 00:00:00.001"));
        let words = |applied, limit: Option<u64>| Badge::of(applied, limit.map(Duration::from_secs), now).words;
        assert_eq!(words(Some(applied), Some(86_401)), "fresh");
        assert_eq!(words(Some(applied), Some(86_400)), "stale: older than 1 day");
        assert_eq!(words(None, Some(86_400)), "never applied");
        assert_eq!(words(Some(applied), None), "not configured");
    }

    #[test]
    fn each_figure_links_to_who_it_counts() {
        let seats = Seats {
            licensed: 1045,
            tier: Some(1100),
            idle: 1,
            never: 2,
            unknown: 3,
            no_access: 4,
            deactivated: 5,
            missing: 6,
            deleted: 7,
            other: 0,
        };
        assert_eq!(in_use(&seats), "1\u{202f}045 of 1\u{202f}100 (95.0\u{a0}%)");
        assert_eq!(in_use(&Seats { tier: None, ..seats.clone() }), "1\u{202f}045");
        let shown = figures(&seats, "a%26b");
        assert_eq!(shown[0].link, "/reports/inactive?site=a%26b&days=90");
        assert_eq!(shown.len(), 7, "a status that nobody has is not told");
        assert_eq!(figures(&Seats { other: 1, ..seats }, "a").len(), 8);
    }
}
