//! `rollbook daemon`: the service.

use tokio::time::Duration;

use super::{Exit, Failure, Global, Outcome};
use crate::clock::Clock;
use crate::config::{Config, LoadOptions};
use crate::daemon::{self, DaemonError, Loader, Service, Ticker};

/// How long the scheduler has to stop.
const STOPPING: Duration = Duration::from_millis(500);

/// Options of `daemon`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {}

/// Runs the schedules until SIGTERM.
///
/// # Errors
/// [`Exit::Config`] for a configuration or database that cannot be used, [`Exit::Busy`] beside another daemon,
/// [`Exit::Failure`] when a part of it dies.
pub async fn run(_options: Options, config: Config, global: &Global, clock: &Clock) -> Outcome {
    let signals = daemon::listen()?;
    let load = loader(global, clock)?;
    let seed = clock.now().millis() as u64 ^ u64::from(std::process::id());
    let service = Service::open(config, load, clock.clone(), seed).await.map_err(failure)?;
    let (ticker, ticks) = Ticker::start().await.map_err(|error| failure(error.into()))?;
    let ran = service.run(ticks, signals).await;
    let _ = tokio::time::timeout(STOPPING, ticker.stop()).await; // the process ends
    ran.map_err(failure)?;
    Ok(Exit::Done)
}

/// Reads the configuration as this process did, with the same flags.
fn loader(global: &Global, clock: &Clock) -> Result<Loader, Failure> {
    let (options, clock) = (global.load_options(clock)?, clock.clone());
    Ok(Box::new(move || crate::config::load(&LoadOptions { now: clock.now(), ..options.clone() })))
}

fn failure(error: DaemonError) -> Failure {
    let exit = match error {
        DaemonError::Store(error) => return Failure::store(error),
        DaemonError::NoSite | DaemonError::Group { .. } => Exit::Config,
        DaemonError::Scheduler(_) | DaemonError::Died(_) => Exit::Failure,
    };
    Failure { exit, error: error.into() }
}
