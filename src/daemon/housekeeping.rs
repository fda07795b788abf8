//! The job of looking after the database.

use super::run::Outcome;
use crate::store::{Store, StoreError};

/// Renews the tables' statistics and carries the write-ahead log over into the database.
pub(super) async fn keep_house(store: &Store) -> Outcome {
    match store.tidy().await {
        Ok(wal) => {
            tracing::info!(wal_bytes = wal, "house kept");
            Outcome::well("done")
        }
        Err(error) => failed(error),
    }
}

fn failed(error: StoreError) -> Outcome {
    tracing::error!("housekeeping failed: {error}");
    Outcome::failed("failed", error)
}
