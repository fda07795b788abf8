//! `users-bulk`: what became of every account id, in batches. A batch that is too much is halved; in one that is refused
//! the id is sought that it is refused for.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use futures_util::stream::{self, StreamExt};

use super::ids::{AccountIds, Place};
use crate::confluence::{Cloud, Page, RequestError, Trouble};

/// A batch that does not come is halved down to so many ids.
const SMALLEST: usize = 25;
/// So many small batches failing for good end the look-ups.
const FAILED: u32 = 3;

/// What was answered about some ids.
pub struct Answered {
    /// Those asked about together.
    pub asked: Vec<Place>,
    /// The records, those of ids that the site does not know left out.
    pub page: Page,
}

/// What of the look-ups was not answered.
#[derive(Default)]
pub struct Shortfall {
    /// Ids that the site refuses.
    pub refused: Vec<Place>,
    /// Ids about which there was no answer.
    pub unanswered: Vec<Place>,
    /// Why, the first time.
    pub failure: Option<RequestError>,
}

/// What one batch brought.
#[derive(Default)]
struct Part {
    answered: Vec<Answered>,
    shortfall: Shortfall,
}

/// Ids to be looked up at one site.
pub struct LookUps<'a> {
    cloud: Cloud<'a>,
    ids: &'a AccountIds,
    /// Ids in a batch; falls, and stays down for this walk.
    size: AtomicUsize,
    /// Further requests that may be spent on refused batches.
    budget: AtomicU32,
    failed: AtomicU32,
}

impl<'a> LookUps<'a> {
    /// With the site's limits.
    pub fn new(cloud: Cloud<'a>, ids: &'a AccountIds) -> Self {
        let limits = cloud.client().limits();
        Self {
            cloud,
            ids,
            size: AtomicUsize::new(limits.batch_size),
            budget: AtomicU32::new(limits.lookups_per_walk),
            failed: AtomicU32::new(0),
        }
    }

    /// Looks up the ids at `places`, and gives the answers to `take`, in their order. Fails only when the credentials, the
    /// account or the right are refused.
    pub async fn all(&self, places: &[Place], mut take: impl FnMut(Answered)) -> Result<Shortfall, RequestError> {
        let mut left = places;
        // Cut as they are asked for, so that one that was too much makes those behind it smaller.
        let batches = std::iter::from_fn(|| {
            let (batch, rest) = left.split_at(self.size.load(Ordering::Relaxed).min(left.len()));
            left = rest;
            (!batch.is_empty()).then(|| batch.to_vec())
        });
        let concurrency = self.cloud.client().limits().concurrency;
        let mut parts = stream::iter(batches).map(|batch| self.batch(batch)).buffered(concurrency);
        let mut all = Shortfall::default();
        while let Some(part) = parts.next().await {
            let Part { answered, shortfall } = part?;
            answered.into_iter().for_each(&mut take);
            all.refused.extend(shortfall.refused);
            all.unanswered.extend(shortfall.unanswered);
            all.failure = all.failure.or(shortfall.failure);
        }
        Ok(all)
    }

    async fn batch(&self, batch: Vec<Place>) -> Result<Part, RequestError> {
        let Part { mut answered, mut shortfall } = Part::default();
        let whole = batch.len();
        let mut halved = false;
        let mut open = vec![batch];
        while let Some(part) = open.pop() {
            if self.failed.load(Ordering::Relaxed) >= FAILED {
                shortfall.unanswered.extend(part);
                continue;
            }
            let error = match self.ask(&part).await {
                Ok(page) => {
                    answered.push(Answered { asked: part, page });
                    continue;
                }
                Err(error) => error,
            };
            let refused = error.trouble == Trouble::Status(400);
            match &error.trouble {
                trouble if trouble.is_refusal() || trouble.is_block() => return Err(error),
                Trouble::Concealed | Trouble::Forbidden => return Err(error),
                _ if refused && part.len() == 1 => shortfall.refused.extend(part),
                _ if (refused && self.take(2)) || (is_too_much(&error.trouble) && part.len() > SMALLEST) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    if refused {
                        halved = true;
                    } else {
                        self.size.fetch_min(first.len().max(SMALLEST), Ordering::Relaxed);
                    }
                    open.push(second.to_vec());
                    open.push(first.to_vec());
                }
                _ => {
                    self.failed.fetch_add(u32::from(!refused), Ordering::Relaxed);
                    shortfall.unanswered.extend(part);
                    shortfall.failure.get_or_insert(error);
                }
            }
        }
        if halved && shortfall.refused.is_empty() && shortfall.unanswered.is_empty() {
            // No id was at fault, so the batch was too large for this site.
            self.size.fetch_min((whole / 2).max(1), Ordering::Relaxed);
        }
        Ok(Part { answered, shortfall })
    }

    async fn ask(&self, part: &[Place]) -> Result<Page, RequestError> {
        let ids: Vec<&str> = part.iter().map(|place| self.ids.id(*place)).collect();
        self.cloud.users_bulk(&ids, part.len() > SMALLEST).await
    }

    fn take(&self, requests: u32) -> bool {
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(requests)).is_ok()
    }
}

/// Half of it may succeed.
fn is_too_much(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Status(status) => *status >= 500 || *status == 413,
        Trouble::TimedOut(_) | Trouble::TooLarge { .. } => true,
        _ => false,
    }
}
