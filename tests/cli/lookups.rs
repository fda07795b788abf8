//! Single look-ups and the limits of what a walk asks.

use std::sync::Arc;
use std::time::Duration;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use crate::support::{Gauge, Scripted, World};

#[test]
fn look_ups_are_bounded_and_everybody_comes_up_in_turn() {
    let world = World::small().unguarded().limit("lookups_per_walk", 3);
    let keys = world.change(|site| (0..10).map(|n| site.add(&format!("leaver.{n}"))).collect::<Vec<_>>());
    world.sync().exits(0);
    assert_eq!(world.site.requests().user_details, 0, "nobody is absent");
    world.change(|site| keys.iter().for_each(|key| site.leave_all(key)));
    for _ in 0..12 {
        world.site.forget_requests();
        world.sync().exits(0);
        let asked = world.site.requests().user_details;
        assert!(asked <= 3, "{asked} look-ups");
    }
    let count = "SELECT status, count(*) FROM users WHERE name LIKE 'leaver.%' GROUP BY 1";
    assert_eq!(world.rows(count), ["no-access|10"]);
    // The rotation goes on: what becomes of them is found out sooner or later.
    world.change(|site| keys.iter().for_each(|key| site.delete(key)));
    for _ in 0..12 {
        world.sync().exits(0);
    }
    assert_eq!(world.rows(count), ["deleted|10"]);
}

#[test]
fn without_look_ups_nobody_is_lost_or_proven_gone() {
    let world = World::small().limit("lookups_per_walk", 0);
    let key = world.change(|site| site.add("ada.leaver"));
    world.sync().exits(0);
    world.change(|site| site.delete(&key));
    world.sync().exits(0);
    assert_eq!(world.site.requests().user_details, 0);
    assert_eq!(world.one(&format!("SELECT status FROM users WHERE key = '{key}'")), "missing");
}

#[test]
fn a_look_up_that_fails_proves_nothing() {
    for what in [FaultKind::Truncate, crate::support::garbled()] {
        let world = World::small();
        let key = world.change(|site| site.add("ada.leaver"));
        world.sync().exits(0);
        world.change(|site| site.leave_all(&key));
        let world = world.fault(Fault::always(Target::at(Endpoint::UserDetails), what));
        world.sync().exits(3).prints(&["could not be looked up"]);
        assert_eq!(world.one(&format!("SELECT status FROM users WHERE key = '{key}'")), "active", "as it was");
        world.site.clear_faults();
        world.sync().exits(0);
        assert_eq!(world.one(&format!("SELECT status FROM users WHERE key = '{key}'")), "no-access");
    }
}

#[test]
fn a_site_that_answers_500_where_404_is_meant() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.leaver"));
    world.sync().exits(0);
    world.change(|site| site.users.get_mut(&key).unwrap().unsynced = true);
    let unknown = |name: &str| Fault::always(Target::at(Endpoint::UserDetails).of(name), FaultKind::status(500));
    let world = world.fault(unknown("ada.leaver")).fault(unknown(&key)).fault(unknown("rollbook-asks-for-nobody"));
    world.sync().exits(0);
    assert_eq!(world.one(&format!("SELECT status FROM users WHERE key = '{key}'")), "missing");
    world.run(&["history", "user", &key]).exits(0).prints(&["by name: 500, as of a name that nobody has"]);
}

#[test]
fn a_look_up_that_finds_somebody_else_proves_nothing() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.leaver"));
    world.sync().exits(0);
    world.change(|site| {
        site.users.get_mut(&key).unwrap().unsynced = true;
        site.users.get_mut(&key).unwrap().name = "gone.elsewhere".to_owned();
        site.add("ada.leaver")
    });
    world.sync().exits(0);
    assert_eq!(world.one(&format!("SELECT name, status FROM users WHERE key = '{key}'")), "ada.leaver|missing");
    assert_eq!(world.one("SELECT count(*) FROM users WHERE name = 'ada.leaver'"), "2");
}

/// A site of so many groups, each with the one user.
fn answer(head: &str, groups: usize) -> String {
    let user = r#"{"name":"ada","key":"k1","fullName":"Ada","email":"a@example.com","hasAccessToUseConfluence":true}"#;
    if head.contains("getGroups") {
        let names: Vec<String> = (0..groups).map(|n| format!("\"group {n}\"")).collect();
        format!(
            r#"{{"total":{groups},"maxResults":1000,"startAt":0,"groups":[{}],"status":"success"}}"#,
            names.join(",")
        )
    } else if head.contains("group/getUsers/") && !head.contains("showExtendedDetails") {
        r#"{"total":1,"maxResults":1000,"startAt":0,"users":[{"name":"ada"}],"status":"success"}"#.to_owned()
    } else {
        format!(r#"{{"total":1,"maxResults":1000,"startAt":0,"users":[{user}],"status":"success"}}"#)
    }
}

#[test]
fn no_more_requests_are_under_way_than_allowed() {
    for allowed in [1, 3] {
        let gauge = Arc::new(Gauge::default());
        let counting = gauge.clone();
        let server = Scripted::start(move |head, stream| {
            // Slow enough for the others to come, if they would; over before the answer, which lets the next one come.
            counting.during(|| std::thread::sleep(Duration::from_millis(10)));
            Scripted::json(stream, &answer(head, 30));
        });
        let world = World::small().at(&server.url).key("user_export", "\"off\"").limit("concurrency", allowed);
        world.sync().exits(0);
        assert_eq!(world.one("SELECT count(*) FROM memberships"), "30");
        assert!(gauge.most() <= allowed, "{} at once, {allowed} allowed", gauge.most());
    }
}

#[test]
fn requests_introduce_themselves_and_ask_for_json() {
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = heads.clone();
    let server = Scripted::start(move |head, stream| {
        noted.lock().unwrap().push(head.to_owned());
        Scripted::json(stream, &answer(head, 2));
    });
    let world = World::small().at(&server.url).key("user_export", "\"off\"");
    world.sync().exits(0);
    for head in heads.lock().unwrap().iter() {
        assert!(head.starts_with("GET /rest/extender/1.0/"), "{head}");
        let lower = head.to_lowercase();
        assert!(lower.contains("user-agent: rollbook/") && lower.contains("accept: application/json"), "{head}");
        assert!(lower.contains("authorization: basic "), "{head}");
    }
}

#[test]
fn a_site_that_goes_down_in_the_middle_is_given_up_soon() {
    let server = Scripted::start(move |head, stream| {
        if !head.contains("group/getUsers/") {
            Scripted::json(stream, &answer(head, 300));
        }
    });
    let world = World::small().at(&server.url);
    world.sync().exits(3);
    assert!(server.requests() < 60, "{} requests to a site that is down", server.requests());
    assert_eq!(world.one("SELECT status FROM walks"), "partial");
    assert_eq!(world.one("SELECT count(*) FROM users"), "1");
    assert_eq!(world.one("SELECT count(*) FROM memberships"), "0");
}

#[test]
fn two_sites_of_the_same_people_are_kept_apart() {
    let world = World::small();
    world.configure(&format!("{}\n{}", world.site_table("a"), world.site_table("b")));
    world.sync().exits(0);
    let apart = "SELECT count(*) = 2 * count(DISTINCT key) FROM users";
    assert_eq!(world.one(apart), "1");
    let key = world.change(|site| site.add("ada.first"));
    world.run(&["sync", "--site", "b"]).exits(0);
    let at = format!("SELECT s.name FROM users u JOIN sites s ON s.id = u.site_id WHERE u.key = '{key}'");
    assert_eq!(world.rows(&at), ["b"]);
    world.sync().exits(0);
    assert_eq!(world.one(apart), "1");
    let csv = world.run(&["report", "users", "--site", "a", "--format", "csv"]).exits(0).stdout;
    assert!(csv.lines().skip(1).all(|line| line.starts_with("a,")));
}
