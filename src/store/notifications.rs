//! What webhooks are told: what the mirror says of a site's newest walks, and the journal of what was sent.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::{Store, StoreError, time};
use crate::model::Timestamp;

/// A walk that has ended, as far as somebody may have to be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedWalk {
    /// `walks.id`
    pub id: i64,
    /// `walks.status`
    pub status: String,
    /// When it ended.
    pub finished_at: Timestamp,
    /// `walks.error`
    pub error: Option<String>,
    /// The status of the site's walk before it.
    pub before: Option<String>,
    /// The reasons of its hold, a line each.
    pub held_because: Option<String>,
    /// The moment of the walk before it that applied anything.
    pub not_before: Option<Timestamp>,
}

/// How many joined and left a group in a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMoves {
    /// The group's name.
    pub group: String,
    /// How many joined.
    pub joined: i64,
    /// How many left.
    pub left: i64,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `notifications`
pub struct NewNotification {
    pub at: Timestamp,
    pub event: &'static str,
    pub site: String,
    pub walk_id: i64,
    pub target: String,
    pub body: String,
}

/// Something that is still to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `notifications`
pub struct DueNotification {
    pub id: i64,
    pub event: String,
    pub target: String,
    pub body: String,
    pub attempts: u32,
}

/// What came of an attempt to tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `notifications`
pub struct Attempt {
    pub id: i64,
    pub next_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    pub answer: String,
}

/// The walks of a site that ended after walk `after`, the oldest first, some at a time; without one the newest alone. Those that failed with
/// these errors are passed over: it was not the site that made them fail.
pub async fn ended_walks(
    connection: &mut SqliteConnection,
    site: &str,
    after: Option<i64>,
    passed_over: [&str; 2],
) -> Result<Vec<EndedWalk>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT w.id, w.status, w.finished_at, w.error, (SELECT b.status FROM walks b WHERE +b.site_id = w.site_id \
         AND b.id < w.id AND b.error IS NOT ?3 AND b.error IS NOT ?4 ORDER BY b.id DESC LIMIT 1), h.reasons, (SELECT a.at FROM walks a WHERE a.site_id = w.site_id \
         AND a.id < w.id AND a.at IS NOT NULL ORDER BY a.id DESC LIMIT 1) \
         FROM walks w LEFT JOIN holds h ON h.walk_id = w.id \
         WHERE +w.site_id = (SELECT id FROM sites WHERE name = ?1) AND w.status <> 'running' AND w.error IS NOT ?3 AND w.error IS NOT ?4 AND w.id > coalesce(?2, 0) \
         ORDER BY w.id * iif(?2 IS NULL, -1, 1) LIMIT iif(?2 IS NULL, 1, 100)",
    )
    .bind(site)
    .bind(after)
    .bind(passed_over[0])
    .bind(passed_over[1])
    .fetch_all(connection)
    .await?;
    let walk = |row: &sqlx::sqlite::SqliteRow| {
        Ok(EndedWalk {
            id: row.try_get(0)?,
            status: row.try_get(1)?,
            finished_at: time(row.try_get(2)?)?,
            error: row.try_get(3)?,
            before: row.try_get(4)?,
            held_because: row.try_get(5)?,
            not_before: row.try_get::<Option<&str>, _>(6)?.map(time).transpose()?,
        })
    };
    rows.iter().map(walk).collect()
}

/// Up to which walk each site was looked at.
pub async fn walks_told(connection: &mut SqliteConnection) -> Result<HashMap<String, i64>, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT site, walk_id FROM walks_told").fetch_all(connection).await?;
    Ok(rows.into_iter().collect())
}

/// The newest applied walk of a site, and its moment.
pub async fn last_applied(
    connection: &mut SqliteConnection,
    site: &str,
) -> Result<Option<(i64, Timestamp)>, sqlx::Error> {
    let row: Option<(i64, String)> = sqlx::query_as(
        "SELECT id, at FROM walks WHERE site_id = (SELECT id FROM sites WHERE name = ?) AND status = 'applied' \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(site)
    .fetch_optional(connection)
    .await?;
    row.map(|(id, at)| Ok((id, time(&at)?))).transpose()
}

/// How many joined and left each group in a walk, the groups in the order of their names.
pub async fn moves(connection: &mut SqliteConnection, walk: i64) -> Result<Vec<GroupMoves>, sqlx::Error> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT g.name, sum(c.kind = 'member.added'), sum(c.kind = 'member.removed') \
         FROM change_log c JOIN groups g ON g.id = c.group_id \
         WHERE c.walk_id = ? AND c.kind IN ('member.added', 'member.removed') GROUP BY g.id ORDER BY g.name, g.id",
    )
    .bind(walk)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(group, joined, left)| GroupMoves { group, joined, left }).collect())
}

/// How many users of a site took a seat at a moment: as [`super::count_users`] counts those of now.
pub async fn seats_taken_at(connection: &mut SqliteConnection, site: &str, at: Timestamp) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM user_history h JOIN accounts a ON a.id = h.user_id \
         WHERE a.site_id = (SELECT id FROM sites WHERE name = ?1) AND h.status = 'active' \
         AND coalesce(h.account_type, '') NOT IN ('app', 'customer') \
         AND h.valid_from <= ?2 AND (h.valid_to IS NULL OR h.valid_to > ?2)",
    )
    .bind(site)
    .bind(at.to_sql())
    .fetch_one(connection)
    .await
}

/// The row of a site.
pub async fn site_id(connection: &mut SqliteConnection, site: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM sites WHERE name = ?").bind(site).fetch_optional(connection).await
}

/// What is to be told by now, the oldest first.
pub async fn due_notifications(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Vec<DueNotification>, sqlx::Error> {
    let rows: Vec<(i64, String, String, String, i64)> = sqlx::query_as(
        "SELECT id, event, target, body, attempts FROM notifications WHERE next_at <= ? ORDER BY id LIMIT 100",
    )
    .bind(now.to_sql())
    .fetch_all(connection)
    .await?;
    let due = |(id, event, target, body, attempts)| {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        DueNotification { id, event, target, body, attempts }
    };
    Ok(rows.into_iter().map(due).collect())
}

impl Store {
    /// Adds what is to be told, from `now` on, and up to which walks it was looked. Whoever was told of the same already is
    /// not told again.
    pub async fn add_notifications(
        &self,
        new: &[NewNotification],
        told: &HashMap<String, i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(async |connection| {
            for (site, walk) in told {
                sqlx::query(
                    "INSERT INTO walks_told (site, walk_id) VALUES (?1, ?2) ON CONFLICT (site) DO UPDATE SET walk_id = ?2",
                )
                .bind(site)
                .bind(walk)
                .execute(&mut *connection)
                .await?;
            }
            for NewNotification { at, event, site, walk_id, target, body } in new {
                sqlx::query(
                    "INSERT OR IGNORE INTO notifications (at, event, site, walk_id, target, body, next_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .bind(at.to_sql())
                .bind(event)
                .bind(site)
                .bind(walk_id)
                .bind(target)
                .bind(body)
                .bind(now.to_sql())
                .execute(&mut *connection)
                .await?;
            }
            Ok(())
        })
        .await
    }

    /// Writes what came of an attempt.
    pub async fn add_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let Attempt { id, next_at, delivered_at, answer } = attempt;
        self.write(async |connection| {
            sqlx::query(
                "UPDATE notifications SET attempts = attempts + 1, next_at = ?2, delivered_at = ?3, answer = ?4 \
                 WHERE id = ?1",
            )
            .bind(id)
            .bind(next_at.map(Timestamp::to_sql))
            .bind(delivered_at.map(Timestamp::to_sql))
            .bind(answer)
            .execute(connection)
            .await
            .map(drop)
        })
        .await
    }

    /// Writes in one transaction. On an error the connection is dropped, and not used again.
    pub(super) async fn write(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), sqlx::Error>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.sql(error))?;
        work(&mut transaction).await.map_err(|error| self.sql(error))?;
        transaction.commit().await.map_err(|error| self.sql(error))?;
        writer.close().await.map_err(|error| self.sql(error))
    }
}
