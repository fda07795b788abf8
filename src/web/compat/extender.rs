//! REST API Extender's reading interface: users, groups and members, in the shapes that real servers send.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use sqlx::Connection;

use super::super::asked::Asked;
use super::super::mirror::{Generation, Lane, Reader};
use super::super::refusal::Refusal;
use super::super::routes::Shared;
use super::address::Call;
use super::dates::{Dates, USUAL};
use super::roster::roster;
use super::rows::{LIMIT, each, number, text, time, told, truth};
use super::view::View;
use crate::model::Timestamp;
use crate::render::quoted;
use crate::store::sandbox::{Bound, Row};

const DETAILS: &str = include_str!("sql/details.sql");
/// A name is found by the indexes; one with other letters than ASCII's, of which they do not have the cases, perhaps only
/// by looking through all names.
const NAMED: &str = concat!(include_str!("sql/named.sql"), include_str!("sql/names.sql"));
const NAMED_ODDLY: &str = concat!(include_str!("sql/everybody.sql"), include_str!("sql/names.sql"));
const GROUPS: &str = include_str!("sql/groups.sql");

/// How many rows a page has where nobody asks, and how many at most.
const USUAL_PAGE: u64 = 1_000;
pub(super) const LARGEST_PAGE: u64 = 10_000;

/// How much of each user a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Name,
    Basic,
    Extended,
}

/// What the query says.
#[derive(Clone, Debug)]
pub(super) struct Query {
    start: u64,
    limit: u64,
    detail: Detail,
    dates: Dates,
}

impl Query {
    /// Takes what these addresses know.
    ///
    /// # Errors
    /// Something of it cannot be meant.
    pub fn take(asked: &mut Asked, zone: chrono_tz::Tz) -> Result<Self, Refusal> {
        let start = asked.take_number("startAt")?.unwrap_or(0);
        let limit = asked.take_number("maxResults")?.unwrap_or(USUAL_PAGE);
        if limit == 0 {
            return Err(Refusal::bad("maxResults=0 asks for nothing: it is a number from 1 on"));
        }
        let basic = flag(asked, "showBasicDetails")?;
        let detail = match flag(asked, "showExtendedDetails")? {
            true => Detail::Extended,
            false if basic => Detail::Basic,
            false => Detail::Name,
        };
        let pattern = asked.take("dateFormat")?.unwrap_or_else(|| USUAL.to_owned());
        let dates = Dates::new(zone, &pattern)
            .map_err(|why| Refusal::bad(format!("dateFormat={}: {why}", quoted(&pattern))))?;
        Ok(Self { start, limit: limit.min(LARGEST_PAGE), detail, dates })
    }

    /// The part of a list of so many that is asked for.
    fn range(&self, total: usize) -> std::ops::Range<usize> {
        part(self.start, self.limit, total)
    }

    /// What tells this query from others.
    pub fn key(&self) -> String {
        format!("{self:?}")
    }
}

/// So many from there on, of a list of so many.
pub(super) fn part(start: u64, limit: u64, total: usize) -> std::ops::Range<usize> {
    let within = |place: u64| usize::try_from(place).map_or(total, |place| place.min(total));
    within(start)..within(start.saturating_add(limit))
}

fn flag(asked: &mut Asked, name: &str) -> Result<bool, Refusal> {
    match asked.take(name)? {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) => Err(Refusal::bad(format!("{name}={} is neither true nor false", quoted(&text)))),
    }
}

/// Answers a call.
///
/// # Errors
/// There is no such user or group.
pub(super) async fn answer(
    shared: &Shared,
    generation: Generation,
    view: &Arc<View>,
    call: &Call,
    query: &Query,
) -> Result<Bytes, Refusal> {
    match call {
        Call::User(name) => user(shared, view, name, query.dates.clone()).await,
        Call::Groups => groups(shared, view, query).await,
        Call::Members(group) => list(shared, generation, view, Some(group), query).await,
        _ => list(shared, generation, view, None, query).await,
    }
}

async fn list(
    shared: &Shared,
    generation: Generation,
    view: &Arc<View>,
    group: Option<&str>,
    query: &Query,
) -> Result<Bytes, Refusal> {
    let roster = roster(shared, generation, view, group).await?;
    let (total, ids) = (roster.0.len(), ids(&roster.0[query.range(roster.0.len())]));
    let Query { start, limit, detail, dates } = query.clone();
    let view = view.clone();
    let read = async move |mut reader: Reader| {
        let head = format!(r#"{{"total":{total},"maxResults":{limit},"startAt":{start},"users":["#);
        let (mut body, mut parameters) = (head.into_bytes(), view.parameters());
        parameters.push(("ids", ids));
        let mut is_first = true;
        each(&mut reader, DETAILS, &parameters, |row| {
            if !std::mem::take(&mut is_first) {
                body.push(b',');
            }
            write(row, detail, &dates, &mut body);
        })
        .await?;
        body.extend_from_slice(br#"],"status":"success"}"#);
        Ok(body.into())
    };
    shared.mirror.ask(Lane::Quick, LIMIT, read).await
}

/// Numbers as a statement takes them.
pub(super) fn ids(ids: &[i64]) -> Bound {
    let mut text = String::with_capacity(ids.len() * 8 + 2);
    for (nth, id) in ids.iter().enumerate() {
        text.push(if nth == 0 { '[' } else { ',' });
        text.push_str(&id.to_string());
    }
    text.push_str(if ids.is_empty() { "[]" } else { "]" });
    Bound::Text(text)
}

async fn groups(shared: &Shared, view: &Arc<View>, query: &Query) -> Result<Bytes, Refusal> {
    let (view, query) = (view.clone(), query.clone());
    let read = async move |mut reader: Reader| {
        let mut names: Vec<String> = Vec::new();
        each(&mut reader, GROUPS, &view.parameters(), |row| names.push(text(row, 0).into_owned())).await?;
        names.sort_by_cached_key(|name| (name.to_lowercase(), name.clone()));
        let (total, shown) = (names.len(), &names[query.range(names.len())]);
        let mut body = format!(r#"{{"total":{total},"maxResults":{},"groups":"#, query.limit).into_bytes();
        json(&shown, &mut body);
        body.extend_from_slice(format!(r#","startAt":{},"status":"success"}}"#, query.start).as_bytes());
        Ok(body.into())
    };
    shared.mirror.ask(Lane::Quick, LIMIT, read).await
}

async fn user(shared: &Shared, view: &Arc<View>, name: &str, dates: Dates) -> Result<Bytes, Refusal> {
    let (view, name) = (view.clone(), name.to_owned());
    let read = async move |mut reader: Reader| {
        let mut snapshot = reader.begin().await?;
        let (mut parameters, lower) = (view.parameters(), name.to_lowercase());
        let spellings = [("name", name.clone()), ("lower", lower.clone()), ("upper", name.to_uppercase())];
        parameters.extend(spellings.map(|(parameter, name)| (parameter, Bound::Text(name))));
        let mut found = None;
        for sql in if name.is_ascii() { &[NAMED][..] } else { &[NAMED, NAMED_ODDLY] } {
            each(&mut snapshot, sql, &parameters, |row| {
                // The name as it is spelled before one that differs in case.
                let (found_name, is_exact) = (text(row, 1), text(row, 1) == name);
                let better = found.is_none() || is_exact && !matches!(found, Some((_, _, true)));
                if better && found_name.to_lowercase() == lower {
                    found = Some((number(row, 0).unwrap_or_default(), truth(row, 2) == Some(true), is_exact));
                }
            })
            .await?;
            if found.is_some() {
                break;
            }
        }
        let id = match found {
            Some((id, true, _)) => id,
            Some((_, false, _)) => {
                let why = "is known by User Export alone, which does not tell the key";
                return Err(Refusal::absent(format!("User '{name}' {why}: details need it")));
            }
            None => return Err(Refusal::absent(format!("User '{name}' does not exist"))),
        };
        parameters.push(("ids", ids(&[id])));
        let mut body = Vec::new();
        each(&mut snapshot, DETAILS, &parameters, |row| write(row, Detail::Extended, &dates, &mut body)).await?;
        Ok(body.into())
    };
    shared.mirror.ask(Lane::Quick, LIMIT, read).await
}

#[derive(Serialize)]
struct Business<'a> {
    location: Cow<'a, str>,
    position: Cow<'a, str>,
    department: Cow<'a, str>,
}

#[derive(Serialize)]
struct Personal<'a> {
    website: Cow<'a, str>,
    im: Cow<'a, str>,
    phone: Cow<'a, str>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Basic<'a> {
    name: Cow<'a, str>,
    full_name: Cow<'a, str>,
    key: Cow<'a, str>,
    email: Cow<'a, str>,
}

/// A log-in: what is not known is left out, and null is never.
type Login<T> = Option<Option<T>>;

// The fields stand in the order of real replies.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extended<'a> {
    business: [Business<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failed_login_date: Login<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_successful_login_date: Login<i64>,
    full_name: Cow<'a, str>,
    personal: [Personal<'a>; 1],
    updated_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failed_login_date_string: Login<String>,
    created_date: Option<i64>,
    created_date_string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_access_to_use_confluence: Option<bool>,
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_successful_login_date_string: Login<String>,
    key: Cow<'a, str>,
    email: Cow<'a, str>,
    updated_date_string: Option<String>,
}

fn json(value: &impl Serialize, body: &mut Vec<u8>) {
    serde_json::to_writer(body, value).expect("text and numbers into memory cannot fail");
}

/// Appends a row of the details.
fn write(row: Row<'_>, detail: Detail, dates: &Dates, body: &mut Vec<u8>) {
    let text = |column| text(row, column);
    match detail {
        Detail::Name => json(&Named { name: text(0) }, body),
        Detail::Basic => json(&Basic { name: text(0), full_name: text(1), key: text(2), email: text(3) }, body),
        Detail::Extended => json(&extended(row, dates), body),
    }
}

fn extended<'a>(row: Row<'a>, dates: &Dates) -> Extended<'a> {
    let text = |column| text(row, column);
    let spell = |time: Option<Timestamp>| time.map(|time| dates.spell(time));
    let (created, updated) = (time(row, 10), time(row, 11));
    let is_known = truth(row, 12) == Some(true);
    let login = |is_known: bool, at: Option<Timestamp>| (is_known || at.is_some()).then_some(at);
    let last = login(is_known, time(row, 13));
    let failed = login(is_known, time(row, 14));
    Extended {
        business: [Business { location: text(4), position: text(5), department: text(6) }],
        last_failed_login_date: failed.map(|at| at.map(Timestamp::millis)),
        last_successful_login_date: last.map(|at| at.map(Timestamp::millis)),
        full_name: text(1),
        personal: [Personal { website: text(7), im: text(8), phone: text(9) }],
        updated_date: updated.map(Timestamp::millis),
        last_failed_login_date_string: failed.map(spell),
        created_date: created.map(Timestamp::millis),
        created_date_string: spell(created),
        has_access_to_use_confluence: has_access(told(row, 15).as_deref()),
        name: text(0),
        last_successful_login_date_string: last.map(spell),
        key: text(2),
        email: text(3),
        updated_date_string: spell(updated),
    }
}

/// Whether a user of that status may use Confluence.
fn has_access(status: Option<&str>) -> Option<bool> {
    match status {
        Some("active") => Some(true),
        Some("no-access" | "deactivated") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, Refusal> {
        Query::take(&mut Asked::of(&format!("/x?{text}").parse().unwrap()), chrono_tz::UTC)
    }

    #[test]
    fn a_page_is_a_part_of_the_list() {
        let range = |text: &str| query(text).unwrap().range(2500);
        assert_eq!(range(""), 0..1000);
        assert_eq!(range("startAt=2000"), 2000..2500);
        assert_eq!(range("startAt=10&maxResults=5"), 10..15);
        assert_eq!(range("startAt=9223372036854775807&maxResults=9223372036854775807"), 2500..2500);
        assert_eq!(query("maxResults=99999").unwrap().limit, 10_000);
        for bad in ["startAt=-1", "startAt=x", "maxResults=0", "maxResults=-5", "startAt=9223372036854775808"] {
            assert!(query(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_most_detail_that_is_asked_for() {
        let detail = |text: &str| query(text).unwrap().detail;
        assert_eq!(detail("showBasicDetails=false"), Detail::Name);
        assert_eq!(detail("showBasicDetails=true"), Detail::Basic);
        assert_eq!(detail("showBasicDetails=true&showExtendedDetails=TRUE"), Detail::Extended);
        assert!(query("showBasicDetails=1").is_err());
    }

    #[test]
    fn ids_are_a_json_array() {
        assert_eq!(ids(&[]), Bound::Text("[]".into()));
        assert_eq!(ids(&[3, 1]), Bound::Text("[3,1]".into()));
    }
}
