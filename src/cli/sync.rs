//! `rollbook sync`: one walk of each site, now, side by side.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::output::to_out;
use super::progress::{Bar, Bars};
use super::{Exit, Failure, Outcome, describe};
use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::render::visible;
use crate::store::{Store, StoreError};
use crate::sync::{self, Failing, Progress, WalkError, WalkOptions, WalkReport};

/// How long a walk that is stopped waits to tell so in its row.
const STOPPING: Duration = Duration::from_secs(5);

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

/// Walks the sites side by side; one site's failure or slowness leaves the others alone, a signal stops them all.
/// Results are told in the order of the configuration, each as soon as it is there.
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
    let bars = Bars::new(quiet);
    let walks = sites.into_iter().map(|site| {
        let bar = bars.bar(&site.id);
        tell(site, store.as_ref(), &options, clock, bar)
    });
    let mut walks: FuturesOrdered<_> = walks.collect();
    let mut worst = Exit::Done;
    let mut documents = Vec::new();
    let mut written = Ok(());
    while let Some(Told { exit, text, document }) = walks.next().await {
        // What cannot be written is a failure in the end, and no reason to leave the other walks in the middle.
        written = written.and(bars.aside(|| match (text, options.format.as_str()) {
            (Ok(text), "text") => to_out(out, |out| out.write_all(&text)),
            (Ok(_), _) => Ok(()),
            (Err(problem), _) => {
                // A reader of stderr that is gone is no reason for another exit code.
                let _ = writeln!(std::io::stderr(), "{problem}");
                Ok(())
            }
        }));
        documents.push(document);
        worst = worse(worst, exit);
    }
    written?;
    if options.format == "json" {
        let document = json!({ "dry_run": options.dry_run, "sites": documents });
        to_out(out, |out| {
            serde_json::to_writer_pretty(&mut *out, &document)?;
            out.write_all(b"\n")
        })?;
    }
    Ok(worst)
}

/// What is said of a site's walk.
struct Told {
    exit: Exit,
    /// For stdout; or the line for stderr.
    text: Result<Vec<u8>, String>,
    document: Value,
}

/// Walks a site and puts the outcome into words.
async fn tell(site: &Site, store: Option<&Store>, options: &Options, clock: &Clock, bar: Bar) -> Told {
    let told = async {
        let report = walk(site, store, options, clock, bar).await?;
        let empty = Store::nowhere();
        let changes = describe::changes(&report.diff, options.changes, store.unwrap_or(&empty)).await;
        let changes = changes.map_err(Failure::store)?;
        let mut text = Vec::new();
        describe::text(&site.id, &report, &changes, &mut text)?;
        let document = describe::document(&site.id, &report, &changes);
        Ok(Told { exit: describe::exit(report.status), text: Ok(text), document })
    };
    told.await.unwrap_or_else(|Failure { exit, error }| {
        let message = format!("{error:#}");
        // One line a problem.
        let line = format!("error: site {}: {}", site.id, visible(&message));
        Told { exit, text: Err(line), document: failed(&site.id, exit, &message) }
    })
}

pub(super) fn chosen<'a>(ids: &[String], config: &'a Config) -> Result<Vec<&'a Site>, Failure> {
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
    bar: Bar,
) -> Result<WalkReport, Failure> {
    let applying = AtomicBool::new(false);
    let progress = |progress| {
        applying.store(progress == Progress::Applying, Ordering::Relaxed);
        bar.show(progress);
    };
    // Another for each site, or all would try again at the same moments.
    let seed = clock.now().millis() as u64 ^ xxh3_64(site.id.as_bytes());
    let walk_options = WalkOptions { clock, seed, progress: &progress, memory: None };
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
    let what = match store.filter(|_| !options.dry_run) {
        None => "nothing of this walk was written",
        // Another process may be writing for long.
        Some(store) => {
            match tokio::time::timeout(STOPPING, sync::interrupted(&site.id, store, clock, sync::STOPPED)).await {
                Err(_) => "nothing of this walk was written; its row says running until the next walk",
                Ok(failed) => match failed.map_err(Failure::store)? {
                    false if applying.load(Ordering::Relaxed) => "this walk was applied before",
                    _ => "nothing of this walk was written",
                },
            }
        }
    };
    Err(Failure::new(Exit::Failure, format!("stopped by {signal}; {what}")))
}

pub(super) fn failure(error: WalkError) -> Failure {
    let exit = match (error.failing(), error) {
        (_, WalkError::Store(error)) => return Failure::store(error),
        (Failing::Refused, error) => (Exit::Refused, error),
        (Failing::Unreachable, error) => (Exit::Unreachable, error),
        (Failing::Misconfigured, error) => (Exit::Config, error),
        (Failing::Locked, error) => (Exit::Busy, error),
        (Failing::Own, error) => (Exit::Failure, error),
    };
    Failure { exit: exit.0, error: exit.1.into() }
}

fn failed(site: &str, exit: Exit, message: &str) -> Value {
    json!({ "site": site, "status": "failed", "exit": exit as u8, "error": message })
}

/// The more serious of two: 77, 69, 4, 3, and before them what concerns the whole program.
pub(super) fn worse(a: Exit, b: Exit) -> Exit {
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
