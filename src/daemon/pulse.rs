//! What others can see of the running service.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::agenda::Standing;
use crate::config::Config;
use crate::model::Timestamp;

/// How the service stands, for whoever looks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Mutex<Beat>>);

/// How the service stands.
#[derive(Clone, Debug)]
pub struct Beat {
    /// When the process began.
    pub began_at: Timestamp,
    /// When the loop last turned, by the clock.
    pub turned_at: Timestamp,
    /// The same, by a clock that nobody sets.
    turned: Instant,
    /// How each job stands, in the order of the configuration.
    pub jobs: Vec<Standing>,
    /// The configuration that is in force.
    pub config: Arc<Config>,
    /// When it was read.
    pub loaded_at: Timestamp,
    /// Whether one that was read later was refused, when, and why.
    pub refused: Option<(Timestamp, String)>,
}

impl Beat {
    /// How long ago the loop last turned.
    pub fn age(&self) -> Duration {
        self.turned.elapsed()
    }
}

impl Pulse {
    /// Of a process that begins now.
    pub fn new(config: Arc<Config>, now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Beat {
            began_at: now,
            turned_at: now,
            turned: Instant::now(),
            jobs: Vec::new(),
            config,
            loaded_at: now,
            refused: None,
        })))
    }

    /// As it is now.
    pub fn beat(&self) -> Beat {
        self.0.lock().expect("no panic while held").clone()
    }

    /// The loop has turned.
    pub fn turned(&self, now: Timestamp, jobs: Vec<Standing>) {
        let mut beat = self.0.lock().expect("no panic while held");
        (beat.turned_at, beat.turned, beat.jobs) = (now, Instant::now(), jobs);
    }

    /// The configuration was read again.
    pub fn reloaded(&self, now: Timestamp, read: Result<Arc<Config>, String>) {
        let mut beat = self.0.lock().expect("no panic while held");
        match read {
            Ok(config) => (beat.config, beat.loaded_at, beat.refused) = (config, now, None),
            Err(why) => beat.refused = Some((now, why)),
        }
    }
}
