//! How a walk behaves towards a site that is slow, busy, or refuses it in the middle.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rollbook::simulator::{Endpoint, Fault, Target};
use serde_json::{Value, json};

use crate::support::{Scripted, World, always, with_headers};

/// The value of a query parameter.
fn parameter(head: &str, name: &str) -> usize {
    let query = head.split(' ').nth(1).unwrap().split_once('?').unwrap().1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap().parse().unwrap()
}

/// Waits until the client closes the connection; `false` when that takes longer than the server has patience.
fn closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

fn rows(head: &str, all: &[Value], list: &str) -> String {
    let start = parameter(head, "startAt").min(all.len());
    let end = (start + parameter(head, "maxResults")).min(all.len());
    json!({ "total": all.len(), "startAt": start, list: all[start..end], "status": "success" }).to_string()
}

#[test]
fn pages_that_come_late_are_asked_for_with_fewer_rows() {
    let users: Vec<Value> = (0..300).map(|n| json!({ "key": format!("k{n}"), "name": format!("u{n:03}") })).collect();
    let (late, small) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted_late, counted_small) = (late.clone(), small.clone());
    let server = Scripted::start(move |head, stream| {
        if head.contains("getGroups") {
            Scripted::json(stream, r#"{"total":0,"groups":[]}"#);
        } else if parameter(head, "maxResults") > 100 {
            counted_late.fetch_add(1, Ordering::SeqCst);
            closed(stream);
        } else {
            counted_small.fetch_add(1, Ordering::SeqCst);
            Scripted::json(stream, &rows(head, &users, "users"));
        }
    });
    let world = World::small().at(&server.url).key("user_export", "\"off\"").limit("page_size", 400);
    let world = world.limit("request_timeout", "\"2s\"").limit("retries", 5).limit("concurrency", 1);
    world.sync().exits(0);
    assert_eq!(world.one("SELECT count(*) FROM users"), "300");
    assert_eq!(late.load(Ordering::SeqCst), 2, "400 and 200 rows, once each");
    assert!(small.load(Ordering::SeqCst) >= 4);
}

#[test]
fn after_a_401_nothing_is_sent_and_no_answer_waited_for() {
    let [hanging, left, stayed] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let counted = [hanging.clone(), left.clone(), stayed.clone()];
    let server = Scripted::start(move |head, stream| {
        if head.contains("getGroups") {
            let groups: Vec<Value> = (0..10).map(|n| json!(format!("g{n}"))).collect();
            Scripted::json(stream, &rows(head, &groups, "groups"));
        } else if head.contains("group/getUsers/g0?") {
            let [hanging, left, stayed] = &counted;
            hanging.fetch_add(1, Ordering::SeqCst);
            let end = if closed(stream) { left } else { stayed };
            end.fetch_add(1, Ordering::SeqCst);
        } else if head.contains("group/getUsers/") {
            let _ = stream.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        } else {
            Scripted::json(stream, &rows(head, &[json!({ "key": "k", "name": "u" })], "users"));
        }
    });
    let world = World::small().at(&server.url).limit("concurrency", 2).limit("retries", 5);
    world.sync().exits(77).says(&["401"]);
    assert_eq!(world.last_walk().0, "failed");
    // The user list, the list of groups, and two groups of ten.
    assert!(server.requests() <= 4, "{}", server.requests());
    // The server sees the end of the connection a moment after the program's.
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    while count(&left) + count(&stayed) < count(&hanging) {
        std::thread::yield_now();
    }
    assert_eq!(count(&stayed), 0, "the program waited for an answer after the 401");
}

#[test]
fn a_walk_ends_at_its_deadline_with_what_it_has() {
    let busy = with_headers(429, &[("Retry-After", "200")]);
    let world = World::small().limit("walk_deadline", "\"100s\"").limit("retries", 3);
    let world = world.fault(Fault::always(Target::at(Endpoint::GroupMembers), busy));
    world.sync().exits(3);
    let (status, error) = world.last_walk();
    assert_eq!(status, "partial");
    assert!(error.contains("walk_deadline"), "{error}");
    assert_ne!(world.one("SELECT count(*) FROM users"), "0");
    assert_eq!(world.one("SELECT count(*) FROM memberships"), "0");
    assert!(world.site.requests().total() <= 6, "nobody sends while all are to wait");
}

#[test]
fn a_deadline_before_anything_was_read() {
    let busy = with_headers(429, &[("Retry-After", "200")]);
    let world = World::small().limit("walk_deadline", "\"100s\"").limit("retries", 3);
    let world = world.fault(Fault::always(Target::default(), busy));
    world.sync().exits(69).says(&["walk_deadline"]);
    assert_eq!(world.site.requests().total(), 1);
    assert_eq!(world.last_walk().0, "failed");
}

#[test]
fn a_site_out_of_service_for_long_is_asked_once() {
    let away = with_headers(503, &[("Retry-After", "315360000")]);
    let world = World::small().limit("retries", 5).fault(Fault::always(Target::default(), away));
    world.sync().exits(69).says(&["503", "315360000"]);
    assert_eq!(world.site.requests().total(), 1);
}

#[test]
fn a_403_names_the_right_that_is_missing() {
    let world = World::small().fault(always(Endpoint::GroupMembers, 403));
    world.sync().exits(3);
    let error = world.last_walk().1;
    assert!(error.contains("403") && error.contains("can use") && !error.contains("administrator rights"), "{error}");
}
