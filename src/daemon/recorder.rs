//! Writes what is to be remembered, beside the loop: a walk that writes long must not make it stand still.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::store::{JobRow, SkippedRow, Store};

/// How long it waits before it tries again what the database did not take.
const AGAIN: Duration = Duration::from_secs(30);

/// What is to be remembered.
#[derive(Debug)]
pub(super) enum Record {
    /// How a job stands.
    Job(JobRow),
    /// What was left out.
    Skipped(SkippedRow),
}

/// Takes what is to be remembered, until it is dropped.
pub(super) struct Recorder {
    /// Where to.
    pub records: UnboundedSender<Record>,
    /// Ends when everything was written after that.
    pub task: JoinHandle<()>,
}

impl Recorder {
    /// Starts writing.
    pub(super) fn start(store: Store) -> Self {
        let (records, waiting) = unbounded_channel();
        Self { records, task: tokio::spawn(write(store, waiting)) }
    }
}

async fn write(store: Store, mut waiting: UnboundedReceiver<Record>) {
    // Of a job the newest counts.
    let (mut jobs, mut skipped) = (BTreeMap::<String, JobRow>::new(), Vec::new());
    loop {
        let next = match jobs.is_empty() && skipped.is_empty() {
            true => waiting.recv().await,
            // The database did not take it.
            false => match tokio::time::timeout(AGAIN, waiting.recv()).await {
                Ok(next) => next,
                Err(_) => waiting.try_recv().ok(),
            },
        };
        let more = next.is_some() || !waiting.is_closed();
        for record in next.into_iter().chain(std::iter::from_fn(|| waiting.try_recv().ok())) {
            match record {
                Record::Job(row) => drop(jobs.insert(row.job.clone(), row)),
                Record::Skipped(row) => skipped.push(row),
            }
        }
        let rows: Vec<JobRow> = jobs.values().cloned().collect();
        if rows.is_empty() && skipped.is_empty() {
            if !more {
                return;
            }
            continue;
        }
        match store.remember_jobs(&rows, &skipped).await {
            Ok(()) => (jobs, skipped) = (BTreeMap::new(), Vec::new()),
            Err(error) => tracing::error!("what the schedule did could not be remembered: {error}"),
        }
        if !more {
            return;
        }
    }
}
