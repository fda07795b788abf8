//! `rollbook sync`: one walk of each site, now.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::output::to_out;
use super::{Exit, Failure, Outcome, describe};
use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::render::visible;
use crate::store::{Store, StoreError};
use crate::sync::{self, Progress, WalkError, WalkOptions, WalkReport};

/// Options of `sync`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only this site (repeatable) [default: every site]
    #[arg(long = "site", value_name = "ID")]
    pub sites: Vec<String>,
    /// Read the sites and say what would change; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Show so many changes of each site
    #[arg(long, default_value_t = 20, value_name = "ROWS")]
    pub changes: usize,
    /// How the result is written
    #[arg(long, default_value = "text", value_parser = ["text", "json"], value_name = "FORMAT")]
    pub format: String,
}

/// Walks the sites one after the other; one site's failure leaves the others alone, a signal stops them all.
///
/// # Errors
/// [`Exit::Usage`] for an unknown site, [`Exit::Config`] for a database that cannot be used. What goes wrong with a
/// site is told on stderr, and decides the exit code.
pub async fn run(options: Options, config: &Config, clock: &Clock, quiet: bool, out: &mut impl Write) -> Outcome {
    let sites = chosen(&options.sites, config)?;
    let path = &config.database.path;
    let store = match options.dry_run {
        false => Some(Store::open_or_create(path).await.map_err(Failure::store)?),
        true => match Store::open(path).await {
            Ok(store) => Some(store),
            Err(StoreError::Absent(_)) => None,
            Err(error) => return Err(Failure::store(error)),
        },
    };
    let mut worst = Exit::Done;
    let mut documents = Vec::new();
    let mut stopped = false;
    for site in sites {
        let (exit, document) = match walk(site, store.as_ref(), &options, clock, quiet, &mut stopped).await {
            Ok(report) => {
                let empty = Store::nowhere();
                let changes = describe::changes(&report.diff, options.changes, store.as_ref().unwrap_or(&empty)).await;
                let changes = changes.map_err(Failure::store)?;
                if options.format == "text" {
                    to_out(out, |out| describe::text(&site.id, &report, &changes, out))?;
                }
                (describe::exit(report.status), describe::document(&site.id, &report, &changes))
            }
            Err(failure) => {
                let message = format!("{:#}", failure.error);
                // One line a problem; a reader of stderr that is gone is no reason for another exit code.
                let _ = writeln!(std::io::stderr(), "error: site {}: {}", site.id, visible(&message));
                (failure.exit, failed(&site.id, failure.exit, &message))
            }
        };
        documents.push(document);
        worst = worse(worst, exit);
        if stopped {
            break;
        }
    }
    if options.format == "json" {
        let document = json!({ "dry_run": options.dry_run, "sites": documents });
        to_out(out, |out| {
            serde_json::to_writer_pretty(&mut *out, &document)?;
            out.write_all(b"\n")
        })?;
    }
    Ok(worst)
}

fn chosen<'a>(ids: &[String], config: &'a Config) -> Result<Vec<&'a Site>, Failure> {
    let all = || config.sites.iter().map(|site| site.id.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = ids.iter().find(|id| !config.sites.iter().any(|site| site.id == **id)) {
        return Err(Failure::new(
            Exit::Usage,
            format!("there is no site '{unknown}' in the configuration: there are {}", all()),
        ));
    }
    if config.sites.is_empty() {
        return Err(Failure::new(
            Exit::Config,
            "the configuration has no site: add a [sites.ID] table, as 'rollbook init' writes it",
        ));
    }
    Ok(config.sites.iter().filter(|site| ids.is_empty() || ids.contains(&site.id)).collect())
}

async fn walk(
    site: &Site,
    store: Option<&Store>,
    options: &Options,
    clock: &Clock,
    quiet: bool,
    stopped: &mut bool,
) -> Result<WalkReport, Failure> {
    let bar = Bar::new(&site.id, quiet);
    let progress = |progress| bar.show(progress);
    let walk_options = WalkOptions { clock, seed: clock.now().millis() as u64, progress: &progress };
    let walk = async {
        match store {
            Some(store) if !options.dry_run => sync::walk(site, store, walk_options).await,
            store => sync::dry_run(site, store, walk_options).await,
        }
    };
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let signal = tokio::select! {
        result = walk => return result.map_err(failure),
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = terminated.recv() => "SIGTERM",
    };
    let applied = match store.filter(|_| !options.dry_run) {
        Some(store) => !sync::interrupted(&site.id, store, clock).await.map_err(Failure::store)?,
        None => false,
    };
    let what = if applied { "this walk was applied before" } else { "nothing of this walk was written" };
    *stopped = true;
    Err(Failure::new(Exit::Failure, format!("stopped by {signal}; {what}")))
}

pub(super) fn failure(error: WalkError) -> Failure {
    let exit = match error {
        WalkError::Store(error) => return Failure::store(error),
        WalkError::Client(_) => Exit::Failure,
        WalkError::Refused(_) | WalkError::Nobody => Exit::Refused,
        WalkError::Unreadable(_) | WalkError::NoUserList(_) | WalkError::NotCloud(_) | WalkError::Emptied { .. } => {
            Exit::Unreachable
        }
    };
    Failure { exit, error: error.into() }
}

fn failed(site: &str, exit: Exit, message: &str) -> Value {
    json!({ "site": site, "status": "failed", "exit": exit as u8, "error": message })
}

/// The more serious of two: 77, 69, 4, 3, and before them what concerns the whole program.
fn worse(a: Exit, b: Exit) -> Exit {
    const ORDER: [Exit; 10] = [
        Exit::Config,
        Exit::Refused,
        Exit::Unreachable,
        Exit::Busy,
        Exit::Failure,
        Exit::Held,
        Exit::Partial,
        Exit::Stale,
        Exit::Usage,
        Exit::Done,
    ];
    let place = |exit| ORDER.iter().position(|other| *other == exit).unwrap_or(0);
    if place(a) <= place(b) { a } else { b }
}

/// A progress bar on a terminal, nothing elsewhere.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(site: &str, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} {wide_bar} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(site.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(super) fn show(&self, progress: Progress) {
        let (message, position, length) = match progress {
            Progress::Users { read, total } => ("users", read, total.unwrap_or(read)),
            Progress::Groups { read, total } => ("groups", read, total),
            Progress::Applying => ("writing", 1, 1),
        };
        self.0.set_length(length);
        self.0.set_message(message);
        self.0.set_position(position);
    }

    /// A position out of a length, for commands with steps of their own.
    pub(super) fn step(&self, message: &'static str, position: u64, length: u64) {
        self.0.set_length(length);
        self.0.set_message(message);
        self.0.set_position(position);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
