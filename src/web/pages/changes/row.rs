//! A row of the change feed, as it is read and as it is shown.

use super::super::show::{Moment, count, shortened};
use crate::model::{ChangeKind, Timestamp};
use crate::render::visible;
use crate::web::refusal::Refusal;

/// What is read of a change, from the log, its walk and its site; conditions follow. Names are those of today.
pub(in crate::web::pages) const SELECT: &str = "\
    SELECT c.id, s.name AS site, c.walk_id, coalesce(c.at, w.at) AS at, w.not_before, c.kind, \
        c.user_id, a.name AS user_name, c.group_id, g.name AS group_name, c.field, c.before, c.after \
    FROM change_log c CROSS JOIN walks w CROSS JOIN sites s \
    LEFT JOIN accounts a ON a.id = c.user_id AND a.forgotten_at IS NULL \
    LEFT JOIN groups g ON g.id = c.group_id \
    WHERE w.id = c.walk_id AND s.id = w.site_id";

/// A change as it is read.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(in crate::web::pages) struct ChangeRow {
    pub id: i64,
    pub site: String,
    pub walk_id: i64,
    at: Option<String>,
    not_before: Option<String>,
    kind: String,
    user_id: Option<i64>,
    user_name: Option<String>,
    group_id: Option<i64>,
    group_name: Option<String>,
    field: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

impl ChangeRow {
    /// How many bytes it takes.
    pub fn weight(&self) -> usize {
        let texts =
            [&self.at, &self.not_before, &self.user_name, &self.group_name, &self.field, &self.before, &self.after];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        size_of::<Self>() + self.site.len() + self.kind.len() + texts
    }
}

/// A removal that is held, as it is read.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(in crate::web::pages) struct HeldRow {
    pub seq: i64,
    kind: String,
    user_id: Option<i64>,
    user_name: Option<String>,
    group_id: Option<i64>,
    group_name: Option<String>,
    field: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

/// Whom or what a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web::pages) struct About {
    /// Its page; empty where there is none.
    pub link: String,
    pub name: String,
}

/// A change for a reader.
#[derive(Clone, Debug)]
pub(in crate::web::pages) struct Change {
    pub id: i64,
    pub site: String,
    pub walk_id: i64,
    pub at: Option<Moment>,
    /// It happened after this moment; `None`: a site's first walk found it, however old it is.
    pub not_before: Option<Moment>,
    pub kind: String,
    pub words: &'static str,
    pub user: Option<About>,
    pub group: Option<About>,
    pub field: String,
    /// What it was and what it is, where that is told.
    pub values: Option<(String, String)>,
}

impl Change {
    /// Of the feed.
    ///
    /// # Errors
    /// The database holds a time that is none.
    pub fn of(row: &ChangeRow, now: Timestamp) -> Result<Self, Refusal> {
        let ChangeRow { user_id, user_name, group_id, group_name, field, before, after, .. } = row;
        Ok(Self {
            id: row.id,
            site: visible(&row.site).into_owned(),
            walk_id: row.walk_id,
            at: moment(row.at.as_deref(), now)?,
            not_before: moment(row.not_before.as_deref(), now)?,
            kind: row.kind.clone(),
            words: words(&row.kind),
            user: about("users", "user", *user_id, user_name.as_deref()),
            group: about("groups", "group", *group_id, group_name.as_deref()),
            field: field.as_deref().map(|field| visible(field).into_owned()).unwrap_or_default(),
            values: values(field.as_deref(), before.as_deref(), after.as_deref()),
        })
    }

    /// Of a hold: as it will stand in the feed, if it is approved.
    pub fn held(row: &HeldRow) -> Self {
        let HeldRow { user_id, user_name, group_id, group_name, field, before, after, .. } = row;
        Self {
            id: 0,
            site: String::new(),
            walk_id: 0,
            at: None,
            not_before: None,
            kind: row.kind.clone(),
            words: words(&row.kind),
            user: about("users", "user", *user_id, user_name.as_deref()),
            group: about("groups", "group", *group_id, group_name.as_deref()),
            field: field.as_deref().map(|field| visible(field).into_owned()).unwrap_or_default(),
            values: values(field.as_deref(), before.as_deref(), after.as_deref()),
        }
    }
}

/// A moment of the database.
///
/// # Errors
/// It is none.
pub(in crate::web::pages) fn moment(sql: Option<&str>, now: Timestamp) -> Result<Option<Moment>, Refusal> {
    let time = sql.map(Timestamp::parse_sql).transpose().map_err(|error| Refusal::failed(&error))?;
    Ok(time.map(|time| Moment::of(time, now)))
}

/// Who was forgotten has no page, and no name.
fn about(place: &str, what: &str, id: Option<i64>, name: Option<&str>) -> Option<About> {
    let id = id?;
    Some(match name {
        Some(name) => About { link: format!("/{place}/{id}"), name: shortened(&visible(name)) },
        None => About { link: String::new(), name: format!("{what} {}, erased", count(id)) },
    })
}

fn values(field: Option<&str>, before: Option<&str>, after: Option<&str>) -> Option<(String, String)> {
    let shown = |value: Option<&str>| value.map(|value| shortened(&visible(value))).unwrap_or_default();
    (field.is_some() || before.is_some() || after.is_some()).then(|| (shown(before), shown(after)))
}

/// What a kind of change says.
pub(in crate::web::pages) fn words(kind: &str) -> &'static str {
    let known = ChangeKind::ALL.iter().find(|known| known.as_str() == kind);
    known.map_or("changed", |known| match known {
        ChangeKind::UserCreated => "user first seen",
        ChangeKind::UserRenamed => "user renamed",
        ChangeKind::UserUpdated => "attribute changed",
        ChangeKind::AccessLost => "lost access",
        ChangeKind::AccessGained => "got access",
        ChangeKind::Deactivated => "deactivated",
        ChangeKind::Reactivated => "active again",
        ChangeKind::Deleted => "deleted, which is proven",
        ChangeKind::Missing => "listed no longer",
        ChangeKind::Returned => "there again",
        ChangeKind::GroupCreated => "group first seen",
        ChangeKind::GroupRenamed => "group renamed",
        ChangeKind::GroupRemoved => "group listed no longer",
        ChangeKind::MemberAdded => "joined the group",
        ChangeKind::MemberRemoved => "left the group",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words_of_its_own() {
        let mut all: Vec<_> = ChangeKind::ALL.iter().map(|kind| words(kind.as_str())).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), ChangeKind::ALL.len());
        assert!(!all.contains(&words("of.tomorrow")));
    }

    #[test]
    fn who_was_forgotten_has_no_page() {
        let known = about("users", "user", Some(7), Some("a\u{202e}b")).unwrap();
        assert_eq!((known.link.as_str(), known.name.as_str()), ("/users/7", "a\\u{202e}b"));
        let erased = about("users", "user", Some(7), None).unwrap();
        assert_eq!((erased.link.as_str(), erased.name.as_str()), ("", "user 7, erased"));
        assert_eq!(about("groups", "group", None, None), None);
    }

    #[test]
    fn a_value_that_is_empty_is_told_beside_its_field() {
        assert_eq!(values(Some("email"), None, Some("a@b")), Some((String::new(), "a@b".to_owned())));
        assert_eq!(values(None, None, None), None);
    }
}
