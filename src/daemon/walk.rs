//! The job of walking a site.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::agenda::Ended;
use super::run::{Outcome, Stop};
use crate::clock::Clock;
use crate::config::Site;
use crate::store::Store;
use crate::sync::{self, Failing, Memory, Progress, WalkError, WalkOptions, WalkReport};

/// How much longer than it may ask the site a walk may take: comparing and writing come after.
const GRACE: Duration = Duration::from_secs(30 * 60);
/// How long a walk that is writing may go on when it is to stop.
const APPLYING: Duration = Duration::from_secs(5);
/// How long a walk that was stopped waits to tell so in its row.
const TELLING: Duration = Duration::from_secs(2);

/// What a walk is given besides its site.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// The time.
    pub clock: &'a Clock,
    /// Spreads the pauses between retries.
    pub seed: u64,
    /// The pages of the site's walk before.
    pub memory: &'a Memory,
}

/// After so long a walk of `site` is stopped.
pub(super) fn limit(site: &Site) -> Duration {
    site.limits.walk_deadline + GRACE
}

/// Walks `site` until it is done, is to stop, or hangs.
pub(super) async fn walk(site: &Site, store: &Store, given: Given<'_>, mut stop: Stop) -> Outcome {
    let Given { clock, seed, memory } = given;
    let applying = AtomicBool::new(false);
    let progress = |progress| applying.store(progress == Progress::Applying, Ordering::Relaxed);
    let options = WalkOptions { clock, seed, progress: &progress, memory: Some(memory) };
    let limit = limit(site);
    let mut walking = Box::pin(timeout(limit, sync::walk(site, store, options)));
    let ended = tokio::select! {
        ended = &mut walking => Some(ended),
        () = stop.asked() => match applying.load(Ordering::Relaxed) {
            true => timeout(APPLYING, &mut walking).await.ok(),
            false => None,
        },
    };
    drop(walking);
    match ended {
        Some(Ok(result)) => outcome(result),
        Some(Err(_)) => {
            let why = format!("stopped: it had not ended after {} s, and hung", limit.as_secs());
            tell(site, store, clock, &why).await;
            Outcome::failed("hung", why)
        }
        None => {
            tell(site, store, clock, sync::STOPPED).await;
            Outcome::stopped()
        }
    }
}

/// Writes into the walk's row why it ended. Another process may be writing for long: then the next walk tells it.
async fn tell(site: &Site, store: &Store, clock: &Clock, why: &str) {
    match timeout(TELLING, sync::interrupted(&site.id, store, clock, why)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::error!(site = %site.id, "the walk's row could not be written: {error}"),
        Err(_) => tracing::warn!(site = %site.id, "the walk's row says running until the next walk"),
    }
}

fn outcome(result: Result<WalkReport, WalkError>) -> Outcome {
    match result {
        Ok(report) => {
            let error = (!report.problems.is_empty()).then(|| report.problems.join("\n"));
            Outcome { error, ..Outcome::well(report.status.as_str()) }
        }
        Err(error) => match error.failing() {
            Failing::Locked => Outcome { word: "locked", error: Some(error.to_string()), ended: Some(Ended::Locked) },
            Failing::Refused => Outcome { ended: Some(Ended::Refused), ..Outcome::failed("refused", error) },
            Failing::Unreachable => Outcome::failed("unreachable", error),
            Failing::Misconfigured => Outcome::failed("misconfigured", error),
            Failing::Own => Outcome::failed("failed", error),
        },
    }
}
