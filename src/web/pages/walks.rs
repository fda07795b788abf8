//! The walks, newest first.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sqlx::{Connection, SqliteConnection};
use url::form_urlencoded;

use super::changes::moment;
use super::show::{Moment, count, lines, shortened};
use super::{Shell, page as done};
use crate::model::Timestamp;
use crate::render::{duration, quoted, visible};
use crate::web::asked::Asked;
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

/// Rows a page.
const ROWS: usize = 50;

const WITHIN: Duration = Duration::from_secs(5);

/// What may have become of a walk.
const STATUSES: [&str; 7] = ["running", "applied", "partial", "held", "failed", "rejected", "superseded"];

/// How a status looks; its word says the same.
pub(super) fn look(status: &str) -> &'static str {
    match status {
        "applied" => "good",
        "partial" | "held" => "warn",
        "failed" => "bad",
        _ => "",
    }
}

/// A walk as it is read.
#[derive(Clone, Debug, sqlx::FromRow)]
struct WalkRow {
    id: i64,
    site: String,
    status: String,
    started_at: String,
    finished_at: Option<String>,
    /// When its hold was decided: an approval moves the walk's end.
    decided_at: Option<String>,
    users_seen: Option<i64>,
    users_declared: Option<i64>,
    groups_seen: Option<i64>,
    memberships_seen: Option<i64>,
    requests: i64,
    changes: i64,
    error: Option<String>,
}

/// A walk for a reader.
struct Shown {
    id: i64,
    site: String,
    status: String,
    look: &'static str,
    began: Option<Moment>,
    took: String,
    users: String,
    groups: String,
    memberships: String,
    requests: String,
    changes: String,
    error: String,
}

impl Shown {
    fn of(row: WalkRow, now: Timestamp) -> Result<Self, Refusal> {
        let users = match (row.users_seen, row.users_declared) {
            (Some(seen), Some(declared)) if seen != declared => format!("{} of {}", count(seen), count(declared)),
            (seen, _) => seen.map(count).unwrap_or_default(),
        };
        Ok(Self {
            id: row.id,
            site: visible(&row.site).into_owned(),
            look: look(&row.status),
            began: moment(Some(&row.started_at), now)?,
            took: took(&row.started_at, row.finished_at.as_deref(), row.decided_at.as_deref()),
            status: row.status,
            users,
            groups: row.groups_seen.map(count).unwrap_or_default(),
            memberships: row.memberships_seen.map(count).unwrap_or_default(),
            requests: count(row.requests),
            changes: count(row.changes),
            error: row.error.as_deref().map(|error| shortened(&lines(error))).unwrap_or_default(),
        })
    }
}

/// How long a walk took, if that is known: what was decided later may have moved its end.
pub(super) fn took(started_at: &str, finished_at: Option<&str>, decided_at: Option<&str>) -> String {
    let Some(finished_at) = finished_at.filter(|finished_at| Some(*finished_at) != decided_at) else {
        return String::new();
    };
    match (Timestamp::parse_sql(started_at), Timestamp::parse_sql(finished_at)) {
        (Ok(started), Ok(finished)) => lasted(finished.millis() - started.millis()),
        _ => String::new(),
    }
}

/// A length of time; what is shorter than a minute with its tenths.
pub(super) fn lasted(millis: i64) -> String {
    match millis.max(0) {
        millis @ 0..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        millis => duration(millis / 1000),
    }
}

#[derive(Template)]
#[template(path = "web/walks.html")]
struct Page {
    shell: Shell,
    sites: Vec<String>,
    site: String,
    statuses: [&'static str; 7],
    status: String,
    walks: Vec<Shown>,
    /// Not from the newest on.
    is_later: bool,
    newest: String,
    older: Option<String>,
}

pub(super) async fn page(State(shared): State<Shared>, mut asked: Asked) -> Result<Response, Refusal> {
    let (site, status) = (asked.take("site")?, asked.take("status")?);
    let before = asked.take_number("before")?.map(|id| id as i64);
    asked.done()?;
    if let Some(status) = status.as_ref().filter(|status| !STATUSES.contains(&status.as_str())) {
        return Err(Refusal::bad(format!("a walk is never {}: it is {}", quoted(status), STATUSES.join(", "))));
    }
    let wanted = (site.clone(), status.clone());
    let find = async move |mut reader: Reader| find(&mut reader, wanted, before).await;
    let (mut sites, mut rows): (Vec<String>, Vec<WalkRow>) = shared.mirror.ask(Lane::Quick, WITHIN, find).await?;
    sites.extend(shared.pulse.beat().config.sites.iter().map(|site| site.id.clone()));
    sites.sort_unstable();
    sites.dedup();
    if let Some(site) = site.as_ref().filter(|site| !sites.contains(site)) {
        return Err(Refusal::absent(format!("there is no site {} here", quoted(site))));
    }
    let has_more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let older = rows.last().filter(|_| has_more).map(|last| link(site.as_deref(), status.as_deref(), Some(last.id)));
    let now = shared.clock.now();
    Ok(done(&Page {
        shell: Shell::new("Walks", "/walks", &shared),
        sites,
        newest: link(site.as_deref(), status.as_deref(), None),
        site: site.unwrap_or_default(),
        statuses: STATUSES,
        status: status.unwrap_or_default(),
        walks: rows.into_iter().map(|row| Shown::of(row, now)).collect::<Result<_, _>>()?,
        is_later: before.is_some(),
        older,
    }))
}

async fn find(
    reader: &mut SqliteConnection,
    (site, status): (Option<String>, Option<String>),
    before: Option<i64>,
) -> Result<(Vec<String>, Vec<WalkRow>), Refusal> {
    let mut snapshot = reader.begin().await?;
    let sites = sqlx::query_scalar("SELECT name FROM sites").fetch_all(&mut *snapshot).await?;
    let rows = sqlx::query_as(
        "SELECT w.id, s.name AS site, w.status, w.started_at, w.finished_at, h.decided_at, w.users_seen, \
             w.users_declared, w.groups_seen, w.memberships_seen, w.requests, w.changes, w.error \
         FROM walks w CROSS JOIN sites s LEFT JOIN holds h ON h.walk_id = w.id \
         WHERE s.id = w.site_id AND (?1 IS NULL OR s.name = ?1) AND (?2 IS NULL OR w.status = ?2) \
             AND w.id < coalesce(?3, 9223372036854775807) \
         ORDER BY w.id DESC LIMIT ?4",
    )
    .bind(site)
    .bind(status)
    .bind(before)
    .bind(ROWS as i64 + 1)
    .fetch_all(&mut *snapshot)
    .await?;
    snapshot.rollback().await?;
    Ok((sites, rows))
}

fn link(site: Option<&str>, status: Option<&str>, before: Option<i64>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(site.map(|site| ("site", site)));
    query.extend_pairs(status.map(|status| ("status", status)));
    query.extend_pairs(before.map(|id| ("before", id.to_string())));
    match query.finish() {
        query if query.is_empty() => "/walks".to_owned(),
        query => format!("/walks?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_walk_took() {
        let began = "2026-01-31 08:15:00.000";
        assert_eq!(took(began, Some("2026-01-31 08:15:01.990"), None), "1.9 s");
        assert_eq!(took(began, Some("2026-01-31 09:20:00.000"), None), "1 h 5 min");
        assert_eq!(took(began, None, None), "", "it runs");
        let decided = Some("2026-02-01 00:00:00.000");
        assert_eq!(took(began, decided, decided), "", "that is when it was approved");
        assert_eq!(lasted(-5), "0.0 s");
    }

    #[test]
    fn links_keep_what_was_chosen() {
        assert_eq!(link(Some("a&b"), Some("held"), Some(7)), "/walks?site=a%26b&status=held&before=7");
        assert_eq!(link(None, None, None), "/walks");
    }
}
