//! A process that stands still in the middle of its work.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rollbook::simulator::{Fault, FaultKind, Target};

use super::{Ran, World, rollbook};

/// A walk that stands still in the middle of the site.
pub struct Held(Child);

impl Held {
    /// Starts a walk; answers once it has come to the request `from`.
    pub fn start(world: &World, from: Target) -> Self {
        Self::start_by(world, from, "exec \"$0\" sync")
    }

    /// The same by a line of a shell, in which `$0` is the program.
    pub fn start_by(world: &World, from: Target, line: &str) -> Self {
        let (reached, told) = mpsc::channel();
        let fault = FaultKind::between(move |_| reached.send(()).unwrap_or_default());
        world.site.add_fault(Fault::once(from.clone(), fault));
        // Later than any test takes: the walk ends because it is stopped.
        world.site.add_fault(Fault::once(from, FaultKind::SlowMs(60_000)));
        let program = rollbook(world.folder.path()).get_program().to_owned();
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).arg(program).current_dir(world.folder.path());
        let child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        told.recv_timeout(Duration::from_secs(30)).expect("the walk gets there");
        world.site.clear_faults();
        Self(child)
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end, with all it said.
    pub fn ran(self) -> Ran {
        Ran::of_child(self.0)
    }

    /// Waits for its end: exit code, if any, and stderr.
    pub fn end(self) -> (Option<i32>, String) {
        let output = self.0.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}
