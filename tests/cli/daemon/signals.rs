//! SIGTERM, SIGINT and SIGHUP in every state.

use std::fs::File;
use std::time::Duration;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use super::{NEVER, scheduled, until, until_rows};
use crate::support::{Service, World};

/// Holds the lock that everybody takes who writes.
fn writing(world: &World) -> File {
    let file =
        File::options().read(true).write(true).create(true).truncate(false).open(world.path("rollbook.db.write.lock"));
    let file = file.unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn a_walk_in_the_middle_is_stopped_told_and_begun_anew() {
    for endpoint in [Endpoint::UserList, Endpoint::GroupMembers] {
        let world = scheduled(World::small(), NEVER, "");
        world.site.add_fault(Fault::always(Target::at(endpoint), FaultKind::Hang));
        let service = Service::start(&world);
        until(&world, "SELECT status FROM walks", &["running"]);
        std::thread::sleep(Duration::from_millis(300));
        service.stop();
        assert_eq!(world.last_walk(), ("failed".to_owned(), "stopped by a signal".to_owned()));
        assert_eq!(world.one("SELECT outcome, failures FROM jobs WHERE job = 'walk:corp'"), "stopped|0");
        assert_eq!(world.one("SELECT count(*) FROM users"), "0");
        world.site.clear_faults();
        let service = Service::start(&world);
        until_rows(&world, "walks WHERE status = 'applied'", 1);
        service.stop();
        world.agrees();
    }
}

#[test]
fn between_two_attempts_it_stops_as_fast() {
    let world = scheduled(World::small().limit("retries", 5), NEVER, "");
    let busy = crate::support::with_headers(503, &[("Retry-After", "60")]);
    world.site.add_fault(Fault::always(Target::at(Endpoint::UserList), busy));
    let service = Service::start(&world);
    until(&world, "SELECT status FROM walks", &["running"]);
    std::thread::sleep(Duration::from_millis(300));
    service.stop();
    assert_eq!(world.last_walk().0, "failed");
}

#[test]
fn a_database_that_takes_nothing_does_not_keep_it() {
    let world = scheduled(World::small(), "* * * * * *", "");
    world.sync().exits(0);
    let service = Service::start(&world);
    until_rows(&world, "walks", 2);
    let lock = writing(&world);
    std::thread::sleep(Duration::from_millis(1_500));
    service.stop();
    drop(lock);
    world.sync().exits(0);
    world.is_sound();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let world = scheduled(World::small(), "* * * * * *", "");
    world.sync().exits(0);
    let service = Service::start(&world);
    until_rows(&world, "walks", 2);
    // What it would have to write keeps it.
    let _lock = writing(&world);
    std::thread::sleep(Duration::from_millis(1_200));
    service.signal(libc::SIGTERM);
    service.until_said("stopping");
    service.signal(libc::SIGINT);
    service.wait().exits(1).says(&["a second signal came"]);
}

#[test]
fn ctrl_c_is_as_good() {
    let world = scheduled(World::small(), NEVER, "");
    let service = Service::start(&world);
    until_rows(&world, "walks WHERE status = 'applied'", 1);
    service.signal(libc::SIGINT);
    service.wait().exits(0).says(&["stopped"]);
}

#[test]
fn sighup_takes_a_good_configuration_and_keeps_the_old_one_before_a_bad_one() {
    let world = scheduled(World::small(), NEVER, "");
    let service = Service::start(&world);
    until_rows(&world, "walks WHERE status = 'applied'", 1);
    let good = std::fs::read_to_string(world.path("rollbook.toml")).unwrap();
    for bad in ["[sites.corp]\nkind = \"cloud", "[sites.corp]\nkindd = \"cloud\"\n", "", "[http]\nlisten = \"\"\n"] {
        world.configure(bad);
        let before = service.said().matches("the one before stays in force").count();
        service.signal(libc::SIGHUP);
        service.until_said_times("the one before stays in force", before + 1);
    }
    std::fs::remove_file(world.path("rollbook.toml")).unwrap();
    service.signal(libc::SIGHUP);
    service.until_said_times("the one before stays in force", 5);
    assert_eq!(world.one("SELECT count(*) FROM walks"), "1");
    world.configure(&good.replace(NEVER, "* * * * * *"));
    service.signal(libc::SIGHUP);
    service.until_said("the configuration was read again");
    until_rows(&world, "walks WHERE status = 'applied'", 3);
    // Where the database is decides the start alone.
    world.configure(&format!("[database]\npath = \"other.db\"\n{good}"));
    service.signal(libc::SIGHUP);
    service.until_said("[database] is another now");
    service.stop();
    assert!(!world.path("other.db").exists());
}

#[test]
fn a_walk_under_way_goes_on_over_a_reload() {
    let world = scheduled(World::small(), NEVER, "");
    let slow = FaultKind::SlowMs(2_000);
    world.site.add_fault(Fault::once(Target::at(Endpoint::GroupList), slow));
    let service = Service::start(&world);
    until(&world, "SELECT status FROM walks", &["running"]);
    service.signal(libc::SIGHUP);
    service.until_said("the configuration was read again");
    until(&world, "SELECT status FROM walks", &["applied"]);
    service.stop();
}
