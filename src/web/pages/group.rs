//! A group: who is in it, or was, and who came and went.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use sqlx::{Connection, SqliteConnection};

use super::pending::{self, Pending};
use super::report_pager::{Pager, ROWS, wanted};
use super::show::{Moment, count, escaped};
use super::user_events::{Shown, badge, boundary};
use super::{Shell, page as done};
use crate::model::{TimeError, Timestamp};
use crate::render::visible;
use crate::report::history::{Event, GroupMatch, group_events};
use crate::store::Boundary;
use crate::web::asked::{AS_OF, Asked};
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

const WITHIN: Duration = Duration::from_secs(30);

const PAGE: &str = "page";
const EVENTS: &str = "events";

/// What is asked of a group.
#[derive(Clone, Debug)]
struct Question {
    id: i64,
    as_of: Option<String>,
    moment: Timestamp,
    past: bool,
    page: u64,
    events: u64,
}

impl Question {
    fn of(id: &str, mut asked: Asked, now: Timestamp) -> Result<Self, Refusal> {
        let id = id.parse().map_err(|_| nothing())?;
        let as_of = asked.clone().take(AS_OF)?;
        let (moment, past) = asked.take_moment(now)?;
        let page = wanted(PAGE, asked.take_number(PAGE)?)?;
        let events = wanted(EVENTS, asked.take_number(EVENTS)?)?;
        asked.done()?;
        Ok(Self { id, as_of: as_of.filter(|_| past), moment, past, page, events })
    }

    fn address(&self, page: u64, events: u64) -> String {
        let mut pairs: Vec<String> = self.as_of.iter().map(|as_of| format!("{AS_OF}={}", escaped(as_of))).collect();
        pairs.extend((page > 1).then(|| format!("{PAGE}={page}")));
        pairs.extend((events > 1).then(|| format!("{EVENTS}={events}")));
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        format!("/groups/{}{query}", self.id)
    }
}

fn nothing() -> Refusal {
    Refusal::absent("there is no group of this number")
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct GroupRow {
    site: String,
    name: String,
    /// What it was called at the moment.
    name_then: Option<String>,
    external_id: Option<String>,
    first_seen_at: String,
    removed_at: Option<String>,
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct MemberRow {
    id: i64,
    name: String,
    full_name: Option<String>,
    status: String,
    since: String,
    /// The first walk found the user in it.
    found: bool,
    forgotten: bool,
}

/// What the database says.
struct Found {
    group: GroupRow,
    former_names: Vec<String>,
    size: i64,
    /// The walk says that it could not read its members.
    is_unread: bool,
    pending: Option<Pending>,
    members: Vec<MemberRow>,
    events: Vec<Event>,
    pruned: Option<Boundary>,
}

async fn find(connection: &mut SqliteConnection, question: &Question) -> Result<Found, Refusal> {
    let mut snapshot = connection.begin().await?;
    let (id, as_of) = (question.id, question.moment.to_sql());
    let group: Option<GroupRow> = sqlx::query_as(
        "SELECT s.name AS site, g.name, (SELECT n.name FROM group_history n \
                WHERE n.group_id = g.id AND n.valid_from <= ?2 AND n.valid_to > ?2) AS name_then, \
             g.external_id, g.first_seen_at, g.removed_at \
         FROM groups g JOIN sites s ON s.id = g.site_id WHERE g.id = ?1",
    )
    .bind(id)
    .bind(&as_of)
    .fetch_optional(&mut *snapshot)
    .await?;
    let group = group.ok_or_else(nothing)?;
    let pruned = boundary(&mut snapshot, question.moment).await?;
    let former_names = sqlx::query_scalar(
        "SELECT name FROM group_history WHERE group_id = ?1 AND name <> ?2 GROUP BY name ORDER BY min(valid_from)",
    )
    .bind(id)
    .bind(&group.name)
    .fetch_all(&mut *snapshot)
    .await?;
    let size = sqlx::query_scalar(
        "SELECT count(*) FROM memberships \
         WHERE group_id = ?1 AND valid_from <= ?2 AND (valid_to IS NULL OR valid_to > ?2)",
    )
    .bind(id)
    .bind(&as_of)
    .fetch_one(&mut *snapshot)
    .await?;
    let is_unread = sqlx::query_scalar(UNREAD).bind(id).bind(&as_of).fetch_one(&mut *snapshot).await?;
    let pending = pending::of_group(&mut snapshot, id).await?;
    let members = members(&mut snapshot, question, &as_of).await?;
    let told =
        GroupMatch { id, site: group.site.clone(), name: group.name.clone(), removed: group.removed_at.is_some() };
    let events = group_events(&mut snapshot, &told).await?;
    snapshot.rollback().await?;
    Ok(Found { group, former_names, size, is_unread, pending, members, events, pruned })
}

/// Whether the site's last walk by the moment `?2` says that it could not read the members of the group `?1`.
const UNREAD: &str = "\
    SELECT EXISTS (SELECT 1 FROM groups g \
        JOIN walks w ON w.id = (SELECT max(n.id) FROM walks n WHERE n.site_id = g.site_id AND n.at <= ?2) \
        CROSS JOIN json_each(iif(json_valid(w.coverage), w.coverage, '{}'), '$.members') p \
        CROSS JOIN json_each(p.value) u \
        WHERE g.id = ?1 AND p.key IN ('not_addressable', 'unread') AND p.type = 'array' AND u.value = g.name)";

/// A page of the members at the moment, as they were called and stood then.
async fn members(
    connection: &mut SqliteConnection,
    question: &Question,
    as_of: &str,
) -> Result<Vec<MemberRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT a.id, iif(v.user_id IS NULL, a.name, v.name) AS name, \
             iif(v.user_id IS NULL, a.full_name, v.full_name) AS full_name, \
             iif(v.user_id IS NULL, a.status, v.status) AS status, m.valid_from AS since, \
             w.not_before IS NULL AS found, a.forgotten_at IS NOT NULL AS forgotten \
         FROM memberships m CROSS JOIN accounts a ON a.id = m.user_id \
         LEFT JOIN account_versions v ON v.user_id = iif(a.version_from > ?2, a.id, NULL) \
             AND v.valid_from <= ?2 AND v.valid_to > ?2 \
         LEFT JOIN walks w ON w.id = m.walk_id \
         WHERE m.group_id = ?1 AND m.valid_from <= ?2 AND (m.valid_to IS NULL OR m.valid_to > ?2) \
         ORDER BY 2 COLLATE NOCASE, a.id LIMIT ?3 OFFSET ?4",
    )
    .bind(question.id)
    .bind(as_of)
    .bind(ROWS as i64)
    .bind(((question.page - 1) * ROWS) as i64)
    .fetch_all(connection)
    .await
}

#[derive(Template)]
#[template(path = "web/group.html")]
struct Page {
    shell: Shell,
    site: String,
    external_id: Option<String>,
    status: &'static str,
    badge: &'static str,
    first_seen: Moment,
    removed: Option<Moment>,
    former_names: String,
    past: Option<Moment>,
    as_of: String,
    today: String,
    present: String,
    /// It was not there at the moment, and why.
    absent: &'static str,
    /// How many members; `None`: that is not known.
    size: Option<String>,
    /// Those shown are of an earlier walk.
    is_unread: bool,
    pending: Option<Pending>,
    members: Vec<Member>,
    members_pager: Pager,
    pruned: Option<String>,
    events: Vec<Shown>,
    events_pager: Pager,
}

struct Member {
    /// Nobody can be asked about who was forgotten.
    address: Option<String>,
    name: String,
    full_name: String,
    status: String,
    badge: &'static str,
    since: Moment,
    found: bool,
}

pub(super) async fn page(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let now = shared.clock.now();
    let question = Question::of(&id, asked, now)?;
    let told = question.clone();
    let ask = async move |mut reader: Reader| find(&mut reader, &told).await;
    // There is a group that everybody is in.
    let found = shared.mirror.ask(Lane::Slow, WITHIN, ask).await?;
    let page = Page::of(&shared, &question, found, now).map_err(|error| Refusal::failed(&error))?;
    Ok(done(&page))
}

impl Page {
    fn of(shared: &Shared, question: &Question, found: Found, now: Timestamp) -> Result<Self, TimeError> {
        let Found { group, former_names, size, is_unread, pending, members, events, pruned } = found;
        let is_known = question.moment >= Timestamp::parse_sql(&group.first_seen_at)?;
        let shown = |text: &str| visible(text).into_owned();
        let first_seen = Timestamp::parse_sql(&group.first_seen_at)?;
        let removed = group.removed_at.as_deref().map(Timestamp::parse_sql).transpose()?;
        let is_removed = removed.is_some_and(|removed| removed <= question.moment);
        let absent = match (question.moment < first_seen, is_removed) {
            (true, _) => "The mirror did not know this group then.",
            (false, true) => "It was removed: nobody is in it.",
            (false, false) => "",
        };
        let status = match (question.moment < first_seen, is_removed) {
            (true, _) => "not known yet",
            (false, true) => "removed",
            (false, false) => "present",
        };
        let (page, shown_events) = (question.page, question.events);
        let skipped = usize::try_from((shown_events - 1) * ROWS).unwrap_or(usize::MAX);
        let newest = events.iter().rev().skip(skipped).take(ROWS as usize);
        let rows = u64::try_from(size).unwrap_or_default();
        Ok(Self {
            shell: Shell::new(shown(group.name_then.as_ref().unwrap_or(&group.name)), "/groups", shared),
            site: shown(&group.site),
            external_id: group.external_id.as_deref().map(shown),
            status,
            badge: badge(status),
            first_seen: Moment::of(first_seen, now),
            removed: removed.map(|removed| Moment::of(removed, now)),
            former_names: former_names
                .iter()
                .filter(|name| Some(*name) != group.name_then.as_ref())
                .map(|name| shown(name))
                .collect::<Vec<_>>()
                .join(", "),
            past: question.past.then(|| Moment::of(question.moment, now)),
            as_of: question.as_of.clone().unwrap_or_default(),
            today: now.to_sql()[..10].to_owned(),
            present: format!("/groups/{}", question.id),
            absent,
            size: (is_known && !(is_unread && size == 0)).then(|| count(size)),
            is_unread: is_known && is_unread,
            pending,
            members: members.into_iter().map(|row| Member::of(row, question, now)).collect::<Result<_, _>>()?,
            members_pager: Pager::of(page, rows, |page| question.address(page, shown_events)),
            pruned: pruned.filter(|pruned| first_seen < pruned.cutoff).map(|pruned| pruned.to_string()),
            events: newest.map(|event| Shown::of(event, now)).collect(),
            events_pager: Pager::of(shown_events, events.len() as u64, |events| question.address(page, events)),
        })
    }
}

impl Member {
    fn of(row: MemberRow, question: &Question, now: Timestamp) -> Result<Self, TimeError> {
        let as_of = question.as_of.as_deref().map(|as_of| format!("?{AS_OF}={}", escaped(as_of)));
        Ok(Self {
            address: (!row.forgotten).then(|| format!("/users/{}{}", row.id, as_of.unwrap_or_default())),
            name: visible(&row.name).into_owned(),
            full_name: visible(row.full_name.as_deref().unwrap_or_default()).into_owned(),
            badge: badge(&row.status),
            status: row.status,
            since: Moment::of(Timestamp::parse_sql(&row.since)?, now),
            found: row.found,
        })
    }
}
