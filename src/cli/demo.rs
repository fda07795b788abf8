//! `rollbook demo`: a simulated year of an organisation on its way from a simulated Data Center to Confluence Cloud,
//! mirrored day by day, and what the mirror tells of it.

mod configure;
mod folder;
mod page;
mod questions;
mod story;
mod year;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{Days, NaiveDate};
use sqlx::SqliteConnection;
use tokio::signal::unix::{SignalKind, signal};

use self::configure::configure;
use self::folder::Folder;
use self::year::Year;
use super::manifest::ManifestOptions;
use super::output::FileOptions;
use super::progress::Bar;
use super::report::{Asked, answer};
use super::sync::failure;
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::config::Site;
use crate::model::Timestamp;
use crate::render::Format;
use crate::report::{self, Report, Request, Settings, registry};
use crate::store::Store;
use crate::sync::{self, WalkOptions};

const DATABASE: &str = "rollbook.db";
const CONFIG: &str = "rollbook.toml";
/// The Data Center.
const SITE: &str = "demo";
/// The Confluence Cloud that its people move to.
const CLOUD: &str = "cloud";

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
    /// About how many accounts the simulated Data Center begins with
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
    /// Keep the simulated sites up afterwards, until Ctrl-C
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
    let year = Year::begin(&options, first_day).await?;
    let sites = configure(&folder.file(CONFIG), &year, clock.now())?;
    let store = Store::open_or_create(&folder.file(DATABASE)).await.map_err(Failure::store)?;

    live(&year, &sites, &store, options.days, quiet).await?;

    let mut mirror = store.reader().await.map_err(Failure::store)?;
    let as_of = end_of(last_day);
    let told = story::tell(&mut mirror, &folder.file(DATABASE), as_of).await?;
    for sample in &SAMPLES {
        export(&mut mirror, sample, as_of, &folder.file(sample.file)).await?;
    }
    drop(mirror);
    FileOptions::default().write(Format::Table, out, |_, out| out.write_all(told.as_bytes()))?;
    if options.serve {
        serve(&year, &folder.file(CONFIG), out).await?;
    }
    year.end().await;
    Ok(Exit::Done)
}

/// The end of a date, as `--as-of` takes it.
fn end_of(day: NaiveDate) -> Timestamp {
    let midnight = (day + Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc();
    Timestamp::from_millis_clamped(midnight.timestamp_millis() - 1)
}

/// Walks the sites at the end of each day. A signal ends it.
async fn live(year: &Year, sites: &[Site], store: &Store, days: u32, quiet: bool) -> Result<(), Failure> {
    let end_of_day = || year.data_center.with_population(|population| population.end_of_day());
    let clock = Clock::manual(end_of_day());
    let bar = Bar::new(SITE, quiet);
    let walks = async {
        for day in 0..=days {
            let there = year.pass(day);
            clock.set(end_of_day());
            bar.step("day", u64::from(day), u64::from(days));
            for site in there.iter().filter_map(|id| sites.iter().find(|site| site.id == *id)) {
                let options = WalkOptions { clock: &clock, seed: u64::from(day), progress: &|_| {}, memory: None };
                sync::walk(site, store, options).await.map_err(failure)?;
            }
        }
        Ok(())
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let stopped = tokio::select! {
        lived = walks => return lived,
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = terminated.recv() => "SIGTERM",
    };
    for site in sites {
        sync::interrupted(&site.id, store, &clock, sync::STOPPED).await.map_err(Failure::store)?;
    }
    let (today, database) = (&clock.now().to_sql()[..10], store.path().display());
    Err(Failure::new(
        Exit::Failure,
        format!("stopped by {stopped} on the simulated {today}; {database} holds the days before"),
    ))
}

async fn export(mirror: &mut SqliteConnection, sample: &Sample, as_of: Timestamp, path: &Path) -> Result<(), Failure> {
    let (report, request) = asked(sample.report, sample.parameters, as_of, &[])?;
    let file = FileOptions { output: Some(path.to_owned()), raw: false };
    let (format, manifest) = (sample.format, ManifestOptions::default());
    let asked = Asked { report, request, settings: Settings::default(), format, file, manifest };
    answer(mirror, asked, &mut std::io::sink()).await.map(drop)
}

/// Runs a report on these sites; on all of them when none is named.
async fn ask(
    mirror: &mut SqliteConnection,
    name: &str,
    parameters: &[&str],
    as_of: Timestamp,
    sites: &[&str],
) -> Result<report::Answer, Failure> {
    let (report, request) = asked(name, parameters, as_of, sites)?;
    Ok(report::collect(mirror, report, &request, &Settings::default()).await?)
}

fn asked(
    name: &str,
    parameters: &[&str],
    as_of: Timestamp,
    sites: &[&str],
) -> Result<(&'static Report, Request), Failure> {
    let report = registry::find(name).with_context(|| format!("there is no report {name}"))?;
    let [sites, parameters] = [sites, parameters].map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
    Ok((report, Request { sites, as_of, parameters, ..Request::default() }))
}

/// Says how to reach the sites, and waits for a signal.
async fn serve(year: &Year, config: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let sync = page::command(&["--config", &config.to_string_lossy(), "sync"]);
    writeln!(out, "\nThe simulated sites stay up; their clocks stand.\n")?;
    writeln!(out, "  {SITE}   {}\n  {CLOUD}  {}\n", year.data_center.base_url(), year.cloud.base_url())?;
    writeln!(out, "Walk them again from another terminal; Ctrl-C here ends them.\n\n  {sync}")?;
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
