//! What the mirror tells of the sites and jobs: read in one snapshot, and put into figures.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

use super::catalogue::*;
use super::figures::Figures;
use crate::config::Site;
use crate::daemon::Standing;
use crate::model::{ChangeKind, Status, Timestamp};
use crate::report::DAY;
use crate::store::{
    Freshness, JobRow, SiteStanding, SiteTotals, Size, WalkTotals, change_counts, count_users, load_jobs,
    notifications_waiting, site_standings, size, skipped_since, walk_job, walk_parts,
};

/// What may become of a walk that has ended.
const STATUSES: [&str; 6] = ["applied", "partial", "held", "failed", "rejected", "superseded"];

/// How a walk ends; the first of them are its own.
const ENDINGS: &[&str] = STATUSES.split_at(4).0;

/// What is counted on from one answer to the next.
#[derive(Debug, Default)]
pub(in crate::web) struct Ledger {
    totals: WalkTotals,
    /// The users of each site, and the walks that they are those of.
    users: HashMap<i64, (Newest, Users)>,
}

/// The walks and the hold after which users may be others.
type Newest = [Option<i64>; 3];

/// Users by status, and how many take a seat.
type Users = (BTreeMap<String, i64>, i64);

/// A site of the mirror.
#[derive(Debug)]
struct Mirrored {
    standing: SiteStanding,
    users: Users,
    /// The parts of its newest walk that has ended, and which are incomplete.
    parts: Vec<(String, bool)>,
    /// `None`: not all walks are counted yet.
    totals: Option<SiteTotals>,
    changes: HashMap<String, i64>,
}

/// Everything that is read.
#[derive(Debug)]
pub(super) struct Read {
    sites: Vec<Mirrored>,
    jobs: Vec<JobRow>,
    skipped: BTreeMap<String, i64>,
    waiting: i64,
    size: Option<Size>,
}

/// Reads all of it as of one moment.
pub(super) async fn read(
    reader: &mut SqliteConnection,
    ledger: Arc<Mutex<Ledger>>,
    database: PathBuf,
    now: Timestamp,
) -> Result<Read, sqlx::Error> {
    // Of two who ask at one time the second finds it counted.
    let mut ledger = ledger.lock().await;
    let mut snapshot = reader.begin().await?;
    let is_whole = ledger.totals.count_on(&mut snapshot).await?;
    let mut changes: HashMap<i64, HashMap<String, i64>> = HashMap::new();
    for (site, kind, count) in change_counts(&mut snapshot).await? {
        changes.entry(site).or_default().insert(kind, count);
    }
    let mut sites = Vec::new();
    for standing in site_standings(&mut snapshot).await? {
        let id = standing.id;
        let walk = |walk: &Option<crate::store::WalkRow>| walk.as_ref().map(|walk| walk.id);
        let held = standing.held.as_ref().map(|held| held.walk.id);
        let newest = [walk(&standing.last_ended), walk(&standing.last_applied), held];
        if ledger.users.get(&id).is_none_or(|(of, _)| *of != newest) {
            let counted = count_users(&mut snapshot, id).await?;
            ledger.users.insert(id, (newest, counted));
        }
        let parts = match newest[0] {
            Some(walk) => walk_parts(&mut snapshot, walk).await?,
            None => Vec::new(),
        };
        sites.push(Mirrored {
            users: ledger.users[&id].1.clone(),
            parts,
            totals: is_whole.then(|| ledger.totals.of(id)),
            changes: changes.remove(&id).unwrap_or_default(),
            standing,
        });
    }
    let jobs = load_jobs(&mut snapshot).await?;
    let skipped = skipped_since(&mut snapshot, now.plus_millis(-DAY)).await?;
    let waiting = notifications_waiting(&mut snapshot).await?;
    snapshot.rollback().await?;
    drop(ledger);
    let size = tokio::task::spawn_blocking(move || size(&database)).await;
    Ok(Read { sites, jobs, skipped, waiting, size: size.ok().and_then(Result::ok) })
}

impl Read {
    /// Tells of the sites that are configured, and of the jobs that are planned.
    pub fn tell(&self, sites: &[Site], jobs: &[Standing], now: Timestamp, figures: &mut Figures) {
        if let Some(Size { database, wal, available }) = self.size {
            figures.set(&DATABASE_SIZE, &[], database as f64);
            figures.set(&WAL_SIZE, &[], wal as f64);
            figures.set(&DISK_AVAILABLE, &[], available as f64);
        }
        figures.count(&NOTIFICATIONS, &[], self.waiting);
        for site in sites {
            self.site(site, now, figures);
        }
        for job in jobs {
            self.job(&job.job, figures);
        }
    }

    fn site(&self, site: &Site, now: Timestamp, figures: &mut Figures) {
        let id = site.id.as_str();
        let mirrored = self.sites.iter().find(|mirrored| mirrored.standing.name == id);
        let applied = mirrored.and_then(|mirrored| mirrored.standing.last_applied.as_ref()?.at);
        figures.flag(&FRESH, &[id], Freshness::of(applied, site.freshness, now) == Freshness::Ok);
        if let Some(at) = applied {
            figures.set(&AGE, &[id], (now.millis() - at.millis()) as f64 / 1000.0);
        }
        figures.moment(&LAST_APPLIED, &[id], applied);
        let job = self.jobs.iter().find(|job| job.job == walk_job(id));
        figures.flag(&REFUSED, &[id], job.is_some_and(|job| job.outcome.as_deref() == Some("refused")));
        let held = mirrored.and_then(|mirrored| mirrored.standing.held.as_ref());
        figures.flag(&HELD, &[id], held.is_some());
        figures.moment(&HELD_SINCE, &[id], held.map(|held| held.since));
        figures.count(&HELD_REMOVALS, &[id], held.map(|held| held.removals));
        let standing = mirrored.map(|mirrored| &mirrored.standing);
        figures.count(&FAILURES, &[id], standing.map_or(0, |site| site.failures as i64));
        figures.count(&PARTIALS, &[id], standing.map_or(0, |site| site.partials as i64));
        let last = standing.and_then(|site| site.last_walk.as_ref());
        figures.flag(&WALKING, &[id], last.is_some_and(|walk| walk.status == "running"));
        match mirrored {
            Some(mirrored) => mirrored.tell(id, figures),
            // Counters begin at nothing, so that the first of everything is seen to rise.
            None => tell_totals(id, &SiteTotals::default(), figures),
        }
        for kind in ChangeKind::ALL {
            let counted = mirrored.and_then(|mirrored| mirrored.changes.get(kind.as_str()).copied());
            figures.count(&CHANGES, &[id, kind.as_str()], counted.unwrap_or(0));
        }
    }

    fn job(&self, name: &str, figures: &mut Figures) {
        figures.count(&JOB_SKIPPED, &[name], self.skipped.get(name).copied().unwrap_or(0));
        let Some(job) = self.jobs.iter().find(|job| job.job == name) else { return };
        figures.moment(&JOB_SUCCESS, &[name], job.succeeded_at);
        if let (Some(began), Some(ended)) = (job.started_at, job.finished_at) {
            figures.set(&JOB_DURATION, &[name], (ended.millis() - began.millis()) as f64 / 1000.0);
        }
    }
}

impl Mirrored {
    fn tell(&self, id: &str, figures: &mut Figures) {
        let SiteStanding { last_ended, last_applied, .. } = &self.standing;
        if let Some(walk) = last_ended {
            figures.moment(&LAST_WALK, &[id], walk.finished_at);
            if let Some(took) = walk.took() {
                figures.set(&LAST_DURATION, &[id], took.as_secs_f64());
            }
            for status in STATUSES {
                figures.flag(&LAST_STATUS, &[id, status], walk.status == status);
            }
        }
        for (part, is_incomplete) in &self.parts {
            figures.flag(&PART_INCOMPLETE, &[id, part], *is_incomplete);
        }
        if let Some(walk) = last_applied {
            figures.count(&GROUPS, &[id], walk.groups_seen);
            figures.count(&MEMBERSHIPS, &[id], walk.memberships_seen);
        }
        for status in Status::ALL {
            figures.count(&USERS, &[id, status.as_str()], self.users.0.get(status.as_str()).copied().unwrap_or(0));
        }
        figures.count(&SEATS_TAKEN, &[id], self.users.1);
        if let Some(totals) = &self.totals {
            tell_totals(id, totals, figures);
        }
    }
}

fn tell_totals(id: &str, totals: &SiteTotals, figures: &mut Figures) {
    for status in ENDINGS {
        figures.count(&WALKS, &[id, status], totals.ended.get(*status).copied().unwrap_or(0));
    }
    figures.set(&WALK_SECONDS, &[id], totals.millis as f64 / 1000.0);
    figures.count(&REQUESTS, &[id], totals.requests);
    figures.count(&RETRIES, &[id], totals.retries);
    figures.count(&RATE_LIMITED, &[id], totals.rate_limited);
}
