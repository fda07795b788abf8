//! The same of a Cloud site and its organization: account ids are people, too.

use std::fs;

use rollbook::simulator::{CloudSettings, OrganizationSettings, Settings, account_id};

use super::every_fault::{KINDS, files_are_discreet, is_discreet};
use crate::support::World;

/// A site of canaries, asked one by one about its last-active dates or in bulk.
fn canaries(bulk: bool) -> World {
    let organization =
        OrganizationSettings { api_key: "canary-key".to_owned(), bulk, ..OrganizationSettings::default() };
    let settings = Settings {
        users: 40,
        seed: 7,
        password: "canary-password".to_owned(),
        token: "canary-token".to_owned(),
        cloud: Some(CloudSettings { organization: Some(organization), ..CloudSettings::default() }),
        ..Settings::cloud()
    };
    let world = World::cloud(settings).limit("page_size", 12).limit("batch_size", 10).unguarded();
    let world = world.limit("request_timeout", "\"1s\"").organization("lookups_per_walk", "12");
    world.change(|site| {
        for (nth, user) in site.users.values_mut().enumerate() {
            user.name = format!("canary.{nth:02}{}", ["", "+é", " x", "?%"][nth % 4]);
            user.full_name = format!("Canary {nth}");
            user.email = format!("canary.{nth}@example.com");
        }
    });
    world
}

/// Nobody, no secret, and no account id, which all begin alike; in a path the colon is escaped.
#[track_caller]
fn is_quiet(said: &str, what: &str) {
    is_discreet(said, what);
    assert!(!said.contains("712020"), "{what}: an account id in:\n{said}");
}

/// A walk at the most talkative, with everything it says.
#[track_caller]
fn walks_quietly(world: &World, nth: usize, what: &str) -> i32 {
    let format = if nth.is_multiple_of(2) { "text" } else { "json" };
    let ran = world.run(&["-vvv", "--log-format", format, "sync", "--changes", "0"]);
    is_quiet(&ran.stderr, what);
    is_quiet(&ran.stdout, what);
    is_quiet(&world.last_walk().1, what);
    is_quiet(&world.rows("SELECT coalesce(coverage, '') FROM walks").join("\n"), what);
    files_are_discreet(world, what);
    ran.exit
}

fn stir(world: &World, nth: usize) {
    world.change(|site| {
        let keys: Vec<String> = site.users.values().filter(|user| user.exists()).map(|user| user.key.clone()).collect();
        let key = &keys[nth % keys.len()];
        match nth % 3 {
            0 => site.users.get_mut(key).unwrap().unsynced = true,
            1 => site.users.get_mut(key).unwrap().enabled = false,
            _ => drop(site.add(&format!("canary.joiner.{nth}"))),
        }
    });
}

/// Every kind of fault at some of the endpoints: each at two of the six.
fn walks(bulk: bool, endpoints: &[&str], first: usize) {
    let world = canaries(bulk);
    world.sync().exits(0);
    let (mut failed, mut walked) = (0, 0);
    for (place, endpoint) in endpoints.iter().enumerate() {
        for (nth, kind) in KINDS.iter().enumerate().filter(|(nth, _)| (nth + place + first).is_multiple_of(3)) {
            stir(&world, nth);
            let long = ["endless", "gzip"].iter().any(|long| kind.starts_with(long));
            let fault = format!("{kind}@{endpoint}{}", if long { ":1" } else { "" });
            world.site.add_fault(fault.parse().unwrap_or_else(|error| panic!("{fault}: {error}")));
            failed += usize::from(walks_quietly(&world, nth, &fault) != 0);
            walked += 1;
            world.site.clear_faults();
        }
    }
    assert!(failed > walked / 4, "{failed} of {walked} walks failed");
    let status = world.run(&["-vvv", "status"]);
    is_quiet(&status.stdout, "status");
    is_quiet(&status.stderr, "status");
    let stored = format!("{:?}", world.database().contents(&[]));
    for secret in ["canary-password", "canary-token", "canary-key"] {
        assert!(!stored.contains(secret), "{secret} is in the database");
    }
}

#[test]
fn a_walk_over_cloud_at_its_listings() {
    walks(true, &["search", "cloud-groups", "cloud-members"], 0);
}

#[test]
fn a_walk_over_cloud_at_look_ups_and_the_directory() {
    walks(true, &["users-bulk", "org-users"], 1);
}

#[test]
fn a_walk_over_cloud_at_single_dates() {
    walks(false, &["org-last-active"], 2);
}

#[test]
fn a_doctor_of_a_cloud_site() {
    let endpoints =
        ["search", "cloud-groups", "cloud-members", "users-bulk", "org-users", "org-last-active", "org-keys"];
    for (place, endpoint) in endpoints.into_iter().enumerate() {
        let world = canaries(endpoint != "org-last-active");
        world.sync().exits(0);
        for (nth, kind) in KINDS.iter().enumerate().filter(|(nth, _)| (nth + place).is_multiple_of(2)) {
            let fault = format!("{kind}@{endpoint}");
            world.site.add_fault(fault.parse().unwrap());
            let ran = world.run(&["-vvv", "doctor", "--format", ["table", "json"][nth % 2]]);
            world.site.clear_faults();
            is_quiet(&ran.stdout, &fault);
            is_quiet(&ran.stderr, &fault);
        }
    }
}

#[test]
fn a_good_walk_over_cloud_is_discreet_too() {
    for bulk in [true, false] {
        let world = canaries(bulk);
        assert_eq!(walks_quietly(&world, 0, "the first"), 0);
        assert_eq!(walks_quietly(&world, 1, "the second"), 0);
        is_quiet(&world.run(&["check-config", "-vvv"]).exits(0).stdout, "check-config");
        let gateway = world.site.gateway_url().to_owned();
        let world = world.at(&gateway).credentials("token = \"canary-token\"");
        assert_eq!(walks_quietly(&world, 2, "by the gateway"), 0);
    }
}

#[test]
fn ids_that_are_refused_and_lines_of_the_file_are_not_repeated() {
    let world = canaries(true);
    world.sync().exits(0);
    fs::write(world.path("ids.txt"), "canary@example.com\n712020:canary-slip\n").unwrap();
    let world = world.key("account_ids_file", "\"ids.txt\"");
    world.change(|site| {
        let key = site.users.keys().nth(5).unwrap().clone();
        site.refused_ids.extend([account_id(&key), "712020:canary-slip".to_owned()]);
    });
    // The file itself holds what it holds.
    let ran = world.run(&["-vvv", "sync"]).exits(3);
    is_quiet(&ran.stderr, "refused");
    is_quiet(&world.last_walk().1, "refused");
    is_quiet(&world.run(&["status"]).stdout, "refused");
    // A token with the canary in it that is refused says nothing of itself.
    for lines in ["username = \"audit@example.com\"\ntoken = \"canary-wrong\"", "token = \"canary-wrong\""] {
        let world = canaries(true).credentials(lines);
        assert_eq!(walks_quietly(&world, 0, "a wrong token"), 77);
    }
    let world = canaries(true).organization("api_key", "\"canary-wrong\"");
    assert_eq!(walks_quietly(&world, 1, "a wrong key"), 77);
}
