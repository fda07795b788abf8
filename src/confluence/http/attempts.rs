//! A request from its first attempt to its last, beside all others of the client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Leave;
use super::retry::{Failed, Stage};
use super::{Client, Request};
use crate::confluence::error::{RequestError, Trouble};

/// So many requests in a row failing for good: the site is down, the rest is not even asked.
pub(super) const GIVE_UP_AFTER: u32 = 12;

impl Client {
    /// Makes attempts until one succeeds, within every limit. Ends at once, wherever it is, when another request finds
    /// that the account is refused.
    pub(super) async fn repeat<T, Fut: Future<Output = Result<T, Failed>>>(
        &self,
        request: &Request,
        attempt: impl FnMut() -> Fut,
    ) -> Result<T, RequestError> {
        let mut shut = self.shut.subscribe();
        let shut = async { shut.wait_for(Option::is_some).await.ok().and_then(|error| error.clone()) };
        tokio::select! {
            biased;
            Some(error) = shut => Err(error),
            result = self.attempts(request, attempt) => result,
        }
    }

    async fn attempts<T, Fut: Future<Output = Result<T, Failed>>>(
        &self,
        request: &Request,
        mut attempt: impl FnMut() -> Fut,
    ) -> Result<T, RequestError> {
        let retries = request.retries.unwrap_or(self.limits.retries);
        let mut attempts = 0;
        loop {
            let leave = self.leave().await.map_err(|trouble| request.failed(attempts, trouble))?;
            attempts += 1;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let failed = match attempt().await {
                Ok(value) => {
                    leave.answered();
                    self.failed_in_row.store(0, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(failed) => failed,
            };
            let pause = self.take_note(&failed, &leave, attempts);
            drop(leave);
            let holds_all = failed.holds_all();
            let Failed { trouble, stage, .. } = failed;
            let late = matches!(trouble, Trouble::TimedOut(_));
            let repeatable = match stage {
                Stage::NotProcessed => true,
                Stage::Sent => request.is_read && (request.again_when_late || !late),
                Stage::PassedOn => false,
            };
            let retries = match trouble {
                Trouble::RateLimited { .. } => request.retries_when_limited,
                Trouble::Status(503) => request.retries_when_out,
                _ => None,
            }
            .unwrap_or(retries);
            if !trouble.is_passing() || !repeatable || attempts > retries {
                return Err(self.give_up(request, attempts, trouble));
            }
            if self.deadline.is_some_and(|deadline| Instant::now() + pause >= deadline) {
                return Err(request.failed(attempts, Trouble::Deadline));
            }
            tracing::debug!(request = %request.label, %trouble, pause_ms = pause.as_millis() as u64, "request failed, trying again");
            self.retries.fetch_add(1, Ordering::Relaxed);
            // A pause of the whole client is waited for with everybody else.
            if !holds_all {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Waits until a request may be sent; says why it may not.
    async fn leave(&self) -> Result<Leave<'_>, Trouble> {
        let ended = |at: Instant| {
            if self.failed_in_row.load(Ordering::Relaxed) >= GIVE_UP_AFTER {
                Err(Trouble::GivenUp)
            } else if self.deadline.is_some_and(|deadline| at >= deadline) {
                Err(Trouble::Deadline)
            } else {
                Ok(())
            }
        };
        ended(Instant::now())?;
        let leave = self.gate.enter().await;
        let mut until = self.pace.slot().max(self.pace.held());
        while let Some(at) = until {
            ended(at)?;
            tokio::time::sleep_until(at).await;
            until = self.pace.held();
        }
        ended(Instant::now())?;
        Ok(leave)
    }

    /// What a failure says to the requests after it. Tells the pause before the next attempt.
    fn take_note(&self, failed: &Failed, leave: &Leave<'_>, attempts: u32) -> Duration {
        if matches!(failed.trouble, Trouble::RateLimited { .. }) {
            self.rate_limited.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(failed.trouble, Trouble::RateLimited { .. } | Trouble::TimedOut(_)) {
            leave.too_much();
        }
        let pause = self.backoff.pause(attempts, failed.retry_after);
        if failed.holds_all() {
            self.pace.hold(pause);
        }
        pause
    }

    fn give_up(&self, request: &Request, attempts: u32, trouble: Trouble) -> RequestError {
        let error = request.failed(attempts, trouble);
        match &error.trouble {
            trouble if (trouble.is_refusal() || trouble.is_block()) && !request.is_public => {
                self.shut.send_if_modified(|shut| {
                    let first = shut.is_none();
                    shut.get_or_insert_with(|| error.clone());
                    first
                });
            }
            Trouble::Unavailable { .. } => self.failed_in_row.store(GIVE_UP_AFTER, Ordering::Relaxed),
            Trouble::TimedOut(_) if !request.again_when_late => {}
            Trouble::Unreachable(_) | Trouble::TimedOut(_) => {
                self.failed_in_row.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        error
    }
}
