//! A daemon with its web server, and a client that sends exactly what a test wants.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{Ran, World};

/// More time than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The configuration of a world whose daemon listens on a port of the system's choice, and walks once at its start.
pub fn listening(world: World, http: &str) -> World {
    let world = world.key("schedule", "\"0 0 0 1 1 *\"").key("jitter", "\"0s\"");
    configure(&world, http, "");
    world
}

/// Writes the configuration anew, with these lines of `[http]`, and these tables.
pub fn configure(world: &World, http: &str, tables: &str) {
    let http = format!("[http]\nlisten = \"127.0.0.1:0\"\n{http}\n");
    world.configure(&format!("{}\n{http}\n{tables}", world.site_table("corp")));
}

/// `rollbook daemon`, killed when dropped.
pub struct Served {
    child: Child,
    said: Arc<Mutex<String>>,
    /// Where it listens.
    pub address: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The lines of its head, in lower case.
    pub head: String,
    pub body: String,
}

impl Served {
    /// Starts it, and waits until it listens.
    #[track_caller]
    pub fn start(world: &World) -> Self {
        Self::of(world, &["daemon"])
    }

    /// Starts this command, and waits until it listens.
    #[track_caller]
    pub fn of(world: &World, command: &[&str]) -> Self {
        let mut service = Self::spawned(world, command);
        let said = service.until_said("listening on http://");
        let address = said.split("listening on http://").nth(1).unwrap();
        service.address = address.split_whitespace().next().unwrap().to_owned();
        service
    }

    /// Starts it, and waits for nothing.
    pub fn spawn(world: &World) -> Self {
        Self::spawned(world, &["daemon"])
    }

    fn spawned(world: &World, command: &[&str]) -> Self {
        let mut child = world.command(command).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, stderr) = (said.clone(), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                writeln!(heard.lock().unwrap(), "{line}").unwrap();
            }
        });
        Self { child, said, address: String::new() }
    }

    /// Everything it said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this, and gives all that it said.
    #[track_caller]
    pub fn until_said(&self, words: &str) -> String {
        until(|| Some(self.said()).filter(|said| said.contains(words)).ok_or_else(|| self.said()))
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a signal to a child that was not waited for: its pid is nobody else's.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Reads the configuration anew, and waits until it has.
    #[track_caller]
    pub fn reload(&self) {
        let before = self.said().len();
        self.signal(libc::SIGHUP);
        let is_read = |said: String| said[before..].contains("the configuration was ").then_some(());
        until(|| is_read(self.said()).ok_or_else(|| self.said()));
    }

    /// Stops it with SIGTERM.
    #[track_caller]
    pub fn stop(self) -> Ran {
        self.signal(libc::SIGTERM);
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Ran {
        let status = until(|| self.child.try_wait().unwrap().ok_or("it does not end"));
        Ran { exit: status.code().unwrap_or(-1), stdout: String::new(), stderr: self.said() }
    }

    /// Opens a connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes, and reads until the connection is closed.
    #[track_caller]
    pub fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Asks with this method and these further lines of the head.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, lines: &str) -> Answer {
        let host =
            if lines.to_lowercase().contains("host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        self.send(&format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{lines}\r\n"))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Waits until the walk at its start has ended, however, and another process may walk.
    #[track_caller]
    pub fn until_walked(&self) {
        let ended = "rollbook_job_last_duration_seconds{name=\"walk:corp\"}";
        until(|| self.get("/metrics").body.contains(ended).then_some(()).ok_or_else(|| self.said()));
    }

    /// Waits until an address answers this status.
    #[track_caller]
    pub fn until_status(&self, path: &str, status: u16) -> Answer {
        until(|| {
            let answer = self.get(path);
            if answer.status == status { Ok(answer) } else { Err(format!("{path}: {answer:?}, not {status}")) }
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries until it is there; panics with why it is not after more time than anything here takes.
#[track_caller]
pub fn until<T, E: std::fmt::Display>(mut look: impl FnMut() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(why) => assert!(begun.elapsed() < PATIENCE, "{why}"),
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}
