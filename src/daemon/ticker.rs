//! A tick a second. The scheduler crate gives them and decides nothing: it would run what overlaps, read cron in fixed
//! offsets, and start jobs after it was told to stop.

use tokio::sync::mpsc::{Receiver, channel};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Gives ticks until it is dropped.
pub struct Ticker {
    scheduler: JobScheduler,
}

impl Ticker {
    /// Starts it. A tick that nobody took yet takes the place of those after it.
    pub async fn start() -> Result<(Self, Receiver<()>), JobSchedulerError> {
        let (tick, ticks) = channel(1);
        let scheduler = JobScheduler::new().await?;
        let job = Job::new("* * * * * *", move |_, _| {
            // Full: the loop has one to take. Closed: it has ended.
            let _ = tick.try_send(());
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok((Self { scheduler }, ticks))
    }

    /// No tick comes any more.
    pub async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(%error, "the scheduler did not stop in order");
        }
    }
}
