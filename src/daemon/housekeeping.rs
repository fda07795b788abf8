//! The job of looking after the database.

use super::run::Outcome;
use crate::config::Retention;
use crate::model::Timestamp;
use crate::store::{self, Store};

/// Removes what is kept no longer, renews the tables' statistics, and carries the write-ahead log over into the database.
pub(super) async fn keep_house(store: &Store, retention: &Retention, now: Timestamp) -> Outcome {
    match keep(store, retention, now).await {
        Ok(()) => Outcome::well("done"),
        Err(error) => {
            tracing::error!("housekeeping failed: {error:#}");
            Outcome::failed("failed", format!("{error:#}"))
        }
    }
}

async fn keep(store: &Store, retention: &Retention, now: Timestamp) -> anyhow::Result<()> {
    if let Some(grace) = retention.closed_accounts {
        let forgotten = store::forget_closed(store, grace, now).await?;
        let proven = forgotten.proof.holds();
        tracing::info!(
            accounts = forgotten.erased.users,
            waiting = forgotten.waiting,
            proven,
            "closed accounts forgotten"
        );
        if !proven {
            tracing::warn!("traces of forgotten accounts are left in the files: `rollbook db forget` says which");
        }
    }
    if let Some(history) = retention.history {
        let age = i64::try_from(history.as_millis()).unwrap_or(i64::MAX);
        let pruned = store::prune(store, now.plus_millis(-age), now).await?;
        tracing::info!(rows = pruned.rows(), free_bytes = pruned.free_bytes, "history pruned");
    }
    let wal_bytes = store.tidy().await?;
    tracing::info!(wal_bytes, "house kept");
    Ok(())
}
