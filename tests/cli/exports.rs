//! `export users --from-site`: the file that the site's app Confluence User Export makes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Scripted, World};

const FILE: &str = "confluenceuserexport111f5467-e0de-457e-b7a2-366fdcde1b94";

type Instead = Arc<dyn Fn(&str, usize, &mut TcpStream) -> bool + Send + Sync>;

/// A site with so many users, which gives at most 20 a page.
#[derive(Clone)]
struct Site {
    users: usize,
    /// What it calls the file it made.
    name: Arc<dyn Fn(&str) -> String + Send + Sync>,
    /// Answers instead of the site, when it likes to; told the path and how often that was asked before.
    instead: Instead,
    log: Arc<Mutex<Vec<(String, String)>>>,
}

impl Site {
    fn new(users: usize) -> Self {
        Self {
            users,
            name: Arc::new(|format| format!("{FILE}.{format}")),
            instead: Arc::new(|_, _, _| false),
            log: Arc::default(),
        }
    }

    fn instead(self, instead: impl Fn(&str, usize, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        Self { instead: Arc::new(instead), ..self }
    }

    fn start(&self) -> Scripted {
        let site = self.clone();
        Scripted::start(move |head, stream| site.answer(head, stream))
    }

    fn answer(&self, head: &str, stream: &mut TcpStream) {
        let body = body(head, stream);
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let before = self.asked(&path);
        self.log.lock().unwrap().push((head.to_owned(), body.clone()));
        if (self.instead)(&path, before, stream) {
            return;
        }
        if path.ends_with("/search") {
            assert!(head.starts_with("POST"));
            let asked: Value = serde_json::from_str(&body).unwrap();
            let offset = asked["offset"].as_u64().unwrap() as usize;
            let end = (offset + (asked["pageSize"].as_u64().unwrap() as usize).min(20)).min(self.users);
            let users: Vec<Value> = (offset..end).map(|n| json!({ "username": format!("u{n}"), "extra": n })).collect();
            Scripted::json(stream, &json!({ "users": users, "hasNextPage": end < self.users }).to_string());
        } else if let Some((_, format)) = path.split_once("/file/") {
            let name = (self.name)(format);
            Scripted::json(stream, &json!({ "fileName": name, "filePath": "/etc/shadow" }).to_string());
        } else {
            assert_eq!(path.split_once("?fileName=").unwrap().1.rsplit_once('.').unwrap().0, FILE);
            let made = self.log.lock().unwrap();
            let made = made.iter().find(|(head, _)| head.contains("/file/")).unwrap();
            Scripted::json(stream, &format!("file of {}", made.1));
        }
    }

    fn asked(&self, path: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|(head, _)| head.contains(path)).count()
    }
}

fn body(head: &str, stream: &mut TcpStream) -> String {
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn status(stream: &mut TcpStream, head: &str) {
    let _ = stream.write_all(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
}

const EXPORT: [&str; 5] = ["export", "users", "--from-site", "--format", "csv"];

fn to(file: &str) -> Vec<&str> {
    [&EXPORT[..], &["--output", file]].concat()
}

#[test]
fn every_user_is_in_the_file_once() {
    let site = Site::new(47);
    let server = site.start();
    let world = World::small().at(&server.url);
    let ran = world.run(&EXPORT).exits(0);
    let records: Vec<Value> = serde_json::from_str(ran.stdout.strip_prefix("file of ").unwrap()).unwrap();
    let expected: Vec<Value> = (0..47).map(|n| json!({ "username": format!("u{n}"), "extra": n })).collect();
    assert_eq!(records, expected);

    world.run(&to("users.csv")).exits(0);
    assert_eq!(fs::read_to_string(world.path("users.csv")).unwrap(), ran.stdout);
    assert_eq!(fs::metadata(world.path("users.csv")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!world.file().exists(), "no database is needed");

    let log = site.log.lock().unwrap();
    for (head, _) in log.iter().filter(|(head, _)| head.starts_with("POST")) {
        let head = head.to_ascii_lowercase();
        for line in ["content-type: application/json", "x-atlassian-token: no-check", "user-agent: rollbook/"] {
            assert!(head.contains(line), "{line}: {head}");
        }
    }
    let asked: Value = serde_json::from_str(&log[0].1).unwrap();
    let all = json!({ "searchString": "", "activeUsers": true, "inActiveUsers": true, "offset": 0, "pageSize": 1000 });
    assert_eq!(asked, all);
}

#[test]
fn a_search_is_sent_again_and_a_conversion_is_not() {
    let site = Site::new(5).instead(|path, before, stream| {
        let fails = path.ends_with("/search") && before == 0;
        if fails {
            status(stream, "500 Oops");
        }
        fails
    });
    let server = site.start();
    let world = World::small().at(&server.url).limit("retries", 3);
    world.run(&EXPORT).exits(0);
    assert_eq!((site.asked("/search"), site.asked("/file/")), (2, 1));

    for (answer, times, exit) in [("500 Oops", 1, 69), ("503 Busy", 2, 0), ("429 Slow", 2, 0)] {
        let site = Site::new(5).instead(move |path, before, stream| {
            let fails = path.contains("/file/") && before == 0;
            if fails {
                status(stream, answer);
            }
            fails
        });
        let server = site.start();
        let world = World::small().at(&server.url).limit("retries", 3);
        world.run(&EXPORT).exits(exit);
        assert_eq!(site.asked("/file/"), times, "{answer}");
    }
}

#[test]
fn a_name_that_the_server_makes_up_is_not_asked_for() {
    for name in ["../../../etc/passwd", "/etc/passwd", &format!("{FILE}.xml"), &format!("{FILE}.csv/../x")] {
        let told = name.to_owned();
        let site = Site { name: Arc::new(move |_| told.clone()), ..Site::new(5) };
        let server = site.start();
        let world = World::small().at(&server.url);
        world.run(&to("users.csv")).exits(69).says(&["file/csv", "fileName"]);
        assert_eq!(site.asked("download"), 0, "{name}");
        assert!(!world.path("users.csv").exists());
    }
}

#[test]
fn a_file_that_does_not_arrive_whole_replaces_nothing() {
    let site = Site::new(5).instead(|path, _, stream| {
        let cut = path.contains("download");
        if cut {
            let head = "HTTP/1.1 200 OK\r\nX-AUSERNAME: audit\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nhalf";
            let _ = stream.write_all(head.as_bytes());
        }
        cut
    });
    let server = site.start();
    let world = World::small().at(&server.url).limit("retries", 2);
    fs::write(world.path("users.csv"), "old").unwrap();
    world.run(&to("users.csv")).exits(69).says(&["download"]);
    assert_eq!(fs::read_to_string(world.path("users.csv")).unwrap(), "old");
    assert_eq!(site.asked("download"), 1, "half a file cannot be begun again");
    let left: Vec<_> = fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("tmp")), "{left:?}");
}

#[test]
fn what_the_site_refuses() {
    for (answer, exit, words) in [
        ("401 No", 77, ["401", "password"]),
        ("403 No", 77, ["403", "administrator"]),
        ("404 No", 69, ["404", "Confluence User Export"]),
    ] {
        let site = Site::new(5).instead(move |_, _, stream| {
            status(stream, answer);
            true
        });
        let server = site.start();
        let world = World::small().at(&server.url).limit("retries", 3);
        world.run(&to("users.csv")).exits(exit).says(&words).says(&["corp", "POST rest/confluenceuserexport"]);
        assert_eq!(server.requests(), 1, "{answer}");
        assert!(!world.path("users.csv").exists());
    }
}

#[test]
fn a_list_that_never_ends_makes_no_file() {
    let site = Site::new(5).instead(|path, _, stream| {
        if path.ends_with("/search") {
            Scripted::json(stream, r#"{"users":[{"username":"a"},{"username":"b"}],"hasNextPage":true}"#);
        }
        path.ends_with("/search")
    });
    let server = site.start();
    let world = World::small().at(&server.url);
    world.run(&EXPORT).exits(69).says(&["could not be read whole"]);
    assert_eq!(site.asked("/file/"), 0);
}

#[test]
fn which_site_is_meant() {
    let world = World::small();
    world.run(&["export", "users", "--from-site", "--as-of", "2026-01-01"]).exits(2).says(&["--as-of"]);
    world.run(&["export", "users", "--from-site"]).exits(2).says(&["--format"]);
    world.run(&[&EXPORT[..], &["--site", "nowhere"]].concat()).exits(2).says(&["nowhere", "corp"]);
    world.configure(&(world.site_table("corp") + &world.site_table("other")));
    world.run(&EXPORT).exits(2).says(&["--site", "corp, other"]);
    let off = world.site_table("corp").replace("kind =", "user_export = \"off\"\nkind =");
    world.configure(&off);
    world.run(&EXPORT).exits(2).says(&["user_export", "off"]);
    fs::remove_file(world.path("rollbook.toml")).unwrap();
    world.run(&EXPORT).exits(78);
    assert_eq!(world.site.requests().total(), 0);
}
