//! What a person decides about a hold: what an approval writes and how it is dated, what a rejection leaves.

use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use crate::holds::{active, breaks, change_rows, diff_rows, hundred, last_change, mends, statuses};
use crate::support::World;

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
    assert_eq!(world.one(&format!("SELECT DISTINCT at FROM changes WHERE id > {before}")), at);
    let gone = "FROM users WHERE status <> 'active'";
    assert_eq!(
        world.rows(&format!("SELECT status, count(*) {gone} GROUP BY 1 ORDER BY 1")),
        ["deleted|10", "missing|10", "no-access|20"]
    );
    assert_eq!(world.one(&format!("SELECT DISTINCT missing_since {gone} AND status = 'missing'")), at);
    assert_eq!(world.one(&format!("SELECT DISTINCT deleted_at {gone} AND status = 'deleted'")), at);
    let open = "SELECT DISTINCT h.valid_from FROM user_history h JOIN users u ON u.id = h.user_id \
                WHERE u.status <> 'active' AND h.valid_to IS NULL";
    assert_eq!(world.one(open), at);
    assert_eq!(world.one("SELECT DISTINCT valid_to FROM memberships WHERE valid_to IS NOT NULL"), at);
    assert_eq!(world.one("SELECT DISTINCT removed_at FROM groups WHERE removed_at IS NOT NULL"), at);
    let walk = format!(
        "SELECT status, finished_at >= '{at}', changes = (SELECT count(*) FROM changes WHERE walk_id = {held}) \
        FROM walks WHERE id = {held}"
    );
    assert_eq!(world.one(&walk), "applied|1|1");
    assert_eq!(world.one(&format!("SELECT DISTINCT not_before FROM changes WHERE id > {before}")), seen_before);
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
