//! Every kind of fault at every endpoint, at the most talkative and in both formats of the log, on a site where all that
//! is secret or personal is called canary.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rollbook::simulator::{Settings, UserExportApp, WrongToken};

use crate::support::{Ran, World};

/// Every kind that `simulate --fault` knows, with something to repeat where the site may say something.
pub const KINDS: [&str; 40] = [
    "status=400;X-Note=canary",
    "status=403",
    "status=404",
    "status=500;Server=canary",
    "status=503;Retry-After=canary",
    "status=429;Retry-After=99999999",
    "unauthorized=canary",
    "unauthorized=AUTHENTICATION_DENIED",
    "redirect=http://canary:canary@127.0.0.1:9/canary?os_password=canary",
    "login-redirect",
    "html-login",
    "invalid-json",
    "anonymous",
    "cap-pages=7",
    "ignore-max-results",
    "ignore-start-at",
    "repeat-page",
    "old-plugin",
    "empty-list",
    "odd-status",
    "no-results",
    "constant-next",
    "total=7",
    "total=moves",
    "deep-json",
    "nul-name",
    "huge-name",
    "wrong-type=name",
    "wrong-type=email",
    "wrong-type=key",
    "missing=name",
    "missing=key",
    "same-key",
    "reset",
    "truncate",
    "truncate-chunked",
    "truncate-close",
    "endless-rows",
    "gzip-bomb=70",
    "slow=5",
];

/// These wait for a time-out.
pub const LATE: [&str; 2] = ["hang", "trickle-forever"];

/// What no output may hold: anybody, any secret, or the header made of one.
#[track_caller]
pub fn is_discreet(said: &str, what: &str) {
    let lower = said.to_lowercase();
    for word in ["canary", "c%61nary", "y2fuyxj5"] {
        if let Some(at) = lower.find(word) {
            let around = &lower.as_bytes()[at.saturating_sub(200)..(at + 200).min(lower.len())];
            panic!("{what}: '{word}' in: … {} …", String::from_utf8_lossy(around));
        }
    }
    assert!(!lower.contains("panicked"), "{what}: {said}");
}

/// The files that hold what was asked for: the configuration, the database with its log, and results.
fn is_result(name: &str) -> bool {
    name == "rollbook.toml"
        || ["rollbook.db", "rollbook.db-wal", "rollbook.db-shm"].contains(&name)
        || name.starts_with("out.")
}

/// No other file in the folder says anything, and each is its owner's alone.
#[track_caller]
pub fn files_are_discreet(world: &World, what: &str) {
    for file in fs::read_dir(world.folder.path()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{what}: {name}");
        if !is_result(&name) {
            is_discreet(&String::from_utf8_lossy(&fs::read(file.path()).unwrap()), &format!("{what}: {name}"));
        }
    }
}

/// A site of canaries.
pub fn canaries(token: bool) -> World {
    let settings = Settings {
        users: 40,
        seed: 7,
        password: "canary-password".to_owned(),
        token: "canary-token".to_owned(),
        wrong_token: WrongToken::Refused,
        user_export: UserExportApp::WithLastLogin,
        token_expiries: Some(vec![None]),
        ..Settings::default()
    };
    let lines = match token {
        true => "token = \"canary-token\"",
        false => "username = \"audit\"\npassword = \"canary-password\"",
    };
    let world = World::with(settings).credentials(lines).limit("page_size", 12).limit("request_timeout", "\"1s\"");
    world.change(|site| {
        for (nth, user) in site.users.values_mut().enumerate().filter(|(_, user)| !user.serves()) {
            // Names that are percent-encoded in a path, too.
            user.name = format!("canary.{nth:02}{}", ["", "+é", " x", "?%"][nth % 4]);
            user.full_name = format!("Canary {nth}");
            user.email = format!("canary.{nth}@example.com");
            (user.department, user.position) = ("Canary".to_owned(), "Canary".to_owned());
            (user.location, user.phone) = ("Canary".to_owned(), "+1 555 canary".to_owned());
            (user.im, user.website) = ("@canary".to_owned(), "https://canary.example.com".to_owned());
        }
    });
    world
}

pub fn log_format(nth: usize) -> &'static str {
    if nth.is_multiple_of(2) { "text" } else { "json" }
}

/// Walks with each fault at `endpoint`: from the first request, or from a later one.
fn walks(endpoint: &str, kinds: &[&str]) {
    let world = canaries(endpoint.len().is_multiple_of(2)).limit("lookups_per_walk", 20);
    // With User Export hardly anybody is looked up.
    let world = if endpoint == "user" { world.key("user_export", "\"off\"") } else { world };
    world.sync().exits(0);
    let mut failed = 0;
    for (nth, kind) in kinds.iter().enumerate() {
        // Somebody whom no list shows any more, who is to be looked up.
        world.change(|site| {
            let keys: Vec<String> =
                site.licensed().iter().filter(|user| !user.serves()).map(|u| u.key.clone()).collect();
            let _ = keys.first().map(|key| if nth % 2 == 0 { site.leave_all(key) } else { site.delete(key) });
            site.add(&format!("canary.joiner.{nth}"));
        });
        // What takes long strikes once.
        let long = ["hang", "trickle", "endless", "gzip"].iter().any(|long| kind.starts_with(long));
        let from = match (long, endpoint) {
            (true, _) => ":1",
            (false, "groups") => "",
            _ if nth % 3 == 0 => ":2+",
            _ => "",
        };
        let fault = format!("{kind}@{endpoint}{from}");
        world.site.add_fault(fault.parse().unwrap_or_else(|error| panic!("{fault}: {error}")));
        let arguments = ["-vvv", "--log-format", log_format(nth), "sync", "--changes", "0"];
        let ran = world.run(&arguments);
        world.site.clear_faults();
        world.site.reset_captcha();
        failed += usize::from(ran.exit != 0);
        is_discreet(&ran.stderr, &fault);
        is_discreet(&ran.stdout, &fault);
        is_discreet(&world.last_walk().1, &fault);
        files_are_discreet(&world, &fault);
    }
    assert!(failed > kinds.len() / 4, "{endpoint}: {failed} of {} walks failed", kinds.len());
    let status = world.run(&["-vvv", "status"]);
    is_discreet(&status.stdout, endpoint);
    is_discreet(&status.stderr, endpoint);
    is_discreet(&world.run(&["walks", "list", "--format", "json"]).stdout, endpoint);
}

#[test]
fn a_walk_at_the_user_list() {
    walks("users", &KINDS);
}

#[test]
fn a_walk_at_the_list_of_groups() {
    walks("groups", &KINDS);
}

#[test]
fn a_walk_at_the_members() {
    walks("members", &KINDS);
}

#[test]
fn a_walk_at_look_ups() {
    walks("user", &KINDS);
}

#[test]
fn a_walk_at_user_export() {
    walks("export-search", &KINDS);
}

#[test]
fn a_walk_that_waits() {
    for endpoint in ["users", "groups", "members/everyone", "user", "export-search"] {
        walks(endpoint, &LATE);
    }
}

/// With each fault at each endpoint it asks: what it prints names nobody either.
#[test]
fn a_doctor() {
    for (place, endpoint) in ["users", "user", "groups", "members", "export-search", "tokens"].into_iter().enumerate() {
        let world = canaries(place % 2 == 0 || endpoint == "tokens");
        world.sync().exits(0);
        let mut failed = 0;
        for (nth, kind) in KINDS.iter().chain(&LATE[..1]).enumerate().filter(|(nth, _)| (nth + place) % 2 == 0) {
            let fault = format!("{kind}@{endpoint}");
            world.site.add_fault(fault.parse().unwrap());
            let format = ["table", "json"][nth % 2];
            let ran = world.run(&["-vvv", "--log-format", log_format(nth), "doctor", "--format", format]);
            world.site.clear_faults();
            world.site.reset_captcha();
            failed += usize::from(ran.exit != 0);
            is_discreet(&ran.stderr, &fault);
            is_discreet(&ran.stdout, &fault);
            files_are_discreet(&world, &fault);
        }
        assert!(failed > 3 || endpoint == "tokens", "{endpoint}: {failed} failed");
    }
}

#[test]
fn an_export_by_the_site() {
    for (place, endpoint) in ["export-search", "export-file", "export-download"].into_iter().enumerate() {
        let world = canaries(place == 1);
        for (nth, kind) in KINDS.iter().chain(&LATE[..1]).enumerate() {
            // The server may be as slow as it likes with a file, and send any file whatever.
            if endpoint == "export-download" && ["hang", "endless-rows"].contains(kind) {
                continue;
            }
            let fault = format!("{kind}@{endpoint}");
            world.site.add_fault(fault.parse().unwrap());
            let format = ["csv", "xml", "json", "xlsx"][nth % 4];
            let output = format!("out.{nth}");
            let arguments =
                ["-vvv", "--log-format", log_format(nth), "export", "users", "--from-site", "--format", format];
            let ran = world.run(&[&arguments[..], &["--output", &output]].concat());
            world.site.clear_faults();
            world.site.reset_captcha();
            is_discreet(&ran.stderr, &fault);
            is_discreet(&ran.stdout, &fault);
            assert_eq!(world.path(&output).exists(), ran.exit == 0, "{fault}: {}", ran.stderr);
            files_are_discreet(&world, &fault);
            let _ = fs::remove_file(world.path(&output));
        }
    }
}

/// Runs a command that fails in both formats of the log.
#[track_caller]
pub fn fails(world: &World, arguments: &[&str]) {
    for format in ["text", "json"] {
        let ran = world.run(&[&["-vvv", "--log-format", format], arguments].concat());
        failed(ran, &format!("{arguments:?}, {format}"));
    }
    files_are_discreet(world, &format!("{arguments:?}"));
}

#[track_caller]
pub fn failed(ran: Ran, what: &str) {
    assert_ne!(ran.exit, 0, "{what}: {}", ran.stdout);
    is_discreet(&ran.stderr, what);
    is_discreet(&ran.stdout, what);
}
