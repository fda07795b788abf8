//! The upstream interfaces, answered from the mirror: as the simulated site answers them itself.

mod cloud;
mod extender;
mod files;
mod mirrored;
mod past;
mod refusals;
mod user_export;

use std::io::{Read, Write};
use std::net::TcpStream;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollbook::simulator::{Settings, UserExportApp};
use serde_json::Value;

use super::{Served, listening};
use crate::support::World;

/// An answer of either.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    /// The lines of its head, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Told {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.head, String::from_utf8_lossy(&self.body)))
    }

    /// The value of a line of the head.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| *known == name).map(|(_, value)| value).next()
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.head, String::from_utf8_lossy(&self.body));
        self
    }
}

/// Sends a request, and reads until the connection is closed.
#[track_caller]
pub fn sent(address: &str, request: &[u8]) -> Told {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Told { status, head, body }
}

#[track_caller]
fn asked(address: &str, method: &str, path: &str, body: Option<&str>) -> Told {
    // audit:audit or audit@example.com:audit, for the site; and nothing that a server without a token minds.
    let known = if path.starts_with("/wiki/") { "YXVkaXRAZXhhbXBsZS5jb206YXVkaXQ=" } else { "YXVkaXQ6YXVkaXQ=" };
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Basic {known}\r\n");
    if let Some(body) = body {
        request += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    request += "\r\n";
    request += body.unwrap_or_default();
    sent(address, request.as_bytes())
}

/// Asks the mirror.
#[track_caller]
pub fn mirror(service: &Served, path: &str, body: Option<&str>) -> Told {
    asked(&service.address, if body.is_some() { "POST" } else { "GET" }, path, body)
}

/// Asks the simulated site the same.
#[track_caller]
pub fn upstream(world: &World, path: &str, body: Option<&str>) -> Told {
    let base = world.site.base_url().strip_prefix("http://").unwrap().to_owned();
    let (address, context) = base.split_once('/').unwrap();
    // The path of the Cloud interface has the context path already.
    let context = if path.starts_with(&format!("/{context}/")) { String::new() } else { format!("/{context}") };
    asked(address, if body.is_some() { "POST" } else { "GET" }, &format!("{context}{path}"), body)
}

/// A part of a path.
pub fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// Sixty accounts at a site with both apps, served.
pub fn both_apps() -> World {
    let settings = Settings { users: 60, seed: 7, user_export: UserExportApp::WithLastLogin, ..Settings::default() };
    served(World::with(settings))
}

/// The same world with a server, in the site's own time zone.
pub fn served(world: World) -> World {
    listening(world.key("timezone", "\"Europe/Berlin\"").unguarded(), "")
}

/// A daemon that has walked the site, unless that was done before.
#[track_caller]
pub fn walked(world: &World) -> Served {
    let is_new = !world.file().exists();
    let service = Served::start(world);
    if is_new {
        service.until_walked();
    }
    service
}

/// Names of everything that can stand in a name.
pub const ODD: &[&str] = &[
    "a b",
    "a#b",
    "a?b",
    "a@b.example",
    "a+b",
    "a%b",
    "100%25",
    "a&b=c",
    "a;b",
    "é漢字 🦀",
    "%2e",
    "%2F",
    "...",
    "a\"b",
    "{a}",
    "a:b",
];
