//! What became of whom no listing shows: found out with few requests, proven or not, with the evidence kept.

use std::collections::BTreeSet;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target, UserExportApp};

use crate::support::{World, always};

const NONE: UserExportApp = UserExportApp::Missing;
const NEW: UserExportApp = UserExportApp::WithLastLogin;

fn status(world: &World, key: &str) -> String {
    world.one(&format!("SELECT status FROM users WHERE key = '{key}'"))
}

fn evidence(world: &World, key: &str) -> Vec<String> {
    world.rows(&format!(
        "SELECT e.answer FROM evidence e JOIN users u ON u.id = e.user_id WHERE u.key = '{key}' ORDER BY e.id"
    ))
}

#[test]
fn every_fate_and_its_evidence() {
    for user_export in [NONE, NEW] {
        let (world, keys) = World::exactly(40, user_export);
        let world = world.unguarded();
        world.sync().exits(0);
        world.change(|site| {
            // Renamed; without access in a group and in none; deactivated likewise; deleted; let go; renamed out of sight.
            site.users.get_mut(&keys[0]).unwrap().name = "renamed".to_owned();
            site.leave_all(&keys[1]);
            site.join(&keys[1], "team");
            site.leave_all(&keys[2]);
            site.users.get_mut(&keys[3]).unwrap().enabled = false;
            site.users.get_mut(&keys[4]).unwrap().enabled = false;
            site.leave_all(&keys[4]);
            site.delete(&keys[5]);
            site.users.get_mut(&keys[6]).unwrap().unsynced = true;
            site.users.get_mut(&keys[7]).unwrap().name = "out.of.sight".to_owned();
            site.leave_all(&keys[7]);
            // Deleted, and the name given to another; let go, likewise.
            site.delete(&keys[8]);
            site.add("active.008");
            site.users.get_mut(&keys[9]).unwrap().unsynced = true;
            site.users.get_mut(&keys[9]).unwrap().name = "let.go".to_owned();
            site.add("active.009");
        });
        world.sync().exits(0);
        let told: Vec<String> = keys[..10].iter().map(|key| status(&world, key)).collect();
        let expected = match user_export {
            // Extender alone cannot tell who is deactivated, nor what a 404 means.
            NONE => [
                "active",
                "no-access",
                "no-access",
                "no-access",
                "no-access",
                "deleted",
                "missing",
                "missing",
                "deleted",
                "missing",
            ],
            // The tenth: its name is another's, so that no 404 comes and nothing is proven.
            _ => [
                "active",
                "no-access",
                "no-access",
                "deactivated",
                "deactivated",
                "deleted",
                "deleted",
                "no-access",
                "deleted",
                "missing",
            ],
        };
        assert_eq!(told, expected, "{user_export:?}");
        world.agrees();
        for n in [5, 6, 8, 9] {
            let kept = evidence(&world, &keys[n]);
            assert_eq!(kept.len(), 1, "{n}: {kept:?}");
            world.run(&["history", "user", &keys[n]]).exits(0).prints(&[&kept[0]]);
        }
        // Proof is kept once: the same answers add nothing.
        let contents = world.known();
        world.sync().exits(0).prints(&["0 changes"]);
        assert_eq!(world.known(), contents);
        // They come back.
        world.change(|site| {
            for n in [1, 2, 3, 4, 6, 7, 9] {
                let user = site.users.get_mut(&keys[n]).unwrap();
                (user.enabled, user.unsynced) = (true, false);
                site.join(&keys[n], "confluence-users");
            }
        });
        world.sync().exits(0);
        world.agrees();
        assert_eq!(world.one("SELECT count(*) FROM users"), "42", "nobody twice");
    }
}

#[test]
fn a_404_by_name_alone_is_no_proof() {
    for mode in ["\"off\"", "\"auto\""] {
        let (world, keys) = World::exactly(40, NEW);
        let world = world.key("user_export", mode);
        world.sync().exits(0);
        world.change(|site| site.users.get_mut(&keys[0]).unwrap().unsynced = true);
        // Where its list is not whole it proves nothing.
        let world = match mode {
            "\"off\"" => world,
            _ => world
                .limit("page_size", 15)
                .fault(Fault::always(Target::at(Endpoint::UserExportSearch).page(1), FaultKind::status(500))),
        };
        world.sync();
        assert_ne!(status(&world, &keys[0]), "deleted", "{mode}");
        world.is_sound();
    }
}

#[test]
fn an_error_in_a_look_up_is_no_evidence() {
    for (what, exit) in [
        (FaultKind::status(500), None),
        (FaultKind::status(502), None),
        (FaultKind::status(403), None),
        (FaultKind::Reset, Some(3)),
        (FaultKind::InvalidJson, Some(3)),
    ] {
        let (world, keys) = World::exactly(40, NONE);
        let world = world.limit("request_timeout", "\"5s\"");
        world.sync().exits(0);
        world.change(|site| site.delete(&keys[3]));
        let told = format!("{what:?}");
        // Only of this user: of a name that nobody has the site says 404.
        let world = world.fault(Fault::always(Target::at(Endpoint::UserDetails).of("active.003"), what));
        let ran = world.sync();
        assert!(exit.is_none_or(|exit| exit == ran.exit) && [0, 3].contains(&ran.exit), "{told}: {ran:?}");
        assert!(
            ["active", "deleted"].contains(&status(&world, &keys[3]).as_str()),
            "{told}: {}",
            status(&world, &keys[3])
        );
        if status(&world, &keys[3]) == "active" {
            assert_eq!(evidence(&world, &keys[3]), [""; 0], "{told}");
            assert_eq!(ran.exit, 3, "{told}");
        }
        world.site.clear_faults();
        world.sync().exits(0);
        assert_eq!(status(&world, &keys[3]), "deleted", "{told}");
        world.agrees();
    }
}

#[test]
fn a_401_in_a_look_up_ends_the_walk() {
    let (world, keys) = World::exactly(40, NONE);
    world.sync().exits(0);
    let contents = world.known();
    world.change(|site| site.delete(&keys[3]));
    let world = world.fault(always(Endpoint::UserDetails, 401));
    world.sync().exits(77);
    assert_eq!(world.known(), contents);
}

/// A wave of leavers: how many requests it takes to know of all, and what is known then.
fn wave(users: usize, leavers: usize, user_export: UserExportApp, keep_group: bool) -> (usize, usize, Vec<String>) {
    let world = World::with(Settings { users: 3, seed: 9, user_export, ..Settings::default() }).unguarded();
    let keys = world.change(|site| {
        site.users.clear();
        site.groups.values_mut().for_each(BTreeSet::clear);
        (0..users).map(|n| site.add(&format!("user.{n:05}"))).collect::<Vec<_>>()
    });
    world.change(|site| keys.iter().for_each(|key| site.join(key, "everyone")));
    world.sync().exits(0);
    world.change(|site| {
        for key in &keys[..leavers] {
            if keep_group {
                site.leave(key, "confluence-users");
            } else {
                site.leave_all(key);
                site.users.get_mut(key).unwrap().enabled = false;
            }
        }
    });
    world.site.forget_requests();
    world.sync().exits(0);
    let requests = world.site.requests();
    let told = world.rows("SELECT status, count(*) FROM users GROUP BY 1 ORDER BY 1");
    world.is_sound();
    (requests.total(), requests.user_details, told)
}

#[test]
fn a_wave_of_leavers_takes_few_requests() {
    // User Export tells of all at once.
    let (total, details, told) = wave(600, 500, NEW, false);
    assert_eq!((details, told), (0, vec!["active|100".to_owned(), "deactivated|500".to_owned()]));
    assert!(total < 40, "{total}");
    // A group they are still in, read with details.
    let (total, details, told) = wave(600, 500, NONE, true);
    assert_eq!((details, told), (0, vec!["active|100".to_owned(), "no-access|500".to_owned()]));
    assert!(total < 60, "{total}");
    // Nothing but single look-ups: within the budget.
    let (_, details, _) = wave(600, 500, NONE, false);
    assert!(details <= 200, "{details}");
}

#[test]
#[ignore = "takes long: `make soak` runs it"]
fn a_wave_of_five_thousand_leavers_takes_few_requests() {
    let (total, details, told) = wave(6_000, 5_000, NEW, false);
    assert_eq!((details, told), (0, vec!["active|1000".to_owned(), "deactivated|5000".to_owned()]));
    assert!(total < 60, "{total}");
    let (total, details, told) = wave(6_000, 5_000, NONE, true);
    assert_eq!((details, told), (0, vec!["active|1000".to_owned(), "no-access|5000".to_owned()]));
    assert!(total < 60, "{total}");
}

#[test]
fn the_deleted_of_a_wave_are_found_out_within_the_budget() {
    let (world, keys) = World::exactly(60, NEW);
    let world = world.unguarded().limit("lookups_per_walk", 20);
    world.sync().exits(0);
    world.change(|site| keys[..50].iter().for_each(|key| site.delete(key)));
    let mut walks = 0;
    while world.rows("SELECT count(*) FROM users WHERE status = 'deleted'") != ["50"] {
        world.site.forget_requests();
        world.sync().exits(0);
        let asked = world.site.requests().user_details;
        assert!(asked <= 20, "{asked}");
        walks += 1;
        assert!(walks <= 6, "{:?}", world.rows("SELECT status, count(*) FROM users GROUP BY 1"));
        // Nobody is ever said to be there still.
        assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'active'"), "10");
    }
    world.agrees();
}

#[test]
fn one_group_fails_and_the_rest_is_applied() {
    let (world, keys) = World::exactly(40, NONE);
    world.change(|site| {
        keys[..10].iter().for_each(|key| site.join(key, "left"));
        keys[..10].iter().for_each(|key| site.join(key, "right"));
    });
    world.sync().exits(0);
    world.change(|site| {
        for team in ["left", "right"] {
            site.leave(&keys[0], team);
            site.join(&keys[20], team);
        }
        site.users.get_mut(&keys[5]).unwrap().name = "renamed".to_owned();
    });
    let members = |world: &World, group: &str| {
        world.rows(&format!(
            "SELECT u.key FROM memberships m JOIN groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id \
             WHERE g.name = '{group}' AND m.valid_to IS NULL ORDER BY 1"
        ))
    };
    let before = members(&world, "left");
    let world = world.fault(Fault::always(Target::at(Endpoint::GroupMembers).of("left"), FaultKind::status(500)));
    world.sync().exits(3);
    assert_eq!(members(&world, "left"), before, "untouched");
    assert_ne!(members(&world, "right"), before);
    let walk = world.one("SELECT max(id) FROM walks");
    world.run(&["walks", "show", &walk]).exits(0).prints(&["left"]);
    world.run(&["status"]).exits(0).prints(&["left"]);
    let part = format!("SELECT part FROM walk_coverage WHERE walk_id = {walk} AND problem IS NOT NULL");
    assert_eq!(world.rows(&part), ["members"]);
    world.site.clear_faults();
    world.sync().exits(0);
    world.agrees();
}

#[test]
fn one_page_fails_and_nobody_is_closed() {
    let (world, keys) = World::exactly(60, NONE);
    let world = world.limit("page_size", 15);
    world.sync().exits(0);
    world.change(|site| {
        site.delete(&keys[0]);
        site.leave_all(&keys[30]);
        site.users.get_mut(&keys[59]).unwrap().position = "Head".to_owned();
        site.add("zoe");
    });
    let world = world.fault(Fault::always(Target::at(Endpoint::UserList).page(1), FaultKind::status(500)));
    world.sync().exits(3);
    assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'active'"), "61", "nobody is closed");
    assert_eq!(world.one(&format!("SELECT position FROM users WHERE key = '{}'", keys[59])), "Head");
    let walk = world.one("SELECT max(id) FROM walks");
    let part = format!("SELECT part FROM walk_coverage WHERE walk_id = {walk} AND problem IS NOT NULL");
    assert_eq!(world.rows(&part), ["users"]);
    world.site.clear_faults();
    world.sync().exits(0);
    world.agrees();
}

#[test]
fn a_hold_of_users_who_are_missing() {
    let (world, keys) = World::exactly(60, NONE);
    world.sync().exits(0);
    world.change(|site| keys[..20].iter().for_each(|key| site.users.get_mut(key).unwrap().unsynced = true));
    world.held();
    assert_eq!(world.one("SELECT count(*) FROM evidence"), "20", "kept although nobody is missing yet");
    // Meanwhile some are back, some proven deleted: another walk, another hold.
    world.change(|site| {
        keys.iter().for_each(|key| site.users.get_mut(key).unwrap().unsynced = keys[15..20].contains(key));
        keys[10..15].iter().for_each(|key| site.delete(key));
    });
    let held = world.held();
    world.walks("approve", held, &[]).exits(0);
    assert_eq!(
        world.rows("SELECT status, count(*) FROM users GROUP BY 1 ORDER BY 1"),
        ["active|50", "deleted|5", "missing|5"]
    );
    // What is approved goes on in the rotation.
    world.change(|site| {
        for key in &keys[15..20] {
            site.users.get_mut(key).unwrap().unsynced = false;
            site.delete(key);
        }
    });
    world.sync().exits(0);
    assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'deleted'"), "10");
    world.agrees();
}
