//! What waits for a decision about one user or one group: until then the mirror tells of it as before.

use sqlx::SqliteConnection;

/// A walk that holds something about it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Pending {
    /// The walk.
    pub walk: i64,
    /// How many removals.
    pub removals: i64,
}

/// The hold that stands and takes something from the user.
///
/// # Errors
/// Those of the database.
pub(super) async fn of_user(connection: &mut SqliteConnection, id: i64) -> Result<Option<Pending>, sqlx::Error> {
    sqlx::query_as(
        "SELECT h.walk_id AS walk, count(*) AS removals FROM holds h JOIN held_changes c ON c.walk_id = h.walk_id \
         WHERE h.decision IS NULL AND h.site_id = (SELECT site_id FROM users WHERE id = ?1) AND c.user_id = ?1 \
         GROUP BY h.walk_id",
    )
    .bind(id)
    .fetch_optional(connection)
    .await
}

/// The hold that stands and takes something from the group.
///
/// # Errors
/// Those of the database.
pub(super) async fn of_group(connection: &mut SqliteConnection, id: i64) -> Result<Option<Pending>, sqlx::Error> {
    sqlx::query_as(
        "SELECT h.walk_id AS walk, count(*) AS removals FROM holds h JOIN held_changes c ON c.walk_id = h.walk_id \
         WHERE h.decision IS NULL AND h.site_id = (SELECT site_id FROM groups WHERE id = ?1) AND c.group_id = ?1 \
         GROUP BY h.walk_id",
    )
    .bind(id)
    .fetch_optional(connection)
    .await
}
