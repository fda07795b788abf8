//! The jobs that a configuration has, and what is remembered of them.

use std::collections::HashMap;
use std::time::Duration;

use chrono_tz::Tz;

use super::agenda::{Last, Plan, Remembered};
use crate::config::{Config, Export, Site};
use crate::model::Timestamp;
use crate::store::{JobRow, walk_job};

/// What a job does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task<'c> {
    /// A walk of this site.
    Walk(&'c Site),
    /// This export.
    Export(&'c Export),
    /// Statistics, log, retention.
    Housekeeping,
    /// A copy of the database.
    Backup,
}

/// The outcome of a job whose process died in it.
pub(super) const DIED: &str = "died";

const HOUSEKEEPING: &str = "housekeeping";
const BACKUP: &str = "backup";

fn export_of(export: &Export) -> String {
    format!("export:{}:{}", export.report, export.path.display())
}

/// All jobs, in the order of the configuration.
pub(super) fn plans(config: &Config) -> Vec<Plan> {
    let plan = |job: String, schedule: &crate::config::Schedule| Plan {
        job,
        schedule: schedule.clone(),
        zone: Tz::UTC,
        jitter: Duration::ZERO,
        eager: false,
    };
    let walk = |site: &Site| {
        let walk = plan(walk_job(&site.id), site.schedule.as_ref()?);
        Some(Plan { zone: site.timezone, jitter: site.jitter, eager: true, ..walk })
    };
    let mut plans: Vec<Plan> = config.sites.iter().filter_map(walk).collect();
    plans.extend(config.exports.iter().map(|export| plan(export_of(export), &export.schedule)));
    plans.push(plan(HOUSEKEEPING.to_owned(), &config.housekeeping.schedule));
    plans.extend(config.backup.iter().map(|backup| plan(BACKUP.to_owned(), &backup.schedule)));
    plans
}

/// What the job of this name does.
pub(super) fn task<'c>(config: &'c Config, job: &str) -> Option<Task<'c>> {
    match job {
        HOUSEKEEPING => return Some(Task::Housekeeping),
        BACKUP => return config.backup.as_ref().map(|_| Task::Backup),
        _ => {}
    }
    let site = config.sites.iter().find(|site| walk_job(&site.id) == job).map(Task::Walk);
    site.or_else(|| config.exports.iter().find(|export| export_of(export) == job).map(Task::Export))
}

/// What the schedule goes on from: the rows of `jobs`, and the walks that others made.
pub(super) fn remembered(
    rows: &HashMap<String, JobRow>,
    walks: &[(String, Timestamp)],
    plans: &[Plan],
) -> HashMap<String, Remembered> {
    let walks: HashMap<String, Timestamp> = walks.iter().map(|(site, began)| (walk_job(site), *began)).collect();
    let known = |plan: &Plan| {
        let walked = walks.get(&plan.job).copied();
        let known = match rows.get(&plan.job) {
            Some(row) => Remembered {
                schedule: row.schedule.clone(),
                due_at: row.due_at,
                began_at: row.started_at.max(walked),
                last: last(row),
                failures: row.failures,
            },
            None => Remembered {
                schedule: plan.schedule.to_string(),
                due_at: walked?,
                began_at: walked,
                last: Last::Well,
                failures: 0,
            },
        };
        Some((plan.job.clone(), known))
    };
    plans.iter().filter_map(known).collect()
}

/// The row as this process found it: what was not ended died with the process that began it.
pub(super) fn told_died(row: JobRow) -> JobRow {
    if row.started_at.is_none() || row.finished_at.is_some() || row.outcome.as_deref() == Some(DIED) {
        return row;
    }
    JobRow { outcome: Some(DIED.to_owned()), failures: row.failures.saturating_add(1), ..row }
}

fn last(row: &JobRow) -> Last {
    match (row.started_at, row.finished_at, row.outcome.as_deref()) {
        (None, _, _) => Last::Well,
        (Some(_), None, _) => Last::Died,
        (_, _, Some("stopped")) => Last::Stopped,
        (_, Some(at), Some("refused")) => Last::Refused(at),
        (_, Some(at), _) if row.failures > 0 => Last::Failed(at),
        _ => Last::Well,
    }
}
