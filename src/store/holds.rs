//! `holds`, `held_changes`, `held_standings`: the removing part of a walk, set aside until a person decides.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row};

use super::bulk::{Bound, Prepared};
use super::walks::ChangeRow;
use crate::model::{GroupId, SiteId, Standing, Timestamp, UserId, WalkId};

/// How a user stands when a hold is approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldStanding {
    /// Who.
    pub user: UserId,
    /// How it stands.
    pub standing: Standing,
    /// When it was last seen; `None` while a listing shows it.
    pub unlisted_seen_at: Option<Timestamp>,
}

/// A hold as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// The held walk.
    pub walk: WalkId,
    /// Its site.
    pub site: SiteId,
    /// The site's id in the configuration.
    pub site_name: String,
    /// Which shares were too large; a line each.
    pub reasons: String,
    /// Rows of `changes` that approving it adds.
    pub removals: u64,
    /// What could not be read in the walk.
    pub walk_error: Option<String>,
    /// `approved`, `rejected`, `superseded`; `None` while it stands.
    pub decision: Option<String>,
    /// When that was decided.
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub decided_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A held change, as kept.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
#[allow(missing_docs)] // the columns of `held_changes`
pub struct HeldChange {
    pub kind: String,
    pub user_id: Option<i64>,
    pub group_id: Option<i64>,
    pub field: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What a person decides about a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its removals are applied.
    Approved,
    /// They are dropped.
    Rejected,
    /// The next walk judged afresh.
    Superseded,
}

impl Decision {
    /// The spelling in `holds.decision`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
    }
}

/// How much `site` has of what a walk may take away: active users, open memberships, users of whom each of `fields` is
/// filled.
pub async fn count_known(
    connection: &mut SqliteConnection,
    site: SiteId,
    fields: &[&'static str],
) -> Result<(u64, u64, BTreeMap<&'static str, u64>), sqlx::Error> {
    // Of those who are there: whoever is gone keeps what was known.
    let columns: String =
        fields.iter().map(|field| format!(", count({field}) FILTER (WHERE unlisted_seen_at IS NULL)")).collect();
    let sql = format!(
        "SELECT count(*) FILTER (WHERE status = 'active'){columns} FROM accounts \
         WHERE site_id = ? AND forgotten_at IS NULL"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(site.0).fetch_one(&mut *connection).await?;
    let count = |index: usize| row.try_get::<i64, _>(index).map(|count| count as u64);
    let mut filled = BTreeMap::new();
    for (index, field) in fields.iter().enumerate() {
        filled.insert(*field, count(index + 1)?);
    }
    let memberships: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM groups g CROSS JOIN memberships m ON m.group_id = g.id \
         WHERE g.site_id = ? AND g.removed_at IS NULL AND m.valid_to IS NULL",
    )
    .bind(site.0)
    .fetch_one(connection)
    .await?;
    Ok((count(0)?, memberships as u64, filled))
}

/// Keeps a hold; its walk's row is there.
pub async fn add_hold(
    connection: &mut SqliteConnection,
    (walk, site): (WalkId, SiteId),
    reasons: &str,
    walk_error: Option<&str>,
    changes: &[ChangeRow],
    standings: &[HeldStanding],
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO holds (walk_id, site_id, reasons, removals, walk_error) VALUES (?, ?, ?, ?, ?)")
        .bind(walk.0)
        .bind(site.0)
        .bind(reasons)
        .bind(changes.len() as i64)
        .bind(walk_error)
        .execute(&mut *connection)
        .await?;
    let sql = "INSERT INTO held_changes (walk_id, seq, kind, user_id, group_id, field, before, after) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for (seq, ChangeRow { kind, user, group, field, before, after }) in (1..).zip(changes) {
        rows.run(&[
            Bound::Integer(walk.0),
            Bound::Integer(seq),
            Bound::Text(kind.as_str()),
            Bound::integer(user.map(|user| user.0)),
            Bound::integer(group.map(|group| group.0)),
            Bound::text(*field),
            Bound::text(before.as_deref()),
            Bound::text(after.as_deref()),
        ])
        .await?;
    }
    drop(rows);
    let sql = "INSERT INTO held_standings (walk_id, user_id, status, active, has_access, unlisted_seen_at) \
               VALUES (?, ?, ?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for HeldStanding { user, standing: Standing { status, active, has_access }, unlisted_seen_at } in standings {
        let unlisted = unlisted_seen_at.map(Timestamp::to_sql);
        rows.run(&[
            Bound::Integer(walk.0),
            Bound::Integer(user.0),
            Bound::Text(status.as_str()),
            Bound::integer(active.map(i64::from)),
            Bound::integer(has_access.map(i64::from)),
            Bound::text(unlisted.as_deref()),
        ])
        .await?;
    }
    Ok(())
}

/// The hold that stands at `site`.
pub async fn current_hold(connection: &mut SqliteConnection, site: SiteId) -> Result<Option<WalkId>, sqlx::Error> {
    sqlx::query_scalar("SELECT walk_id FROM holds WHERE site_id = ? AND decision IS NULL")
        .bind(site.0)
        .fetch_optional(connection)
        .await
        .map(|found| found.map(WalkId))
}

/// The hold of a walk, whatever became of it.
pub async fn find_hold(connection: &mut SqliteConnection, walk: WalkId) -> Result<Option<HoldRow>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT h.site_id, s.name, h.reasons, h.removals, h.walk_error, h.decision, h.decided_at, h.decided_by, h.reason \
         FROM holds h JOIN sites s ON s.id = h.site_id WHERE h.walk_id = ?",
    )
    .bind(walk.0)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let decided_at: Option<String> = row.try_get(6)?;
    let decided_at = decided_at.as_deref().map(Timestamp::parse_sql).transpose();
    Ok(Some(HoldRow {
        walk,
        site: SiteId(row.try_get(0)?),
        site_name: row.try_get(1)?,
        reasons: row.try_get(2)?,
        removals: row.try_get::<i64, _>(3)? as u64,
        walk_error: row.try_get(4)?,
        decision: row.try_get(5)?,
        decided_at: decided_at.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        decided_by: row.try_get(7)?,
        reason: row.try_get(8)?,
    }))
}

/// The removals of a hold, in their order.
pub async fn held_changes(connection: &mut SqliteConnection, walk: WalkId) -> Result<Vec<HeldChange>, sqlx::Error> {
    sqlx::query_as(
        "SELECT kind, user_id, group_id, field, before, after FROM held_changes WHERE walk_id = ? ORDER BY seq",
    )
    .bind(walk.0)
    .fetch_all(connection)
    .await
}

/// How users stand when a hold is approved.
pub async fn held_standings(connection: &mut SqliteConnection, walk: WalkId) -> Result<Vec<HeldStanding>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT user_id, status, active, has_access, unlisted_seen_at FROM held_standings WHERE walk_id = ?",
    )
    .bind(walk.0)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
            let status: String = row.try_get(1)?;
            let unlisted: Option<String> = row.try_get(4)?;
            Ok(HeldStanding {
                user: UserId(row.try_get(0)?),
                standing: Standing {
                    status: status.parse().map_err(|error: String| decode(error.into()))?,
                    active: row.try_get(2)?,
                    has_access: row.try_get(3)?,
                },
                unlisted_seen_at: unlisted
                    .as_deref()
                    .map(Timestamp::parse_sql)
                    .transpose()
                    .map_err(|error| decode(Box::new(error)))?,
            })
        })
        .collect()
}

/// Who decides, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decider<'a> {
    /// Who; `None` where a walk does.
    pub actor: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// Writes what became of a hold, and gives its walk `status`. Its removals stay on record only when they were rejected:
/// those approved are in `changes`, and those superseded the next walk judged again.
pub async fn decide_hold(
    connection: &mut SqliteConnection,
    walk: WalkId,
    decision: Decision,
    status: &str,
    at: Timestamp,
    decider: Decider<'_>,
) -> Result<(), sqlx::Error> {
    let decided = sqlx::query(
        "UPDATE holds SET decision = ?, decided_at = ?, decided_by = ?, reason = ? \
         WHERE walk_id = ? AND decision IS NULL",
    )
    .bind(decision.as_str())
    .bind(at.to_sql())
    .bind(decider.actor)
    .bind(decider.reason)
    .bind(walk.0)
    .execute(&mut *connection)
    .await?;
    let walks = sqlx::query("UPDATE walks SET status = ? WHERE id = ? AND status = 'held'")
        .bind(status)
        .bind(walk.0)
        .execute(&mut *connection)
        .await?;
    if decided.rows_affected() != 1 || walks.rows_affected() != 1 {
        return Err(sqlx::Error::RowNotFound);
    }
    if decision != Decision::Rejected {
        for table in ["held_changes", "held_standings"] {
            sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE walk_id = ?")))
                .bind(walk.0)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Counts an approved hold's changes to its walk, which ends with the approval.
pub async fn add_to_walk(
    connection: &mut SqliteConnection,
    walk: WalkId,
    changes: u64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE walks SET changes = changes + ?, finished_at = max(finished_at, ?) WHERE id = ?")
        .bind(changes as i64)
        .bind(at.to_sql())
        .bind(walk.0)
        .execute(connection)
        .await
        .map(drop)
}

/// The names of groups, removed ones too.
pub async fn group_names(
    connection: &mut SqliteConnection,
    groups: &[GroupId],
) -> Result<BTreeMap<GroupId, String>, sqlx::Error> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, name FROM groups WHERE id IN (SELECT value FROM json_each(?))")
            .bind(super::json_ids(groups.iter().map(|group| group.0)))
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|(id, name)| (GroupId(id), name)).collect())
}
