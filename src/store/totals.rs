//! What the walks of each site come to in all. A counter must not fall: what is counted of a walk never changes once it
//! has ended, whatever is decided about it later.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteConnection;

use crate::model::ChangeKind;

/// Rows of `walks` that are read at one time.
const AT_ONCE: i64 = 100_000;

/// What the walks of a site come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteTotals {
    /// How many ended as `applied`, `partial`, `held`, `failed`; one that was held stays so, whatever was decided.
    pub ended: BTreeMap<String, i64>,
    /// HTTP requests sent, retries included.
    pub requests: i64,
    /// Requests sent again.
    pub retries: i64,
    /// Answers 429.
    pub rate_limited: i64,
    /// How many milliseconds they took; of those held it is not known any more once they are approved. Not in seconds:
    /// fractions added in another order are another sum.
    pub millis: i64,
}

/// The sums over all walks, counted on from where they were left: however many there are, each is read once.
#[derive(Debug, Default)]
pub struct WalkTotals {
    sites: BTreeMap<i64, SiteTotals>,
    /// The last walk that was looked at.
    seen: i64,
    /// Those up to there that had not ended.
    open: BTreeSet<i64>,
}

const SUMS: &str = "SELECT w.site_id, iif(h.walk_id IS NULL, w.status, 'held'), count(*), sum(w.requests), sum(w.retries), \
    sum(w.rate_limited), coalesce(sum(iif(h.walk_id IS NULL, CAST(round(1000 * (unixepoch(w.finished_at, 'subsec') \
    - unixepoch(w.started_at, 'subsec'))) AS INTEGER), 0)), 0) FROM walks w LEFT JOIN holds h ON h.walk_id = w.id ";

impl WalkTotals {
    /// Counts those that have ended since. `false`: there are more; ask again.
    pub async fn count_on(&mut self, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let open = super::json_ids(self.open.iter().copied());
        let ended: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM walks WHERE id IN (SELECT value FROM json_each(?)) AND status <> 'running'",
        )
        .bind(open)
        .fetch_all(&mut *connection)
        .await?;
        let until: Option<i64> =
            sqlx::query_scalar("SELECT max(id) FROM (SELECT id FROM walks WHERE id > ? ORDER BY id LIMIT ?)")
                .bind(self.seen)
                .bind(AT_ONCE)
                .fetch_one(&mut *connection)
                .await?;
        let until = until.unwrap_or(self.seen);
        let running: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM walks WHERE id > ? AND id <= ? AND status = 'running'")
                .bind(self.seen)
                .bind(until)
                .fetch_all(&mut *connection)
                .await?;
        let sql = format!(
            "{SUMS} WHERE w.status <> 'running' AND (w.id > ?1 AND w.id <= ?2 \
             OR w.id IN (SELECT value FROM json_each(?3))) GROUP BY 1, 2"
        );
        let sums: Vec<(i64, String, i64, i64, i64, i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(self.seen)
            .bind(until)
            .bind(super::json_ids(ended.iter().copied()))
            .fetch_all(&mut *connection)
            .await?;
        let more: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM walks WHERE id > ?)")
            .bind(until)
            .fetch_one(connection)
            .await?;
        // From here on nothing fails: it is all of it, or nothing.
        for (site, status, walks, requests, retries, rate_limited, millis) in sums {
            let totals = self.sites.entry(site).or_default();
            *totals.ended.entry(status).or_default() += walks;
            totals.requests += requests;
            totals.retries += retries;
            totals.rate_limited += rate_limited;
            totals.millis += millis;
        }
        self.open.retain(|walk| !ended.contains(walk));
        self.open.extend(running);
        self.seen = until;
        Ok(!more)
    }

    /// Those of a site.
    pub fn of(&self, site: i64) -> SiteTotals {
        self.sites.get(&site).cloned().unwrap_or_default()
    }
}

/// How many changes of each kind the walks of each site ever recorded: `(sites.id, kind, changes)`.
pub async fn change_counts(connection: &mut SqliteConnection) -> Result<Vec<(i64, String, i64)>, sqlx::Error> {
    sqlx::query_as("SELECT site_id, kind, changes FROM change_counts ORDER BY site_id, kind")
        .fetch_all(connection)
        .await
}

/// Counts changes that are added to the feed, of each kind so many, in the order of [`ChangeKind::ALL`].
pub(super) async fn count_changes(
    connection: &mut SqliteConnection,
    walk: i64,
    counted: &[i64; ChangeKind::ALL.len()],
) -> Result<(), sqlx::Error> {
    // They are numbered in this order.
    for (kind, changes) in ChangeKind::ALL.iter().zip(counted).filter(|(_, changes)| **changes > 0) {
        sqlx::query(
            "INSERT INTO change_counts (site_id, kind, changes) SELECT site_id, ?2, ?3 FROM walks WHERE id = ?1 \
             ON CONFLICT (site_id, kind) DO UPDATE SET changes = changes + excluded.changes",
        )
        .bind(walk)
        .bind(kind.as_str())
        .bind(changes)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
