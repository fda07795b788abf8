//! Time as an argument: the system's clock, and one that tests and the simulated year set by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::Timestamp;

/// Where a component takes the time from. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is set.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.millis())))
    }

    /// The current time, in whole milliseconds.
    #[allow(clippy::disallowed_methods)] // the one place that reads the machine's clock
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_millis_clamped(chrono::Utc::now().timestamp_millis()),
            Self::Manual(millis) => Timestamp::from_millis_clamped(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock; the system's clock is left as it is.
    pub fn set(&self, to: Timestamp) {
        if let Self::Manual(millis) = self {
            millis.store(to.millis(), Ordering::SeqCst);
        }
    }
}
