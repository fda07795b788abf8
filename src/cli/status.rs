//! `rollbook status`: how fresh each site's mirror is, and whether something waits for a decision.

mod forms;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};

use self::forms::{document, flat, text, whole};
use super::output::{FormatOptions, terminal, to_out};
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::model::Timestamp;
use crate::render::{self, Format};
use crate::report::DAY;
use crate::store::{
    Freshness, HoldStanding, JobRow, Oddities, SiteStanding, Size, WalkRow, count_users, is_served, load_jobs,
    site_standings, size, skipped_since, walk_job,
};

/// Options of `status`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Only this site (repeatable); the exit code speaks of those named [default: every site]
    #[arg(long = "site", value_name = "ID")]
    pub sites: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// What the configuration says of a site.
#[derive(Clone, Debug)]
pub struct StatusSite {
    /// Its id.
    pub id: String,
    /// How old its last applied walk may be.
    pub freshness: Duration,
    /// When its schedule fires next, if it has one.
    pub next_run: Option<Timestamp>,
}

/// The sites of a configuration.
pub fn configured(config: &Config, clock: &Clock) -> Vec<StatusSite> {
    let next = |site: &Site| site.schedule.as_ref()?.next_firings(clock.now(), site.timezone, 1).pop();
    let site = |site: &Site| StatusSite { id: site.id.clone(), freshness: site.freshness, next_run: next(site) };
    config.sites.iter().map(site).collect()
}

/// What is around the mirror.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// How large the database is; `None`: it is not there yet.
    pub size: Option<Size>,
    /// Whether a daemon works on it, where that can be told.
    pub served: Option<bool>,
}

/// Looks at what is around the mirror at `database`.
pub fn surroundings(database: &Path) -> Surroundings {
    Surroundings { size: size(database).ok(), served: is_served(database) }
}

struct SiteStatus<'a> {
    name: String,
    configured: Option<&'a StatusSite>,
    /// `None`: the mirror does not have it yet.
    known: Option<SiteStanding>,
    users: BTreeMap<String, i64>,
    problems: Vec<String>,
    next_run: Option<Timestamp>,
    /// Firings that were left out in the last day.
    skipped: i64,
}

/// All that is told.
struct Told<'a> {
    sites: Vec<SiteStatus<'a>>,
    /// The job of copying the database, where there is one.
    backup: Option<JobRow>,
    around: Surroundings,
}

/// Writes the state of each configured site, and of those the mirror has besides.
///
/// # Errors
/// [`Exit::Usage`] for a site that neither the configuration nor the mirror has; those of the database. A held or stale
/// site is no error but the exit code.
pub async fn run(
    options: Options,
    connection: &mut SqliteConnection,
    configured: &[StatusSite],
    around: Surroundings,
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    let now = clock.now();
    let mut snapshot = connection.begin().await?;
    let jobs = load_jobs(&mut snapshot).await?;
    let sites = load(&mut snapshot, configured, &options.sites, &jobs, now).await?;
    snapshot.rollback().await?;
    let backup = jobs.into_iter().find(|job| job.job == "backup");
    let told = Told { sites, backup, around };
    let sites = &told.sites;
    to_out(out, |out| match options.format.format {
        Format::Table => text(&told, now, out),
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &whole(&told, now))?;
            out.write_all(b"\n")
        }
        Format::Ndjson => {
            for site in sites {
                writeln!(out, "{}", document(site, now))?;
            }
            Ok(())
        }
        format => render::write(&flat(sites, now), format, terminal(), out),
    })?;
    let ours = || sites.iter().filter(|site| site.configured.is_some());
    Ok(if ours().any(|site| site.held().is_some()) {
        Exit::Held
    } else if ours().any(|site| site.freshness(now) != "ok") {
        Exit::Stale
    } else {
        Exit::Done
    })
}

impl SiteStatus<'_> {
    /// `ok`, `stale`, or `never` before the first applied walk; nothing is promised of a site that is not configured.
    fn freshness(&self, now: Timestamp) -> &'static str {
        let Some(configured) = self.configured else { return "not configured" };
        let applied = self.last_applied().and_then(|walk| walk.at);
        Freshness::of(applied, configured.freshness, now).as_str()
    }

    fn last_walk(&self) -> Option<&WalkRow> {
        self.known.as_ref()?.last_walk.as_ref()
    }

    fn last_applied(&self) -> Option<&WalkRow> {
        self.known.as_ref()?.last_applied.as_ref()
    }

    fn held(&self) -> Option<&HoldStanding> {
        self.known.as_ref()?.held.as_ref()
    }

    fn failures(&self) -> usize {
        self.known.as_ref().map_or(0, |known| known.failures)
    }

    /// Why the last walk failed, if it did.
    fn last_error(&self) -> Option<&str> {
        let ended = self.known.as_ref()?.last_ended.as_ref()?;
        ended.error.as_deref().filter(|_| ended.status == "failed")
    }
}

async fn load<'a>(
    connection: &mut SqliteConnection,
    configured: &'a [StatusSite],
    chosen: &[String],
    jobs: &[JobRow],
    now: Timestamp,
) -> Result<Vec<SiteStatus<'a>>, Failure> {
    let known = site_standings(&mut *connection).await?;
    let skipped = skipped_since(&mut *connection, now.plus_millis(-DAY)).await?;
    let mut names: Vec<&str> = configured.iter().map(|site| site.id.as_str()).collect();
    names.extend(known.iter().map(|site| site.name.as_str()));
    names.sort_unstable();
    names.dedup();
    if let Some(unknown) = chosen.iter().find(|site| !names.contains(&site.as_str())) {
        let all = if names.is_empty() { "there is none".to_owned() } else { format!("there are {}", names.join(", ")) };
        let message = format!("there is no site '{unknown}' in the configuration or the mirror: {all}");
        return Err(Failure::new(Exit::Usage, message));
    }
    names.retain(|name| chosen.is_empty() || chosen.iter().any(|site| site == name));
    let mut sites = Vec::new();
    for name in names {
        let (job, configured) = (walk_job(name), configured.iter().find(|site| site.id == name));
        let computed = configured.and_then(|site| site.next_run);
        // As the daemon planned it, jitter and all; what it planned long ago is of no use.
        let planned = jobs.iter().find(|row| row.job == job).and_then(|row| row.next_at).filter(|at| *at > now);
        let mut site = SiteStatus {
            name: name.to_owned(),
            configured,
            known: known.iter().find(|site| site.name == name).cloned(),
            users: BTreeMap::new(),
            problems: Vec::new(),
            next_run: computed.and(planned).or(computed),
            skipped: skipped.get(&job).copied().unwrap_or(0),
        };
        if let Some(standing) = &site.known {
            site.users = count_users(&mut *connection, standing.id).await?.0;
            site.problems = problems(connection, standing).await?;
        }
        sites.push(site);
    }
    Ok(sites)
}

async fn problems(connection: &mut SqliteConnection, site: &SiteStanding) -> Result<Vec<String>, Failure> {
    let walk = site.last_walk.as_ref();
    let mut problems: Vec<String> = walk.iter().filter_map(|walk| walk.error.clone()).collect();
    let Oddities { notes, groups, users } =
        Oddities::read(connection, site.id, &site.kind, walk.map(|walk| walk.id)).await?;
    problems.extend(notes);
    problems.extend(groups.into_iter().map(|group| {
        format!("the members of the group '{group}' cannot be read: such a name, as with '/', cannot be addressed")
    }));
    problems.extend(users.into_iter().map(|user| {
        format!("the user '{user}', whom no listing shows, cannot be looked up: such a name, as with '/', cannot be addressed")
    }));
    Ok(problems)
}
