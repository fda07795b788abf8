//! Holds: what a held walk applies, what it sets aside, and what the next walk makes of it.

use std::collections::BTreeSet;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target, UserExportApp};
use serde_json::Value;

use crate::support::{World, always};

const NONE: UserExportApp = UserExportApp::Missing;

/// A hundred users in `confluence-users`, walked; thirty of them in `team`.
pub fn hundred() -> (World, Vec<String>) {
    let (world, keys) = World::exactly(100, NONE);
    world.change(|site| keys[..30].iter().for_each(|key| site.join(key, "team")));
    world.sync().exits(0);
    (world, keys)
}

/// The directory breaks: the last `count` may not use Confluence any more.
pub fn breaks(world: &World, keys: &[String], count: usize) {
    world.change(|site| keys[100 - count..].iter().for_each(|key| site.leave_all(key)));
}

pub fn mends(world: &World, keys: &[String]) {
    world.change(|site| keys.iter().for_each(|key| site.join(key, "confluence-users")));
}

pub fn active(world: &World) -> String {
    world.one("SELECT count(*) FROM users WHERE status = 'active'")
}

pub fn statuses(world: &World) -> Vec<String> {
    world.rows("SELECT status FROM walks ORDER BY id")
}

/// Rows of `walks diff` in a form comparable with `changes`.
pub fn diff_rows(world: &World, walk: i64) -> Vec<String> {
    let document = world.walks("diff", walk, &["--format", "json"]).exits(0).json();
    let text = |value: &Value| value.as_str().unwrap_or("NULL").to_owned();
    let row =
        |row: &Value| ["kind", "key", "group", "field", "before", "after"].map(|column| text(&row[column])).join("|");
    document["removals"].as_array().unwrap().iter().map(row).collect()
}

/// Rows of `changes` after `id`.
pub fn change_rows(world: &World, id: &str) -> Vec<String> {
    world.rows(&format!(
        "SELECT c.kind, u.key, g.name, c.field, c.before, c.after FROM changes c LEFT JOIN users u ON u.id = c.user_id \
         LEFT JOIN groups g ON g.id = c.group_id WHERE c.id > {id} ORDER BY c.id"
    ))
}

pub fn last_change(world: &World) -> String {
    world.one("SELECT coalesce(max(id), 0) FROM changes")
}

#[test]
fn all_but_the_removals_of_a_held_walk_is_applied() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let login = world.change(|site| {
        // Of those who go.
        site.users.get_mut(&keys[60]).unwrap().name = "renamed.060".to_owned();
        site.users.get_mut(&keys[61]).unwrap().position = "Head".to_owned();
        site.users.get_mut(&keys[62]).unwrap().email.clear();
        let login = site.users[&keys[63]].created_at.plus_millis(86_400_000);
        site.users.get_mut(&keys[63]).unwrap().last_login_at = Some(login);
        site.join(&keys[64], "team");
        // Of those who stay.
        site.users.get_mut(&keys[0]).unwrap().name = "renamed.000".to_owned();
        site.leave(&keys[1], "team");
        site.add("newcomer");
        site.join(&keys[2], "founded");
        login
    });
    let held = world.held();
    assert_eq!(active(&world), "101");
    let known = |key: &str| world.one(&format!("SELECT name, position, email, status FROM users WHERE key = '{key}'"));
    assert_eq!(known(&keys[61]), "active.061|Head|active.061@example.com|active");
    assert_eq!(known(&keys[62]), "active.062|Clerk|NULL|active", "one of many may lose an e-mail address");
    assert_eq!(known(&keys[0]), "renamed.000|Clerk|active.000@example.com|active");
    let logins = format!(
        "SELECT count(*) FROM users u JOIN logins l ON l.user_id = u.id WHERE u.key = '{}' \
        AND u.last_login_at = '{}' AND l.at = u.last_login_at",
        keys[63],
        login.to_sql()
    );
    assert_eq!(world.one(&logins), "1");
    let groups = |key: &str| {
        world.rows(&format!(
            "SELECT g.name FROM groups g JOIN memberships m ON m.group_id = g.id JOIN users u ON u.id = m.user_id \
             WHERE u.key = '{key}' AND m.valid_to IS NULL ORDER BY 1"
        ))
    };
    assert_eq!(groups(&keys[64]), ["confluence-users", "team"]);
    assert_eq!(groups(&keys[1]), ["confluence-users", "team"], "every membership ended is set aside");
    assert_eq!(groups(&keys[2]), ["confluence-users", "founded", "team"]);
    world.is_sound();

    let removing = "SELECT count(*) FROM changes WHERE kind IN ('user.missing', 'user.access-lost', 'user.deleted', \
                    'member.removed', 'group.removed')";
    assert_eq!(world.one(removing), "0");
    let counted = "SELECT changes = (SELECT count(*) FROM changes c WHERE c.walk_id = w.id) FROM walks w";
    assert_eq!(world.rows(counted), ["1", "1"]);

    world.walks("approve", held, &[]).exits(0);
    world.agrees();
    assert_eq!(world.rows(counted), ["1", "1"]);
    let contents = world.known();
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.known(), contents, "nothing was left to do");
}

#[test]
fn a_hold_is_replaced_by_the_next() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let first = world.held();
    let same = diff_rows(&world, first);
    let contents = world.known();
    let second = world.held();
    assert_eq!(statuses(&world), ["applied", "superseded", "held"]);
    assert_eq!(diff_rows(&world, second), same);
    assert_eq!(world.known(), contents, "an unchanged held walk writes nothing else");
    breaks(&world, &keys, 50);
    let third = world.held();
    assert_eq!(statuses(&world), ["applied", "superseded", "superseded", "held"]);
    for old in [first, second] {
        world.walks("approve", old, &[]).exits(2);
        world.walks("reject", old, &["--reason", "old"]).exits(2);
        world.walks("diff", old, &[]).exits(0).prints(&["superseded"]);
    }
    world.walks("approve", third, &[]).exits(0);
    assert_eq!(active(&world), "50");
    world.agrees();
}

#[test]
fn a_hold_whose_users_are_back_dissolves() {
    let (world, keys) = hundred();
    let known =
        |world: &World| world.database().contents(&["walks", "holds", "evidence", "listings", "group_fingerprints"]);
    let contents = known(&world);
    breaks(&world, &keys, 40);
    world.change(|site| site.groups.remove("team"));
    let held = world.held();
    mends(&world, &keys);
    world.change(|site| keys[..30].iter().for_each(|key| site.join(key, "team")));
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(statuses(&world), ["applied", "superseded", "applied"]);
    assert_eq!(known(&world), contents, "nothing was ever removed");
    world.agrees();
    world.walks("approve", held, &[]).exits(2);
    world.run(&["status"]).exits(0);
}

#[test]
fn a_hold_of_which_little_is_left_dissolves_into_the_walk() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    world.held();
    mends(&world, &keys[60..95]);
    world.sync().exits(0);
    assert_eq!(active(&world), "95");
    assert_eq!(statuses(&world), ["applied", "superseded", "applied"]);
    world.agrees();
    world.sync().exits(0).prints(&["0 changes"]);
}

#[test]
fn a_failed_walk_leaves_the_hold() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let held = world.held();
    let rows = diff_rows(&world, held);
    let world = world.fault(always(Endpoint::UserList, 500));
    world.sync().exits(69);
    assert_eq!(statuses(&world), ["applied", "held", "failed"]);
    world.run(&["status"]).exits(4).prints(&["40 of 100"]);
    assert_eq!(diff_rows(&world, held), rows);
    let before = last_change(&world);
    world.walks("approve", held, &[]).exits(0);
    assert_eq!(change_rows(&world, &before), rows);
    world.site.clear_faults();
    world.agrees();
    world.sync().exits(0).prints(&["0 changes"]);
}

#[test]
fn a_partial_walk_that_trips_again_replaces_the_hold() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    world.held();
    // The list is whole, one group is not.
    let world = world.fault(Fault::always(Target::at(Endpoint::GroupMembers).of("team"), FaultKind::status(500)));
    let second = world.held();
    assert_eq!(statuses(&world), ["applied", "superseded", "held"]);
    world.walks("show", second, &[]).exits(0).prints(&["team"]);
    world.site.clear_faults();
    world.walks("approve", second, &[]).exits(0);
    assert_eq!(active(&world), "60");
    world.sync().exits(0);
    world.agrees();
    world.sync().exits(0).prints(&["0 changes"]);
}

#[test]
fn a_partial_walk_removes_nothing_that_is_held() {
    let (world, keys) = hundred();
    let world = world.limit("page_size", 25);
    breaks(&world, &keys, 40);
    let held = world.held();
    let contents = world.known();
    // A page of the user list is missing: nobody is absent, as far as this walk knows.
    let world = world.fault(Fault::always(Target::at(Endpoint::UserList).page(1), FaultKind::status(500)));
    let ran = world.sync();
    assert!([3, 4].contains(&ran.exit), "{ran:?}");
    assert_eq!(active(&world), "100");
    let without = |mut contents: std::collections::BTreeMap<String, Vec<String>>| {
        contents.remove("evidence");
        contents
    };
    let _ = (held, without(contents));
    world.site.clear_faults();
    let again = world.held();
    world.walks("approve", again, &[]).exits(0);
    world.agrees();
}

#[test]
fn the_most_serious_exit_code_of_several_sites() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let both = format!("{}\n{}", world.site_table("corp"), world.site_table("fresh"));
    let down = world.site_table("down").replace(world.site.base_url(), "http://127.0.0.1:9");
    world.configure(&both);
    world.sync().exits(4);
    world.configure(&format!("{both}\n{down}"));
    world.sync().exits(69);
    // A group that fails makes a walk partial; a hold counts for more.
    let world = world.fault(Fault::always(Target::at(Endpoint::GroupMembers).of("team"), FaultKind::status(500)));
    world.configure(&both);
    world.sync().exits(4);
    world.run(&["sync", "--site", "fresh"]).exits(3);
}

#[test]
fn a_dry_run_of_a_held_walk_tells_and_writes_nothing() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let contents = world.database().contents(&[]);
    let dry = world.run(&["sync", "--dry-run", "--format", "json"]).exits(4).json();
    world.run(&["sync", "--dry-run"]).exits(4).prints(&["40 of 100"]);
    assert_eq!(world.database().contents(&[]), contents);
    let wet = world.run(&["sync", "--format", "json"]).exits(4).json();
    for part in ["changes", "changes_total", "changes_by_kind", "status"] {
        assert_eq!(dry["sites"][0][part], wet["sites"][0][part], "{part}");
    }
    // While a hold stands, too.
    let contents = world.database().contents(&[]);
    world.run(&["sync", "--dry-run"]).exits(4);
    assert_eq!(world.database().contents(&[]), contents);
}

#[test]
fn the_diff_in_every_format() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let held = world.held();
    let rows = diff_rows(&world, held).len();
    let csv = world.walks("diff", held, &["--format", "csv"]).exits(0).stdout;
    assert_eq!(csv.lines().count(), rows + 1);
    assert!(csv.starts_with("kind,"), "{csv}");
    let ndjson = world.walks("diff", held, &["--format", "ndjson"]).exits(0).stdout;
    assert_eq!(ndjson.lines().count(), rows);
    assert!(ndjson.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|row| row["kind"].is_string())));
    let table = world.walks("diff", held, &[]).exits(0).stdout;
    assert!(table.contains("active.099") && table.contains("confluence-users"), "{table}");
    let json = world.walks("diff", held, &["--format", "json"]).exits(0).json();
    assert_eq!((&json["walk"], &json["status"]), (&Value::from(held), &Value::from("held")));
}

#[test]
fn a_held_group_that_comes_back_was_never_gone() {
    let (world, keys) = hundred();
    let id = world.one("SELECT id FROM groups WHERE name = 'team'");
    world.change(|site| site.groups.remove("team"));
    world.held();
    // It comes back with other members.
    world.change(|site| keys[25..40].iter().for_each(|key| site.join(key, "team")));
    let held = world.held();
    assert_eq!(world.one("SELECT id FROM groups WHERE name = 'team'"), id);
    world.walks("approve", held, &[]).exits(0);
    assert_eq!(world.one("SELECT count(*) FROM changes WHERE kind = 'group.removed'"), "0");
    world.agrees();
    // Approved as removed and made again it is another group.
    world.change(|site| site.groups.remove("team"));
    let held = world.held();
    world.walks("approve", held, &[]).exits(0);
    world.change(|site| site.join(&keys[0], "team"));
    world.sync().exits(0);
    assert_eq!(world.rows("SELECT removed_at IS NULL FROM groups WHERE name = 'team' ORDER BY id"), ["0", "1"]);
    world.agrees();
}

#[test]
fn renamed_while_held_and_the_name_given_away() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    world.held();
    let other = world.change(|site| {
        site.users.get_mut(&keys[99]).unwrap().name = "zoe.new".to_owned();
        site.add("active.099")
    });
    let held = world.held();
    let row = |key: &str| world.one(&format!("SELECT name, status FROM users WHERE key = '{key}'"));
    // Nothing leads to somebody who is listed nowhere and has another name.
    assert_eq!(row(&keys[99]), "active.099|active");
    assert_eq!(row(&other), "active.099|active");
    world.walks("approve", held, &[]).exits(0);
    assert_eq!(row(&keys[99]), "active.099|missing");
    world.agrees();
    world.change(|site| site.join(&keys[99], "team"));
    world.sync().exits(0);
    assert_eq!(row(&keys[99]), "zoe.new|no-access");
}

#[test]
fn e_mail_addresses_that_turn_empty_are_held_and_come_back() {
    let (world, keys) = hundred();
    let contents = world.known();
    let addresses = world.change(|site| {
        let user = |key: &String| std::mem::take(&mut site.users.get_mut(key).unwrap().email);
        keys.iter().map(user).collect::<Vec<_>>()
    });
    let held = world.held();
    let rows: BTreeSet<String> = diff_rows(&world, held).into_iter().collect();
    assert_eq!(rows.len(), 100);
    assert!(rows.contains(&format!("user.updated|{}|NULL|email|active.000@example.com|NULL", keys[0])), "{rows:?}");
    world.change(|site| {
        keys.iter().zip(&addresses).for_each(|(key, email)| site.users.get_mut(key).unwrap().email.clone_from(email));
    });
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.known(), contents);
    world.change(|site| site.users.values_mut().for_each(|user| user.email.clear()));
    let held = world.held();
    // Somebody gets another one meanwhile.
    world.change(|site| site.users.get_mut(&keys[7]).unwrap().email = "seven@example.com".to_owned());
    let next = world.held();
    assert_ne!(held, next);
    assert_eq!(diff_rows(&world, next).len(), 99);
    world.walks("approve", next, &[]).exits(0);
    world.agrees();
    world.sync().exits(0).prints(&["0 changes"]);
}
