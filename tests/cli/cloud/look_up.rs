//! Batches that are too large, ids that the site refuses, the file of ids, and answers that lack somebody.

use std::fs;

use rollbook::simulator::{CloudSettings, Endpoint, Fault, FaultKind, Settings, Target, account_id};

use super::{CloudPicture, heals, people, settings, sixty, told, truth, walks_with};
use crate::support::{World, rewritten};

/// So many users, walked, whose site takes at most `max_batch` ids at once.
fn of(users: usize, max_batch: usize) -> World {
    let cloud = CloudSettings { max_batch, organization: None, ..CloudSettings::default() };
    World::cloud(Settings { users, seed: 7, cloud: Some(cloud), ..Settings::cloud() }).unguarded()
}

/// How many ids each request had.
fn batches(world: &World) -> Vec<usize> {
    world.site.requests().batches.into()
}

/// Every answer of `users-bulk` without the records of which `is_left_out` is true.
fn leaves_out(times: Option<u32>, mut is_left_out: impl FnMut(&str) -> bool + Send + 'static) -> Fault {
    let change = move |body: String| {
        let mut page: serde_json::Value = serde_json::from_str(&body).unwrap();
        let rows = page["results"].as_array_mut().unwrap();
        rows.retain(|row| !is_left_out(row["accountId"].as_str().unwrap()));
        page.to_string()
    };
    Fault { on: Target::at(Endpoint::UsersBulk), times, what: FaultKind::rewrite(change) }
}

#[test]
fn no_batch_is_larger_than_the_vendor_permits() {
    let world = sixty().limit("batch_size", 251);
    world.sync().exits(78).says(&["batch_size", "250"]);
}

#[test]
fn two_hundred_and_fifty_one_ids_are_two_batches() {
    let world = of(240, 250).limit("concurrency", 1);
    world.sync().exits(0);
    let known: usize = world.one("SELECT count(*) FROM users").parse().unwrap();
    world.change(|site| (known..251).for_each(|n| drop(site.add(&format!("more.{n}")))));
    world.site.forget_requests();
    heals(&world, "251 ids");
    assert_eq!(batches(&world), [250, 1]);
}

#[test]
fn a_site_that_takes_fewer_ids_gets_fewer() {
    let world = of(330, 100);
    heals(&world, "a batch of 250 is refused");
    let sent = batches(&world);
    let refused = sent.iter().filter(|ids| **ids > 100).count();
    assert!(refused <= 8, "{sent:?}");
    let last = sent.iter().rev().take(2).all(|ids| *ids <= 100);
    assert!(last, "those behind it are smaller: {sent:?}");
}

#[test]
fn large_batches_that_fail_are_halved() {
    let world = of(330, 250);
    world.sync().exits(0);
    // As a server whose work for many ids takes too long.
    let too_many = FaultKind::status(504);
    world.site.add_fault(Fault { on: Target::at(Endpoint::UsersBulk), times: Some(2), what: too_many });
    world.site.forget_requests();
    let ran = world.sync().exits(0);
    assert!(!ran.stderr.contains("panicked"));
    let sent = batches(&world);
    assert!(sent.iter().skip(2).all(|ids| *ids <= 125), "{sent:?}");
    heals(&world, "halved");
}

#[test]
fn an_id_that_is_refused_keeps_its_user_as_known_and_costs_few_requests() {
    let world = of(230, 250);
    world.sync().exits(0);
    let keys = people(&world);
    let (refused, other) = (keys[70].clone(), keys[71].clone());
    world.change(|site| {
        site.refused_ids.insert(account_id(&refused));
        for key in [&refused, &other] {
            site.users.get_mut(key).unwrap().full_name = "Another Name".to_owned();
        }
        site.look();
    });
    let before = told(&world, &refused, "full_name, status");
    for _ in 0..2 {
        world.site.forget_requests();
        world.sync().exits(3).prints(&["400", "1 account ids", "users.id"]);
        assert!(batches(&world).len() <= 2 * 9 + 2, "{:?}", batches(&world));
        assert_eq!(world.last_walk().0, "partial");
        assert_eq!(told(&world, &refused, "full_name, status"), before);
        assert_eq!(told(&world, &other, "full_name, status"), "Another Name|active");
        assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'missing'"), "0");
        world.is_sound();
    }
    assert!(!world.last_walk().1.contains(&account_id(&refused)), "the id is a person's");
    world.change(|site| site.refused_ids.clear());
    heals(&world, "taken again");
}

#[test]
fn more_refused_ids_than_requests_to_spend_leave_everybody_as_known() {
    let world = of(120, 250).limit("lookups_per_walk", 10);
    world.sync().exits(0);
    let keys = people(&world);
    world.change(|site| {
        for key in keys.iter().step_by(3) {
            site.refused_ids.insert(account_id(key));
        }
    });
    let before = CloudPicture::of_mirror(&world, "corp");
    world.site.forget_requests();
    let ran = world.sync();
    assert!([3, 69].contains(&ran.exit), "{}{}", ran.stdout, ran.stderr);
    assert!(batches(&world).len() <= 12, "{:?}", batches(&world));
    let mirror = CloudPicture::of_mirror(&world, "corp");
    assert_eq!(mirror.users, before.users);
    assert_eq!(mirror.members, before.members);
    world.is_sound();
    world.change(|site| site.refused_ids.clear());
    heals(&world, "taken again");
}

/// A world with a file of ids, whose site has somebody whom no listing shows, and who that is.
fn filed(lines: &str) -> (World, String) {
    let world = sixty();
    let key = world.change(|site| {
        let key = site.add("quiet");
        site.leave_all(&key);
        site.users.get_mut(&key).unwrap().enabled = false;
        key
    });
    fs::write(world.path("ids.txt"), lines.replace("{id}", &account_id(&key))).unwrap();
    (world.key("account_ids_file", "\"ids.txt\""), key)
}

#[test]
fn a_file_brings_whom_no_listing_shows_and_may_vanish() {
    let (world, key) = filed("# old people\n\n{id}\n");
    world.sync().exits(0);
    assert_eq!(told(&world, &key, "name, status"), "quiet|deactivated");
    fs::remove_file(world.path("ids.txt")).unwrap();
    // Whoever configures a file that is not there is told before the walk.
    world.sync().exits(78).says(&["account_ids_file", "ids.txt"]);
    fs::write(world.path("ids.txt"), "").unwrap();
    world.sync().exits(0);
    assert_eq!(told(&world, &key, "name, status"), "quiet|deactivated", "known for ever");
    world.is_sound();
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let (world, key) = filed("{id}\n");
    world.sync().exits(0);
    fs::write(world.path("ids.txt"), [0xff, 0xfe, 0x00]).unwrap();
    world.sync().exits(3).prints(&["account_ids_file", "ids.txt"]);
    assert_eq!(world.last_walk().0, "partial");
    assert_eq!(told(&world, &key, "name, status"), "quiet|deactivated");
}

#[test]
fn lines_that_hold_no_id_are_told() {
    let (world, key) = filed("not an id\n{id}\n\u{1F600}\n");
    let ran = world.sync().exits(0);
    let told_now = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told_now.contains("no account id in line 1, 3"), "{told_now}");
    world.run(&["status"]).exits(0).prints(&["no account id in line 1, 3"]);
    assert_eq!(told(&world, &key, "status"), "deactivated");
}

#[test]
fn a_line_that_is_refused_is_named() {
    let (world, key) = filed("{id}\n# one with a slip of the pen\n712020:slip\n");
    world.change(|site| site.refused_ids.insert("712020:slip".to_owned()));
    world.sync().exits(3).prints(&["line 3 of account_ids_file"]);
    assert_eq!(told(&world, &key, "status"), "deactivated", "all others are right");
    world.is_sound();
    assert!(!world.last_walk().1.contains("slip"));
}

#[test]
fn records_that_say_nothing_change_nothing() {
    let world = sixty();
    let before = CloudPicture::of_mirror(&world, "corp");
    let bare = |body: String| {
        let mut page: serde_json::Value = serde_json::from_str(&body).unwrap();
        for row in page["results"].as_array_mut().unwrap() {
            *row = serde_json::json!({ "accountId": row["accountId"] });
        }
        page.to_string()
    };
    let nulls = |body: String| {
        let mut page: serde_json::Value = serde_json::from_str(&body).unwrap();
        for row in page["results"].as_array_mut().unwrap() {
            for field in ["timeZone", "personalSpaceId", "profilePicture", "isExternalCollaborator"] {
                row[field] = serde_json::Value::Null;
            }
        }
        page.to_string()
    };
    world.site.add_fault(rewritten(Endpoint::UsersBulk, bare));
    world.sync().exits(0);
    world.site.clear_faults();
    assert_eq!(CloudPicture::of_mirror(&world, "corp"), before, "of known users");
    heals(&world, "bare records");

    world.site.add_fault(rewritten(Endpoint::UsersBulk, nulls));
    world.sync().exits(0);
    world.site.clear_faults();
    let mut mirror = CloudPicture::of_mirror(&world, "corp");
    for (id, user) in &mut mirror.users {
        assert_eq!(user["time_zone"], "", "a user may hide it");
        user.insert("time_zone", before.users[id]["time_zone"].clone());
    }
    assert_eq!(mirror, before);
    heals(&world, "null");

    // Of new ones the id is all that is known.
    let fresh = World::cloud(settings(30, None));
    fresh.site.add_fault(rewritten(Endpoint::UsersBulk, bare));
    fresh.sync().exits(0);
    assert_eq!(fresh.rows("SELECT DISTINCT status, coalesce(email, ''), name = key FROM users"), ["unknown||1"]);
    heals(&fresh, "bare records of new users");
}

#[test]
fn every_row_twice_is_every_user_once() {
    let world = sixty();
    let twice = |body: String| {
        let mut page: serde_json::Value = serde_json::from_str(&body).unwrap();
        let rows = page["results"].as_array_mut().unwrap();
        let again = rows.clone();
        rows.extend(again);
        page.to_string()
    };
    world.site.add_fault(rewritten(Endpoint::UsersBulk, twice));
    world.sync().exits(0).prints(&["0 changes"]);
    heals(&world, "twice");
}

#[test]
fn rows_left_out_once_are_asked_for_again() {
    let world = sixty();
    let before = CloudPicture::of_mirror(&world, "corp");
    let mut nth = 0;
    world.site.add_fault(leaves_out(Some(1), move |_| {
        nth += 1;
        nth % 2 == 0
    }));
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(CloudPicture::of_mirror(&world, "corp"), before);
}

#[test]
fn rows_left_out_for_ever_are_missing_and_many_of_them_are_held() {
    let world = World::cloud(settings(60, None));
    world.sync().exits(0);
    let active = "SELECT count(*) FROM users WHERE status = 'active'";
    let before = world.one(active);
    // The same ones in every answer.
    world.site.add_fault(leaves_out(None, |id| id.bytes().last().unwrap().is_multiple_of(2)));
    world.sync().exits(4);
    assert_eq!(world.one(active), before, "nobody is called missing before a person decides");
    world.site.clear_faults();
    world.sync().exits(0);
    assert_eq!(world.one(active), before);
    world.is_sound();
}

#[test]
fn who_is_answered_no_more_is_missing_and_may_return() {
    let world = sixty();
    let key = people(&world)[8].clone();
    let (name, email) = (told(&world, &key, "name"), told(&world, &key, "email"));
    let set = |away: bool| world.change(|site| site.users.get_mut(&key).unwrap().unsynced = away);
    set(true);
    world.sync().exits(0);
    let row = told(&world, &key, "status, name, email, missing_since IS NOT NULL");
    assert_eq!(row, format!("missing|{name}|{email}|1"));
    let evidence = format!(
        "SELECT count(*) FROM evidence e JOIN users u ON u.id = e.user_id WHERE u.key = '{}'",
        account_id(&key)
    );
    assert_eq!(world.one(&evidence), "1");
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.one(&evidence), "1", "the same answer is no news");
    set(false);
    world.sync().exits(0);
    assert_eq!(told(&world, &key, "status, name, missing_since"), format!("active|{name}|NULL"));
    let kinds = format!(
        "SELECT c.kind FROM changes c JOIN users u ON u.id = c.user_id WHERE u.key = '{}' AND c.kind LIKE 'user.%' \
         ORDER BY c.id",
        account_id(&key)
    );
    assert_eq!(world.rows(&kinds), ["user.created", "user.missing", "user.returned"]);
    heals(&world, "returned");
}

#[test]
fn closed_inactive_and_unheard_of() {
    let world = sixty();
    let keys = people(&world);
    let profile = "name, full_name, coalesce(email, '')";
    let before = told(&world, &keys[3], profile);
    world.change(|site| {
        site.delete(&keys[3]);
        site.users.get_mut(&keys[4]).unwrap().enabled = false;
        site.traits_mut(&keys[5]).account_status = Some("on-holiday".to_owned());
        site.look();
    });
    world.sync().exits(0);
    assert_eq!(told(&world, &keys[3], "status, account_status, deleted_at IS NOT NULL"), "deleted|closed|1");
    assert_eq!(told(&world, &keys[3], profile), before, "what was known of the person stays");
    assert_eq!(told(&world, &keys[4], "status, account_status, active"), "deactivated|inactive|0");
    assert_eq!(told(&world, &keys[5], "status, account_status, active"), "unknown|on-holiday|NULL");
    let report = world.run(&["report", "users", "--format", "json"]).exits(0);
    assert!(report.stdout.contains("on-holiday") || report.stdout.contains("unknown"), "{}", report.stdout);
    CloudPicture::of_mirror(&world, "corp").assert_is(&truth(&world), "closed, inactive, unheard of");
    world.is_sound();
}

#[test]
fn an_empty_answer_for_everybody_takes_nobody_away() {
    let world = sixty();
    let contents = world.database().contents(&["walks"]);
    walks_with(&world, "empty-list@users-bulk", 69).says(&["nothing was applied"]);
    assert_eq!(world.database().contents(&["walks"]), contents);
    heals(&world, "empty");
}
