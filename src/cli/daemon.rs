//! `rollbook daemon`: the service.

use std::net::SocketAddr;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Duration;

use super::{Exit, Failure, Global, Outcome};
use crate::clock::Clock;
use crate::config::{Config, Http, LoadOptions};
use crate::daemon::{self, DaemonError, Loader, Pulse, Service, Signal, Ticker};
use crate::store::Store;
use crate::web::{self, Server};

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
    let mut signals = daemon::listen()?;
    let load = loader(global, clock)?;
    let seed = clock.now().millis() as u64 ^ u64::from(std::process::id());
    let http = config.http.clone();
    let opened = tokio::select! {
        opened = Service::open(config, load, clock.clone(), seed) => opened,
        // Nothing was begun yet: the database undoes what it was in the middle of.
        () = stopped(&mut signals) => return Ok(Exit::Done),
    };
    let service = opened.map_err(failure)?;
    // Whoever starts the service hears that it is there once it can be asked.
    let mut server =
        http.listen.map(|address| serve(address, &http, service.pulse(), service.store(), clock)).transpose()?;
    let (ticker, ticks) = Ticker::start().await.map_err(|error| failure(error.into()))?;
    let died = async {
        match &mut server {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
        "the web server"
    };
    let ran = service.run(ticks, signals, died).await;
    let _ = tokio::time::timeout(STOPPING, ticker.stop()).await; // the process ends
    if let Some(server) = server {
        server.stop().await;
    }
    ran.map_err(failure)?;
    Ok(Exit::Done)
}

/// Waits for the signal to stop.
async fn stopped(signals: &mut UnboundedReceiver<Signal>) {
    while let Some(signal) = signals.recv().await {
        if signal == Signal::Stop {
            return;
        }
    }
    std::future::pending().await
}

/// Answers there from now on.
pub(super) fn serve(
    address: SocketAddr,
    http: &Http,
    pulse: Pulse,
    store: &Store,
    clock: &Clock,
) -> Result<Server, Failure> {
    let listener = web::bind(address).map_err(|error| {
        let exit = if error.is_permanent() { Exit::Config } else { Exit::Failure };
        Failure { exit, error: error.into() }
    })?;
    Ok(Server::start(listener, http, pulse, store, clock.clone())?)
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{channel, unbounded_channel};

    use super::*;
    use crate::config::{Environment, load};

    #[tokio::test]
    async fn the_service_ends_with_a_part_that_dies() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[sites.corp]\nkind = \"cloud\"\nbase_url = \"http://127.0.0.1:1/wiki\"\ntoken = \"x\"\n";
        std::fs::write(folder.path().join("rollbook.toml"), text).unwrap();
        let clock = Clock::System;
        let options = LoadOptions::new(Environment::from_iter([("", ""); 0]), folder.path().to_owned(), clock.now());
        let config = load(&options).unwrap().config;
        let loader: Loader = Box::new(move || load(&options));
        let service = Service::open(config, loader, clock, 1).await.ok().unwrap();
        let ((_ticks, ticks), (_signals, signals)) = (channel(1), unbounded_channel());
        let ran = service.run(ticks, signals, async { "the web server" }).await;
        assert!(matches!(ran, Err(DaemonError::Died("the web server"))));
        assert_eq!(failure(ran.unwrap_err()).exit, Exit::Failure);
    }
}
