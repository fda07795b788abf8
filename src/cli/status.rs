//! `rollbook status`: how fresh each site's mirror is, and whether something waits for a decision.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use super::output::{FormatOptions, terminal, to_out};
use super::{Exit, Failure, Outcome, holds::brief};
use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::model::{SiteId, Timestamp};
use crate::render::{self, Format, Kind, Table, duration, visible};
use crate::store::{SiteState, WalkSummary};

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

struct SiteStatus<'a> {
    name: String,
    kind: Option<String>,
    base_url: Option<String>,
    configured: Option<&'a StatusSite>,
    state: SiteState,
    users: BTreeMap<String, i64>,
    problems: Vec<String>,
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
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    let now = clock.now();
    let mut snapshot = connection.begin().await?;
    let sites = load(&mut snapshot, configured, &options.sites).await?;
    snapshot.rollback().await?;
    to_out(out, |out| match options.format.format {
        Format::Table => text(&sites, now, out),
        Format::Json => {
            let sites: Vec<_> = sites.iter().map(|site| document(site, now)).collect();
            serde_json::to_writer_pretty(&mut *out, &json!({ "at": now.to_rfc3339(), "sites": sites }))?;
            out.write_all(b"\n")
        }
        Format::Ndjson => {
            for site in &sites {
                writeln!(out, "{}", document(site, now))?;
            }
            Ok(())
        }
        format => render::write(&flat(&sites, now), format, terminal(), out),
    })?;
    let ours = || sites.iter().filter(|site| site.configured.is_some());
    Ok(if ours().any(|site| site.state.held_walk.is_some()) {
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
        match self.state.is_stale(configured.freshness, now) {
            None => "never",
            Some(true) => "stale",
            Some(false) => "ok",
        }
    }
}

async fn load<'a>(
    connection: &mut SqliteConnection,
    configured: &'a [StatusSite],
    chosen: &[String],
) -> Result<Vec<SiteStatus<'a>>, Failure> {
    let known: Vec<(i64, String, String, String)> =
        sqlx::query_as("SELECT id, name, kind, base_url FROM sites ORDER BY name").fetch_all(&mut *connection).await?;
    let mut names: Vec<&str> = configured.iter().map(|site| site.id.as_str()).collect();
    names.extend(known.iter().map(|site| site.1.as_str()));
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
        let row = known.iter().find(|site| site.1 == name);
        let mut site = SiteStatus {
            name: name.to_owned(),
            kind: row.map(|row| row.2.clone()),
            base_url: row.map(|row| row.3.clone()),
            configured: configured.iter().find(|site| site.id == name),
            state: SiteState::default(),
            users: BTreeMap::new(),
            problems: Vec::new(),
        };
        if let Some((id, _, kind, _)) = row {
            fill(connection, &mut site, *id, kind).await?;
        }
        sites.push(site);
    }
    Ok(sites)
}

async fn fill(
    connection: &mut SqliteConnection,
    site: &mut SiteStatus<'_>,
    id: i64,
    kind: &str,
) -> Result<(), Failure> {
    site.state = SiteState::read(connection, SiteId(id), kind).await?;
    let users: Vec<(String, i64)> = sqlx::query_as(
        "SELECT status, count(*) FROM accounts WHERE site_id = ?1 AND forgotten_at IS NULL GROUP BY status",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    site.users = users.into_iter().collect();
    let state = &site.state;
    site.problems.extend(state.last_walk.as_ref().and_then(|walk| walk.error.clone()));
    site.problems.extend(state.notes.iter().cloned());
    site.problems.extend(state.unaddressable_groups.iter().map(|group| {
        format!("the members of the group '{group}' cannot be read: such a name, as with '/', cannot be addressed")
    }));
    site.problems.extend(state.unaddressable_users.iter().map(|user| {
        format!("the user '{user}', whom no listing shows, cannot be looked up: such a name, as with '/', cannot be addressed")
    }));
    Ok(())
}

fn age_seconds(walk: &WalkSummary, now: Timestamp) -> i64 {
    (now.millis() - walk.moment().millis()) / 1000
}

fn walk_text(walk: &WalkSummary, now: Timestamp) -> String {
    let age = duration(age_seconds(walk, now));
    format!("{} ({}) of {} UTC, {age} ago", walk.id, walk.status, &walk.moment().to_sql()[..19])
}

fn walk_document(walk: &WalkSummary, now: Timestamp) -> serde_json::Value {
    json!({
        "id": walk.id,
        "status": walk.status,
        "started_at": walk.started_at.to_rfc3339(),
        "finished_at": walk.finished_at.map(Timestamp::to_rfc3339),
        "age_seconds": age_seconds(walk, now),
        "error": walk.error,
    })
}

fn text(sites: &[SiteStatus<'_>], now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    if sites.is_empty() {
        return writeln!(out, "No site is configured, and the mirror has none.");
    }
    for (i, site) in sites.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        match (&site.kind, &site.base_url) {
            (Some(kind), Some(url)) => writeln!(out, "{}  ({kind}, {})", visible(&site.name), visible(url))?,
            _ => writeln!(out, "{}", visible(&site.name))?,
        }
        let walk = |walk: &Option<WalkSummary>| walk.as_ref().map_or("none".to_owned(), |walk| walk_text(walk, now));
        writeln!(out, "  last walk     {}", walk(&site.state.last_walk))?;
        writeln!(out, "  last applied  {}", walk(&site.state.last_applied))?;
        match site.configured {
            None => writeln!(out, "  freshness     not configured: only what the mirror kept")?,
            Some(configured) => {
                let limit = duration(i64::try_from(configured.freshness.as_secs()).unwrap_or(i64::MAX));
                writeln!(out, "  freshness     {} (limit {limit})", site.freshness(now))?;
            }
        }
        if let Some(held) = &site.state.held_walk {
            let id = held.id;
            writeln!(out, "  held          {}", walk_text(held, now))?;
            for reason in brief(site.state.held_because.iter().map(String::as_str)) {
                writeln!(out, "                {reason}")?;
            }
            writeln!(out, "                `rollbook walks diff {id}` shows it; `approve` or `reject` decides")?;
        }
        if let Some(next) = site.configured.and_then(|site| site.next_run) {
            writeln!(out, "  next run      {} UTC", &next.to_sql()[..19])?;
        }
        if !site.users.is_empty() {
            let users: Vec<_> = site.users.iter().map(|(status, count)| format!("{count} {status}")).collect();
            writeln!(out, "  users         {}", users.join(", "))?;
        }
        for problem in &site.problems {
            writeln!(out, "  problem       {}", visible(problem))?;
        }
    }
    Ok(())
}

fn document(site: &SiteStatus<'_>, now: Timestamp) -> serde_json::Value {
    let walk = |walk: &Option<WalkSummary>| walk.as_ref().map(|walk| walk_document(walk, now));
    json!({
        "site": site.name,
        "configured": site.configured.is_some(),
        "kind": site.kind,
        "base_url": site.base_url,
        "freshness": site.freshness(now),
        "freshness_seconds": site.configured.map(|site| site.freshness.as_secs()),
        "last_walk": walk(&site.state.last_walk),
        "last_applied": walk(&site.state.last_applied),
        "held_walk": walk(&site.state.held_walk),
        "held_because": site.state.held_because,
        "next_run": site.configured.and_then(|site| site.next_run).map(Timestamp::to_rfc3339),
        "users": site.users,
        "problems": site.problems,
    })
}

fn flat(sites: &[SiteStatus<'_>], now: Timestamp) -> Table {
    let mut table = Table::new([
        ("site", Kind::Text),
        ("configured", Kind::Boolean),
        ("freshness", Kind::Text),
        ("last_walk", Kind::Integer),
        ("last_walk_status", Kind::Text),
        ("last_walk_at", Kind::Time),
        ("last_applied", Kind::Integer),
        ("last_applied_at", Kind::Time),
        ("held_walk", Kind::Integer),
        ("next_run", Kind::Time),
        ("users", Kind::Integer),
        ("problems", Kind::Text),
    ]);
    for site in sites {
        let (last, applied) = (site.state.last_walk.as_ref(), site.state.last_applied.as_ref());
        table.rows.push(vec![
            site.name.as_str().into(),
            i64::from(site.configured.is_some()).into(),
            site.freshness(now).into(),
            last.map(|walk| walk.id).into(),
            last.map(|walk| walk.status.as_str()).into(),
            last.map(WalkSummary::moment).into(),
            applied.map(|walk| walk.id).into(),
            applied.map(WalkSummary::moment).into(),
            site.state.held_walk.as_ref().map(|walk| walk.id).into(),
            site.configured.and_then(|site| site.next_run).into(),
            site.users.values().sum::<i64>().into(),
            site.problems.join("; ").into(),
        ]);
    }
    table
}
