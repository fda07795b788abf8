//! Clients that do nothing, and a database that is being written: neither keeps anybody waiting.

use std::io::Write;

use super::{Page, Served, listening};
use crate::support::World;

#[test]
fn two_hundred_who_say_nothing_stop_neither_answers_nor_walks() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_walked();
    let silent: Vec<_> = (0..200)
        .map(|n| {
            let mut stream = service.connect();
            // Some have begun.
            if n % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: local").unwrap();
            }
            stream
        })
        .collect();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    world.site.advance_day();
    world.sync().exits(0);
    Page::until(&service, "rollbook_walks_total{site=\"corp\",status=\"applied\"}", 2.0);
    drop(silent);
    service.stop().exits(0);
}

#[test]
fn everything_is_answered_while_somebody_writes() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_status("/readyz", 200);
    // As a walk in the middle of its transaction, in another process.
    let lock = std::fs::File::options().write(true).open(world.path("rollbook.db.write.lock")).unwrap();
    lock.lock().unwrap();
    let mut writer = world.writable();
    writer.rows("BEGIN IMMEDIATE");
    writer.rows("UPDATE sites SET base_url = 'https://elsewhere.example.com'");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    assert_eq!(Page::of(&service).value("rollbook_database_readable"), 1.0);
    writer.rows("ROLLBACK");
    drop(lock);
    service.stop().exits(0);
}

#[test]
fn many_who_ask_at_once_are_all_answered() {
    let world = listening(World::small(), "");
    let service = Served::start(&world);
    service.until_status("/readyz", 200);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..40).map(|_| scope.spawn(|| service.get("/metrics"))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body.contains("rollbook_database_readable 1")));
}
