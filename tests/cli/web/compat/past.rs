//! The interfaces as of a moment of the past, and what answers say of the walk that they rest on.

use std::collections::BTreeSet;

use serde_json::Value;

use super::user_export::{SEARCH, knowable};
use super::{both_apps, mirror, served, upstream, walked};
use crate::support::World;

const USERS: &str = "/rest/extender/1.0/user/getUsersWithConfluenceAccess?maxResults=1000&showExtendedDetails=true";
const MEMBERS: &str = "/rest/extender/1.0/group/getUsers/everyone?maxResults=1000&showExtendedDetails=true";
const GROUPS: &str = "/rest/extender/1.0/group/getGroups?maxResults=1000";
const ALL: &str = r#"{"searchString":"","activeUsers":true,"inActiveUsers":true,"offset":0,"pageSize":1000}"#;

/// The same users, in the same order and with the same fields. When somebody was last edited before the last edit is not
/// kept; and of one whom no list of Extender shows any more the log-in is the one that Extender told last.
#[track_caller]
fn same(told: &Value, expected: &Value, unlisted: &BTreeSet<String>, what: &str) {
    let users = |answer: &Value| answer["users"].as_array().cloned().unwrap_or_default();
    let (mut told, mut expected) = (told.clone(), expected.clone());
    assert_eq!(users(&told).len(), users(&expected).len(), "{what}");
    for (at, user) in users(&told).iter().enumerate() {
        let (told, expected) = (&mut told["users"][at], &mut expected["users"][at]);
        let is_unlisted = unlisted.contains(user["username"].as_str().unwrap_or_default());
        for field in ["updatedDate", "updatedDateString", "lastLogin"] {
            if is_unlisted || field != "lastLogin" {
                told.as_object_mut().unwrap().remove(field);
                expected.as_object_mut().unwrap().remove(field);
            }
        }
        // The clock of the simulated site is behind: what a later walk brought looks as if it had not been told before.
        let told = told.as_object_mut().unwrap();
        let expected = expected.as_object_mut().unwrap();
        expected
            .retain(|field, value| !value.is_null() || told.contains_key(field) || !LOGINS.contains(&field.as_str()));
        assert_eq!(told, expected, "{what}");
    }
    assert_eq!(told, expected, "{what}");
}

/// Left out where it was not known whether there were any.
const LOGINS: [&str; 5] = [
    "lastLogin",
    "lastSuccessfulLoginDate",
    "lastSuccessfulLoginDateString",
    "lastFailedLoginDate",
    "lastFailedLoginDateString",
];

/// The moment of the newest walk, as RFC 3339.
fn newest(world: &World) -> String {
    format!("{}Z", world.one("SELECT max(at) FROM walks").replace(' ', "T"))
}

#[test]
fn the_past_is_what_the_site_answered_then() {
    let world = both_apps();
    let mut recorded = Vec::new();
    for day in 0..4 {
        if day > 0 {
            world.change(|site| site.advance_days(15));
        }
        world.sync().exits(0);
        let told = [USERS, MEMBERS, GROUPS].map(|path| upstream(&world, path, None).is(200).json());
        let found = knowable(upstream(&world, SEARCH, Some(ALL)).is(200).json());
        let unlisted: BTreeSet<String> = world.change(|site| {
            site.users.values().filter(|user| !site.is_listed(user)).map(|user| user.name.clone()).collect()
        });
        recorded.push((newest(&world), told, found, unlisted));
    }
    let service = walked(&world);
    for (at, expected, found, unlisted) in recorded {
        for (path, expected) in [USERS, MEMBERS, GROUPS].into_iter().zip(expected) {
            let answer = mirror(&service, &format!("{path}&as-of={at}"), None).is(200);
            same(&answer.json(), &expected, &BTreeSet::new(), &at);
            assert_eq!(answer.header("rollbook-as-of").unwrap().to_uppercase(), at);
        }
        let answer = mirror(&service, &format!("{SEARCH}?as-of={at}"), Some(ALL)).is(200);
        same(&answer.json(), &found, &unlisted, &at);
    }
    service.stop().exits(0);
}

#[test]
fn what_cannot_be_told_of_the_past() {
    let world = both_apps();
    world.sync().exits(0);
    let first = newest(&world);
    let service = walked(&world);
    let ask = |as_of: &str| mirror(&service, &format!("{USERS}&as-of={as_of}"), None);
    for bad in ["yesterday", "2026-13-01", "2999-01-01", "x'", "2026-01-31T25:00:00Z"] {
        ask(bad).is(400);
        mirror(&service, &format!("{SEARCH}?as-of={bad}"), Some(ALL)).is(400);
    }
    let told = ask("2001-01-01").is(404).json();
    assert!(told["message"].as_str().unwrap().contains(&first), "{told}");
    ask(&first).is(200);
    service.stop().exits(0);
    world.change(|site| site.advance_days(2));
    world.sync().exits(0);
    world.run(&["db", "prune", "--older-than", "0s"]).exits(0);
    let service = walked(&world);
    let told = mirror(&service, &format!("{USERS}&as-of={first}"), None).is(410).json();
    assert!(told["message"].as_str().unwrap().contains("rollbook db prune"), "{told}");
    mirror(&service, USERS, None).is(200);
    service.stop().exits(0);
}

#[test]
fn a_site_that_was_never_walked() {
    let world = both_apps();
    world.site.add_fault(crate::support::always(rollbook::simulator::Endpoint::UserList, 500));
    let service = walked(&world);
    let told = mirror(&service, USERS, None).is(503);
    assert!(told.json()["message"].as_str().unwrap().contains("never walked"), "{told:?}");
    assert!(told.header("retry-after").is_some());
    mirror(&service, SEARCH, Some(ALL)).is(503);
    service.stop().exits(0);
}

#[test]
fn a_held_walk_takes_nobody_away() {
    let (world, keys) = World::exactly(40, rollbook::simulator::UserExportApp::Missing);
    let world = crate::web::listening(world, "");
    world.sync().exits(0);
    world.change(|site| keys[..30].iter().for_each(|key| site.leave_all(key)));
    world.held();
    let service = walked(&world);
    let told = mirror(&service, USERS, None).is(200);
    assert_eq!(told.json()["total"], 40);
    assert!(told.header("rollbook-walk").unwrap().ends_with(" held"), "{}", told.head);
    assert_eq!(told.header("rollbook-incomplete"), Some("true"));
    service.stop().exits(0);
    // What was whole says nothing of the kind.
    let world = served(World::small());
    let service = walked(&world);
    let told = mirror(&service, USERS, None).is(200);
    let walk = world.one("SELECT id, status FROM walks").replace('|', " ");
    assert_eq!(told.header("rollbook-walk"), Some(&*walk));
    assert_eq!(told.header("rollbook-as-of").unwrap().to_uppercase(), newest(&world));
    assert_eq!(told.header("rollbook-incomplete"), None);
    service.stop().exits(0);
}
