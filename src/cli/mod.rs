//! The command line: one file a command, each with its `Options` and `run`. The only place that prints results.

pub mod access;
pub mod check_config;
mod command;
#[cfg(test)]
mod committed;
pub mod completions;
pub mod daemon;
pub mod db;
pub mod demo;
mod describe;
pub mod doctor;
pub mod export;
pub mod history;
pub mod holds;
pub mod init;
pub mod man;
mod manifest;
mod output;
mod progress;
mod reference;
pub mod report;
pub mod serve;
pub mod simulate;
pub mod sql;
pub mod status;
pub mod sync;
pub mod walks;

#[cfg(test)]
mod tests;

pub use command::{Command, main};
pub use reference::reference;

use std::fmt;
use std::path::{Path, PathBuf};

use tracing_subscriber::filter::LevelFilter;

use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Environment, LoadOptions, Loaded, LogFormat, SecretFiles};
use crate::model::Timestamp;
use crate::render::quoted;
use crate::store::sandbox::SandboxError;
use crate::store::{Store, StoreError, is_unusable};
use crate::telemetry::{self, Logging};

/// Options every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Global {
    /// The configuration file [default: $ROLLBOOK_CONFIG, ./rollbook.toml, /etc/rollbook/rollbook.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The database file, instead of the one the configuration names
    #[arg(long, global = true, value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// How log lines are written, instead of what the configuration says
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["text", "json"])]
    pub log_format: Option<String>,
    /// Log more: -v what is done, -vv every request that fails, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Global {
    /// The configuration that these flags, the process's environment and the current directory name.
    pub fn load(&self, clock: &Clock) -> Result<Loaded, Failure> {
        self.load_with(clock, SecretFiles::All)
    }

    fn load_with(&self, clock: &Clock, secret_files: SecretFiles) -> Result<Loaded, Failure> {
        let options = LoadOptions { secret_files, ..self.load_options(clock)? };
        config::load(&options).map_err(Failure::config)
    }

    /// What it is loaded from.
    fn load_options(&self, clock: &Clock) -> Result<LoadOptions, Failure> {
        let current_dir = std::env::current_dir()
            .map_err(|error| Failure::new(Exit::Failure, format!("cannot tell the current directory: {error}")))?;
        Ok(LoadOptions {
            config: self.config.clone(),
            database: self.database.clone(),
            log_format: self.log_format.clone(),
            ..LoadOptions::new(Environment::of_process(), current_dir, clock.now())
        })
    }

    /// What a command that only reads the mirror needs: where it is, and the configuration, less what secret files hold,
    /// unless there is none and `--database` says it all.
    fn load_for_reading(&self, clock: &Clock) -> Result<(PathBuf, Option<Config>), Failure> {
        match (self.load_with(clock, SecretFiles::None), &self.database) {
            (Ok(loaded), _) => {
                self.start_logging(loaded.config.log.format);
                Ok((loaded.config.database.path.clone(), Some(loaded.config)))
            }
            (Err(failure), Some(database)) if failure.is_absent_config() => Ok((database.clone(), None)),
            (Err(failure), _) => Err(failure),
        }
    }

    /// Starts logging as these flags say, for a command that tells itself what came of its walks: their own lines are
    /// there with `-v` alone.
    fn start_logging(&self, format: LogFormat) {
        let level = self.level(LevelFilter::WARN);
        let walks = if level >= LevelFilter::INFO { level } else { LevelFilter::OFF };
        telemetry::init(Logging { level, walks, format });
    }

    /// Starts logging as these flags say, for a service: it tells what it does, and nobody else tells of its walks.
    pub fn start_logging_as_service(&self, format: LogFormat) {
        let level = self.level(LevelFilter::INFO);
        telemetry::init(Logging { level, walks: level, format });
    }

    /// The level of these flags, without which it is `normal`.
    fn level(&self, normal: LevelFilter) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => normal,
            (false, 1) => normal.max(LevelFilter::INFO),
            (false, 2) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }
}

/// How a command ended: the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// An unexpected failure.
    Failure = 1,
    /// Not called as it should be: an unknown site, report, user, or an unreadable `--as-of`.
    Usage = 2,
    /// Some of a walk failed; the rest was applied.
    Partial = 3,
    /// A walk is held.
    Held = 4,
    /// A site's last applied walk is older than its freshness limit.
    Stale = 5,
    /// Another process is walking the same site, or migrating the database.
    Busy = 6,
    /// A site is unreachable.
    Unreachable = 69,
    /// Credentials or permission refused.
    Refused = 77,
    /// The configuration is invalid.
    Config = 78,
}

/// A command's failure: the sentence for stderr, and the exit code.
pub struct Failure {
    /// The process's exit code.
    pub exit: Exit,
    /// What happened, where, and what to do.
    pub error: anyhow::Error,
}

impl Failure {
    /// A failure told in one sentence.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{message}") }
    }

    /// There is no configuration file at all.
    fn is_absent_config(&self) -> bool {
        self.error.downcast_ref::<ConfigError>().is_some_and(ConfigError::is_absent)
    }

    /// A database that cannot be used.
    fn store(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Walking { .. } | StoreError::Serving { .. } | StoreError::Migrating { .. } => Exit::Busy,
            // A full disk, too many open files: it passes, and a service is started again.
            StoreError::Unwritable { error, .. } | StoreError::Unreadable { error, .. } if !is_lasting(error) => {
                Exit::Failure
            }
            StoreError::Unwritable { .. }
            | StoreError::Unreadable { .. }
            | StoreError::Foreign { .. }
            | StoreError::Newer { .. } => Exit::Config,
            StoreError::Sql { .. } if error.is_unusable() => Exit::Config,
            StoreError::Absent(_) | StoreError::Sql { .. } => Exit::Failure,
        };
        Self { exit, error: error.into() }
    }

    /// Names the database in a failure to read it. One that is damaged cannot be used: exit code 78.
    fn reading(self, database: &Path) -> Self {
        let damaged = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<sqlx::Error>().is_some_and(is_unusable)
                || matches!(cause.downcast_ref(), Some(SandboxError::Damaged(_)))
        };
        if self.exit != Exit::Failure || !self.error.chain().any(damaged) {
            return self;
        }
        let what = format!("{} is damaged; restore a backup, or set database.path to another file", database.display());
        Self { exit: Exit::Config, error: self.error.context(what) }
    }

    /// A configuration that cannot be used: exit code 78, where `?` alone would make it 1.
    pub fn config(error: ConfigError) -> Self {
        Self { exit: Exit::Config, error: error.into() }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { exit: Exit::Failure, error: error.into() }
    }
}

/// What the system said does not change by itself: somebody has to give a right, a folder, another name.
fn is_lasting(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::*;
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | NotFound | NotADirectory | IsADirectory)
        || error.raw_os_error().is_none()
}

/// What a command returns.
pub type Outcome = Result<Exit, Failure>;

/// The moment that a person means with `--as-of`, and whether it is one of the past. Today's date is now: the day is not
/// over.
///
/// # Errors
/// [`Exit::Usage`] for what is no time, and for the future: what will be is not known.
fn as_of(text: Option<&str>, clock: &Clock) -> Result<(Timestamp, bool), Failure> {
    crate::report::moment(text, clock.now()).map_err(|why| Failure::new(Exit::Usage, format!("--as-of: {why}")))
}

/// A connection that reads the mirror at `path`.
async fn reader(path: &Path) -> Result<sqlx::SqliteConnection, Failure> {
    let store = Store::open(path).await.map_err(Failure::store)?;
    store.reader().await.map_err(Failure::store)
}

/// Refuses a site that the mirror does not have.
async fn known_site(connection: &mut sqlx::SqliteConnection, site: Option<&str>) -> Result<(), Failure> {
    let Some(site) = site else { return Ok(()) };
    let known: Vec<String> = sqlx::query_scalar("SELECT name FROM sites ORDER BY name").fetch_all(connection).await?;
    if known.iter().any(|name| name == site) {
        return Ok(());
    }
    let known = if known.is_empty() { "it has none yet".into() } else { format!("it has {}", known.join(", ")) };
    Err(Failure::new(Exit::Usage, format!("the mirror has no site {}: {known}", quoted(site))))
}
