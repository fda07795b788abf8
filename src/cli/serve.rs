//! `rollbook serve`: the local web server alone, beside a daemon or without one. It asks no site, and writes
//! nothing but what brings a database of an earlier release up to date.

use std::sync::Arc;
use std::time::Duration;

use super::command::told;
use super::daemon::serve;
use super::{Exit, Failure, Global, Outcome};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, LoadOptions, Loaded, SecretFiles};
use crate::daemon::{self, Pulse, Signal};
use crate::store::Store;

/// How often it shows that it is alive.
const EVERY: Duration = Duration::from_secs(1);

/// Options of `serve`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Where to listen, instead of `http.listen`: IP:PORT; port 0 is one of the system's choice
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

/// Answers until SIGTERM; SIGHUP reads the configuration again.
///
/// # Errors
/// [`Exit::Config`] for a configuration or database that cannot be used, [`Exit::Failure`] where there is none yet.
pub async fn run(options: Options, global: &Global, clock: &Clock) -> Outcome {
    let mut signals = daemon::listen()?;
    let loading = LoadOptions {
        // Credentials of the sites are nothing to whoever only shows.
        secret_files: SecretFiles::OfHttp,
        listen: options.listen,
        ..global.load_options(clock)?
    };
    let load = || config::load(&LoadOptions { now: clock.now(), ..loading.clone() });
    let loaded = load().map_err(Failure::config)?;
    global.start_logging_as_service(loaded.config.log.format);
    let config = told(loaded);
    let Some(address) = config.http.listen else {
        return Err(Failure::new(Exit::Config, "http.listen is \"\", no server: give --listen 127.0.0.1:8642, say"));
    };
    let store = Store::open(&config.database.path).await.map_err(Failure::store)?;
    let http = config.http.clone();
    let pulse = Pulse::new(Arc::new(config), clock.now());
    let mut server = serve(address, &http, pulse.clone(), &store, clock)?;
    let mut turns = tokio::time::interval(EVERY);
    let ended = loop {
        tokio::select! {
            signal = signals.recv() => match signal {
                Some(Signal::Reload) => reload(&pulse, load(), clock),
                Some(Signal::Stop) | None => break Ok(Exit::Done),
            },
            () = server.ended() => break Err(Failure::new(Exit::Failure, "the web server has died: see the lines above")),
            _ = turns.tick() => pulse.turned(clock.now(), Vec::new()),
        }
    };
    server.stop().await;
    ended
}

/// The database, and where the server listens, stay what they were.
fn reload(pulse: &Pulse, loaded: Result<Loaded, ConfigError>, clock: &Clock) {
    let now = clock.now();
    match loaded {
        Ok(loaded) => {
            let database = pulse.beat().config.database.clone();
            pulse.reloaded(now, Ok(Arc::new(Config { database, ..told(loaded) })));
            tracing::info!("the configuration was read again");
        }
        Err(error) => {
            tracing::error!("the configuration was not taken, and the one before stays in force: {error}");
            pulse.reloaded(now, Err(error.to_string()));
        }
    }
}
