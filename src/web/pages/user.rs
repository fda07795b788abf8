//! A user: the profile, the groups, and everything that happened, now or as it was.

use std::sync::LazyLock;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::pending::{self, Pending};
use super::report_pager::{Pager, ROWS, wanted};
use super::show::{Moment, escaped};
use super::user_events::{Shown, badge, boundary};
use super::{Shell, page as done};
use crate::model::{TimeError, Timestamp};
use crate::render::{Kind, Value, visible};
use crate::report::history::{UserMatch, former_names, user_events};
use crate::report::{ReportColumn, registry, rows};
use crate::store::Boundary;
use crate::web::asked::{AS_OF, Asked};
use crate::web::mirror::{Lane, Reader};
use crate::web::refusal::Refusal;
use crate::web::routes::Shared;

const WITHIN: Duration = Duration::from_secs(30);

const LOGINS: &str = "logins";
const WITHOUT: &str = "no";
const PAGE: &str = "page";

/// The fields that the head of the page tells.
const IN_HEAD: [&str; 6] = ["id", "site", "name", "full_name", "status", "key"];

const LAST_LOGIN: &str = "last_login_at";
const EMAIL_HIDDEN: &str = "email_hidden";

/// A moment of which it is told whether NULL is never or not known.
const TOLD_BY: [(&str, &str); 2] = [(LAST_LOGIN, "last_login_known"), ("last_active_at", "last_active_known")];

/// What is asked of a user.
#[derive(Clone, Debug)]
struct Question {
    id: i64,
    as_of: Option<String>,
    moment: Timestamp,
    past: bool,
    page: u64,
    without_logins: bool,
}

impl Question {
    fn of(id: &str, mut asked: Asked, now: Timestamp) -> Result<Self, Refusal> {
        let id = id.parse().map_err(|_| nobody())?;
        let as_of = asked.clone().take(AS_OF)?;
        let (moment, past) = asked.take_moment(now)?;
        let page = wanted(PAGE, asked.take_number(PAGE)?)?;
        let without_logins = match asked.take(LOGINS)?.as_deref() {
            None | Some("yes") => false,
            Some(WITHOUT) => true,
            Some(_) => return Err(Refusal::bad("logins is yes or no")),
        };
        asked.done()?;
        Ok(Self { id, as_of: as_of.filter(|_| past), moment, past, page, without_logins })
    }

    /// The address of the same with these instead.
    fn address(&self, as_of: Option<&str>, without_logins: bool, page: u64) -> String {
        let mut pairs: Vec<String> = as_of.iter().map(|as_of| format!("{AS_OF}={}", escaped(as_of))).collect();
        pairs.extend(without_logins.then(|| format!("{LOGINS}={WITHOUT}")));
        pairs.extend((page > 1).then(|| format!("{PAGE}={page}")));
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        format!("/users/{}{query}", self.id)
    }
}

fn nobody() -> Refusal {
    Refusal::absent("there is no user of this number: it was never given, or the user was forgotten")
}

/// A group, and when the user was in it.
#[derive(Clone, Debug, sqlx::FromRow)]
struct GroupRow {
    id: i64,
    name: String,
    valid_from: String,
    /// The first walk found the user in it.
    found: bool,
    valid_to: Option<String>,
}

/// An account with the same e-mail address.
#[derive(Clone, Debug, sqlx::FromRow)]
struct OtherRow {
    id: i64,
    site: String,
    name: String,
    status: String,
}

/// What the database says.
struct Found {
    user: UserMatch,
    /// As of the moment; `None`: the mirror did not know the user then.
    profile: Option<Vec<(ReportColumn, Value)>>,
    first_seen: String,
    groups: Vec<GroupRow>,
    former_groups: Vec<GroupRow>,
    former_names: Vec<String>,
    elsewhere: Vec<OtherRow>,
    events: Vec<crate::report::history::Event>,
    pruned: Option<Boundary>,
    pending: Option<Pending>,
}

/// The export of the users, of one of them: at the moment `?1` the user `?2`.
static PROFILE: LazyLock<String> = LazyLock::new(|| {
    let export = registry::export("users").expect("it comes with the program");
    let every = export.sql.replace("json_each(:sites)", "(SELECT name AS value FROM sites)").replace(":as_of", "?1");
    format!("SELECT * FROM (\n{every}\n) WHERE id = ?2")
});

async fn find(connection: &mut SqliteConnection, question: &Question) -> Result<Found, Refusal> {
    let mut snapshot = connection.begin().await?;
    let user: Option<UserMatch> = sqlx::query_as(
        "SELECT u.id, s.name AS site, u.key, u.name, u.status FROM users u JOIN sites s ON s.id = u.site_id \
         WHERE u.id = ?1",
    )
    .bind(question.id)
    .fetch_optional(&mut *snapshot)
    .await?;
    let user = user.ok_or_else(nobody)?;
    let pruned = boundary(&mut snapshot, question.moment).await?;
    let (id, as_of) = (question.id, question.moment.to_sql());
    let profile = profile(&mut snapshot, id, &as_of).await?;
    let first_seen =
        sqlx::query_scalar("SELECT first_seen_at FROM users WHERE id = ?1").bind(id).fetch_one(&mut *snapshot).await?;
    let (groups, former_groups) = groups(&mut snapshot, id, &as_of).await?;
    let elsewhere = sqlx::query_as(
        "SELECT u.id, s.name AS site, u.name, u.status FROM users u JOIN sites s ON s.id = u.site_id \
         WHERE u.email_normalised = (SELECT email_normalised FROM users WHERE id = ?1) AND u.id <> ?1 \
         ORDER BY s.name, u.name, u.id LIMIT 20",
    )
    .bind(id)
    .fetch_all(&mut *snapshot)
    .await?;
    let former_names = former_names(&mut snapshot, &user).await?;
    let pending = pending::of_user(&mut snapshot, id).await?;
    let events = user_events(&mut snapshot, &user).await?;
    snapshot.rollback().await?;
    Ok(Found { user, profile, first_seen, groups, former_groups, former_names, elsewhere, events, pruned, pending })
}

async fn profile(
    connection: &mut SqliteConnection,
    id: i64,
    as_of: &str,
) -> Result<Option<Vec<(ReportColumn, Value)>>, Refusal> {
    let columns = &registry::export("users").expect("it comes with the program").columns;
    let found = sqlx::query(AssertSqlSafe(PROFILE.as_str())).bind(as_of).bind(id).fetch_all(&mut *connection).await?;
    let table = rows::table(columns.iter().map(ReportColumn::column).collect(), &found)?;
    let Some(row) = table.rows.into_iter().next() else { return Ok(None) };
    let mut profile: Vec<(ReportColumn, Value)> = columns.iter().cloned().zip(row).collect();
    // That log-ins are told is known of today alone: a log-in from before the moment that a later walk brought was not known
    // then, and is not never.
    let none = profile.iter().any(|(column, value)| column.name == LAST_LOGIN && *value == Value::Null);
    let earlier = "SELECT EXISTS (SELECT 1 FROM logins WHERE user_id = ?1 AND kind = 'success' AND at <= ?2)";
    if none && sqlx::query_scalar(earlier).bind(id).bind(as_of).fetch_one(connection).await? {
        let known = profile.iter_mut().filter(|(column, _)| column.name == "last_login_known");
        known.for_each(|(_, value)| *value = Value::Integer(0));
    }
    Ok(Some(profile))
}

/// The groups that the user was in at the moment, and those before.
async fn groups(
    connection: &mut SqliteConnection,
    id: i64,
    as_of: &str,
) -> Result<(Vec<GroupRow>, Vec<GroupRow>), Refusal> {
    let rows: Vec<GroupRow> = sqlx::query_as(
        "SELECT g.id, coalesce((SELECT n.name FROM group_history n \
                WHERE n.group_id = g.id AND n.valid_from <= ?2 AND n.valid_to > ?2), g.name) AS name, \
             m.valid_from, w.not_before IS NULL AS found, CASE WHEN m.valid_to <= ?2 THEN m.valid_to END AS valid_to \
         FROM memberships m JOIN groups g ON g.id = m.group_id LEFT JOIN walks w ON w.id = m.walk_id \
         WHERE m.user_id = ?1 AND m.valid_from <= ?2 ORDER BY name COLLATE NOCASE, g.id, m.valid_from",
    )
    .bind(id)
    .bind(as_of)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().partition(|row| row.valid_to.is_none()))
}

#[derive(Template)]
#[template(path = "web/user.html")]
struct Page {
    shell: Shell,
    site: String,
    key: Option<String>,
    name: String,
    status: Option<String>,
    badge: &'static str,
    /// The moment of the past that is told of.
    past: Option<Moment>,
    /// When the mirror first saw the user, where it had not by then.
    unknown_until: Option<Moment>,
    as_of: String,
    today: String,
    present: String,
    fields: Vec<Field>,
    groups: Vec<Group>,
    former_groups: Vec<Group>,
    former_names: String,
    pending: Option<Pending>,
    elsewhere: Vec<Elsewhere>,
    pruned: Option<String>,
    events: Vec<Shown>,
    pager: Pager,
    /// Where the same is with or without log-ins.
    other_events: String,
    without_logins: bool,
}

struct Field {
    label: String,
    meaning: String,
    value: String,
    time: Option<Moment>,
}

struct Group {
    address: String,
    name: String,
    since: Moment,
    found: bool,
    until: Option<Moment>,
}

struct Elsewhere {
    id: i64,
    site: String,
    name: String,
    status: String,
    badge: &'static str,
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
    let found = shared.mirror.ask(Lane::Quick, WITHIN, ask).await?;
    let page = Page::of(&shared, &question, found, now).map_err(|error| Refusal::failed(&error))?;
    Ok(done(&page))
}

impl Page {
    fn of(shared: &Shared, question: &Question, found: Found, now: Timestamp) -> Result<Self, TimeError> {
        let Found { user, profile, first_seen, groups, former_groups, former_names, elsewhere, .. } = found;
        let (mut events, pruned, pending) = (found.events, found.pruned, found.pending);
        let shown = |text: &str| visible(text).into_owned();
        let value = |name: &str| -> Option<String> {
            let (_, value) = profile.as_ref()?.iter().find(|(column, _)| column.name == name)?;
            if let Value::Text(text) = value { Some(shown(text)) } else { None }
        };
        let name = value("name").unwrap_or_else(|| shown(&user.name));
        let title = value("full_name").filter(|name| !name.is_empty()).unwrap_or_else(|| name.clone());
        let status = value("status");
        let group = |row: GroupRow| Group::of(row, question, now);
        events.retain(|event| !(question.without_logins && event.is_login()));
        let as_of = question.as_of.as_deref();
        let without = question.without_logins;
        let pager = Pager::of(question.page, events.len() as u64, |page| question.address(as_of, without, page));
        let skipped = usize::try_from((question.page - 1) * ROWS).unwrap_or(usize::MAX);
        let newest = events.iter().rev().skip(skipped).take(ROWS as usize);
        let elsewhere = elsewhere.into_iter().map(|other| Elsewhere {
            id: other.id,
            site: shown(&other.site),
            name: shown(&other.name),
            badge: badge(&other.status),
            status: other.status,
        });
        let first_seen = Timestamp::parse_sql(&first_seen)?;
        Ok(Self {
            shell: Shell::new(title, "/users", shared),
            site: shown(&user.site),
            key: user.key.as_deref().map(shown),
            name: name.clone(),
            badge: badge(status.as_deref().unwrap_or_default()),
            status,
            past: question.past.then(|| Moment::of(question.moment, now)),
            unknown_until: profile.is_none().then(|| Moment::of(first_seen, now)),
            as_of: as_of.unwrap_or_default().to_owned(),
            today: now.to_sql()[..10].to_owned(),
            present: question.address(None, without, 1),
            fields: fields(profile.as_deref().unwrap_or_default(), now, question.past),
            groups: groups.into_iter().map(group).collect::<Result<_, _>>()?,
            former_groups: former_groups.into_iter().map(group).collect::<Result<_, _>>()?,
            former_names: former_names
                .iter()
                .map(|once| shown(once))
                .filter(|once| *once != name)
                .collect::<Vec<_>>()
                .join(", "),
            pending,
            elsewhere: elsewhere.collect(),
            pruned: pruned.filter(|pruned| first_seen < pruned.cutoff).map(|pruned| pruned.to_string()),
            events: newest.map(|event| Shown::of(event, now)).collect(),
            pager,
            other_events: question.address(as_of, !without, 1),
            without_logins: without,
        })
    }
}

impl Group {
    fn of(row: GroupRow, question: &Question, now: Timestamp) -> Result<Self, TimeError> {
        let as_of = question.as_of.as_deref().map(|as_of| format!("?{AS_OF}={}", escaped(as_of)));
        Ok(Self {
            address: format!("/groups/{}{}", row.id, as_of.unwrap_or_default()),
            name: visible(&row.name).into_owned(),
            since: Moment::of(Timestamp::parse_sql(&row.valid_from)?, now),
            found: row.found,
            until: row.valid_to.as_deref().map(Timestamp::parse_sql).transpose()?.map(|until| Moment::of(until, now)),
        })
    }
}

/// What is known of the user, and is not told above. How long ago something was is told of the present alone.
fn fields(profile: &[(ReportColumn, Value)], now: Timestamp, past: bool) -> Vec<Field> {
    let flag = |name: &str| profile.iter().any(|(column, value)| column.name == name && *value == Value::Integer(1));
    let told = profile.iter().filter(|(column, _)| {
        let name = column.name.as_str();
        !IN_HEAD.contains(&name) && TOLD_BY.iter().all(|(_, by)| *by != name)
    });
    let field = |(column, value): &(ReportColumn, Value)| {
        let known_by = TOLD_BY.iter().find(|(told, _)| *told == column.name).map(|(_, by)| flag(by));
        let (value, time) = match (value, known_by) {
            (Value::Null, Some(true)) => ("never".to_owned(), None),
            // Every site could tell it; activity is Cloud's alone.
            (Value::Null, Some(false)) if column.name == LAST_LOGIN => ("not known".to_owned(), None),
            (Value::Null, _) => return None,
            (Value::Integer(0), _) if column.name == EMAIL_HIDDEN => return None,
            (Value::Text(text), _) if text.is_empty() => return None,
            (Value::Text(text), _) => (visible(text).into_owned(), None),
            (Value::Integer(number), _) if column.kind == Kind::Boolean => {
                (if *number == 0 { "no" } else { "yes" }.to_owned(), None)
            }
            (Value::Integer(number), _) => (number.to_string(), None),
            (Value::Real(number), _) => (number.to_string(), None),
            (Value::Time(time), _) => {
                let moment = Moment::of(*time, now);
                (String::new(), Some(if past { Moment { ago: String::new(), ..moment } } else { moment }))
            }
        };
        let (label, meaning) = (label(&column.name), column.meaning.replace('`', ""));
        Some(Field { label, meaning, value, time })
    };
    told.filter_map(field).collect()
}

/// `last_login_at` as `Last login`.
fn label(name: &str) -> String {
    let words = name.strip_suffix("_at").unwrap_or(name).replace('_', " ");
    match words.as_str() {
        "email" => "E-mail".to_owned(),
        "email hidden" => "E-mail hidden".to_owned(),
        "im" => "Instant messaging".to_owned(),
        words => words[..1].to_uppercase() + &words[1..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(login: Value, known: i64) -> Vec<(ReportColumn, Value)> {
        let columns = &registry::export("users").unwrap().columns;
        let value = |column: &ReportColumn| match column.name.as_str() {
            "last_login_at" => login.clone(),
            "last_login_known" | "active" => Value::Integer(known),
            "email" => "a@b\u{202e}".into(),
            _ => Value::Null,
        };
        columns.iter().map(|column| (column.clone(), value(column))).collect()
    }

    #[test]
    fn never_and_not_known_are_told_apart() {
        let now = Timestamp::parse_sql("2026-03-01 00:00:00.000").unwrap();
        let told = |profile: Vec<_>| -> Vec<(String, String)> {
            fields(&profile, now, false).into_iter().map(|field| (field.label, field.value)).collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let email = pair("E-mail", "a@b\\u{202e}");
        assert_eq!(told(profile(Value::Null, 1)), [email.clone(), pair("Active", "yes"), pair("Last login", "never")]);
        assert_eq!(told(profile(Value::Null, 0)), [email, pair("Active", "no"), pair("Last login", "not known")]);
    }

    #[test]
    fn an_address_keeps_what_was_chosen() {
        let asked = Asked::of(&"/x?as-of=2026-01-31&logins=no&page=3".parse().unwrap());
        let now = Timestamp::parse_sql("2026-03-01 00:00:00.000").unwrap();
        let question = Question::of("7", asked, now).unwrap();
        assert_eq!(
            question.address(question.as_of.as_deref(), true, 2),
            "/users/7?as-of=2026%2D01%2D31&logins=no&page=2"
        );
        assert_eq!(question.address(None, false, 1), "/users/7");
        assert!(Question::of("x", Asked::default(), now).is_err());
    }
}
