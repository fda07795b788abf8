//! When sites are walked, and when not.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use super::{NEVER, scheduled, until, until_rows};
use crate::support::{Service, World, always};

#[test]
fn a_site_is_walked_at_once_and_then_by_its_schedule() {
    let world = scheduled(World::small(), "* * * * * *", "");
    let service = Service::start(&world);
    until_rows(&world, "walks WHERE status = 'applied'", 3);
    service.stop();
    world.is_sound();
    world.agrees();
    let job = world.one("SELECT job, schedule, failures, next_at > started_at FROM jobs WHERE job = 'walk:corp'");
    assert_eq!(job, "walk:corp|* * * * * *|0|1");
    let walks = world.rows("SELECT changes > 0 FROM walks WHERE status = 'applied' ORDER BY id LIMIT 2");
    assert_eq!(walks, ["1", "0"], "an unchanged walk changes nothing");
}

#[test]
fn a_new_process_knows_what_the_last_one_did() {
    let world = scheduled(World::small(), NEVER, "");
    let service = Service::start(&world);
    until_rows(&world, "jobs WHERE outcome = 'applied'", 1);
    service.stop();
    // Walked already, and not due.
    let service = Service::start(&world);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    service.stop();
    assert_eq!(world.one("SELECT count(*) FROM walks"), "1");
    // A firing was missed while nobody was there.
    let mut database = world.writable();
    database.rows("UPDATE jobs SET due_at = '2020-06-01 00:00:00.000', started_at = NULL");
    database.rows("UPDATE walks SET started_at = '2020-06-01 00:00:00.000'");
    drop(database);
    let service = Service::start(&world);
    until(&world, "SELECT count(*) FROM walks WHERE status = 'applied'", &["2"]);
    service.stop();
    assert_eq!(world.one("SELECT count(*), reason, firings >= 5 FROM skipped_runs"), "1|asleep|1");
}

#[test]
fn a_walk_that_another_process_made_counts() {
    let world = scheduled(World::small(), NEVER, "");
    world.sync().exits(0);
    let service = Service::start(&world);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    service.stop();
    assert_eq!(world.one("SELECT count(*) FROM walks"), "1");
}

#[test]
fn a_firing_during_a_walk_is_left_out_and_recorded() {
    let world = scheduled(World::small(), "* * * * * *", "");
    let slow = FaultKind::SlowMs(4_000);
    world.site.add_fault(Fault::once(Target::at(Endpoint::GroupList), slow));
    let service = Service::start(&world);
    until_rows(&world, "walks WHERE status = 'applied'", 2);
    service.stop();
    // One row, however many firings: they are of one walk.
    let skipped = world.one("SELECT count(*), min(reason), max(reason), sum(firings) >= 2 FROM skipped_runs");
    assert_eq!(skipped, "1|running|running|1");
    assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0");
}

#[test]
fn while_another_process_walks_the_firing_is_left_out() {
    let world = scheduled(World::small(), "* * * * * *", "");
    world.sync().exits(0);
    world.site.add_fault(Fault::once(Target::at(Endpoint::GroupList), FaultKind::Hang));
    let mut other = world.command(&["sync"]).spawn().unwrap();
    world.until("SELECT status FROM walks WHERE id = 2", &["running"]);
    let service = Service::start(&world);
    until_rows(&world, "skipped_runs WHERE reason = 'locked'", 1);
    other.kill().unwrap();
    other.wait().unwrap();
    until_rows(&world, "walks WHERE status = 'applied'", 2);
    service.stop();
    world.is_sound();
}

#[test]
fn two_daemons_do_not_share_a_database() {
    let world = scheduled(World::small(), NEVER, "");
    let service = Service::start(&world);
    world.run(&["daemon"]).exits(6).says(&["another rollbook daemon works on", "rollbook.db"]);
    service.stop();
}

#[test]
fn a_site_that_refuses_is_not_asked_again_until_somebody_mends_it() {
    let world = scheduled(World::small().credentials("username = \"audit\"\npassword = \"wrong\""), "* * * * * *", "");
    let service = Service::start(&world);
    until_rows(&world, "skipped_runs WHERE reason = 'backing off' AND firings >= 2", 1);
    assert_eq!(world.rows("SELECT status FROM walks"), ["failed"], "every trial could lock the account");
    assert_eq!(world.one("SELECT outcome, failures FROM jobs WHERE job = 'walk:corp'"), "refused|1");
    // Mended: SIGHUP says so.
    let world = scheduled(world.credentials("username = \"audit\"\npassword = \"audit\""), "* * * * * *", "");
    service.signal(libc::SIGHUP);
    until_rows(&world, "walks WHERE status = 'applied'", 1);
    service.stop();
    assert_eq!(world.one("SELECT failures FROM jobs WHERE job = 'walk:corp'"), "0");
}

#[test]
fn a_site_that_does_not_answer_is_tried_again_and_needs_nobody_to_come_back() {
    let world = scheduled(World::small(), "@every 1s", "");
    world.site.add_fault(always(Endpoint::UserList, 503));
    let service = Service::start(&world);
    until_rows(&world, "jobs WHERE outcome = 'unreachable' AND failures >= 2", 1);
    world.site.clear_faults();
    until_rows(&world, "walks WHERE status = 'applied'", 1);
    until(&world, "SELECT failures FROM jobs WHERE job = 'walk:corp'", &["0"]);
    service.stop();
    world.is_sound();
}

#[test]
fn a_site_that_hangs_holds_no_other_up() {
    let world = World::small();
    let other = world.beside(rollbook::simulator::Settings { users: 20, seed: 3, ..Default::default() });
    let world = scheduled(world, "* * * * * *", "");
    let table = world.table_of("other", &other);
    let text = format!("{}\n{table}\n[http]\nlisten = \"\"\n", world.site_table("corp"));
    world.configure(&text);
    world.site.add_fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::Hang));
    let service = Service::start(&world);
    until_rows(&world, "walks w JOIN sites s ON s.id = w.site_id WHERE s.name = 'other' AND status = 'applied'", 3);
    assert_eq!(world.one("SELECT count(*) FROM walks w JOIN sites s ON s.id = w.site_id WHERE s.name = 'corp'"), "1");
    service.stop();
}

#[test]
fn what_cannot_run_is_refused_at_once() {
    let world = World::small();
    world.configure("[http]\nlisten = \"\"\n");
    world.run(&["daemon"]).exits(78).says(&["no site"]);
    world.configure("nonsense");
    world.run(&["daemon"]).exits(78);
    let world = scheduled(World::small(), NEVER, "");
    std::fs::write(world.file(), "no database").unwrap();
    world.run(&["daemon"]).exits(78).says(&["not an SQLite file"]);
    assert_eq!(std::fs::read_to_string(world.file()).unwrap(), "no database");
}
