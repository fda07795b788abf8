//! The change feed, newest first.

mod filter;
mod row;

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use self::filter::{Filter, Place};
use super::show::count;
use super::{Shell, page as done};
use crate::model::ChangeKind;
use crate::render::{quoted, visible};
use crate::store::{Boundary, boundary};
use crate::web::asked::Asked;
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

pub(super) use row::{Change, ChangeRow, HeldRow, SELECT, moment, words};

/// Rows a page.
const ROWS: usize = 100;

/// The end of the feed is read at once.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The whole of it may have to be.
const ALL_WITHIN: Duration = Duration::from_secs(20);

/// A kind to choose.
struct Choice {
    kind: &'static str,
    words: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "web/changes.html")]
struct Page {
    shell: Shell,
    sites: Vec<String>,
    filter: Filter,
    kinds: Vec<Choice>,
    changes: Vec<Change>,
    /// Who and what is asked for, in a word each.
    about: Vec<(&'static str, String)>,
    /// What is not among them any more.
    pruned: Option<String>,
    newer: Option<String>,
    older: Option<String>,
}

/// What is read for it.
struct Found {
    sites: Vec<String>,
    user: Option<String>,
    group: Option<String>,
    rows: Vec<ChangeRow>,
    pruned: Option<Boundary>,
    /// There are more in the direction that was read.
    more: bool,
}

pub(super) async fn page(State(shared): State<Shared>, mut asked: Asked) -> Result<Response, Refusal> {
    let (filter, place) = Filter::take(&mut asked)?;
    asked.done()?;
    let (lane, limit) = match filter.is_open() {
        true => (Lane::Quick, END_WITHIN),
        false => (Lane::Slow, ALL_WITHIN),
    };
    let wanted = filter.clone();
    let find = async move |mut reader: Reader| find(&mut reader, &wanted, place).await;
    let mut found: Found = shared.mirror.ask(lane, limit, find).await.map_err(|refusal| narrow(refusal, limit))?;
    let configured = shared.pulse.beat().config.sites.iter().map(|site| site.id.clone()).collect::<Vec<_>>();
    found.sites.extend(configured);
    found.sites.sort_unstable();
    found.sites.dedup();
    if let Some(site) = filter.site.as_ref().filter(|site| !found.sites.contains(site)) {
        return Err(Refusal::absent(format!("there is no site {} here", quoted(site))));
    }
    let now = shared.clock.now();
    let changes = found.rows.iter().map(|row| Change::of(row, now)).collect::<Result<_, _>>()?;
    let (newer, older) = links(&filter, place, &found);
    let chosen = |kind: &ChangeKind| Choice {
        kind: kind.as_str(),
        words: words(kind.as_str()),
        chosen: filter.kinds.contains(kind),
    };
    Ok(done(&Page {
        shell: Shell::new("Changes", "/changes", &shared),
        kinds: ChangeKind::ALL.iter().map(chosen).collect(),
        about: about(&filter, &found),
        pruned: found.pruned.map(|pruned| pruned.to_string()),
        sites: found.sites,
        changes,
        newer,
        older,
        filter,
    }))
}

/// What is looked for is rare, and the feed long.
fn narrow(refusal: Refusal, limit: Duration) -> Refusal {
    match refusal.status {
        StatusCode::SERVICE_UNAVAILABLE => Refusal::busy(format!(
            "the feed was not read to its end within {} s: ask for days (from), for a walk, or for fewer kinds; \
             `rollbook export changes` has no limit ({})",
            limit.as_secs(),
            refusal.message
        )),
        _ => refusal,
    }
}

async fn find(reader: &mut SqliteConnection, filter: &Filter, place: Place) -> Result<Found, Refusal> {
    let mut snapshot = reader.begin().await?;
    let sites = sqlx::query_scalar("SELECT name FROM sites").fetch_all(&mut *snapshot).await?;
    let user = match filter.user {
        Some(id) => name(&mut snapshot, "SELECT name FROM users WHERE id = ?", id).await?,
        None => None,
    };
    let group = match filter.group {
        Some(id) => name(&mut snapshot, "SELECT name FROM groups WHERE id = ?", id).await?,
        None => None,
    };
    let floor = match filter.reaches_back() {
        true => floor(&mut snapshot, filter).await?,
        false => Some(0),
    };
    let mut rows: Vec<ChangeRow> = match floor {
        Some(floor) => selected(filter, place, floor).build_query_as().fetch_all(&mut *snapshot).await?,
        None => Vec::new(),
    };
    let pruned = boundary(&mut snapshot).await?;
    snapshot.rollback().await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    if let Place::After(_) = place {
        rows.reverse();
    }
    Ok(Found { sites, user, group, rows, pruned, more })
}

async fn name(connection: &mut SqliteConnection, sql: &'static str, id: i64) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(sql).bind(id).fetch_optional(connection).await
}

/// The changes that are asked for, one more than a page has.
fn selected(filter: &Filter, place: Place, floor: i64) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(SELECT);
    sql.push(" AND c.id > ").push_bind(floor);
    filter.push(&mut sql);
    match place {
        Place::Newest => sql.push(" ORDER BY c.id DESC"),
        Place::Before(id) => sql.push(" AND c.id < ").push_bind(id).push(" ORDER BY c.id DESC"),
        Place::After(id) => sql.push(" AND c.id > ").push_bind(id).push(" ORDER BY c.id"),
    };
    sql.push(" LIMIT ").push_bind(ROWS as i64 + 1);
    sql
}

/// A change that is older than all that are asked for, so that the feed need not be read to its beginning: the last of
/// the same site's walks before. The walks of a site follow each other; only what one held is recorded later, with its
/// approval, and has a date of its own. `None`: no walk can have what is asked for.
async fn floor(connection: &mut SqliteConnection, filter: &Filter) -> Result<Option<i64>, sqlx::Error> {
    let mut sql = QueryBuilder::new("WITH wanted AS (");
    filter.push_walks("w.site_id, min(w.id) AS least", &mut sql);
    sql.push(
        " GROUP BY w.site_id), \
         floor AS (SELECT CASE WHEN EXISTS ( \
                SELECT 1 FROM walks o WHERE o.site_id = wanted.site_id AND o.id < wanted.least AND o.changes > 0) \
            THEN (SELECT c.id FROM change_log c WHERE c.at IS NULL AND c.walk_id IN ( \
                SELECT o.id FROM walks o WHERE o.site_id = wanted.site_id AND o.id < wanted.least) \
                ORDER BY c.id DESC LIMIT 1) END AS id FROM wanted) \
         SELECT min(coalesce(id, 0)) FROM floor",
    );
    sql.build_query_scalar().fetch_one(connection).await
}

/// Links to the pages before and after.
fn links(filter: &Filter, place: Place, found: &Found) -> (Option<String>, Option<String>) {
    let query = filter.query();
    let link = |place: String| match query.is_empty() {
        true => format!("/changes?{place}"),
        false => format!("/changes?{query}&{place}"),
    };
    let (Some(first), Some(last)) = (found.rows.first(), found.rows.last()) else {
        // Beyond an end: to the page beside it.
        return match place {
            Place::Newest => (None, None),
            Place::Before(id) => (Some(link(format!("after={}", id.saturating_sub(1)))), None),
            Place::After(id) => (None, Some(link(format!("before={}", id.saturating_add(1))))),
        };
    };
    let newer = match place {
        Place::Newest => false,
        Place::Before(_) => true,
        Place::After(_) => found.more,
    };
    let older = found.more || matches!(place, Place::After(_));
    (newer.then(|| link(format!("after={}", first.id))), older.then(|| link(format!("before={}", last.id))))
}

/// Whom and what only is asked for.
fn about(filter: &Filter, found: &Found) -> Vec<(&'static str, String)> {
    let named = |id: i64, name: &Option<String>| match name {
        Some(name) => visible(name).into_owned(),
        None => format!("{}, of which nothing is known here", count(id)),
    };
    let user = filter.user.map(|id| ("user", named(id, &found.user)));
    let group = filter.group.map(|id| ("group", named(id, &found.group)));
    user.into_iter().chain(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_too_long_is_told_with_what_to_do() {
        let late = narrow(Refusal::busy("late"), ALL_WITHIN);
        assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(late.message.contains("from") && late.message.contains("(late)"), "{}", late.message);
        assert_eq!(narrow(Refusal::bad("x"), ALL_WITHIN), Refusal::bad("x"));
    }

    #[test]
    fn beyond_the_end_one_is_led_back() {
        let found = Found { sites: vec![], user: None, group: None, rows: vec![], pruned: None, more: false };
        let (filter, before) = (Filter::default(), Place::Before(7));
        assert_eq!(links(&filter, before, &found), (Some("/changes?after=6".to_owned()), None));
        assert_eq!(links(&filter, Place::Newest, &found), (None, None));
    }
}
