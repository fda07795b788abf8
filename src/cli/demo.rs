//! `rollbook demo`: a simulated year of a simulated Confluence, mirrored day by day, and what the mirror tells of it.

mod folder;
mod page;
mod questions;
mod story;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{Days, NaiveDate};
use sqlx::SqliteConnection;
use tokio::signal::unix::{SignalKind, signal};

use self::folder::Folder;
use super::output::{FileOptions, to_file};
use super::progress::Bar;
use super::sync::failure;
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::config::{self, Environment, LoadOptions, Site};
use crate::model::Timestamp;
use crate::render::Format;
use crate::report::{self, Request};
use crate::simulator::{Settings, Simulator, UserExportApp};
use crate::store::Store;
use crate::sync::{self, WalkOptions};

const DATABASE: &str = "rollbook.db";
const CONFIG: &str = "rollbook.toml";
const SITE: &str = "demo";

/// A report that the demo writes to a file.
struct Sample {
    file: &'static str,
    report: &'static str,
    format: Format,
    parameters: &'static [&'static str],
}

const SAMPLES: [Sample; 3] = [
    Sample { file: "inactive.csv", report: "inactive", format: Format::Csv, parameters: &["days=90"] },
    Sample { file: "users.json", report: "users", format: Format::Json, parameters: &[] },
    Sample {
        file: "membership-changes.csv",
        report: "membership-changes",
        format: Format::Csv,
        parameters: &["since=0001-01-01"],
    },
];

/// Options of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// About how many accounts the simulated site begins with
    #[arg(long, default_value_t = 400, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=10_000))]
    pub users: u32,
    /// How many days pass; the last one is yesterday
    #[arg(long, default_value_t = 365, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: u32,
    /// The same seed gives the same year
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// The folder for what the demo makes: a new one, an empty one, or that of an earlier demo
    #[arg(long, default_value = "rollbook-demo", value_name = "DIR")]
    pub dir: PathBuf,
    /// Keep the simulated site up afterwards, until Ctrl-C
    #[arg(long)]
    pub serve: bool,
}

/// Lives through the year, and tells what the mirror knows of it.
///
/// # Errors
/// [`Exit::Failure`] for a folder that is somebody else's, and when a signal ends the year; what was walked until then
/// stays in the database.
pub async fn run(options: Options, clock: &Clock, quiet: bool, out: &mut impl Write) -> Outcome {
    let folder = Folder::prepare(&options.dir)?;
    let last_day = clock.now().in_zone(&chrono::Utc).date_naive() - Days::new(1);
    let first_day = last_day - Days::new(u64::from(options.days));
    let settings = Settings {
        users: options.users as usize,
        seed: options.seed,
        first_day,
        user_export: UserExportApp::WithLastLogin,
        ..Settings::default()
    };
    let confluence = Simulator::start(settings).await.context("cannot listen on loopback")?;
    let site = configure(&folder.file(CONFIG), &confluence, clock.now())?;
    let store = Store::open_or_create(&folder.file(DATABASE)).await.map_err(Failure::store)?;

    live(&confluence, &site, &store, options.days, quiet).await?;

    let mut mirror = store.reader().await.map_err(Failure::store)?;
    let as_of = end_of(last_day);
    let told = story::tell(&mut mirror, &folder.file(DATABASE), as_of).await?;
    for sample in &SAMPLES {
        export(&mut mirror, sample, as_of, &folder.file(sample.file)).await?;
    }
    drop(mirror);
    FileOptions::default().write(out, |_, out| out.write_all(told.as_bytes()))?;
    if options.serve {
        serve(&confluence, &folder.file(CONFIG), out).await?;
    }
    confluence.shutdown().await;
    Ok(Exit::Done)
}

/// The end of a date, as `--as-of` takes it.
fn end_of(day: NaiveDate) -> Timestamp {
    let midnight = (day + Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc();
    Timestamp::from_millis_clamped(midnight.timestamp_millis() - 1)
}

/// Writes a configuration for the simulated site, and loads it as every other command would.
fn configure(path: &Path, confluence: &Simulator, now: Timestamp) -> Result<Site, Failure> {
    let text = format!(
        "\
# Made by `rollbook demo`. The simulated site answers while `rollbook demo --serve` runs.

[database]
path = \"{DATABASE}\"

[sites.{SITE}]
kind = \"data-center\"
base_url = \"{}\"
username = \"audit\"
password = \"audit\"

[sites.{SITE}.limits]
# It runs on this machine; another site is better asked more gently.
requests_per_second = 0

[sites.{SITE}.guard]
# Groups for projects come and go here, and take all of their members with them.
memberships_percent = 100
",
        confluence.base_url()
    );
    to_file(path, |out| out.write_all(text.as_bytes())).with_context(|| format!("cannot write {}", path.display()))?;
    let current_dir = std::env::current_dir().context("cannot tell the current directory")?;
    // Without the process's environment: what it says is meant for somebody's own sites.
    let load =
        LoadOptions { config: Some(path.to_owned()), ..LoadOptions::new(Environment::default(), current_dir, now) };
    let loaded = config::load(&load).map_err(Failure::config)?;
    loaded.config.sites.into_iter().next().context("the configuration of the demo has no site").map_err(Failure::from)
}

/// Walks the site at the end of each day. A signal ends it.
async fn live(confluence: &Simulator, site: &Site, store: &Store, days: u32, quiet: bool) -> Result<(), Failure> {
    let clock = Clock::manual(confluence.with_population(|population| population.end_of_day()));
    let bar = Bar::new(SITE, quiet);
    let year = async {
        for day in 0..=days {
            if day > 0 {
                confluence.advance_day();
            }
            clock.set(confluence.with_population(|population| population.end_of_day()));
            bar.step("day", u64::from(day), u64::from(days));
            let options = WalkOptions { clock: &clock, seed: u64::from(day), progress: &|_| {} };
            sync::walk(site, store, options).await.map_err(failure)?;
        }
        Ok(())
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let stopped = tokio::select! {
        lived = year => return lived,
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = terminated.recv() => "SIGTERM",
    };
    sync::interrupted(SITE, store, &clock).await.map_err(Failure::store)?;
    let (today, database) = (&clock.now().to_sql()[..10], store.path().display());
    Err(Failure::new(
        Exit::Failure,
        format!("stopped by {stopped} on the simulated {today}; {database} holds the days before"),
    ))
}

async fn export(mirror: &mut SqliteConnection, sample: &Sample, as_of: Timestamp, path: &Path) -> Result<(), Failure> {
    let result = ask(mirror, sample.report, sample.parameters, as_of).await?;
    let file = FileOptions { output: Some(path.to_owned()), raw: false };
    file.write(&mut std::io::sink(), |style, out| report::write(&result, sample.format, style, out))
}

/// Runs a report.
async fn ask(
    mirror: &mut SqliteConnection,
    name: &str,
    parameters: &[&str],
    as_of: Timestamp,
) -> Result<report::ReportResult, Failure> {
    let report = report::find(name).with_context(|| format!("there is no report {name}"))?;
    let parameters = parameters.iter().map(|text| (*text).to_owned()).collect();
    Ok(report::run(mirror, report, &Request { sites: Vec::new(), as_of, parameters }).await?)
}

/// Says how to reach the site, and waits for a signal.
async fn serve(confluence: &Simulator, config: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let sync = page::command(&["--config", &config.to_string_lossy(), "sync"]);
    writeln!(out, "\nThe simulated site stays up at {}; its clock stands.", confluence.base_url())?;
    writeln!(out, "Walk it again from another terminal; Ctrl-C here ends it.\n\n  {sync}")?;
    out.flush()?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_seed_tells_the_same_story() {
        let parent = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::parse_human("2026-03-01T12:00:00Z").unwrap());
        let mut told = Vec::new();
        for (name, seed) in [("a", 1), ("b", 1), ("c", 2)] {
            let options = Options { users: 60, days: 40, seed, dir: parent.path().join(name), serve: false };
            let mut out = Vec::new();
            assert_eq!(run(options, &clock, true, &mut out).await.ok(), Some(Exit::Done));
            let story = String::from_utf8(out).unwrap();
            assert!(story.contains(" 41 times,") && story.contains("2026-01-19"), "{story}");
            told.push(story.split("Try next").next().unwrap().to_owned());
        }
        assert_eq!(told[0], told[1]);
        assert_ne!(told[0], told[2]);
    }
}
