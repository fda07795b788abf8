//! Walks of different sites at the same time: none waits for another's site, and one at a time writes.

use std::process::Stdio;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Simulator, Target};
use serde_json::{Value, json};

use crate::support::{Held, Ran, World};

/// Each site's last walk.
const LAST: &str = "SELECT s.name, w.status FROM walks w JOIN sites s ON s.id = w.site_id \
                    WHERE w.id IN (SELECT max(id) FROM walks GROUP BY site_id) ORDER BY s.name";

fn in_the_middle() -> Target {
    Target::at(Endpoint::GroupMembers).from(5)
}

/// A site `zzz` beside the world's own, which is `aaa`.
fn two() -> (World, Simulator) {
    let world = World::small();
    let other = world.beside(Settings { users: 40, seed: 11, ..Settings::default() });
    configure(&world, &other);
    (world, other)
}

fn configure(world: &World, other: &Simulator) {
    world.configure(&format!("{}\n{}", world.site_table("aaa"), world.table_of("zzz", other)));
}

#[test]
fn a_site_that_hangs_delays_no_other_and_a_signal_leaves_what_was_applied() {
    for signal in ["TERM", "INT"] {
        let (world, _other) = two();
        let walk = Held::start_by(&world, in_the_middle(), "exec \"$0\" sync --format json");
        world.until(LAST, &["aaa|running", "zzz|applied"]);
        walk.signal(signal);
        let ran = walk.ran().exits(1).says(&["site aaa: stopped by", "nothing of this walk was written"]);
        assert!(!ran.stderr.contains("zzz"), "{}", ran.stderr);
        let told = ran.json();
        let told =
            told["sites"].as_array().unwrap().iter().map(|site| json!([site["site"], site["status"], site["exit"]]));
        assert_eq!(Value::from_iter(told), json!([["aaa", "failed", 1], ["zzz", "applied", 0]]));
        assert_eq!(world.rows(LAST), ["aaa|failed", "zzz|applied"]);
        assert_eq!(world.one("SELECT error FROM walks WHERE status = 'failed'"), "stopped by a signal");
        world.run(&["db", "verify"]).exits(0);
        world.sync().exits(0);
    }
}

#[test]
fn a_signal_stops_every_site() {
    let (world, other) = two();
    other.add_fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::SlowMs(60_000)));
    let walk = Held::start(&world, in_the_middle());
    world.until(LAST, &["aaa|running", "zzz|running"]);
    walk.signal("TERM");
    walk.ran().exits(1).says(&["site aaa: stopped by SIGTERM", "site zzz: stopped by SIGTERM"]);
    let errors = world.rows("SELECT status, error FROM walks");
    assert_eq!(errors, ["failed|stopped by a signal", "failed|stopped by a signal"]);
}

#[test]
fn a_dry_run_asks_every_site_too() {
    let (world, other) = two();
    other.add_fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::SlowMs(60_000)));
    let walk = Held::start_by(&world, in_the_middle(), "exec \"$0\" sync --dry-run");
    walk.signal("TERM");
    walk.ran().exits(1).says(&["site aaa: stopped by SIGTERM", "site zzz: stopped by SIGTERM"]);
    assert!(!world.file().exists(), "a dry run writes nothing");
}

#[test]
fn results_come_in_the_order_of_the_configuration() {
    let (world, _other) = two();
    // The second has ended long before the first.
    world.site.add_fault(Fault::once(Target::at(Endpoint::UserList), FaultKind::SlowMs(700)));
    let ran = world.sync().exits(0);
    let told: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split_once(": walk ")).map(|told| told.0).collect();
    assert_eq!(told, ["aaa", "zzz"]);
}

#[test]
fn a_refused_password_leaves_the_other_site_alone() {
    let (world, other) = two();
    other.add_fault("unauthorized=AUTHENTICATED_FAILED@users".parse().unwrap());
    let walk = Held::start(&world, in_the_middle());
    world.until(LAST, &["aaa|running", "zzz|failed"]);
    walk.signal("TERM");
    // The more serious of the two.
    walk.ran().exits(77).says(&["site aaa: stopped by", "site zzz: ", "401"]);
    world.sync().exits(77).prints(&["aaa: walk ", " applied in "]);
    assert_eq!(world.rows(LAST), ["aaa|applied", "zzz|failed"]);
}

/// Two sites, each large enough for its first load to drop the indexes.
fn two_large() -> (World, [Simulator; 2]) {
    let world = World::small();
    let large = |seed| {
        let settings = Settings { users: 11_000, groups: 40, seed, ..Settings::default() };
        world.runtime.block_on(Simulator::start_bulk(settings)).unwrap()
    };
    let sites = [large(1), large(2)];
    let [aaa, zzz] = &sites;
    world.configure(&format!("{}\n{}", world.table_of("aaa", aaa), world.table_of("zzz", zzz)));
    (world, sites)
}

fn indexes(world: &World) -> Vec<String> {
    world.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
}

#[track_caller]
fn assert_both_are_loaded(world: &World) {
    assert_eq!(world.rows(LAST), ["aaa|applied", "zzz|applied"]);
    let counts = world.rows("SELECT count(*) FROM users GROUP BY site_id");
    assert!(counts.iter().all(|users| users.parse::<u32>().unwrap() >= 10_000), "{counts:?}");
    let small = World::small();
    small.sync().exits(0);
    assert_eq!(indexes(world), indexes(&small));
    world.run(&["db", "verify"]).exits(0);
}

#[test]
fn two_first_loads_in_one_process() {
    let (world, _sites) = two_large();
    world.sync().exits(0);
    assert_both_are_loaded(&world);
}

#[test]
fn two_first_loads_in_two_processes() {
    let (world, _sites) = two_large();
    let start = |site| {
        let mut command = world.command(&["sync", "--site", site]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start("aaa"), start("zzz")];
    children.into_iter().for_each(|child| drop(Ran::of_child(child).exits(0)));
    assert_both_are_loaded(&world);
}
