//! How the sites stand: what `status`, `/readyz` and `/metrics` judge by. Each query reads a few rows by an index,
//! however long the history is.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::time;
use super::walks::STOPPED;
use crate::model::Timestamp;

/// So many of a site's newest walks are looked at to see how often the same came of them.
const LOOKED_AT: i64 = 100;

/// A walk, as far as a standing needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `walks`
pub struct WalkRow {
    pub id: i64,
    pub status: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub at: Option<Timestamp>,
    pub error: Option<String>,
    pub groups_seen: Option<i64>,
    pub memberships_seen: Option<i64>,
    /// It was held, whatever was decided about that later.
    pub was_held: bool,
}

impl WalkRow {
    /// The moment its age is counted from.
    pub fn moment(&self) -> Timestamp {
        self.at.or(self.finished_at).unwrap_or(self.started_at)
    }

    /// How long it took. Of a hold that was approved that is not known any more: the approval moved its end.
    pub fn took(&self) -> Option<Duration> {
        let millis = self.finished_at?.millis() - self.started_at.millis();
        let is_known = !self.was_held || matches!(self.status.as_str(), "held" | "rejected" | "superseded");
        u64::try_from(millis).ok().filter(|_| is_known).map(Duration::from_millis)
    }
}

/// The hold of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldStanding {
    /// The walk that is held.
    pub walk: WalkRow,
    /// Since when the site waits for a decision: each walk that is held anew replaces the one before.
    pub since: Timestamp,
    /// Rows of `changes` that approving it adds.
    pub removals: i64,
    /// Why, a line each.
    pub reasons: String,
}

/// How a site stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteStanding {
    /// `sites.id`
    pub id: i64,
    /// Its id in the configuration.
    pub name: String,
    /// `data-center` or `cloud`.
    pub kind: String,
    /// Where it is.
    pub base_url: String,
    /// Its newest walk, also one that is running.
    pub last_walk: Option<WalkRow>,
    /// Its newest walk that has ended.
    pub last_ended: Option<WalkRow>,
    /// Its newest walk that was applied whole.
    pub last_applied: Option<WalkRow>,
    /// Its hold.
    pub held: Option<HoldStanding>,
    /// So many of its newest walks failed, in a row; at most a hundred are counted, and none that somebody stopped.
    pub failures: usize,
    /// So many of its newest walks were partial, in a row; at most a hundred are counted.
    pub partials: usize,
}

/// Whether a site was walked lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Its last applied walk is no older than its limit.
    Ok,
    /// It is older.
    Stale,
    /// None was applied yet.
    Never,
}

impl Freshness {
    /// Judges the moment of the last applied walk.
    pub fn of(applied: Option<Timestamp>, limit: Duration, now: Timestamp) -> Self {
        let limit = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        match applied {
            None => Self::Never,
            Some(at) if now.millis() - at.millis() > limit => Self::Stale,
            Some(_) => Self::Ok,
        }
    }

    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Never => "never",
        }
    }
}

/// How every site of the mirror stands, in the order of their names.
pub async fn site_standings(connection: &mut SqliteConnection) -> Result<Vec<SiteStanding>, sqlx::Error> {
    let known: Vec<(i64, String, String, String)> =
        sqlx::query_as("SELECT id, name, kind, base_url FROM sites ORDER BY name").fetch_all(&mut *connection).await?;
    let mut standings = Vec::with_capacity(known.len());
    for (id, name, kind, base_url) in known {
        let last_applied = newest(connection, id, Newest::Applied).await?;
        let later = |other: Option<WalkRow>| {
            let other = other.filter(|other| last_applied.as_ref().is_none_or(|applied| other.id > applied.id));
            other.or_else(|| last_applied.clone())
        };
        let last_walk = later(newest(connection, id, Newest::Unapplied).await?);
        let last_ended = match last_walk.as_ref().is_some_and(|walk| walk.status == "running") {
            true => later(newest(connection, id, Newest::Ended).await?),
            false => last_walk.clone(),
        };
        let applied = last_applied.as_ref().map_or(0, |walk| walk.id);
        let (failures, partials) = streaks(connection, id, applied).await?;
        let held = hold(connection, id, applied).await?;
        standings.push(SiteStanding {
            id,
            name,
            kind,
            base_url,
            last_walk,
            last_ended,
            last_applied,
            held,
            failures,
            partials,
        });
    }
    Ok(standings)
}

/// The moment of each site's last applied walk, by the site's name; a site without one is left out.
pub async fn applied_moments(connection: &mut SqliteConnection) -> Result<BTreeMap<String, Timestamp>, sqlx::Error> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT name, (SELECT at FROM walks w WHERE w.site_id = s.id AND w.status = 'applied' ORDER BY w.id DESC LIMIT 1) \
         FROM sites s",
    )
    .fetch_all(connection)
    .await?;
    let known = rows.into_iter().filter_map(|(site, at)| Some((site, at?)));
    known.map(|(site, at)| Ok((site, time(&at)?))).collect()
}

/// The users of a site by status, and how many of them take a seat: who is active, but for Cloud's `app` and `customer`
/// accounts. Reads all of them.
pub async fn count_users(
    connection: &mut SqliteConnection,
    site: i64,
) -> Result<(BTreeMap<String, i64>, i64), sqlx::Error> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT status, count(*), sum(status = 'active' AND coalesce(account_type, '') NOT IN ('app', 'customer')) \
         FROM users WHERE site_id = ? GROUP BY status",
    )
    .bind(site)
    .fetch_all(connection)
    .await?;
    let seats = rows.iter().map(|(_, _, seats)| seats).sum();
    Ok((rows.into_iter().map(|(status, users, _)| (status, users)).collect(), seats))
}

/// The parts of a walk, and which of them are incomplete.
pub async fn walk_parts(connection: &mut SqliteConnection, walk: i64) -> Result<Vec<(String, bool)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.key, p.value ->> 'problem' IS NOT NULL FROM walks w \
         CROSS JOIN json_each(iif(json_valid(w.coverage), w.coverage, '{}')) p WHERE w.id = ? ORDER BY p.key",
    )
    .bind(walk)
    .fetch_all(connection)
    .await
}

/// How many notifications webhooks are still to be told.
pub async fn notifications_waiting(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM notifications WHERE next_at IS NOT NULL").fetch_one(connection).await
}

/// Each is found by an index of its own.
enum Newest {
    Applied,
    Unapplied,
    /// Of those that were not applied, one that has ended.
    Ended,
}

async fn newest(connection: &mut SqliteConnection, site: i64, of: Newest) -> Result<Option<WalkRow>, sqlx::Error> {
    let sql = match of {
        Newest::Applied => {
            "SELECT id, status, started_at, finished_at, at, error, groups_seen, memberships_seen, \
             EXISTS (SELECT 1 FROM holds h WHERE h.walk_id = walks.id) FROM walks \
             WHERE site_id = ? AND status = 'applied' ORDER BY id DESC LIMIT 1"
        }
        Newest::Unapplied => {
            "SELECT id, status, started_at, finished_at, at, error, groups_seen, memberships_seen, \
             EXISTS (SELECT 1 FROM holds h WHERE h.walk_id = walks.id) FROM walks \
             WHERE site_id = ? AND status <> 'applied' ORDER BY id DESC LIMIT 1"
        }
        Newest::Ended => {
            "SELECT id, status, started_at, finished_at, at, error, groups_seen, memberships_seen, \
             EXISTS (SELECT 1 FROM holds h WHERE h.walk_id = walks.id) FROM walks \
             WHERE site_id = ? AND status <> 'applied' AND status <> 'running' ORDER BY id DESC LIMIT 1"
        }
    };
    let row = sqlx::query(sql).bind(site).fetch_optional(connection).await?;
    row.as_ref().map(walk_row).transpose()
}

async fn streaks(connection: &mut SqliteConnection, site: i64, applied: i64) -> Result<(usize, usize), sqlx::Error> {
    let statuses: Vec<String> = sqlx::query_scalar(
        "SELECT status FROM walks WHERE site_id = ? AND status <> 'applied' AND id > ? AND status <> 'running' \
         AND error IS NOT ? ORDER BY id DESC LIMIT ?",
    )
    .bind(site)
    .bind(applied)
    .bind(STOPPED)
    .bind(LOOKED_AT)
    .fetch_all(connection)
    .await?;
    let in_a_row = |status: &str| statuses.iter().take_while(|found| *found == status).count();
    Ok((in_a_row("failed"), in_a_row("partial")))
}

async fn hold(connection: &mut SqliteConnection, site: i64, applied: i64) -> Result<Option<HoldStanding>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT w.id, w.status, w.started_at, w.finished_at, w.at, w.error, w.groups_seen, w.memberships_seen, 1, \
         h.removals, h.reasons FROM holds h JOIN walks w ON w.id = h.walk_id WHERE h.site_id = ? AND h.decision IS NULL",
    )
    .bind(site)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let walk = walk_row(&row)?;
    // The first of those held one after the other, with none between them that went through or was rejected.
    let since: Option<String> = sqlx::query_scalar(
        "SELECT finished_at FROM walks WHERE site_id = ?1 AND status <> 'applied' AND status IN ('held', 'superseded') \
         AND id > ?2 AND id > coalesce((SELECT id FROM walks WHERE site_id = ?1 AND status <> 'applied' \
         AND id > ?2 AND status IN ('partial', 'rejected') ORDER BY id DESC LIMIT 1), 0) ORDER BY id LIMIT 1",
    )
    .bind(site)
    .bind(applied)
    .fetch_optional(connection)
    .await?
    .flatten();
    let since = since.as_deref().map(time).transpose()?.unwrap_or_else(|| walk.moment());
    Ok(Some(HoldStanding { since, removals: row.try_get(9)?, reasons: row.try_get(10)?, walk }))
}

fn walk_row(row: &SqliteRow) -> Result<WalkRow, sqlx::Error> {
    let moment = |index: usize| row.try_get::<Option<&str>, _>(index)?.map(time).transpose();
    Ok(WalkRow {
        id: row.try_get(0)?,
        status: row.try_get(1)?,
        started_at: time(row.try_get(2)?)?,
        finished_at: moment(3)?,
        at: moment(4)?,
        error: row.try_get(5)?,
        groups_seen: row.try_get(6)?,
        memberships_seen: row.try_get(7)?,
        was_held: row.try_get(8)?,
    })
}

#[cfg(test)]
mod tests;
