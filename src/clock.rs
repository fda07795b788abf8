//! Time as an argument: the system's clock, one that tests and the simulated year set by hand, and one that runs fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use crate::model::Timestamp;

/// Where a component takes the time from. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is set.
    Manual(Arc<AtomicI64>),
    /// A clock that runs faster than the machine's, from a moment on.
    Fast {
        /// What it showed when it was started.
        from: Timestamp,
        /// When that was.
        since: Instant,
        /// How many times as fast.
        times: u32,
    },
}

impl Clock {
    /// A clock that stands at `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.millis())))
    }

    /// A clock that shows `from` now, and from now on runs so many times as fast as the machine's.
    pub fn fast(from: Timestamp, times: u32) -> Self {
        Self::Fast { from, since: Instant::now(), times }
    }

    /// The current time, in whole milliseconds.
    #[allow(clippy::disallowed_methods)] // the one place that reads the machine's clock
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_millis_clamped(chrono::Utc::now().timestamp_millis()),
            Self::Manual(millis) => Timestamp::from_millis_clamped(millis.load(Ordering::SeqCst)),
            Self::Fast { from, since, times } => {
                let passed = since.elapsed().saturating_mul(*times).as_millis();
                from.plus_millis(i64::try_from(passed).unwrap_or(i64::MAX))
            }
        }
    }

    /// Moves a manual clock; every other is left as it is.
    pub fn set(&self, to: Timestamp) {
        if let Self::Manual(millis) = self {
            millis.store(to.millis(), Ordering::SeqCst);
        }
    }
}
