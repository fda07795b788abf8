//! Holds: what a held walk applies, what it sets aside, and what the next walk or a person makes of it.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target, UserExportApp};
use serde_json::Value;

use crate::support::{World, always};

const NONE: UserExportApp = UserExportApp::Missing;

/// A hundred users in `confluence-users`, walked; thirty of them in `team`.
fn hundred() -> (World, Vec<String>) {
    let (world, keys) = World::exactly(100, NONE);
    world.change(|site| keys[..30].iter().for_each(|key| site.join(key, "team")));
    world.sync().exits(0);
    (world, keys)
}

/// The directory breaks: the last `count` may not use Confluence any more.
fn breaks(world: &World, keys: &[String], count: usize) {
    world.change(|site| keys[100 - count..].iter().for_each(|key| site.leave_all(key)));
}

fn mends(world: &World, keys: &[String]) {
    world.change(|site| keys.iter().for_each(|key| site.join(key, "confluence-users")));
}

fn active(world: &World) -> String {
    world.one("SELECT count(*) FROM users WHERE status = 'active'")
}

fn statuses(world: &World) -> Vec<String> {
    world.rows("SELECT status FROM walks ORDER BY id")
}

/// Rows of `walks diff` in a form comparable with `changes`.
fn diff_rows(world: &World, walk: i64) -> Vec<String> {
    let document = world.walks("diff", walk, &["--format", "json"]).exits(0).json();
    let text = |value: &Value| value.as_str().unwrap_or("NULL").to_owned();
    let row =
        |row: &Value| ["kind", "key", "group", "field", "before", "after"].map(|column| text(&row[column])).join("|");
    document["removals"].as_array().unwrap().iter().map(row).collect()
}

/// Rows of `changes` after `id`.
fn change_rows(world: &World, id: &str) -> Vec<String> {
    world.rows(&format!(
        "SELECT c.kind, u.key, g.name, c.field, c.before, c.after FROM changes c LEFT JOIN users u ON u.id = c.user_id \
         LEFT JOIN groups g ON g.id = c.group_id WHERE c.id > {id} ORDER BY c.id"
    ))
}

fn last_change(world: &World) -> String {
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
fn approving_writes_exactly_what_the_diff_shows() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    world.change(|site| {
        keys[60..70].iter().for_each(|key| site.delete(key));
        keys[70..80].iter().for_each(|key| site.users.get_mut(key).unwrap().unsynced = true);
        keys[50..60].iter().for_each(|key| site.users.get_mut(key).unwrap().enabled = false);
        site.groups.remove("team");
        keys[..20].iter().for_each(|key| site.users.get_mut(key).unwrap().position.clear());
    });
    let held = world.held();
    let expected = diff_rows(&world, held);
    assert!(expected.len() > 100, "{}", expected.len());
    let before = last_change(&world);
    world.walks("approve", held, &[]).exits(0);
    assert_eq!(change_rows(&world, &before), expected);
    world.agrees();
    let told = world.one(&format!("SELECT removals FROM holds WHERE walk_id = {held}"));
    assert_eq!(told, expected.len().to_string());
    world.sync().exits(0).prints(&["0 changes"]);
}

#[test]
fn every_date_of_an_approved_removal_is_that_of_the_approval() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    world.change(|site| {
        keys[60..70].iter().for_each(|key| site.delete(key));
        keys[70..80].iter().for_each(|key| site.users.get_mut(key).unwrap().unsynced = true);
        site.groups.remove("team");
    });
    let held = world.held();
    let walked = world.one(&format!("SELECT at FROM walks WHERE id = {held}"));
    let before = last_change(&world);
    let seen_before = world.one("SELECT max(at) FROM walks WHERE status = 'applied'");
    world.walks("approve", held, &["--by", "ada", "--reason", "a reorganisation"]).exits(0);
    let row = world.one(&format!("SELECT decision, decided_by, reason, decided_at FROM holds WHERE walk_id = {held}"));
    let at = row.strip_prefix("approved|ada|a reorganisation|").unwrap_or_else(|| panic!("{row}")).to_owned();
    assert!(at > walked, "{at} {walked}");
    assert_eq!(world.rows(&format!("SELECT DISTINCT at FROM changes WHERE id > {before}")), [at.clone()]);
    let gone = "FROM users WHERE status <> 'active'";
    assert_eq!(
        world.rows(&format!("SELECT status, count(*) {gone} GROUP BY 1 ORDER BY 1")),
        ["deleted|10", "missing|10", "no-access|20"]
    );
    assert_eq!(world.rows(&format!("SELECT DISTINCT missing_since {gone} AND status = 'missing'")), [at.clone()]);
    assert_eq!(world.rows(&format!("SELECT DISTINCT deleted_at {gone} AND status = 'deleted'")), [at.clone()]);
    let open = "SELECT DISTINCT h.valid_from FROM user_history h JOIN users u ON u.id = h.user_id \
                WHERE u.status <> 'active' AND h.valid_to IS NULL";
    assert_eq!(world.rows(open), [at.clone()]);
    assert_eq!(world.rows("SELECT DISTINCT valid_to FROM memberships WHERE valid_to IS NOT NULL"), [at.clone()]);
    assert_eq!(world.rows("SELECT DISTINCT removed_at FROM groups WHERE removed_at IS NOT NULL"), [at.clone()]);
    let walk = format!(
        "SELECT status, finished_at >= '{at}', changes = (SELECT count(*) FROM changes WHERE walk_id = {held}) \
        FROM walks WHERE id = {held}"
    );
    assert_eq!(world.one(&walk), "applied|1|1");
    assert_eq!(
        world.rows(&format!("SELECT DISTINCT not_before FROM changes WHERE id > {before}")),
        [seen_before.clone()]
    );
    let seen = "SELECT DISTINCT last_seen_at FROM users WHERE status IN ('missing', 'deleted')";
    assert_eq!(world.rows(seen), [seen_before], "they were seen last by the walk before");

    // As of any moment before the approval they are there.
    let count = |time: &str| {
        let time = format!("{}Z", time.replace(' ', "T"));
        let report = ["report", "users", "--as-of", &time, "--format", "json"];
        let rows = world.run(&report).exits(0).json()["rows"].as_array().unwrap().clone();
        rows.iter().filter(|row| row["status"] == "active").count()
    };
    assert_eq!(count(&walked), 100);
    assert_eq!(count(&at), 60);
    let members = |time: &str| {
        let time = format!("{}Z", time.replace(' ', "T"));
        let report = ["report", "memberships", "--as-of", &time, "--format", "json"];
        world.run(&report).exits(0).json()["rows"].as_array().unwrap().len()
    };
    assert_eq!(members(&walked), 130);
    assert_eq!(members(&at), 60);
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
fn rejecting_drops_the_removals_and_the_next_walk_trips_again() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let held = world.held();
    let contents = world.known();
    let rows = diff_rows(&world, held);
    world.walks("reject", held, &[]).exits(2);
    world.walks("reject", held, &["--reason", "  "]).exits(2);
    world.run(&["status"]).exits(4);
    world.walks("reject", held, &["--reason", "the directory was down", "--by", "grace"]).exits(0);
    assert_eq!(world.known(), contents);
    let row = world.one("SELECT decision, decided_by, reason, decided_at IS NOT NULL FROM holds");
    assert_eq!(row, "rejected|grace|the directory was down|1");
    world.walks("diff", held, &[]).exits(0).prints(&["rejected", "grace", "the directory was down"]);
    world.run(&["status"]).exits(0);
    assert_eq!(statuses(&world), ["applied", "rejected"]);
    world.walks("approve", held, &[]).exits(2);
    world.walks("reject", held, &["--reason", "twice"]).exits(2);
    let again = world.held();
    assert_eq!(diff_rows(&world, again), rows);
    assert_eq!(statuses(&world), ["applied", "rejected", "held"]);
    world.walks("approve", again, &[]).exits(0);
    world.agrees();
}

#[test]
fn what_cannot_be_decided() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    let held = world.held();
    for walk in [1, 99, 0] {
        world.walks("approve", walk, &[]).exits(2);
        world.walks("reject", walk, &["--reason", "none"]).exits(2);
    }
    world.walks("diff", 99, &[]).exits(2);
    world.walks("diff", 1, &[]).exits(0).prints(&["holds nothing"]);
    world.walks("approve", held, &[]).exits(0);
    let contents = world.database().contents(&[]);
    world.walks("approve", held, &[]).exits(2);
    world.walks("reject", held, &["--reason", "too late"]).exits(2);
    assert_eq!(world.database().contents(&[]), contents);
    assert_eq!(world.one("SELECT decided_by IS NOT NULL FROM holds"), "1");
}

#[test]
fn approving_gives_way_to_a_walk_of_the_same_site_only() {
    let (world, keys) = hundred();
    world.configure(&format!("{}\n{}", world.site_table("corp"), world.site_table("other")));
    world.run(&["sync", "--site", "other"]).exits(0);
    breaks(&world, &keys, 40);
    world.run(&["sync", "--site", "corp"]).exits(4);
    let held: i64 = world.one("SELECT max(id) FROM walks").parse().unwrap();
    let walking = |site: &str, approve: i32| {
        let (reached, told) = mpsc::channel();
        let place = Target::at(Endpoint::GroupList);
        let fault = FaultKind::between(move |_| reached.send(()).unwrap_or_default());
        world.site.add_fault(Fault::once(place.clone(), fault));
        // Later than any test takes: the walk is killed.
        world.site.add_fault(Fault::once(place, FaultKind::SlowMs(60_000)));
        let walk = world.command(&["sync", "--site", site]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut walk = walk.unwrap();
        told.recv_timeout(Duration::from_secs(30)).expect("the walk gets there");
        world.site.clear_faults();
        world.walks("approve", held, &[]).exits(approve);
        walk.kill().unwrap();
        walk.wait().unwrap();
    };
    walking("corp", 6);
    assert_eq!(active(&world), "200");
    walking("other", 0);
    assert_eq!(active(&world), "160");
    world.is_sound();
}

#[test]
fn each_site_has_its_own_hold() {
    let (world, keys) = hundred();
    world.configure(&format!("{}\n{}", world.site_table("corp"), world.site_table("other")));
    world.run(&["sync", "--site", "other"]).exits(0);
    breaks(&world, &keys, 40);
    world.sync().exits(4);
    let holds =
        world.rows("SELECT w.id FROM walks w JOIN sites s ON s.id = w.site_id WHERE w.status = 'held' ORDER BY s.name");
    let [corp, other] = [0, 1].map(|n: usize| holds[n].parse::<i64>().unwrap());
    world.walks("approve", corp, &[]).exits(0);
    world.run(&["status"]).exits(4);
    let by_site = "SELECT s.name, count(*) FROM users u JOIN sites s ON s.id = u.site_id WHERE status = 'active' GROUP BY 1 ORDER BY 1";
    assert_eq!(world.rows(by_site), ["corp|60", "other|100"]);
    world.walks("reject", other, &["--reason", "not here"]).exits(0);
    world.run(&["status"]).exits(0);
    world.sync().exits(4);
    assert_eq!(world.rows(by_site), ["corp|60", "other|100"]);
    world.is_sound();
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
    assert_eq!(world.rows("SELECT id FROM groups WHERE name = 'team'"), [id.clone()]);
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
fn who_is_approved_as_gone_may_return() {
    let (world, keys) = hundred();
    breaks(&world, &keys, 40);
    world.change(|site| keys[60..70].iter().for_each(|key| site.users.get_mut(key).unwrap().unsynced = true));
    let held = world.held();
    world.walks("approve", held, &[]).exits(0);
    world.change(|site| keys[60..70].iter().for_each(|key| site.users.get_mut(key).unwrap().unsynced = false));
    mends(&world, &keys);
    world.sync().exits(0);
    assert_eq!(active(&world), "100");
    let kinds = "SELECT kind, count(*) FROM changes WHERE walk_id = (SELECT max(id) FROM walks) GROUP BY 1 ORDER BY 1";
    assert_eq!(world.rows(kinds), ["member.added|40", "user.access-gained|30", "user.returned|10"]);
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

#[test]
fn a_year_under_guard() {
    // Whatever trips is approved: the mirror is the site again each time.
    let world = World::with(rollbook::simulator::Settings { users: 80, seed: 5, ..Default::default() })
        .guard("users_percent", 2)
        .guard("memberships_percent", 2)
        .guard("ignore_below", 1);
    world.sync().exits(0);
    let mut holds = 0;
    for day in 0..12 {
        world.change(|site| site.advance_days(12));
        let ran = world.sync();
        assert!([0, 4].contains(&ran.exit), "{ran:?}");
        if ran.exit == 4 {
            holds += 1;
            let held: i64 = world.one("SELECT max(id) FROM walks").parse().unwrap();
            if day % 3 == 0 {
                world.walks("reject", held, &["--reason", "let us see"]).exits(0);
                continue;
            }
            let (rows, before) = (diff_rows(&world, held), last_change(&world));
            world.walks("approve", held, &[]).exits(0);
            assert_eq!(change_rows(&world, &before), rows);
        }
        world.agrees();
        world.sync().exits(0).prints(&["0 changes"]);
    }
    assert!(holds > 3, "{holds}");
}
