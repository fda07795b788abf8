//! The job of copying the database.

use anyhow::Context;

use super::dated;
use super::export::make_folder;
use super::run::Outcome;
use crate::config::{BackupPlan, Database};
use crate::files::share;
use crate::model::Timestamp;
use crate::store;

/// Makes and verifies the copy of the day, then removes the oldest.
pub(super) async fn backup(plan: &BackupPlan, database: &Database, now: Timestamp) -> Outcome {
    match copy(plan, database, now).await {
        Ok(bytes) => {
            tracing::info!(bytes, "backup made");
            Outcome::well("done")
        }
        Err(error) => {
            tracing::error!("no backup was made: {error:#}");
            Outcome::failed("failed", format!("{error:#}"))
        }
    }
}

async fn copy(plan: &BackupPlan, database: &Database, now: Timestamp) -> anyhow::Result<u64> {
    let path = dated::at(&plan.path, now);
    make_folder(&path, database.group.as_deref())
        .with_context(|| format!("the folder of {} cannot be made", path.display()))?;
    let made = store::backup(&database.path, &path, true).await?;
    if let Some(group) = &database.group {
        share(&path, group).with_context(|| format!("{} cannot be shared", path.display()))?;
    }
    // The copy is there: that older ones stay makes it no failure.
    if let Err(error) = dated::rotate(&plan.path, plan.keep, now) {
        tracing::warn!("older copies beside {} cannot be removed: {error}", path.display());
    }
    Ok(made.bytes)
}
