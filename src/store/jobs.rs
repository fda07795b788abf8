//! What the daemon remembers of its jobs: `jobs` and `skipped_runs`.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Store, StoreError, time};
use crate::model::Timestamp;

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `jobs`
pub struct JobRow {
    pub job: String,
    pub schedule: String,
    pub due_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub error: Option<String>,
    pub failures: u32,
    pub next_at: Option<Timestamp>,
    pub succeeded_at: Option<Timestamp>,
}

/// The job of walking a site, as in `jobs.job`.
pub fn walk_job(site: &str) -> String {
    format!("walk:{site}")
}

/// Firings that were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `skipped_runs`
pub struct SkippedRow {
    pub job: String,
    pub due_at: Timestamp,
    pub last_due_at: Timestamp,
    pub firings: u64,
    pub at: Timestamp,
    pub reason: &'static str,
}

/// Everything that is remembered, in the order of the jobs' names.
pub async fn load_jobs(connection: &mut SqliteConnection) -> Result<Vec<JobRow>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT job, schedule, due_at, started_at, finished_at, outcome, error, failures, next_at, succeeded_at \
         FROM jobs ORDER BY job",
    )
    .fetch_all(connection)
    .await?;
    let job = |row: &SqliteRow| {
        let moment = |index: usize| row.try_get::<Option<&str>, _>(index)?.map(time).transpose();
        Ok(JobRow {
            job: row.try_get(0)?,
            schedule: row.try_get(1)?,
            due_at: time(row.try_get(2)?)?,
            started_at: moment(3)?,
            finished_at: moment(4)?,
            outcome: row.try_get(5)?,
            error: row.try_get(6)?,
            failures: u32::try_from(row.try_get::<i64, _>(7)?).unwrap_or(u32::MAX),
            next_at: moment(8)?,
            succeeded_at: moment(9)?,
        })
    };
    rows.iter().map(job).collect()
}

/// When the newest walk of each site began, whoever made it, unless it failed: `(site, began)`.
pub async fn newest_walks(connection: &mut SqliteConnection) -> Result<Vec<(String, Timestamp)>, sqlx::Error> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT name, (SELECT started_at FROM walks w WHERE +w.site_id = s.id AND w.status NOT IN ('failed', 'running') \
         ORDER BY w.id DESC LIMIT 1) FROM sites s ORDER BY name",
    )
    .fetch_all(connection)
    .await?;
    let known = rows.into_iter().filter_map(|(site, began)| Some((site, began?)));
    known.map(|(site, began)| Ok((site, time(&began)?))).collect()
}

/// How many firings of each job were left out since a moment: `(job, firings)`. Of those told together all are counted.
pub async fn skipped_since(
    connection: &mut SqliteConnection,
    since: Timestamp,
) -> Result<BTreeMap<String, i64>, sqlx::Error> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT job, sum(firings) FROM skipped_runs WHERE last_due_at >= ? GROUP BY job")
            .bind(since.to_sql())
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().collect())
}

impl Store {
    /// Writes what is to be remembered of jobs, and what they left out, in one transaction.
    pub async fn remember_jobs(&self, jobs: &[JobRow], skipped: &[SkippedRow]) -> Result<(), StoreError> {
        self.write(async |connection| {
            for job in jobs {
                save_job(connection, job).await?;
            }
            for skipped in skipped {
                add_skipped(connection, skipped).await?;
            }
            Ok(())
        })
        .await
    }
}

async fn save_job(connection: &mut SqliteConnection, job: &JobRow) -> Result<(), sqlx::Error> {
    let JobRow { job, schedule, due_at, started_at, finished_at, outcome, error, failures, next_at, succeeded_at } =
        job;
    sqlx::query(
        "INSERT INTO jobs (job, schedule, due_at, started_at, finished_at, outcome, error, failures, next_at, \
         succeeded_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (job) DO UPDATE SET schedule = ?2, \
         due_at = ?3, started_at = ?4, finished_at = ?5, outcome = ?6, error = ?7, failures = ?8, next_at = ?9, \
         succeeded_at = ?10",
    )
    .bind(job)
    .bind(schedule)
    .bind(due_at.to_sql())
    .bind(started_at.map(Timestamp::to_sql))
    .bind(finished_at.map(Timestamp::to_sql))
    .bind(outcome)
    .bind(error)
    .bind(failures)
    .bind(next_at.map(Timestamp::to_sql))
    .bind(succeeded_at.map(Timestamp::to_sql))
    .execute(connection)
    .await
    .map(drop)
}

/// Firings left out one after the other, for one reason and during one run, are one row.
async fn add_skipped(connection: &mut SqliteConnection, skipped: &SkippedRow) -> Result<(), sqlx::Error> {
    let SkippedRow { job, due_at, last_due_at, firings, at, reason } = skipped;
    let firings = i64::try_from(*firings).unwrap_or(i64::MAX);
    let added = sqlx::query(
        "UPDATE skipped_runs SET last_due_at = ?2, firings = firings + ?3 WHERE id = (SELECT max(id) FROM skipped_runs \
         WHERE job = ?1) AND reason = ?4 AND last_due_at < ?5 AND at >= coalesce((SELECT max(started_at, \
         coalesce(finished_at, started_at)) FROM jobs WHERE job = ?1), at)",
    )
    .bind(job)
    .bind(last_due_at.to_sql())
    .bind(firings)
    .bind(reason)
    .bind(due_at.to_sql())
    .execute(&mut *connection)
    .await?;
    if added.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query("INSERT INTO skipped_runs (job, due_at, last_due_at, firings, at, reason) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(job)
        .bind(due_at.to_sql())
        .bind(last_due_at.to_sql())
        .bind(firings)
        .bind(at.to_sql())
        .bind(reason)
        .execute(connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_human(text).unwrap()
    }

    #[tokio::test]
    async fn jobs_are_remembered_and_firings_left_out_are_counted_together() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
        let mut job = JobRow {
            job: "walk:corp".into(),
            schedule: "0 * * * * *".into(),
            due_at: at("2026-01-31T08:00:00Z"),
            started_at: Some(at("2026-01-31T08:00:01Z")),
            finished_at: None,
            outcome: None,
            error: None,
            failures: 0,
            next_at: Some(at("2026-01-31T08:01:00Z")),
            succeeded_at: None,
        };
        let skipped = |due: &str, reason| SkippedRow {
            job: "walk:corp".into(),
            due_at: at(due),
            last_due_at: at(due),
            firings: 1,
            at: at(due),
            reason,
        };
        store.remember_jobs(std::slice::from_ref(&job), &[]).await.unwrap();
        for minute in 1..=3 {
            store.remember_jobs(&[], &[skipped(&format!("2026-01-31T08:0{minute}:00Z"), "running")]).await.unwrap();
        }
        (job.finished_at, job.outcome, job.failures) = (Some(at("2026-01-31T08:03:30Z")), Some("failed".into()), 1);
        job.succeeded_at = Some(at("2026-01-30T08:03:30Z"));
        let later = [skipped("2026-01-31T08:04:00Z", "running"), skipped("2026-01-31T08:05:00Z", "backing off")];
        store.remember_jobs(std::slice::from_ref(&job), &later).await.unwrap();

        let mut reader = store.reader().await.unwrap();
        assert_eq!(load_jobs(&mut reader).await.unwrap(), [job]);
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT reason || ' ' || due_at || ' ' || last_due_at, firings FROM skipped_runs ORDER BY id",
        )
        .fetch_all(&mut reader)
        .await
        .unwrap();
        let rows: Vec<String> = rows.into_iter().map(|(text, firings)| format!("{firings} {text}")).collect();
        assert_eq!(
            rows,
            [
                "3 running 2026-01-31 08:01:00.000 2026-01-31 08:03:00.000",
                "1 running 2026-01-31 08:04:00.000 2026-01-31 08:04:00.000",
                "1 backing off 2026-01-31 08:05:00.000 2026-01-31 08:05:00.000",
            ]
        );
        let since = async |reader: &mut SqliteConnection, time: &str| {
            skipped_since(reader, at(time)).await.unwrap().get("walk:corp").copied()
        };
        assert_eq!(since(&mut reader, "2026-01-31T08:00:00Z").await, Some(5));
        assert_eq!(since(&mut reader, "2026-01-31T08:04:30Z").await, Some(1));
        assert_eq!(since(&mut reader, "2026-01-31T08:06:00Z").await, None);
    }
}
