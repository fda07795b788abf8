//! Logs and errors, at their most talkative, hold no secret and nobody's name.

mod access;
mod cloud;
mod commands;
mod every_fault;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target, WrongToken};

use crate::support::{World, always, garbled, rewritten, with_headers};

const SECRETS: [&str; 4] = ["canary-password", "canary-token", "Y2FuYXJ5", "canary-query"];

/// A site whose every account and whose credentials are canaries, in a configuration that says so.
fn world(token: bool) -> World {
    let settings = Settings {
        users: 60,
        seed: 7,
        username: "canary-account".to_owned(),
        password: "canary-password".to_owned(),
        token: "canary-token".to_owned(),
        wrong_token: WrongToken::Refused,
        ..Settings::default()
    };
    let lines = match token {
        true => "token = \"canary-token\"",
        false => "username = \"canary-account\"\npassword = \"canary-password\"",
    };
    World::with(settings).credentials(lines).limit("page_size", 20)
}

/// What must not be said: names, full names and addresses of everybody.
fn people(world: &World) -> Vec<String> {
    world.change(|site| {
        let all = site.users.values().flat_map(|user| [user.name.clone(), user.full_name.clone(), user.email.clone()]);
        // Short names are words of other texts: `admin`, `audit`.
        all.filter(|text| text.len() > 7).collect()
    })
}

#[track_caller]
fn discreet(said: &str, people: &[String], what: &str) {
    for word in SECRETS {
        assert!(!said.contains(word), "{what}: '{word}' in:\n{said}");
    }
    for person in people {
        assert!(!said.contains(person.as_str()), "{what}: '{person}' in:\n{said}");
    }
}

#[test]
fn every_way_to_fail_is_discreet() {
    let broken = |endpoint| rewritten(endpoint, |body| body.replace("\"fullName\":\"", "\"fullName\":7,\"x\":\""));
    let unkeyed = rewritten(Endpoint::UserList, |body| body.replace("\"key\":", "\"userKey\":"));
    let location = ("Location", "https://canary-user:canary-query@elsewhere.example/x?os_password=canary-query");
    let reason = ("X-Seraph-LoginReason", "canary-query for canary-account");
    let echo = FaultKind::Status {
        code: 500,
        headers: Vec::new(),
        body: r#"{"message":"no user canary-query, password canary-password"}"#.to_owned(),
    };
    let every = || Target::default();
    let faults = vec![
        ("401", Fault::always(every(), with_headers(401, &[reason]))),
        ("403", Fault::always(every().from(3), FaultKind::status(403))),
        ("a log-in page", Fault::always(every().from(3), FaultKind::HtmlLogin)),
        ("no JSON", Fault::always(every(), garbled())),
        ("no JSON of groups", Fault::always(Target::at(Endpoint::GroupMembers), garbled())),
        ("no JSON of one user", Fault::always(Target::at(Endpoint::UserDetails), garbled())),
        ("cut short", Fault::always(every().from(2), FaultKind::Truncate)),
        ("a wrong type", broken(Endpoint::UserList)),
        ("a wrong type of one user", broken(Endpoint::UserDetails)),
        ("no key", unkeyed),
        ("an old app", Fault::always(every(), FaultKind::OldPlugin)),
        ("a redirect", Fault::always(every(), with_headers(302, &[location]))),
        ("a message", Fault::always(every(), echo)),
        ("blocked", Fault::always(every(), with_headers(429, &[("Retry-After", "99999999")]))),
        ("404", always(Endpoint::UserList, 404)),
        ("an empty list", Fault::always(Target::at(Endpoint::UserList), FaultKind::EmptyList)),
        ("startAt ignored", Fault::always(every(), FaultKind::IgnoreStartAt)),
    ];
    for (nth, (what, fault)) in faults.into_iter().enumerate() {
        let world = world(nth % 2 == 0);
        world.sync().exits(0);
        world.change(|site| {
            let key = site.licensed()[9].key.clone();
            site.leave_all(&key);
        });
        let people = people(&world);
        world.site.add_fault(fault);
        for arguments in
            [&["sync", "-vv", "--changes", "0"][..], &["sync", "-vvv", "--log-format", "json", "--dry-run"]]
        {
            let ran = world.run(arguments);
            if what != "no JSON of one user" && what != "a wrong type of one user" {
                assert_ne!(ran.exit, 0, "{what}");
            }
            discreet(&ran.stderr, &people, what);
            assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
            discreet(&ran.stdout, &[], what);
        }
        let error = world.last_walk().1;
        discreet(&error, &people, what);
        let status = world.run(&["status"]);
        discreet(&status.stdout, &people, what);
    }
}

#[test]
fn a_good_walk_is_discreet_too() {
    for token in [true, false] {
        let world = world(token);
        let people = people(&world);
        for arguments in [
            &["sync", "-vvv"][..],
            &["sync", "-vvv"],
            &["check-config", "-vvv"],
            &["status", "-vvv"],
            &["doctor", "-vvv"],
        ] {
            let ran = world.run(arguments).exits(0);
            discreet(&ran.stderr, &people, "");
            discreet(&ran.stdout, if arguments[0] == "doctor" { &people } else { &[] }, "");
        }
        let mut database = world.database();
        let everything = format!("{:?}", database.contents(&[]));
        assert!(!everything.contains("canary-token") && !everything.contains("canary-password"));
    }
}

#[test]
fn a_base_url_with_a_password_is_refused_or_kept_quiet() {
    let world = world(false);
    let url = world.site.base_url().replace("http://", "http://canary-account:canary-query@");
    let world = world.at(&url);
    for command in ["sync", "check-config", "status", "doctor"] {
        let ran = world.run(&[command, "-vv"]);
        discreet(&ran.stderr, &[], command);
        discreet(&ran.stdout, &[], command);
    }
}
