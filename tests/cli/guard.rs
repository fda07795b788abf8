//! What trips the guard, to the user: the share is not held, one more is.

use std::collections::BTreeSet;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Population, Target, UserExportApp};

use crate::support::World;

const NONE: UserExportApp = UserExportApp::Missing;

/// A walk, a change of the site for so many users, another walk: its exit code.
fn after(world: &World, keys: &[String], mut change: impl FnMut(&mut Population, &str)) -> i32 {
    world.change(|site| keys.iter().for_each(|key| change(site, key)));
    world.sync().exit
}

fn disable(site: &mut Population, key: &str) {
    site.users.get_mut(key).unwrap().enabled = false;
}

#[test]
fn a_share_of_active_users() {
    for (percent, users, plausible) in [("10", 100, 10), ("10", 109, 10), ("10", 110, 11), ("12.5", 80, 10)] {
        for (leavers, exit) in [(plausible, 0), (plausible + 1, 4)] {
            let (world, keys) = World::exactly(users, NONE);
            let world = world.guard("users_percent", percent);
            world.sync().exits(0);
            assert_eq!(after(&world, &keys[..leavers], disable), exit, "{leavers} of {users}, {percent} %");
            let active = if exit == 0 { users - leavers } else { users };
            assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'active'"), active.to_string());
            if exit == 0 {
                world.agrees();
            }
        }
    }
}

#[test]
fn few_are_not_held() {
    // All of nine leave; all of ten would.
    for (users, ignore, exit) in [(19, "10", 0), (20, "10", 4), (20, "11", 0), (13, "3", 4), (12, "3", 0), (12, "0", 4)]
    {
        let (world, keys) = World::exactly(users, NONE);
        let world = world.guard("ignore_below", ignore);
        world.sync().exits(0);
        assert_eq!(after(&world, &keys[10..], disable), exit, "{users}, ignore_below {ignore}");
    }
}

#[test]
fn the_guard_at_its_ends() {
    let (world, keys) = World::exactly(30, NONE);
    let world = world.guard("users_percent", 0).guard("ignore_below", 0);
    world.sync().exits(0);
    assert_eq!(after(&world, &keys[..1], disable), 4, "nobody may leave");
    let (world, keys) = World::exactly(30, NONE);
    let world = world.unguarded();
    world.sync().exits(0);
    assert_eq!(after(&world, &keys[1..], disable), 0, "everybody may leave");
    world.agrees();
}

#[test]
fn who_does_not_leave_active_does_not_count() {
    let (world, keys) = World::exactly(60, NONE);
    world.change(|site| keys[..30].iter().for_each(|key| disable(site, key)));
    world.sync().exits(0);
    // Renamed, edited and of no access before, they are no leavers; nor are they counted among the active.
    let gone = |site: &mut Population, key: &str| site.users.get_mut(key).unwrap().unsynced = true;
    let world = world.guard("memberships_percent", 100);
    assert_eq!(after(&world, &keys[..30], gone), 0);
    assert_eq!(after(&world, &keys[30..33], disable), 0);
    assert_eq!(world.one("SELECT count(*) FROM users WHERE status = 'missing'"), "30");
    let rename = |site: &mut Population, key: &str| site.users.get_mut(key).unwrap().name = format!("new.{key}");
    assert_eq!(after(&world, &keys[33..], rename), 0);
    world.agrees();
}

#[test]
fn a_share_of_the_members_of_a_group() {
    for (leavers, exit) in [(10, 0), (11, 4)] {
        let (world, keys) = World::exactly(100, NONE);
        world.change(|site| keys[..40].iter().for_each(|key| site.join(key, "forty")));
        world.sync().exits(0);
        let left = |site: &mut Population, key: &str| site.leave(key, "forty");
        assert_eq!(after(&world, &keys[..leavers], left), exit);
        let members = "SELECT count(*) FROM memberships m JOIN groups g ON g.id = m.group_id \
                       WHERE g.name = 'forty' AND m.valid_to IS NULL";
        assert_eq!(world.one(members), if exit == 0 { "30" } else { "40" });
        if exit == 4 {
            world.run(&["status"]).exits(4).prints(&["11 of 40", "forty"]);
        }
    }
}

#[test]
fn a_group_that_is_exchanged_keeps_whom_it_had() {
    let (world, keys) = World::exactly(100, NONE);
    world.change(|site| keys[..20].iter().for_each(|key| site.join(key, "team")));
    world.sync().exits(0);
    world.change(|site| {
        site.groups.insert("team".to_owned(), keys[20..40].iter().cloned().collect());
    });
    let held = world.held();
    let members = "SELECT count(*) FROM memberships m JOIN groups g ON g.id = m.group_id \
                   WHERE g.name = 'team' AND m.valid_to IS NULL";
    assert_eq!(world.one(members), "40", "those who joined are applied");
    world.walks("approve", held, &[]).exits(0);
    assert_eq!(world.one(members), "20");
    world.agrees();
    world.sync().exits(0).prints(&["0 changes"]);
}

#[test]
fn a_share_of_memberships_over_the_site() {
    // No group is large enough to count alone.
    for (teams, exit) in [(10, 0), (11, 4)] {
        let (world, keys) = World::exactly(100, NONE);
        world.change(|site| {
            for (n, key) in keys.iter().enumerate() {
                site.join(key, &format!("team {:02}", n / 5));
            }
        });
        world.sync().exits(0);
        world.change(|site| {
            for team in 0..teams {
                site.groups.insert(format!("team {team:02}"), BTreeSet::new());
            }
        });
        world.sync().exits(exit);
        let open = "SELECT count(*) FROM memberships WHERE valid_to IS NULL";
        assert_eq!(world.one(open), if exit == 0 { "150" } else { "200" });
    }
}

#[test]
fn groups_that_are_removed() {
    // One of nine members goes unseen, one of ten is held, all of them are held.
    for (members, exit) in [(9, 0), (10, 4)] {
        let (world, keys) = World::exactly(60, NONE);
        world.change(|site| keys[..members].iter().for_each(|key| site.join(key, "team")));
        world.sync().exits(0);
        world.change(|site| site.groups.remove("team"));
        world.sync().exits(exit);
        let there = world.one("SELECT count(*) FROM groups WHERE name = 'team' AND removed_at IS NULL");
        assert_eq!(there, if exit == 0 { "0" } else { "1" });
    }
    let (world, _) = World::exactly(60, NONE);
    world.sync().exits(0);
    let contents = world.known();
    world.change(|site| site.groups.clear());
    let ran = world.sync();
    assert_ne!(ran.exit, 0, "every group is gone");
    assert_eq!(world.known(), contents);
}

#[test]
fn an_empty_list_where_there_was_something_is_an_error_or_held() {
    // However few there were, and whatever the guard allows.
    let (world, _) = World::exactly(5, NONE);
    let world = world.unguarded();
    world.sync().exits(0);
    let contents = world.known();
    let world = world.fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::EmptyList));
    world.sync().exits(69);
    assert_eq!(world.known(), contents);
    world.site.clear_faults();
    let world = world.fault(Fault::always(Target::at(Endpoint::GroupList), FaultKind::EmptyList));
    let ran = world.sync();
    assert_eq!(world.known(), contents, "an empty list of groups took something away");
    assert_ne!(ran.exit, 0);
}

#[test]
fn an_empty_list_of_user_export_is_an_error() {
    let (world, keys) = World::exactly(5, UserExportApp::WithLastLogin);
    world.change(|site| disable(site, &keys[0]));
    let world = world.unguarded();
    world.sync().exits(0);
    let contents = world.known();
    let world = world.fault(Fault::always(Target::at(Endpoint::UserExportSearch), FaultKind::EmptyList));
    let ran = world.sync();
    assert_ne!(ran.exit, 0);
    assert_eq!(world.known(), contents);
}

#[test]
fn any_field_that_turns_empty() {
    type Field = fn(&mut rollbook::simulator::User) -> &mut String;
    let fields: [(&str, Field); 10] = [
        ("full_name", |user| &mut user.full_name),
        ("email", |user| &mut user.email),
        ("department", |user| &mut user.department),
        ("position", |user| &mut user.position),
        ("location", |user| &mut user.location),
        ("phone", |user| &mut user.phone),
        ("im", |user| &mut user.im),
        ("website", |user| &mut user.website),
        ("directory", |user| &mut user.directory),
        ("language", |user| &mut user.language),
    ];
    let (world, keys) = World::exactly(100, UserExportApp::WithLastLogin);
    world.change(|site| {
        for user in site.users.values_mut() {
            fields.iter().for_each(|(name, field)| *field(user) = (*name).to_owned());
        }
    });
    world.sync().exits(0);
    for (name, field) in fields {
        let empty = |count: usize| {
            world.change(|site| {
                for (n, key) in keys.iter().enumerate() {
                    let text = if n < count { String::new() } else { name.to_owned() };
                    *field(site.users.get_mut(key).unwrap()) = text;
                }
            });
        };
        let filled = format!("SELECT count({name}) FROM users");
        empty(11);
        assert_eq!(world.sync().exit, 4, "{name}");
        assert_eq!(world.one(&filled), "100", "{name}");
        world.run(&["status"]).exits(4).prints(&[name, "11 of 100"]);
        empty(10);
        assert_eq!(world.sync().exit, 0, "{name}");
        assert_eq!(world.one(&filled), "90", "{name}");
        empty(0);
        assert_eq!(world.sync().exit, 0, "{name}");
        assert_eq!(world.one(&filled), "100", "{name}");
    }
}

#[test]
fn several_reasons_are_all_told() {
    let (world, keys) = World::exactly(100, NONE);
    world.change(|site| keys[..20].iter().for_each(|key| site.join(key, "team")));
    world.sync().exits(0);
    world.change(|site| {
        site.groups.remove("team");
        for key in &keys[60..] {
            site.leave_all(key);
        }
        site.users.values_mut().for_each(|user| user.email.clear());
    });
    let held = world.held();
    let told = ["40 of 100 active users", "60 of 120 memberships", "'team'", "'confluence-users'", "email"];
    world.walks("diff", held, &[]).exits(0).prints(&told);
    world.run(&["status"]).exits(4).prints(&told);
    let reasons = world.walks("diff", held, &["--format", "json"]).json()["hold"]["reasons"].as_array().unwrap().len();
    assert_eq!(reasons, 5);
    world.walks("approve", held, &[]).exits(0);
    world.agrees();
    world.sync().exits(0).prints(&["0 changes"]);
}
