//! Who can be forgotten.

use sqlx::sqlite::SqliteConnection;

use crate::model::UserId;

/// A user who may be meant.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Candidate {
    /// `users.id`
    pub id: i64,
    /// The site's id in the configuration.
    pub site: String,
    /// Its key.
    pub key: Option<String>,
    /// Its name.
    pub name: String,
    /// The site shows it: the next walk would record it again.
    pub is_listed: bool,
}

const SELECT: &str = "SELECT a.id, s.name AS site, a.key, a.name, \
    a.unlisted_seen_at IS NULL AND a.status NOT IN ('deleted', 'missing') AS is_listed \
    FROM accounts a JOIN sites s ON s.id = a.site_id WHERE a.forgotten_at IS NULL AND ";

/// The users with exactly this key or name, by site and key.
pub async fn find_forgettable(
    connection: &mut SqliteConnection,
    asked: &str,
    site: Option<&str>,
) -> Result<Vec<Candidate>, sqlx::Error> {
    // The index on the names knows no case.
    let sql = format!(
        "{SELECT} (a.id IN (SELECT id FROM accounts WHERE site_id IN (SELECT id FROM sites) AND key = ?1) \
         OR a.id IN (SELECT id FROM accounts WHERE name = ?1 COLLATE NOCASE AND name = ?1)) \
         AND (?2 IS NULL OR s.name = ?2) ORDER BY s.name, a.key NULLS LAST, a.id"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(asked).bind(site).fetch_all(connection).await
}

/// Other users, of any site, with the e-mail address of this one.
pub async fn of_same_address(connection: &mut SqliteConnection, user: UserId) -> Result<Vec<Candidate>, sqlx::Error> {
    let sql = format!(
        "{SELECT} a.id <> ?1 AND trim(a.email) <> '' \
         AND lower(trim(a.email)) = (SELECT lower(trim(email)) FROM accounts WHERE id = ?1) ORDER BY s.name, a.id"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(user.0).fetch_all(connection).await
}

/// The id of the user who is called so since it was forgotten.
pub async fn find_forgotten(connection: &mut SqliteConnection, name: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT id FROM accounts WHERE name = ?1 COLLATE NOCASE AND name = ?1 AND forgotten_at IS NOT NULL",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
}
