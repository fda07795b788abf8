//! A site that cannot be read at all, or does not accept us: nothing is applied, and the message says what to do.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Simulator, Target, UserLists, WrongToken};

use crate::support::{Scripted, World, always, garbled, with_headers};

/// Nothing of a walk was applied, and its row says that it failed.
#[track_caller]
fn nothing_applied(world: &World) {
    assert_eq!(world.last_walk().0, "failed");
    for table in ["users", "user_history", "logins", "groups", "memberships", "changes"] {
        assert_eq!(world.one(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
}

#[test]
fn an_unreachable_site() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::small().at(&format!("http://{closed}/confluence")).limit("retries", 1);
    let before = Instant::now();
    world.sync().exits(69).says(&["corp", "not reachable", "base_url"]);
    assert!(before.elapsed() < Duration::from_secs(10));
    nothing_applied(&world);
    world.run(&["status"]).exits(5).prints(&["failed", "not reachable"]);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let world = World::small().credentials("username = \"audit\"\npassword = \"canary-secret\"").limit("retries", 5);
    world.sync().exits(77).says(&["401", "password"]);
    assert_eq!(world.site.requests().total(), 1);
    nothing_applied(&world);
    // Now behind the CAPTCHA, by others' failures.
    world.sync().exits(77);
    world.sync().exits(77);
    world.sync().exits(77).says(&["CAPTCHA", "log in once in a browser"]);
    assert_eq!(world.site.requests().total(), 4);
}

#[test]
fn a_wrong_token() {
    for wrong_token in [WrongToken::Refused, WrongToken::Anonymous] {
        let world = World::with(Settings { users: 60, seed: 7, wrong_token, ..Settings::default() });
        let world = world.credentials("token = \"canary-token\"").limit("retries", 5);
        world.sync().exits(77).says(&["token"]);
        assert_eq!(world.site.requests().total(), 1, "{wrong_token:?}");
        nothing_applied(&world);
    }
}

#[test]
fn a_right_token() {
    let world = World::small().credentials("token = \"audit-token\"");
    world.sync().exits(0);
}

#[test]
fn credentials_that_end_in_the_middle() {
    for (what, from) in [(FaultKind::status(401), 2), (FaultKind::HtmlLogin, 4)] {
        let world = World::small();
        world.sync().exits(0);
        let contents = world.database().contents(&["walks"]);
        world.change(|site| site.add("somebody.new"));
        let world = world.fault(Fault::always(Target::default().from(from), what));
        world.sync().exits(77);
        assert_eq!(world.last_walk().0, "failed");
        assert_eq!(world.database().contents(&["walks"]), contents, "nothing is applied");
        world.site.clear_faults();
        world.sync().exits(0);
        assert_eq!(world.one("SELECT count(*) FROM users WHERE name = 'somebody.new'"), "1");
    }
}

#[test]
fn a_log_in_page_instead_of_data() {
    let world = World::small().fault(Fault::always(Target::default(), FaultKind::HtmlLogin)).limit("retries", 5);
    world.sync().exits(77).says(&["log-in page"]);
    assert_eq!(world.site.requests().total(), 1);
    nothing_applied(&world);
}

#[test]
fn a_site_without_the_app() {
    let world = World::listing_users(UserLists::AppMissing);
    world.sync().exits(69).says(&["getUsersWithConfluenceAccess", "getUsers", "REST API Extender"]);
    nothing_applied(&world);
}

#[test]
fn either_name_of_the_user_list_will_do_and_is_remembered() {
    for lists in [UserLists::Old, UserLists::New, UserLists::Both] {
        let world = World::listing_users(lists);
        world.sync().exits(0);
        world.site.forget_requests();
        world.sync().exits(0);
        assert_eq!(world.site.requests().user_list, 1, "{lists:?}");
    }
}

#[test]
fn an_account_without_the_right() {
    let world = World::with(Settings { users: 60, seed: 7, administrator: false, ..Settings::default() });
    world.sync().exits(77).says(&["403", "administrator"]);
    nothing_applied(&world);
}

#[test]
fn a_redirect_is_not_followed() {
    let world = World::small();
    let other = world.runtime.block_on(Simulator::start(Settings { users: 9, ..Settings::default() })).unwrap();
    let location = format!("{}/rest/extender/1.0/user/getUsersWithConfluenceAccess", other.base_url());
    for code in [301, 302, 303, 307, 308] {
        world.site.clear_faults();
        world.site.add_fault(Fault::always(Target::default(), with_headers(code, &[("Location", &location)])));
        world.sync().exits(69).says(&["redirected", "base_url"]);
    }
    assert_eq!(other.requests().total(), 0, "the credentials went to another server");
    nothing_applied(&world);
}

#[test]
fn a_redirect_to_the_log_in_page() {
    let world = World::small();
    let location = "/confluence/login.action?os_destination=%2Findex.action";
    let world = world.fault(Fault::always(Target::default(), with_headers(302, &[("Location", location)])));
    world.sync().exits(77).says(&["log-in"]);
}

#[test]
fn a_first_page_that_never_comes_right() {
    for what in [garbled(), FaultKind::status(500), FaultKind::status(502), FaultKind::Truncate] {
        let shown = format!("{what:?}");
        let world = World::small().limit("retries", 1).fault(Fault::always(Target::at(Endpoint::UserList), what));
        world.sync().exits(69).says(&["getUsersWithConfluenceAccess", "tried 2 times"]);
        assert_eq!(world.site.requests().total(), 2, "{shown}");
        nothing_applied(&world);
    }
}

#[test]
fn a_hiccup_is_retried() {
    for what in [garbled(), FaultKind::status(503), with_headers(429, &[("Retry-After", "0")])] {
        let limited = matches!(&what, FaultKind::Status { code: 429, .. });
        let world = World::small().limit("retries", 1).fault(Fault::once(Target::at(Endpoint::UserList), what));
        world.sync().exits(0);
        assert_eq!(
            world.one("SELECT status, retries, rate_limited FROM walks"),
            format!("applied|1|{}", limited as u8)
        );
    }
}

#[test]
fn a_blocked_account_is_told_at_once() {
    for after in ["9223372036854775807", "99999999999999999999999", "315360000", "Fri, 31 Dec 2100 23:59:59 GMT"] {
        let world = World::small().limit("retries", 5);
        let world = world.fault(Fault::always(Target::default(), with_headers(429, &[("Retry-After", after)])));
        world.sync().exits(69).says(&["blocked"]);
        assert_eq!(world.site.requests().total(), 1, "{after}");
        nothing_applied(&world);
    }
    // Also in the middle of a walk, and without a time.
    let world = World::small().fault(always(Endpoint::GroupMembers, 429));
    world.sync().exits(69).says(&["blocked"]);
    nothing_applied(&world);
}

#[test]
fn an_endless_body_is_stopped() {
    use std::io::Write;
    let server = Scripted::start(|_, stream| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-AUSERNAME: audit\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let chunk = vec![b' '; 1 << 20];
        for _ in 0..200 {
            if stream.write_all(&chunk).is_err() {
                break;
            }
        }
    });
    let world = World::small().at(&server.url);
    world.sync().exits(69).says(&["larger than 64 MiB", "page_size"]);
    nothing_applied(&world);
}

#[test]
fn a_server_that_is_none() {
    use std::io::Write;
    let server = Scripted::start(|_, stream| drop(stream.write_all(b"220 mail.example.com ESMTP\r\n")));
    let world = World::small().at(&server.url);
    world.sync().exits(69).says(&["not reachable"]);
    assert_eq!(server.requests(), 1);
}

#[test]
fn an_empty_user_list_where_users_were_known() {
    let world = World::small();
    world.sync().exits(0);
    let contents = world.database().contents(&["walks"]);
    let world = world.fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::EmptyList));
    world.sync().exits(69).says(&["empty", "nothing was applied"]);
    assert_eq!(world.last_walk().0, "failed");
    assert_eq!(world.database().contents(&["walks"]), contents);
}

#[test]
fn a_site_that_has_become_one_of_the_other_kind() {
    let world = World::small();
    world.sync().exits(0);
    let before = world.database().contents(&[]);
    world.site.forget_requests();
    world.configure(&world.site_table("corp").replace("data-center", "cloud"));
    for arguments in [&["sync"][..], &["sync", "--dry-run"]] {
        world.run(arguments).exits(78).says(&["corp", "data-center", "cloud", "an id of its own"]);
    }
    assert_eq!(world.site.requests().total(), 0);
    assert_eq!(world.database().contents(&[]), before);
    // Another id is another site.
    let both = world.site_table("corp") + "\n" + &world.site_table("cloud").replace("data-center", "cloud");
    world.configure(&both);
    world.run(&["sync", "--site", "corp"]).exits(0);
}
