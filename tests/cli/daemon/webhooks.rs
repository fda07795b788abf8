//! Webhooks: a real receiver, its signatures checked by another implementation, its failures journaled.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rollbook::simulator::{Endpoint, Settings, UserExportApp};
use serde_json::Value;

use super::{scheduled, until, until_rows};
use crate::support::{Scripted, Service, World, always};

/// What a webhook got: event, signature, body.
type Got = Arc<Mutex<Vec<(String, String, String)>>>;

/// A receiver that refuses the first `refuses` requests.
fn receiver(refuses: usize) -> (Scripted, Got) {
    let got: Got = Arc::default();
    let (kept, left) = (got.clone(), Mutex::new(refuses));
    let server = Scripted::start(move |head, stream: &mut TcpStream| {
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let mut body = vec![0; header("content-length").parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let mut left = left.lock().unwrap();
        let status = if *left > 0 { "500 Oops" } else { "204 No Content" };
        *left = left.saturating_sub(1);
        kept.lock().unwrap().push((
            header("rollbook-event"),
            header("rollbook-signature"),
            String::from_utf8(body).unwrap(),
        ));
        let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    (server, got)
}

fn hook(server: &Scripted) -> String {
    format!("[[webhooks]]\nurl = \"{}/hook/s3cret-path\"\nsecret = \"s3cret-key\"\n", server.url)
}

/// The signature as openssl makes it.
fn signed(time: &str, body: &str) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", "s3cret-key"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(format!("{time}.{body}").as_bytes()).unwrap();
    let output = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    output.trim().rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn what_needs_a_person_is_told_once_and_signed() {
    let (server, got) = receiver(0);
    let (world, keys) = World::exactly(100, UserExportApp::Missing);
    world.change(|site| site.join(&keys[0], "confluence-administrators"));
    let world = scheduled(world.key("seats", "100"), "* * * * * *", &hook(&server));
    let service = Service::start(&world);
    until_rows(&world, "walks WHERE status = 'applied'", 1);
    // An administrator more, a user too many.
    world.change(|site| {
        site.join(&keys[1], "confluence-administrators");
        let key = site.add("one.too.many");
        site.join(&key, "confluence-users");
    });
    until_rows(&world, "notifications WHERE event IN ('admins.changed', 'seats.exceeded') AND delivered_at > 0", 2);
    // Forty leave at once: held, and held again.
    world.change(|site| keys[60..].iter().for_each(|key| site.leave_all(key)));
    until_rows(&world, "walks WHERE status = 'superseded'", 2);
    // Nobody answers: failed, and failed again.
    world.site.add_fault(always(Endpoint::UserList, 503));
    until_rows(&world, "walks WHERE status = 'failed'", 2);
    until_rows(&world, "notifications WHERE event = 'walk.failed' AND delivered_at > 0", 1);
    service.stop();
    // A new process tells nothing again.
    let service = Service::start(&world);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let said = service.stop().stderr;
    assert!(!said.contains("s3cret"), "{said}");

    let got = got.lock().unwrap().clone();
    let mut events: Vec<&str> = got.iter().map(|(event, ..)| event.as_str()).collect();
    events.sort_unstable();
    assert_eq!(events, ["admins.changed", "seats.exceeded", "walk.failed", "walk.held"]);
    for (event, signature, body) in &got {
        let document: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&document["event"], &document["site"]), (&Value::from(event.as_str()), &Value::from("corp")));
        assert!(document["text"].as_str().unwrap().contains("corp"));
        let (time, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        assert_eq!(hex, signed(time, body), "{event}");
        // Nobody's name, key or address.
        let who = world.change(|site| site.users.values().map(|user| user.name.clone()).collect::<Vec<_>>());
        assert!(!who.iter().any(|name| name.len() > 4 && body.contains(name.as_str())), "{body}");
    }
    let of =
        |event: &str| -> Value { serde_json::from_str(&got.iter().find(|(of, ..)| of == event).unwrap().2).unwrap() };
    assert_eq!(of("admins.changed")["groups"][0]["joined"], 1);
    assert_eq!(
        (&of("seats.exceeded")["taken"], &of("seats.exceeded")["seats"]),
        (&Value::from(101), &Value::from(100))
    );
    let journal = world.rows("SELECT target, body FROM notifications");
    assert!(journal.iter().all(|row| !row.contains("s3cret")), "{journal:?}");
}

#[test]
fn a_receiver_that_fails_is_tried_again() {
    let (server, got) = receiver(1);
    let world = scheduled(World::small(), "@every 1s", &hook(&server));
    world.site.add_fault(always(Endpoint::UserList, 503));
    let service = Service::start(&world);
    until_rows(&world, "notifications WHERE attempts = 1 AND delivered_at IS NULL AND next_at > at", 1);
    // It is due after half a minute; not to wait for that:
    world.writable().rows("UPDATE notifications SET next_at = at");
    until(&world, "SELECT attempts, answer, delivered_at > at FROM notifications", &["2|HTTP 204|1"]);
    let said = service.stop().stderr;
    assert!(said.contains("webhook not told (HTTP 500)") && !said.contains("s3cret"), "{said}");
    assert_eq!(got.lock().unwrap().len(), 2);
}

#[test]
fn a_stale_site_is_told_once_and_only_to_whom_it_concerns() {
    let (server, got) = receiver(0);
    let further = format!("{}events = \"site.stale\"\n", hook(&server));
    let world = World::with(Settings { users: 20, seed: 7, ..Settings::default() }).key("freshness", "\"1s\"");
    world.sync().exits(0);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let world = scheduled(world, super::NEVER, &further);
    world.site.add_fault(always(Endpoint::UserList, 503));
    let service = Service::start(&world);
    until_rows(&world, "notifications WHERE delivered_at > 0", 1);
    service.stop();
    let service = Service::start(&world);
    std::thread::sleep(std::time::Duration::from_millis(1_000));
    service.stop();
    let got = got.lock().unwrap().clone();
    assert_eq!(got.iter().map(|(event, ..)| event.as_str()).collect::<Vec<_>>(), ["site.stale"]);
    assert_eq!(world.one("SELECT event, walk_id FROM notifications"), "site.stale|1");
}
