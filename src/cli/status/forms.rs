//! The forms in which `status` is told: for people, as JSON, as a table of rows.

use std::io::{self, Write};

use serde_json::json;

use super::super::holds::brief;
use super::{SiteStatus, Surroundings, Told};
use crate::model::Timestamp;
use crate::render::{Kind, Table, duration, visible};
use crate::store::WalkRow;

fn age_seconds(walk: &WalkRow, now: Timestamp) -> i64 {
    (now.millis() - walk.moment().millis()) / 1000
}

fn walk_text(walk: Option<&WalkRow>, now: Timestamp) -> String {
    let Some(walk) = walk else { return "none".to_owned() };
    let age = duration(age_seconds(walk, now));
    format!("{} ({}) of {}, {age} ago", walk.id, walk.status, utc(walk.moment()))
}

fn utc(at: Timestamp) -> String {
    format!("{} UTC", &at.to_sql()[..19])
}

fn walk_document(walk: &WalkRow, now: Timestamp) -> serde_json::Value {
    json!({
        "id": walk.id,
        "status": walk.status,
        "started_at": walk.started_at.to_rfc3339(),
        "finished_at": walk.finished_at.map(Timestamp::to_rfc3339),
        "at": walk.at.map(Timestamp::to_rfc3339),
        "age_seconds": age_seconds(walk, now),
        "error": walk.error,
    })
}

pub(super) fn text(told: &Told<'_>, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    if told.sites.is_empty() {
        return writeln!(out, "No site is configured, and the mirror has none.");
    }
    for site in &told.sites {
        site_text(site, now, out)?;
        writeln!(out)?;
    }
    let Surroundings { size, served } = told.around;
    match size {
        None => writeln!(out, "database       not there yet")?,
        Some(size) => {
            let (file, wal) = (megabytes(size.database), megabytes(size.wal));
            writeln!(out, "database       {file} MB; write-ahead log {wal} MB")?;
        }
    }
    match served {
        Some(true) => writeln!(out, "daemon         works on it")?,
        Some(false) => writeln!(out, "daemon         none works on it")?,
        None => {}
    }
    if let Some(job) = &told.backup {
        match job.succeeded_at {
            None => writeln!(out, "last backup    none was made yet")?,
            Some(at) => {
                let age = duration((now.millis() - at.millis()) / 1000);
                writeln!(out, "last backup    {}, {age} ago", utc(at))?;
            }
        }
        if let Some(error) = job.error.as_ref().filter(|_| job.failures > 0) {
            writeln!(out, "               failed {}: {}", times(job.failures as usize), visible(error))?;
        }
    }
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

fn times(n: usize) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times in a row") }
}

fn site_text(site: &SiteStatus<'_>, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    match &site.known {
        Some(known) => {
            writeln!(out, "{}  ({}, {})", visible(&site.name), known.kind, visible(&known.base_url))?;
        }
        None => writeln!(out, "{}", visible(&site.name))?,
    }
    writeln!(out, "  last walk     {}", walk_text(site.last_walk(), now))?;
    writeln!(out, "  last applied  {}", walk_text(site.last_applied(), now))?;
    match site.configured {
        None => writeln!(out, "  freshness     not configured: only what the mirror kept")?,
        Some(configured) => {
            let limit = duration(i64::try_from(configured.freshness.as_secs()).unwrap_or(i64::MAX));
            writeln!(out, "  freshness     {} (limit {limit})", site.freshness(now))?;
        }
    }
    if let Some(held) = site.held() {
        let id = held.walk.id;
        writeln!(out, "  held          {}", walk_text(Some(&held.walk), now))?;
        if held.since < held.walk.moment() {
            writeln!(out, "                waits for a decision since {}", utc(held.since))?;
        }
        for reason in brief(held.reasons.lines()) {
            writeln!(out, "                {reason}")?;
        }
        writeln!(out, "                `rollbook walks diff {id}` shows it; `approve` or `reject` decides")?;
    }
    if site.failures() > 0 {
        let why = site.last_error().map(|error| format!(": {}", visible(error))).unwrap_or_default();
        writeln!(out, "  failed        {}{why}", times(site.failures()))?;
    }
    if let Some(next) = site.next_run {
        writeln!(out, "  next run      {}", utc(next))?;
    }
    if site.skipped > 0 {
        let firings = if site.skipped == 1 { "firing" } else { "firings" };
        writeln!(out, "  left out      {} {firings} of the schedule in the last day", site.skipped)?;
    }
    if !site.users.is_empty() {
        let users: Vec<_> = site.users.iter().map(|(status, count)| format!("{count} {status}")).collect();
        writeln!(out, "  users         {}", users.join(", "))?;
    }
    // What the last walk failed of is told above.
    let told = site.last_error().filter(|_| site.failures() > 0);
    for problem in site.problems.iter().filter(|problem| Some(problem.as_str()) != told) {
        writeln!(out, "  problem       {}", visible(problem))?;
    }
    Ok(())
}

pub(super) fn whole(told: &Told<'_>, now: Timestamp) -> serde_json::Value {
    let Told { sites, backup, around: Surroundings { size, served } } = told;
    let sites: Vec<_> = sites.iter().map(|site| document(site, now)).collect();
    json!({
        "at": now.to_rfc3339(),
        "sites": sites,
        "database": size.map(|size| json!({ "bytes": size.database, "wal_bytes": size.wal })),
        "daemon": served,
        "backup": backup.as_ref().map(|job| json!({
            "last_success_at": job.succeeded_at.map(Timestamp::to_rfc3339),
            "consecutive_failures": job.failures,
            "error": job.error,
        })),
    })
}

pub(super) fn document(site: &SiteStatus<'_>, now: Timestamp) -> serde_json::Value {
    let (known, held) = (site.known.as_ref(), site.held());
    let walk = |walk: Option<&WalkRow>| walk.map(|walk| walk_document(walk, now));
    json!({
        "site": site.name,
        "configured": site.configured.is_some(),
        "kind": known.map(|known| &known.kind),
        "base_url": known.map(|known| &known.base_url),
        "freshness": site.freshness(now),
        "freshness_seconds": site.configured.map(|site| site.freshness.as_secs()),
        "last_walk": walk(site.last_walk()),
        "last_applied": walk(site.last_applied()),
        "held_walk": walk(held.map(|held| &held.walk)),
        "held_because": held.map(|held| held.reasons.lines().collect::<Vec<_>>()).unwrap_or_default(),
        "held_since": held.map(|held| held.since.to_rfc3339()),
        "consecutive_failures": site.failures(),
        "last_error": site.last_error(),
        "next_run": site.next_run.map(Timestamp::to_rfc3339),
        "skipped_last_day": site.skipped,
        "users": site.users,
        "problems": site.problems,
    })
}

pub(super) fn flat(sites: &[SiteStatus<'_>], now: Timestamp) -> Table {
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
        ("consecutive_failures", Kind::Integer),
        ("skipped_last_day", Kind::Integer),
    ]);
    for site in sites {
        let (last, applied) = (site.last_walk(), site.last_applied());
        table.rows.push(vec![
            site.name.as_str().into(),
            i64::from(site.configured.is_some()).into(),
            site.freshness(now).into(),
            last.map(|walk| walk.id).into(),
            last.map(|walk| walk.status.as_str()).into(),
            last.map(WalkRow::moment).into(),
            applied.map(|walk| walk.id).into(),
            applied.map(WalkRow::moment).into(),
            site.held().map(|held| held.walk.id).into(),
            site.next_run.into(),
            site.users.values().sum::<i64>().into(),
            site.problems.join("; ").into(),
            (site.failures() as i64).into(),
            site.skipped.into(),
        ]);
    }
    table
}
