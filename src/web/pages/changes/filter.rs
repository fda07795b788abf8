//! Which changes are asked for.

use sqlx::{QueryBuilder, Sqlite};
use url::form_urlencoded;

use crate::model::{ChangeKind, Timestamp};
use crate::render::quoted;
use crate::web::asked::Asked;
use crate::web::refusal::Refusal;

/// Milliseconds in a day.
const DAY: i64 = 86_400_000;

/// Those that `change_log_user` leaves out: other tables tell them.
const NOT_INDEXED: [ChangeKind; 3] = [ChangeKind::UserCreated, ChangeKind::MemberAdded, ChangeKind::MemberRemoved];

/// From where on the feed is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// From its end.
    #[default]
    Newest,
    /// What is older than this change.
    Before(i64),
    /// What is newer than this change.
    After(i64),
}

/// What a change must be to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub site: Option<String>,
    /// One of these; any, if there is none.
    pub kinds: Vec<ChangeKind>,
    pub user: Option<i64>,
    pub group: Option<i64>,
    pub walk: Option<i64>,
    /// The days, as written: the first and the last.
    pub from: Option<Day>,
    pub to: Option<Day>,
}

/// A day, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Day {
    /// `2026-03-31`.
    pub text: String,
    /// Its first moment.
    begins: Timestamp,
}

impl Day {
    fn of(name: &str, text: &str) -> Result<Self, Refusal> {
        match Timestamp::parse_sql(&format!("{text} 00:00:00.000")) {
            Ok(begins) => Ok(Self { text: begins.to_sql()[..10].to_owned(), begins }),
            Err(_) => Err(Refusal::bad(format!("{name}={} is no date: it is written 2026-03-31", quoted(text)))),
        }
    }
}

impl Filter {
    /// What a request asks for, and from where on.
    ///
    /// # Errors
    /// It cannot be meant.
    pub fn take(asked: &mut Asked) -> Result<(Self, Place), Refusal> {
        let mut kinds = Vec::new();
        for name in asked.take_all("kind").iter().filter(|name| *name != "all") {
            let kind = ChangeKind::ALL.iter().find(|kind| kind.as_str() == name);
            let kind = kind.ok_or_else(|| Refusal::bad(format!("there is no kind of change {}", quoted(name))))?;
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
        let mut number = |name: &str| asked.take_number(name).map(|number| number.map(|number| number as i64));
        let [user, group, walk] = [number("user")?, number("group")?, number("walk")?];
        let place = match (number("before")?, number("after")?) {
            (None, None) => Place::Newest,
            (Some(id), None) => Place::Before(id),
            (None, Some(id)) => Place::After(id),
            _ => return Err(Refusal::bad("before and after cannot be asked for together")),
        };
        let mut day = |name: &str| asked.take(name)?.map(|text| Day::of(name, text.trim())).transpose();
        let [from, to] = [day("from")?, day("to")?];
        Ok((Self { site: asked.take("site")?, kinds, user, group, walk, from, to }, place))
    }

    /// The same as a query, to which a place may be added.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.site.iter().map(|site| ("site", site)));
        query.extend_pairs(self.kinds.iter().map(|kind| ("kind", kind.as_str())));
        let numbers = [("user", self.user), ("group", self.group), ("walk", self.walk)];
        query.extend_pairs(numbers.into_iter().filter_map(|(name, number)| Some((name, number?.to_string()))));
        let days = [("from", &self.from), ("to", &self.to)];
        query.extend_pairs(days.into_iter().filter_map(|(name, day)| Some((name, day.as_ref()?.text.as_str()))));
        query.finish()
    }

    /// Everything is asked for.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether only some walks can have what is asked for.
    pub fn names_walks(&self) -> bool {
        self.site.is_some() || self.reaches_back()
    }

    /// Whether it is known of some change, without looking at it, that all before are not asked for.
    pub fn reaches_back(&self) -> bool {
        self.walk.is_some() || self.from.is_some()
    }

    /// Selects these columns of the walks that can have what is asked for, `w`; their holds are `h`.
    pub fn push_walks(&self, columns: &'static str, sql: &mut QueryBuilder<Sqlite>) {
        // What was held is dated by its approval.
        sql.push("SELECT ").push(columns).push(" FROM walks w LEFT JOIN holds h ON h.walk_id = w.id WHERE 1");
        if let Some(walk) = self.walk {
            sql.push(" AND w.id = ").push_bind(walk);
        }
        if let Some(site) = &self.site {
            sql.push(" AND w.site_id = (SELECT id FROM sites WHERE name = ").push_bind(site.clone()).push(")");
        }
        if let Some(from) = &self.from {
            let from = from.begins.to_sql();
            sql.push(" AND (w.at >= ").push_bind(from.clone());
            sql.push(" OR h.decided_at >= ").push_bind(from).push(")");
        }
        if let Some(to) = &self.to {
            sql.push(" AND w.at < ").push_bind(to.begins.plus_millis(DAY).to_sql());
        }
    }

    /// Adds what a change `c` of the walk `w` must be.
    pub fn push(&self, sql: &mut QueryBuilder<Sqlite>) {
        if self.names_walks() {
            sql.push(" AND c.walk_id IN (");
            self.push_walks("w.id", sql);
            sql.push(")");
        }
        if !self.kinds.is_empty() {
            let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
            let kinds = serde_json::Value::from(kinds).to_string();
            sql.push(" AND c.kind IN (SELECT value FROM json_each(").push_bind(kinds).push("))");
        }
        if let Some(user) = self.user {
            sql.push(" AND c.user_id = ").push_bind(user);
            if !self.kinds.is_empty() && !self.kinds.iter().any(|kind| NOT_INDEXED.contains(kind)) {
                // In the words of the index, which is not used otherwise.
                sql.push(" AND c.kind NOT IN ('user.created', 'member.added', 'member.removed')");
            }
        }
        if let Some(group) = self.group {
            sql.push(" AND c.group_id = ").push_bind(group);
        }
        if let Some(from) = &self.from {
            sql.push(" AND coalesce(c.at, w.at) >= ").push_bind(from.begins.to_sql());
        }
        if let Some(to) = &self.to {
            sql.push(" AND coalesce(c.at, w.at) < ").push_bind(to.begins.plus_millis(DAY).to_sql());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<(Filter, Place), Refusal> {
        let mut asked = Asked::of(&format!("/changes?{query}").parse().unwrap());
        let taken = Filter::take(&mut asked)?;
        asked.done()?;
        Ok(taken)
    }

    #[test]
    fn what_is_asked_for_is_asked_for_again_by_its_links() {
        let query =
            "site=a%26b&kind=user.created&kind=member.removed&user=7&group=8&walk=9&from=2026-03-01&to=2026-03-31";
        let (found, place) = filter(&format!("{query}&before=12")).unwrap();
        assert_eq!((found.query().as_str(), place), (query, Place::Before(12)));
        assert_eq!((found.site.as_deref(), found.kinds.len()), (Some("a&b"), 2));
        let (found, place) = filter("site=&kind=all&user=&from=&to=").unwrap();
        assert!(found.is_open() && place == Place::Newest && found.query().is_empty(), "as an empty form sends it");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for query in ["kind=x", "from=yesterday", "to=2026-02-30", "user=x", "before=1&after=2", "site=a&site=b", "x=1"]
        {
            assert!(filter(query).is_err(), "{query}");
        }
    }
}
