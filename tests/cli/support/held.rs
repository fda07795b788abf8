//! A process that stands still in the middle of its work.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rollbook::simulator::{Fault, FaultKind, Target};

use super::World;

/// A walk that stands still in the middle of the site.
pub struct Held(Child);

impl Held {
    /// Starts a walk; answers once it has come to the request `from`.
    pub fn start(world: &World, from: Target) -> Self {
        let (reached, told) = mpsc::channel();
        let fault = FaultKind::between(move |_| reached.send(()).unwrap_or_default());
        world.site.add_fault(Fault::once(from.clone(), fault));
        // Later than any test takes: the walk ends because it is stopped.
        world.site.add_fault(Fault::once(from, FaultKind::SlowMs(60_000)));
        let child = world.command(&["sync"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        told.recv_timeout(Duration::from_secs(30)).expect("the walk gets there");
        world.site.clear_faults();
        Self(child)
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end: exit code, if any, and stderr.
    pub fn end(self) -> (Option<i32>, String) {
        let output = self.0.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}
