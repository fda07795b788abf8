//! Reports as files.

use std::io::{Read, Write};

use rollbook::simulator::Settings;

use super::read::walked;
use crate::support::World;
use crate::web::Served;

/// The head, in lower case, and the bytes of an answer.
#[track_caller]
fn fetch(service: &Served, path: &str) -> (String, Vec<u8>) {
    let mut stream = service.connect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", service.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
}

#[test]
fn a_file_is_what_the_command_line_writes() {
    let (world, service, moment) = walked(World::with(Settings { users: 130, seed: 3, ..Settings::default() }));
    let file = world.path("told");
    let mut formats = vec!["csv", "json", "ndjson", "xml", "html"];
    formats.extend(cfg!(feature = "xlsx").then_some("xlsx"));
    formats.extend(cfg!(feature = "parquet").then_some("parquet"));
    for name in ["inactive", "activity", "memberships"] {
        for format in &formats {
            let output = file.to_str().unwrap();
            world.run(&["report", name, "--format", format, "--as-of", &moment, "--output", output]).exits(0);
            let (head, bytes) = fetch(&service, &format!("/reports/{name}.{format}?as-of={moment}"));
            assert!(head.starts_with("http/1.1 200"), "{head}");
            assert!(bytes == std::fs::read(&file).unwrap(), "{name}.{format} differs");
            assert!(head.contains(&format!("\r\ncontent-length: {}", bytes.len())), "{head}");
            let named = format!("attachment; filename=\"{name}-{}.{format}\"", &moment[..10]);
            assert!(head.contains(&named), "{head}");
        }
    }
    let (head, _) = fetch(&service, "/reports/inactive.json");
    assert!(head.contains("content-type: application/json\r\n") && head.contains("cache-control: no-store"), "{head}");
    let (_, bytes) = fetch(&service, &format!("/reports/inactive.csv?days=400&site=corp&as-of={moment}"));
    let told =
        world.run(&["report", "inactive", "--format", "csv", "--as-of", &moment, "--param", "days=400"]).exits(0);
    assert_eq!(String::from_utf8(bytes).unwrap(), told.stdout);
}

#[test]
fn what_cannot_be_asked_is_no_file() {
    let (world, service, _) = walked(World::small());
    for (path, status, word) in [
        ("inactive.pdf", 404, "csv, json, ndjson"),
        ("inactive.table", 404, "csv, json, ndjson"),
        ("nothing.csv", 404, "nothing.csv"),
        ("inactive.csv?dasy=1", 400, "it takes days"),
        ("inactive.csv?site=nowhere", 400, "nowhere"),
        ("inactive.csv?as-of=2999-01-01", 400, "future"),
    ] {
        let answer = service.get(&format!("/reports/{path}"));
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body.contains(word) && answer.head.contains("text/plain"), "{path}: {answer:?}");
        assert!(!answer.head.contains("content-disposition"), "{answer:?}");
    }
    world.run(&["db", "prune", "--older-than", "0s"]).exits(0);
    assert_eq!(service.get("/reports/users.csv?as-of=2001-01-01").status, 410);
}

#[test]
fn a_client_that_does_not_read_holds_no_transaction() {
    let (world, service, _) = walked(World::small());
    let mut stream = service.connect();
    let request = format!("GET /reports/memberships.json HTTP/1.1\r\nHost: {}\r\n\r\n", service.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    // Nobody reads the database any more: all of its log can be taken over.
    world.sync().exits(0);
    assert_eq!(world.writable().rows("PRAGMA wal_checkpoint(TRUNCATE)"), ["0|0|0"]);
}
