//! A Data Center: what each probe says of it.

use std::net::TcpListener;
use std::time::SystemTime;

use chrono::DateTime;
use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target, UserExportApp, UserLists, WrongToken};

use super::{days, doctor, found, now, quiet, says, with};
use crate::support::{World, always, rewritten, with_headers};

fn small(settings: Settings) -> World {
    quiet(World::with(Settings { users: 60, seed: 7, ..settings }))
}

#[test]
fn all_is_well() {
    let world = small(Settings { user_export: UserExportApp::WithLastLogin, ..Settings::default() });
    world.sync().exits(0);
    // Those of the simulated site are not to be addressed.
    world.change(|site| site.groups.retain(|name, _| !name.contains('/')));
    world.sync();
    world.site.forget_requests();
    let document = doctor(&world, 0);
    assert_eq!(document["ok"], true);
    assert_eq!(with(&document, "failed").len() + with(&document, "warning").len(), 0, "{document:#}");
    for name in ["address", "credentials", "clock", "user-details", "look-up", "groups", "members", "freshness"] {
        says(&document, name, "ok", &[]);
    }
    says(&document, "user-list", "ok", &["getUsersWithConfluenceAccess"]);
    says(&document, "user-export", "ok", &["newer release"]);
    says(&document, "database", "ok", &["schema"]);
    // One small request each.
    let asked = world.site.requests();
    let each = [asked.user_list, asked.user_details, asked.group_list, asked.group_members, asked.user_export_search];
    assert_eq!((each, asked.total()), ([1; 5], 5));
    assert!(
        asked.recent.iter().filter(|path| path.contains("user/getUsers")).all(|path| path.contains("maxResults=1"))
    );
}

#[test]
fn people_read_it_site_by_site() {
    let world = quiet(World::small());
    let tables = ["berlin", "lagos"].map(|id| world.site_table(id)).join("\n");
    world.configure(&format!("[http]\nlisten = \"\"\n\n{tables}"));
    let ran = world.run(&["doctor"]).exits(0);
    let heads: Vec<&str> = ran.stdout.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    assert_eq!(heads[..3], ["this machine", "berlin", "lagos"]);
    assert!(heads[3].contains("checks: 0 failed"), "{heads:?}");
    let lagos = world.run(&["doctor", "--site", "lagos"]).exits(0);
    assert!(!lagos.stdout.contains("berlin\n") && lagos.stdout.contains("\nlagos\n"), "{}", lagos.stdout);
    world.run(&["doctor", "--site", "nowhere"]).exits(2).says(&["nowhere", "berlin, lagos"]);
    for format in ["csv", "ndjson", "xml", "html"] {
        world.run(&["doctor", "--format", format]).exits(0).prints(&["user-list"]);
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    let world = quiet(World::small().credentials("username = \"audit\"\npassword = \"canary\"").limit("retries", 5));
    let document = doctor(&world, 77);
    assert_eq!(world.site.requests().total(), 1);
    says(&document, "address", "ok", &[]);
    says(&document, "credentials", "failed", &["401", "check username and password"]);
    says(&document, "clock", "ok", &[]);
    for name in ["user-list", "user-details", "look-up", "groups", "members", "user-export"] {
        says(&document, name, "skipped", &["could lock the account"]);
    }
}

#[test]
fn a_captcha_is_told() {
    let world = quiet(
        World::small()
            .fault(Fault::always(Target::default(), FaultKind::Unauthorized("AUTHENTICATION_DENIED".to_owned()))),
    );
    says(&doctor(&world, 77), "credentials", "failed", &["CAPTCHA", "log in once in a browser"]);
    assert_eq!(world.site.requests().total(), 1);
}

#[test]
fn a_401_in_the_middle_ends_the_visit() {
    let world = quiet(World::small().fault(Fault::always(
        Target::at(Endpoint::GroupList),
        FaultKind::Unauthorized("AUTHENTICATED_FAILED".to_owned()),
    )));
    let document = doctor(&world, 77);
    says(&document, "user-list", "ok", &[]);
    says(&document, "groups", "failed", &["401"]);
    for name in ["members", "user-export"] {
        says(&document, name, "skipped", &[]);
    }
    let asked = world.site.requests();
    assert_eq!((asked.group_list, asked.group_members, asked.user_export_search), (1, 0, 0));
}

#[test]
fn an_answer_as_anonymous_is_a_refusal() {
    let settings = Settings { wrong_token: WrongToken::Anonymous, ..Settings::default() };
    let world = quiet(World::with(settings).credentials("token = \"canary\""));
    says(&doctor(&world, 77), "credentials", "failed", &["without a log-in"]);
    assert_eq!(world.site.requests().total(), 1);
}

#[test]
fn an_account_that_is_no_administrator() {
    let world =
        small(Settings { administrator: false, user_export: UserExportApp::WithLastLogin, ..Settings::default() });
    let document = doctor(&world, 77);
    says(&document, "credentials", "ok", &[]);
    says(&document, "user-list", "failed", &["403", "administrator rights"]);
    says(&document, "user-details", "skipped", &[]);
    says(&document, "groups", "ok", &[]);
    says(&document, "user-export", "warning", &["administrator rights", "user_export"]);
}

#[test]
fn a_dead_server() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = quiet(World::small().at(&format!("http://{closed}/confluence")));
    let document = doctor(&world, 69);
    says(&document, "address", "failed", &["not reachable", "base_url"]);
    for name in ["credentials", "clock", "user-list", "groups", "user-export"] {
        says(&document, name, "skipped", &["does not answer"]);
    }
    // The machine is checked all the same.
    says(&document, "database", "warning", &["rollbook sync"]);
}

#[test]
fn a_server_that_hangs_is_asked_once() {
    let world = World::small().limit("request_timeout", "\"1s\"");
    let world = quiet(world.fault(Fault::always(Target::default(), FaultKind::Hang)));
    says(&doctor(&world, 69), "address", "failed", &["within 1 s"]);
    assert_eq!(world.site.requests().total(), 1);
}

#[test]
fn a_site_that_moved() {
    let redirect = FaultKind::Redirect("https://elsewhere.example/".to_owned());
    let world = quiet(World::small().fault(Fault::always(Target::default(), redirect)));
    says(&doctor(&world, 69), "address", "failed", &["https://elsewhere.example", "base_url"]);
    assert_eq!(world.site.requests().total(), 1);
}

#[test]
fn a_blocked_account_is_not_waited_for() {
    let world = World::small().limit("retries", 5);
    let blocked = with_headers(429, &[("Retry-After", "240")]);
    let world = quiet(world.fault(Fault::always(Target::default(), blocked)));
    let document = doctor(&world, 69);
    says(&document, "user-list", "failed", &["429", "exemption"]);
    says(&document, "groups", "skipped", &["rate limiting"]);
    assert_eq!(world.site.requests().total(), 1);
}

#[test]
fn every_name_of_the_user_list() {
    for (user_lists, exit, verdict, words) in [
        (UserLists::Old, 0, "ok", ["user/getUsers answers", "older"]),
        (UserLists::Both, 0, "ok", ["getUsersWithConfluenceAccess answers", "users"]),
        (UserLists::AppMissing, 69, "failed", ["404", "REST API Extender"]),
    ] {
        let world = quiet(World::listing_users(user_lists));
        let document = doctor(&world, exit);
        says(&document, "user-list", verdict, &words);
        assert!(world.site.requests().user_list <= 2);
    }
}

#[test]
fn user_export_as_wanted_and_as_it_is() {
    let refuses = |settings| Settings { user_export_refuses: true, ..settings };
    let with = |user_export| Settings { user_export, ..Settings::default() };
    for (settings, wanted, exit, verdict, word) in [
        (with(UserExportApp::Missing), "auto", 0, "ok", "not installed"),
        (with(UserExportApp::Missing), "on", 1, "failed", "install"),
        (with(UserExportApp::Missing), "off", 0, "skipped", "off"),
        (with(UserExportApp::WithoutLastLogin), "on", 0, "ok", "older release"),
        (with(UserExportApp::WithLastLogin), "auto", 0, "ok", "newer release"),
        (refuses(with(UserExportApp::WithLastLogin)), "auto", 0, "warning", "401"),
        (refuses(with(UserExportApp::WithLastLogin)), "on", 77, "failed", "administrator"),
    ] {
        let world = quiet(World::with(Settings { users: 20, ..settings }).key("user_export", &format!("\"{wanted}\"")));
        says(&doctor(&world, exit), "user-export", verdict, &[word]);
        assert_eq!(world.site.requests().user_export_search, usize::from(wanted != "off"), "{wanted} {verdict}");
    }
}

#[test]
fn details_that_are_hidden() {
    let world = quiet(World::small().fault(rewritten(Endpoint::UserList, |body| {
        body.replace("\"email\":", "\"mail\":").replace("\"lastSuccessfulLoginDate\":", "\"last\":")
    })));
    says(&doctor(&world, 0), "user-details", "warning", &["e-mail addresses", "last log-ins", "administrator"]);
    let world = quiet(World::small().fault(rewritten(Endpoint::UserList, |body| body.replace("\"key\":", "\"k\":"))));
    says(&doctor(&world, 1), "user-details", "failed", &["key"]);
}

#[test]
fn a_user_list_that_shows_nobody() {
    let world = quiet(World::small().fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::EmptyList)));
    let document = doctor(&world, 1);
    says(&document, "user-list", "failed", &["nobody"]);
    says(&document, "look-up", "skipped", &[]);
    says(&document, "groups", "ok", &[]);
}

#[test]
fn endpoints_that_fail_alone() {
    for (fault, name, word) in [
        (always(Endpoint::UserDetails, 500), "look-up", "500"),
        (always(Endpoint::GroupList, 500), "groups", "500"),
        (always(Endpoint::GroupMembers, 500), "members", "500"),
        (Fault::always(Target::at(Endpoint::GroupMembers), FaultKind::OldPlugin), "members", "cannot be read"),
    ] {
        let world = quiet(World::small().fault(fault));
        let document = doctor(&world, 1);
        says(&document, name, "failed", &[word]);
        says(&document, "user-export", "ok", &[]);
    }
    let world = quiet(World::small().fault(always(Endpoint::UserDetails, 404)));
    says(&doctor(&world, 0), "look-up", "warning", &["404"]);
    let world = quiet(World::small().limit("lookups_per_walk", 0));
    says(&doctor(&world, 0), "look-up", "skipped", &[]);
    assert_eq!(world.site.requests().user_details, 0);
}

#[test]
fn a_group_with_a_slash_is_named_and_is_no_failure() {
    let world = quiet(World::small());
    world.change(|site| {
        let key = site.licensed()[0].key.clone();
        site.join(&key, "aaa/first of all");
    });
    world.sync().exits(0);
    let document = doctor(&world, 0);
    says(&document, "names", "warning", &["'aaa/first of all'", "rollbook status"]);
    // The probe takes one whose name can stand in a path.
    says(&document, "members", "ok", &[]);
}

#[test]
fn a_clock_that_goes_wrong() {
    for (seconds, exit, verdict, word) in [
        (0, 0, "ok", "agrees"),
        (20, 0, "ok", "ahead of"),
        (60, 0, "warning", "ahead of"),
        (-60, 0, "warning", "behind"),
        (7200, 1, "failed", "1 h 59 min"),
    ] {
        let shifted =
            SystemTime::from(DateTime::from_timestamp_millis(now().plus_millis(seconds * 1000).millis()).unwrap());
        let headers = match seconds {
            0 => Vec::new(),
            _ => vec![("Date".to_owned(), httpdate::fmt_http_date(shifted))],
        };
        let world = small(Settings { headers, ..Settings::default() });
        let document = doctor(&world, exit);
        says(&document, "clock", verdict, &[word]);
    }
}

#[test]
fn a_token_that_is_about_to_expire() {
    let bearer = |token_expiries| {
        let world = World::with(Settings { users: 20, token_expiries, ..Settings::default() });
        quiet(world.credentials("token = \"audit-token\""))
    };
    for (expiries, verdict, words) in [
        (None, "skipped", &["does not tell"][..]),
        (Some(vec![Some(days(200))]), "ok", &["the token expires on"]),
        (Some(vec![Some(days(9))]), "warning", &["the token expires on", "new token"]),
        (Some(vec![Some(days(9)), None]), "warning", &["of 2 tokens", "which is ours"]),
        (Some(vec![None]), "ok", &["does not expire"]),
    ] {
        let world = bearer(expiries);
        says(&doctor(&world, 0), "expiry", verdict, words);
        assert_eq!(world.site.requests().tokens, 1);
    }
    // A password is no token.
    let world = small(Settings { token_expiries: Some(vec![None]), ..Settings::default() });
    assert_eq!(found(&doctor(&world, 0), "expiry"), []);
    assert_eq!(world.site.requests().tokens, 0);
}

#[test]
fn the_pace_that_the_site_allows() {
    let headers = [("X-RateLimit-Limit", "50"), ("X-RateLimit-FillRate", "10"), ("X-RateLimit-Interval-Seconds", "1")];
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let world = World::with(Settings { users: 20, headers, ..Settings::default() });
    let world = quiet(world.limit("requests_per_second", "20.0"));
    says(&doctor(&world, 0), "rate-limit", "warning", &["10 more every 1 s", "requests_per_second to 10.0"]);
    let world = quiet(world.limit("requests_per_second", "5.0"));
    says(&doctor(&world, 0), "rate-limit", "ok", &[]);
    assert_eq!(found(&doctor(&quiet(World::small()), 0), "rate-limit"), []);
}

#[test]
fn one_site_that_fails_takes_nothing_from_another() {
    let world = World::small();
    let wrong = world.site_table("wrong").replace("password = \"audit\"", "password = \"canary\"");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dead = world.site_table("dead").replace(world.site.base_url(), &format!("http://{closed}"));
    world.configure(&format!("[http]\nlisten = \"\"\n\n{}\n{wrong}\n{dead}", world.site_table("corp")));
    let document = doctor(&world, 77);
    let of = |site: &str, name: &str| {
        let checks = document["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["site"] == site && check["check"] == name);
        check.unwrap_or_else(|| panic!("{site}: no {name}"))["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        [of("corp", "user-list"), of("wrong", "credentials"), of("dead", "address")],
        ["ok", "failed", "failed"]
    );
    let site = world.run(&["doctor", "--site", "corp", "--site", "dead", "--format", "json"]).exits(69);
    assert!(!site.stdout.contains("\"wrong\""));
}
