//! The metrics: the service's own, and what the mirror tells. Each answer costs about the same, however long the history
//! is: sums are counted on, users are counted again after a walk, and the rest is a few rows found by an index.

mod catalogue;
mod figures;
mod sites;

use std::time::Duration;

use self::catalogue::*;
pub(super) use self::catalogue::{ALL, Kind};
use self::figures::Figures;
pub(super) use self::sites::Ledger;
use super::mirror::{Lane, MirrorError, Reader};
use super::routes::Shared;
use crate::daemon::Beat;
use crate::store::walk_job;

/// How long the database has: Prometheus waits for ten seconds.
const WITHIN: Duration = Duration::from_secs(8);

/// The whole answer. Where the database cannot be read it says so, and tells the rest.
pub(super) async fn exposition(shared: &Shared) -> String {
    let (beat, now, mut figures) = (shared.pulse.beat(), shared.clock.now(), Figures::default());
    service(&beat, &mut figures);
    let (ledger, database) = (shared.ledger.clone(), shared.mirror.store().path().to_owned());
    let read = async move |mut reader: Reader| Ok(sites::read(&mut reader, ledger, database, now).await?);
    let read: Result<_, MirrorError> = shared.mirror.ask(Lane::Watch, WITHIN, read).await;
    figures.flag(&DATABASE_READABLE, &[], read.is_ok());
    match read {
        Ok(read) => read.tell(&beat.config.sites, &beat.jobs, now, &mut figures),
        Err(error) => tracing::warn!("/metrics is answered without what the database tells: {error}"),
    }
    figures.text()
}

/// What the service shows of itself.
fn service(beat: &Beat, figures: &mut Figures) {
    figures.set(&BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
    figures.moment(&STARTED, &[], Some(beat.began_at));
    figures.set(&LOOP_AGE, &[], beat.age().as_secs_f64());
    figures.moment(&CONFIG_LOADED, &[], Some(beat.loaded_at));
    figures.flag(&CONFIG_OK, &[], beat.refused.is_none());
    for site in &beat.config.sites {
        let id = site.id.as_str();
        figures.set(&SITE_INFO, &[id, site.kind.as_str()], 1.0);
        figures.set(&FRESHNESS_LIMIT, &[id], site.freshness.as_secs_f64());
        if let Some(seats) = site.seats {
            figures.set(&SEATS, &[id], seats as f64);
        }
        let job = beat.jobs.iter().find(|job| job.job == walk_job(id));
        figures.moment(&NEXT_RUN, &[id], job.and_then(|job| job.next_at));
    }
    for job in &beat.jobs {
        let name = job.job.as_str();
        figures.flag(&JOB_RUNNING, &[name], job.running);
        figures.moment(&JOB_NEXT, &[name], job.next_at);
        figures.count(&JOB_FAILURES, &[name], i64::from(job.failures));
    }
}
