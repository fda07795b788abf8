//! How the mirror of a site stands: its walks, its hold, and whom no request can name.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::holds::find_hold;
use crate::model::{SiteId, Timestamp, WalkId};

/// A walk's row, in short.
#[derive(Clone, Debug)]
pub struct WalkSummary {
    /// `walks.id`
    pub id: i64,
    /// `walks.status`
    pub status: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, if it did.
    pub finished_at: Option<Timestamp>,
    /// When it was applied, if it was.
    pub at: Option<Timestamp>,
    /// What is missing of it, or why it failed.
    pub error: Option<String>,
}

impl WalkSummary {
    /// The moment its age is counted from.
    pub fn moment(&self) -> Timestamp {
        self.at.or(self.finished_at).unwrap_or(self.started_at)
    }
}

/// How the mirror of one site stands.
#[derive(Clone, Debug, Default)]
pub struct SiteState {
    /// Its newest walk.
    pub last_walk: Option<WalkSummary>,
    /// Its newest applied walk.
    pub last_applied: Option<WalkSummary>,
    /// The walk that waits for a decision.
    pub held_walk: Option<WalkSummary>,
    /// Why it does.
    pub held_because: Vec<String>,
    /// What the newest walk noted although nothing is missing.
    pub notes: Vec<String>,
    /// Data Center: groups whose names cannot stand in a request.
    pub unaddressable_groups: Vec<String>,
    /// Data Center: the same of users whom no listing shows, and who would be looked up.
    pub unaddressable_users: Vec<String>,
}

impl SiteState {
    /// Whether the last applied walk is older than `limit`; `None` before there is one.
    pub fn is_stale(&self, limit: Duration, now: Timestamp) -> Option<bool> {
        let limit = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let at = self.last_applied.as_ref()?.at?;
        Some(now.millis() - at.millis() > limit)
    }

    /// Reads the state of a site of this kind.
    pub async fn read(connection: &mut SqliteConnection, site: SiteId, kind: &str) -> Result<Self, sqlx::Error> {
        let mut state = Self {
            last_walk: walk(connection, site, None).await?,
            last_applied: walk(connection, site, Some("applied")).await?,
            held_walk: walk(connection, site, Some("held")).await?,
            ..Self::default()
        };
        if let Some(held) = &state.held_walk {
            let hold = find_hold(connection, WalkId(held.id)).await?;
            state.held_because = hold.map(|hold| hold.reasons.lines().map(str::to_owned).collect()).unwrap_or_default();
        }
        state.notes = sqlx::query_scalar(
            "SELECT part.value ->> 'note' FROM (SELECT coverage FROM walks WHERE site_id = ?1 ORDER BY id DESC LIMIT 1) w \
             CROSS JOIN json_each(iif(json_valid(w.coverage), w.coverage, '{}')) part WHERE part.value ->> 'note' IS NOT NULL",
        )
        .bind(site.0)
        .fetch_all(&mut *connection)
        .await?;
        if kind == "data-center" {
            // Extender takes names in the path, where a slash cannot be told from its own.
            state.unaddressable_groups = sqlx::query_scalar(
                "SELECT name FROM groups WHERE site_id = ?1 AND removed_at IS NULL \
                 AND (instr(name, '/') OR instr(name, '\\') OR name IN ('.', '..')) ORDER BY name",
            )
            .bind(site.0)
            .fetch_all(&mut *connection)
            .await?;
            state.unaddressable_users = sqlx::query_scalar(
                "SELECT name FROM accounts WHERE site_id = ?1 AND unlisted_seen_at IS NOT NULL AND status <> 'deleted' \
                 AND forgotten_at IS NULL \
                 AND (instr(name, '/') OR instr(name, '\\') OR name IN ('.', '..')) ORDER BY name",
            )
            .bind(site.0)
            .fetch_all(connection)
            .await?;
        }
        Ok(state)
    }
}

/// The site's newest walk, or its newest of one status.
async fn walk(
    connection: &mut SqliteConnection,
    site: SiteId,
    status: Option<&str>,
) -> Result<Option<WalkSummary>, sqlx::Error> {
    type Row = (i64, String, String, Option<String>, Option<String>, Option<String>);
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, status, started_at, finished_at, at, error FROM walks \
         WHERE site_id = ?1 AND (?2 IS NULL OR status = ?2) ORDER BY id DESC LIMIT 1",
    )
    .bind(site.0)
    .bind(status)
    .fetch_optional(connection)
    .await?;
    let Some((id, status, started_at, finished_at, at, error)) = row else { return Ok(None) };
    let time = |text: &str| Timestamp::parse_sql(text).map_err(|error| sqlx::Error::Decode(Box::new(error)));
    let finished_at = finished_at.as_deref().map(time).transpose()?;
    let at = at.as_deref().map(time).transpose()?;
    Ok(Some(WalkSummary { id, status, started_at: time(&started_at)?, finished_at, at, error }))
}
