//! Everything recorded about one user or one group, as a line of events.

use sqlx::SqliteConnection;

use crate::model::{TimeError, Timestamp};
use crate::render::visible;

/// A user that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[allow(missing_docs)] // the columns of `users`
pub struct UserMatch {
    pub id: i64,
    pub site: String,
    pub key: Option<String>,
    pub name: String,
    pub status: String,
}

/// One life of a group that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[allow(missing_docs)] // the columns of `groups`
pub struct GroupMatch {
    pub id: i64,
    pub site: String,
    pub name: String,
    pub removed: bool,
}

/// Something that happened to a user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was seen; of a log-in, when it was, by the site's clock.
    pub at: Timestamp,
    /// It happened after this moment; `None` when the first walk found it, or when `at` is exact.
    pub not_before: Option<Timestamp>,
    /// A kind of the change feed, `login.success`, `login.failure`, `login.active` or `evidence`.
    pub kind: String,
    /// The attribute that changed.
    pub field: Option<String>,
    /// Its value before.
    pub before: Option<String>,
    /// Its value after; of evidence, what the look-up answered.
    pub after: Option<String>,
    /// The group concerned, in a user's history.
    pub group: Option<String>,
    /// The user concerned, in a group's history.
    pub user: Option<String>,
    /// The number of that group or user: `groups.id`, `users.id`.
    pub other_id: Option<i64>,
    /// The walk that saw it.
    pub walk_id: Option<i64>,
}

impl Event {
    /// Whether this is one of many: a time of logging in, failing to, or being active.
    pub fn is_login(&self) -> bool {
        self.kind.starts_with("login.")
    }

    /// What happened, in words.
    pub fn sentence(&self) -> String {
        match self.words() {
            (words, None) => words,
            (words, Some(other)) => format!("{words} {}", visible(other)),
        }
    }

    /// The same, and apart from it the user or the group that it ends with.
    pub fn words(&self) -> (String, Option<&str>) {
        let value =
            |value: &Option<String>| value.as_deref().map_or("(empty)".into(), |text| visible(text).into_owned());
        let first = self.not_before.is_none();
        let words = match self.kind.as_str() {
            "member.added" | "member.removed" | "member.forgotten" => {
                let other = self.user.as_deref().or(self.group.as_deref());
                return (self.membership().to_owned(), other.or(Some("")));
            }
            "user.created" | "group.created" if first => "found by the first walk".to_owned(),
            "user.created" | "group.created" => "first seen".to_owned(),
            "group.removed" => "removed".to_owned(),
            "user.access-lost" => "lost access".to_owned(),
            "user.access-gained" => "gained access".to_owned(),
            "login.success" => "logged in".to_owned(),
            "login.failure" => "failed to log in".to_owned(),
            "login.active" => "was active".to_owned(),
            "evidence" => format!("looked up: {}", value(&self.after)),
            kind => {
                let verb = kind.strip_prefix("user.").or_else(|| kind.strip_prefix("group.")).unwrap_or(kind);
                match &self.field {
                    Some(field) => format!("{verb}: {field}: {} -> {}", value(&self.before), value(&self.after)),
                    None if self.before.is_none() && self.after.is_none() => verb.to_owned(),
                    None => format!("{verb}: {} -> {}", value(&self.before), value(&self.after)),
                }
            }
        };
        (words, None)
    }

    fn membership(&self) -> &'static str {
        match (self.kind.as_str(), self.user.is_some(), self.not_before.is_none()) {
            ("member.added", true, true) => "found as a member:",
            ("member.added", true, false) => "joined by",
            ("member.added", false, true) => "found in the group",
            ("member.added", false, false) => "joined the group",
            ("member.removed", true, _) => "left by",
            ("member.removed", false, _) => "left the group",
            // It is not known whether it was a member still.
            _ => "a member was forgotten:",
        }
    }
}

/// Why a history cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database could not be read.
    #[error("the database cannot be read")]
    Database(#[from] sqlx::Error),
    /// The database holds a time that is none.
    #[error("the database holds something that is not a time")]
    Time(#[from] TimeError),
}

#[derive(sqlx::FromRow)]
struct EventRow {
    at: String,
    not_before: Option<String>,
    kind: String,
    field: Option<String>,
    before: Option<String>,
    after: Option<String>,
    group_name: Option<String>,
    user_name: Option<String>,
    other_id: Option<i64>,
    walk_id: Option<i64>,
}

impl TryFrom<EventRow> for Event {
    type Error = TimeError;
    fn try_from(row: EventRow) -> Result<Self, TimeError> {
        let EventRow { at, not_before, kind, field, before, after, group_name, user_name, other_id, walk_id } = row;
        Ok(Self {
            at: Timestamp::parse_sql(&at)?,
            not_before: not_before.as_deref().map(Timestamp::parse_sql).transpose()?,
            kind,
            field,
            before,
            after,
            group: group_name,
            user: user_name,
            other_id,
            walk_id,
        })
    }
}

/// The users whose key is `asked`, or whose name is or once was, whatever its case; by site and key.
///
/// # Errors
/// Those of the database.
pub async fn find_users(
    connection: &mut SqliteConnection,
    asked: &str,
    site: Option<&str>,
) -> Result<Vec<UserMatch>, HistoryError> {
    let found: Vec<UserMatch> = sqlx::query_as(
        "SELECT u.id, s.name AS site, u.key, u.name, u.status FROM users u JOIN sites s ON s.id = u.site_id \
         WHERE u.id IN ( \
             SELECT id FROM accounts WHERE site_id IN (SELECT id FROM sites) AND key = ?1 \
             UNION SELECT id FROM accounts WHERE name = ?1 COLLATE NOCASE \
             UNION SELECT user_id FROM account_versions WHERE name = ?1 COLLATE NOCASE) \
         AND (?2 IS NULL OR s.name = ?2) ORDER BY s.name, u.key NULLS LAST, u.id",
    )
    .bind(asked)
    .bind(site)
    .fetch_all(&mut *connection)
    .await?;
    if !found.is_empty() || asked.is_ascii() {
        return Ok(found);
    }
    // SQLite folds the case of ASCII only, so other names are compared here, one by one.
    let folded = asked.to_lowercase();
    let names: Vec<(i64, String)> =
        sqlx::query_as("SELECT user_id, name FROM user_history").fetch_all(&mut *connection).await?;
    let ids: Vec<i64> = names.into_iter().filter(|(_, name)| name.to_lowercase() == folded).map(|(id, _)| id).collect();
    let found = sqlx::query_as(
        "SELECT u.id, s.name AS site, u.key, u.name, u.status FROM users u JOIN sites s ON s.id = u.site_id \
         WHERE u.id IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR s.name = ?2) \
         ORDER BY s.name, u.key NULLS LAST, u.id",
    )
    .bind(serde_json::Value::from(ids).to_string())
    .bind(site)
    .fetch_all(connection)
    .await?;
    Ok(found)
}

/// Every name the user had before the present one, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn former_names(connection: &mut SqliteConnection, user: &UserMatch) -> Result<Vec<String>, HistoryError> {
    Ok(sqlx::query_scalar(
        "SELECT name FROM account_versions WHERE user_id = ?1 AND name <> ?2 GROUP BY name ORDER BY min(valid_from)",
    )
    .bind(user.id)
    .bind(&user.name)
    .fetch_all(connection)
    .await?)
}

/// The events of a user, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn user_events(connection: &mut SqliteConnection, user: &UserMatch) -> Result<Vec<Event>, HistoryError> {
    // Joins and leaves come from the memberships and the first sight from the user: they outlive a pruned feed.
    // `place` and `seq` order what one walk saw.
    let rows: Vec<EventRow> =
        sqlx::query_as(include_str!("sql/history/user.sql")).bind(user.id).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Event::try_from).collect::<Result<_, _>>()?)
}

/// Every life of the groups that are called `asked`, or once were; whatever the case, when none is spelled so.
///
/// # Errors
/// Those of the database.
pub async fn find_groups(
    connection: &mut SqliteConnection,
    asked: &str,
    site: Option<&str>,
) -> Result<Vec<GroupMatch>, HistoryError> {
    let mut found: Vec<GroupMatch> = sqlx::query_as(
        "SELECT g.id, s.name AS site, g.name, g.removed_at IS NOT NULL AS removed \
         FROM groups g JOIN sites s ON s.id = g.site_id \
         WHERE (g.name = ?1 COLLATE NOCASE OR EXISTS (SELECT 1 FROM group_versions v WHERE v.group_id = g.id \
             AND v.name = ?1 COLLATE NOCASE)) AND (?2 IS NULL OR s.name = ?2) ORDER BY s.name, g.name, g.id",
    )
    .bind(asked)
    .bind(site)
    .fetch_all(connection)
    .await?;
    if found.iter().any(|group| group.name == asked) {
        found.retain(|group| group.name == asked);
    }
    Ok(found)
}

/// The events of one life of a group, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn group_events(connection: &mut SqliteConnection, group: &GroupMatch) -> Result<Vec<Event>, HistoryError> {
    let rows: Vec<EventRow> =
        sqlx::query_as(include_str!("sql/history/group.sql")).bind(group.id).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Event::try_from).collect::<Result<_, _>>()?)
}
