//! A running daemon.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Ran, World};

/// More time than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// `rollbook daemon`, killed when dropped.
pub struct Service {
    child: Child,
    said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts it in the folder of the world, and waits until it runs.
    #[track_caller]
    pub fn start(world: &World) -> Self {
        let service = Self::spawn(&mut world.command(&["daemon"]));
        service.until_said(" runs");
        service
    }

    /// Starts it, and waits for nothing.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, stderr) = (said.clone(), BufReader::new(child.stderr.take().unwrap()));
        let listener = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut heard = heard.lock().unwrap();
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        Self { child, said, listener: Some(listener) }
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Everything it said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this so often.
    #[track_caller]
    pub fn until_said_times(&self, words: &str, times: usize) {
        let begun = Instant::now();
        while self.said().matches(words).count() < times {
            assert!(begun.elapsed() < PATIENCE, "it does not say '{words}' {times} times:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub fn until_said(&self, words: &str) {
        self.until_said_times(words, 1);
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a signal to a child that was not waited for: its pid is nobody else's.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Waits for its end; the exit code is -1 when a signal ended it.
    #[track_caller]
    pub fn wait(mut self) -> Ran {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        };
        self.listener.take().unwrap().join().unwrap();
        Ran { exit: status.code().unwrap_or(-1), stdout: String::new(), stderr: self.said() }
    }

    /// Stops it with SIGTERM, in order: after ten seconds it would end itself, with another exit code.
    #[track_caller]
    pub fn stop(self) -> Ran {
        self.signal(libc::SIGTERM);
        self.wait().exits(0)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
