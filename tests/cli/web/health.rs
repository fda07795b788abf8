//! Alive, fresh, and to whom that is told.

use std::io::{Read, Write};

use rollbook::simulator::Endpoint;

use super::served::{PATIENCE, configure, until};
use super::{Page, Served, listening};
use crate::support::{World, always};

#[test]
fn ready_once_every_site_is_fresh_and_no_longer_than_that() {
    let world = listening(World::small(), "");
    world.site.add_fault(always(Endpoint::UserList, 500));
    let service = Served::start(&world);
    service.until_walked();
    let answer = service.get("/readyz");
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready: of 1 sites 0 are fresh\n"));
    let answer = service.get("/healthz");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"), "the loop turns");
    world.site.clear_faults();
    world.sync().exits(0);
    let answer = service.until_status("/readyz", 200);
    assert_eq!(answer.body, "ready\n");
    // Stale, without anything having happened to the mirror.
    let limited = |limit: &str| world.site_table("corp").replace("jitter", &format!("freshness = \"{limit}\"\njitter"));
    let http = "[http]\nlisten = \"127.0.0.1:0\"\n";
    world.configure(&format!("{}{http}", limited("1s")));
    service.reload();
    service.until_status("/readyz", 503);
    world.run(&["status"]).exits(5);
    assert_eq!(Page::of(&service).value("rollbook_site_fresh{site=\"corp\"}"), 0.0);
    world.configure(&format!("{}{http}", limited("1h")));
    service.reload();
    service.until_status("/readyz", 200);
    // A site more, which was never walked.
    world.configure(&format!("{}{http}{}", limited("1h"), world.site_table("new").replace("schedule", "#schedule")));
    service.reload();
    assert_eq!(service.until_status("/readyz", 503).body, "not ready: of 2 sites 1 are fresh\n");
    service.stop().exits(0);
}

#[test]
fn a_foreign_host_is_refused_whatever_is_asked() {
    let world = listening(World::small(), "hosts = \"rollbook.example.com\"");
    let service = Served::start(&world);
    for path in ["/healthz", "/metrics", "/nothing"] {
        for host in ["evil.example", "localhost.evil.example", "192.168.1.1:8642", "", "a b"] {
            let answer = service.ask("GET", path, &format!("Host: {host}\r\n"));
            assert!(matches!(answer.status, 400 | 403), "{path} of '{host}': {answer:?}");
            assert!(!answer.body.contains("rollbook_"), "{answer:?}");
        }
    }
    assert_eq!(service.ask("GET", "/healthz", "Host: evil.example\r\n").status, 403);
    for host in ["localhost", "localhost:1", "127.0.0.1", "[::1]:80", "ROLLBOOK.example.com"] {
        assert_eq!(service.ask("GET", "/healthz", &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    let named =
        format!("GET http://evil.example/healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", service.address);
    assert_eq!(service.send(&named).status, 403);
    assert_eq!(service.send("GET /healthz HTTP/1.0\r\n\r\n").status, 403, "no Host at all");
}

#[test]
fn the_token_is_asked_for_where_there_is_something_to_tell() {
    let world = listening(World::small(), "token = \"s3cret\"");
    let service = Served::start(&world);
    service.until_status("/healthz", 200);
    service.until_status("/readyz", 200);
    for path in ["/metrics", "/", "/nothing"] {
        let answer = service.get(path);
        assert_eq!(answer.status, 401, "{path}");
        let ways: Vec<&str> = answer.head.lines().filter(|line| line.starts_with("www-authenticate:")).collect();
        assert!(ways.len() == 2 && ways[0].contains("bearer") && ways[1].contains("basic"), "{answer:?}");
    }
    for (header, status) in [
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
        ("Basic cHJvbWV0aGV1czpzM2NyZXQ=", 200), // prometheus:s3cret
        ("Bearer s3cre", 401),
        ("Bearer ", 401),
        ("Basic cHJvbWV0aGV1czpzM2NyZQ==", 401),
        ("Basic %%%", 401),
    ] {
        let answer = service.ask("GET", "/metrics", &format!("Authorization: {header}\r\n"));
        assert_eq!(answer.status, status, "{header}");
    }
    // A new one, without a restart.
    configure(&world, "token = \"an0ther\"", "");
    service.reload();
    assert_eq!(service.ask("GET", "/metrics", "Authorization: Bearer s3cret\r\n").status, 401);
    assert_eq!(service.ask("GET", "/metrics", "Authorization: Bearer an0ther\r\n").status, 200);
    let said = service.stop().exits(0).stderr;
    assert!(!said.contains("s3cret") && !said.contains("an0ther"), "{said}");
}

#[test]
fn other_methods_and_addresses() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = service.ask(method, path, "Content-Length: 0\r\n");
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.head.contains("\r\nallow: get,head"), "{answer:?}");
        }
    }
    for (path, length) in [("/healthz", "3"), ("/metrics", "")] {
        let answer = service.ask("HEAD", path, "");
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        assert!(answer.head.contains(&format!("\r\ncontent-length: {length}")), "{answer:?}");
    }
    for path in ["/nothing", "/metrics/", "/../etc/passwd", "/%2e%2e/x", "//metrics"] {
        assert_eq!(service.get(path).status, 404, "{path}");
    }
    let answer = service.get("/metrics?x=%00");
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{answer:?}");
    assert!(answer.head.contains("cache-control: no-store") && answer.head.contains("nosniff"), "{answer:?}");
    // What is no HTTP, or far too much of it.
    assert_eq!(service.send("nonsense\r\n\r\n").status, 400);
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let mut stream = service.connect();
    let _ = stream.write_all(long.as_bytes()); // it may be closed in the middle
    let mut refused = Vec::new();
    let _ = stream.read_to_end(&mut refused);
    assert!(refused.is_empty() || refused.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&refused));
    service.until_status("/healthz", 200);
}

#[test]
fn no_server_where_none_is_wanted() {
    let world = listening(World::small(), "");
    world.configure(&format!("{}\n[http]\nlisten = \"\"\n", world.site_table("corp")));
    let service = Served::spawn(&world);
    let said = service.until_said("applied");
    assert!(!said.contains("listening"), "{said}");
    service.stop().exits(0);
}

#[test]
fn an_address_that_is_taken_is_told_with_what_to_do() {
    let world = listening(World::small(), "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    world.configure(&format!("{}\n[http]\nlisten = \"{address}\"\n", world.site_table("corp")));
    let ran = Served::spawn(&world).wait().exits(1);
    ran.says(&[&format!("http.listen = \"{address}\""), "another program listens there", "set another port", "\"\""]);
    assert_eq!(world.one("SELECT count(*) FROM walks"), "0", "nothing was begun");
    world.configure(&format!("{}\n[http]\nlisten = \"203.0.113.9:8642\"\ntoken = \"x\"\n", world.site_table("corp")));
    Served::spawn(&world).wait().exits(1).says(&["http.listen", "no address of this machine"]);
}

#[test]
fn a_loop_that_hangs_is_told_and_what_it_hangs_in_hangs_nobody_else() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_status("/readyz", 200);
    // A configuration that never ends: reading it anew hangs.
    let (file, kept) = (world.path("rollbook.toml"), world.path("kept.toml"));
    std::fs::rename(&file, &kept).unwrap();
    let name = std::ffi::CString::new(file.to_str().unwrap()).unwrap();
    // SAFETY: a name that ends in NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    service.signal(libc::SIGHUP);
    let answer = service.until_status("/healthz", 503);
    assert!(answer.body.starts_with("the loop has not turned for "), "{answer:?}");
    let page = Page::of(&service);
    assert!(page.value("rollbook_loop_age_seconds") > 30.0);
    assert_eq!(page.value("rollbook_database_readable"), 1.0);
    service.until_status("/readyz", 200);
    // It goes on, with what it had: what it read is none.
    let fifo = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    drop(fifo);
    std::fs::remove_file(&file).unwrap();
    std::fs::rename(&kept, &file).unwrap();
    service.until_status("/healthz", 200);
    assert_eq!(Page::of(&service).value("rollbook_config_last_reload_successful"), 0.0);
    service.reload();
    let page = Page::of(&service);
    assert_eq!(page.value("rollbook_config_last_reload_successful"), 1.0);
    assert!(page.value("rollbook_config_loaded_timestamp_seconds") > page.value("process_start_time_seconds"));
}

#[test]
fn a_database_that_cannot_be_read() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_status("/readyz", 200);
    let (file, away) = (world.file(), world.path("away.db"));
    std::fs::rename(&file, &away).unwrap();
    let answer = service.until_status("/readyz", 503);
    assert_eq!(answer.body, "not ready: the database cannot be read\n");
    let page = Page::of(&service);
    assert_eq!(page.value("rollbook_database_readable"), 0.0);
    assert!(page.value("rollbook_loop_age_seconds") < PATIENCE.as_secs_f64());
    assert_eq!(page.get("rollbook_site_fresh{site=\"corp\"}"), None);
    service.until_status("/healthz", 200);
    std::fs::rename(&away, &file).unwrap();
    service.until_status("/readyz", 200);
    until(|| match Page::of(&service).get("rollbook_site_fresh{site=\"corp\"}") {
        Some(1.0) => Ok(()),
        found => Err(format!("{found:?}")),
    });
}
