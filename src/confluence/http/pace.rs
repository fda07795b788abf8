//! How fast and how many at one time: a mean rate, pauses of the whole client, and a limit that gives way.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// So many answers in order raise the limit by one.
const ANSWERS_A_STEP: usize = 16;
/// What was not spent of the rate may be spent at once, up to so much.
const BURST: Duration = Duration::from_secs(1);

/// Spaces requests out to a mean rate, and holds all of them back when the site asks for it.
pub(super) struct Pace {
    interval: Duration,
    state: Mutex<Next>,
}

#[derive(Default)]
struct Next {
    /// The next free slot; runs ahead of the clock by what was spent.
    slot: Option<Instant>,
    /// Nobody sends before.
    held: Option<Instant>,
}

impl Pace {
    /// So many requests a second; 0 is unlimited.
    pub(super) fn new(per_second: f64) -> Self {
        let interval = if per_second > 0.0 { Duration::from_secs_f64(1.0 / per_second) } else { Duration::ZERO };
        Self { interval, state: Mutex::default() }
    }

    /// Holds every request back for `pause`, those that wait already included.
    pub(super) fn hold(&self, pause: Duration) {
        let mut next = self.state.lock().expect("no panic while held");
        next.held = next.held.max(Some(Instant::now() + pause));
    }

    /// Takes a slot: the time before which it may not be used; `None` is at once.
    pub(super) fn slot(&self) -> Option<Instant> {
        let mut next = self.state.lock().expect("no panic while held");
        if self.interval.is_zero() {
            return None;
        }
        let slot = next.slot.max(Some(Instant::now()))?;
        next.slot = Some(slot + self.interval);
        slot.checked_sub(BURST)
    }

    /// The time before which nobody sends.
    pub(super) fn held(&self) -> Option<Instant> {
        self.state.lock().expect("no panic while held").held.filter(|held| *held > Instant::now())
    }
}

/// How many requests may be in flight: as configured; fewer while the site shows that it is too many.
pub(super) struct Gate {
    permits: Semaphore,
    most: usize,
    state: Mutex<Flow>,
}

struct Flow {
    limit: usize,
    /// Permits still held that are not to come back.
    owed: usize,
    answers: usize,
    /// Counts the halvings.
    round: u64,
}

/// Leave for one request to be in flight, until it is dropped.
pub(super) struct Leave<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
    round: u64,
}

impl Gate {
    pub(super) fn new(most: usize) -> Self {
        let state = Mutex::new(Flow { limit: most, owed: 0, answers: 0, round: 0 });
        Self { permits: Semaphore::new(most), most, state }
    }

    /// Waits for leave.
    pub(super) async fn enter(&self) -> Leave<'_> {
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let round = self.state.lock().expect("no panic while held").round;
        Leave { gate: self, permit: Some(permit), round }
    }

    /// How many may be in flight now.
    #[cfg(test)]
    pub(super) fn limit(&self) -> usize {
        self.state.lock().unwrap().limit
    }
}

impl Leave<'_> {
    /// The site answered as it should.
    pub(super) fn answered(&self) {
        let mut flow = self.gate.state.lock().expect("no panic while held");
        // What was sent before the last halving says nothing about the time since.
        if flow.round != self.round || flow.limit == self.gate.most {
            return;
        }
        flow.answers += 1;
        if flow.answers >= ANSWERS_A_STEP {
            flow.answers = 0;
            flow.limit += 1;
            if flow.owed > 0 {
                flow.owed -= 1;
            } else {
                self.gate.permits.add_permits(1);
            }
        }
    }

    /// It was too much for the site. What is in flight together halves the limit once.
    pub(super) fn too_much(&self) {
        let mut flow = self.gate.state.lock().expect("no panic while held");
        if flow.round != self.round {
            return;
        }
        flow.round += 1;
        flow.answers = 0;
        let limit = (flow.limit / 2).max(1);
        let fewer = flow.limit - limit;
        flow.limit = limit;
        flow.owed += fewer - self.gate.permits.forget_permits(fewer);
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut flow = self.gate.state.lock().expect("no panic while held");
        if flow.owed > 0
            && let Some(permit) = self.permit.take()
        {
            flow.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn now(gate: &Gate) -> Option<Leave<'_>> {
        gate.enter().now_or_never()
    }

    #[test]
    fn the_limit_halves_once_a_round_and_recovers_by_one() {
        let gate = Gate::new(8);
        let first: Vec<_> = (0..8).map(|_| now(&gate).unwrap()).collect();
        first.iter().for_each(Leave::too_much);
        assert_eq!(gate.limit(), 4, "eight that were in flight together count once");
        assert!(now(&gate).is_none());
        // Answers to what was sent before prove nothing.
        (0..100).for_each(|_| first[0].answered());
        assert_eq!(gate.limit(), 4);
        drop(first);
        let second: Vec<_> = (0..4).map(|_| now(&gate).unwrap()).collect();
        assert!(now(&gate).is_none(), "four and no more");
        (0..ANSWERS_A_STEP).for_each(|_| second[0].answered());
        assert_eq!(gate.limit(), 5);
        let fifth = now(&gate).unwrap();
        assert!(now(&gate).is_none());
        drop((second, fifth));
        for expected in [2, 1, 1] {
            now(&gate).unwrap().too_much();
            assert_eq!(gate.limit(), expected);
        }
        (0..1000).for_each(|_| now(&gate).unwrap().answered());
        assert_eq!(gate.limit(), 8, "never more than configured");
        let all: Vec<_> = (0..8).map(|_| now(&gate).unwrap()).collect();
        assert!(now(&gate).is_none());
        drop(all);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_with_a_burst_of_a_second() {
        let pace = Pace::new(10.0);
        let start = Instant::now();
        let slots: Vec<_> =
            (0..30).map(|_| pace.slot().map_or(Duration::ZERO, |slot| slot - start.min(slot))).collect();
        assert!(slots[..=10].iter().all(Duration::is_zero), "{slots:?}");
        assert_eq!(slots[29].as_millis(), 1900);
        assert_eq!(Pace::new(0.0).slot(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_hold_counts() {
        let pace = Pace::new(0.0);
        assert_eq!(pace.held(), None);
        let start = Instant::now();
        pace.hold(Duration::from_secs(9));
        pace.hold(Duration::from_secs(2));
        assert_eq!(pace.held(), Some(start + Duration::from_secs(9)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(pace.held(), None);
    }
}
