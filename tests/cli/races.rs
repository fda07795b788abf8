//! Several programs at once where one alone may work: the others wait, or end with 6 and a sentence.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target};

use crate::holds::{breaks, hundred};
use crate::schema_1;
use crate::support::{Held, Ran, World};

/// Runs the commands at once.
fn at_once(commands: Vec<Command>) -> Vec<Ran> {
    let spawn = |mut command: Command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<Child> = commands.into_iter().map(spawn).collect();
    children.into_iter().map(Ran::of_child).collect()
}

#[track_caller]
fn assert_one_or_more_went_through(world: &World, ran: &[Ran]) {
    assert!(ran.iter().any(|ran| ran.exit == 0), "{ran:#?}");
    for loser in ran.iter().filter(|ran| ran.exit != 0) {
        assert_eq!(loser.exit, 6, "{}", loser.stderr);
        assert!(loser.stderr.contains("another rollbook process"), "{}", loser.stderr);
    }
    world.run(&["db", "verify"]).exits(0);
    assert_eq!(world.one("SELECT count(*) FROM walks WHERE status <> 'applied'"), "0");
    assert_eq!(world.one("SELECT count(DISTINCT key) = count(*) FROM users"), "1");
}

#[test]
fn three_first_starts() {
    for _ in 0..3 {
        let world = World::small();
        let ran = at_once((0..3).map(|_| world.command(&["sync"])).collect());
        assert_one_or_more_went_through(&world, &ran);
        world.sync().exits(0);
    }
}

/// What the walks brought, in an order of its own: a migration may store it in another.
fn contents(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut contents = world.database().contents(&["walks"]);
    contents.values_mut().for_each(|rows| rows.sort());
    contents
}

#[test]
fn three_that_migrate() {
    let world = World::small();
    world.sync().exits(0);
    world.run(&["db", "backup", "newer.db"]).exits(0);
    let before = contents(&world);
    for commands in [["sync", "sync", "sync"], ["status", "sync", "status"], ["status", "status", "status"]] {
        for name in ["rollbook.db", "rollbook.db-wal", "rollbook.db-shm"] {
            let _ = std::fs::remove_file(world.path(name));
        }
        world.runtime.block_on(schema_1::write(&world.path("newer.db"), &world.file()));
        let ran = at_once(commands.iter().map(|command| world.command(&[command])).collect());
        assert_one_or_more_went_through(&world, &ran);
        assert_eq!(world.one("SELECT user_version > 1 FROM pragma_user_version"), "1");
        assert_eq!(contents(&world), before);
        world.sync().exits(0);
    }
}

/// The lock for writing, as another process would ask for it.
fn write_lock(world: &World) -> File {
    OpenOptions::new().append(true).create(true).open(world.path("rollbook.db.write.lock")).unwrap()
}

/// Longer than SQLite waits for a lock.
#[test]
fn a_walk_waits_for_another_s_writing_however_long_it_takes() {
    let world = World::small();
    world.sync().exits(0);
    let lock = write_lock(&world);
    lock.lock().unwrap();
    let mut other = world.writable();
    other.rows("BEGIN IMMEDIATE");
    let walk = world.command(&["sync"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(world.one("SELECT count(*) FROM walks"), "1");
    other.rows("COMMIT");
    lock.unlock().unwrap();
    Ran::of_child(walk).exits(0);
    assert_eq!(world.last_walk().0, "applied");
}

#[test]
fn while_one_site_is_walked_holds_of_another_are_decided() {
    let (world, keys) = hundred();
    let other = world.beside(Settings { users: 40, seed: 11, ..Settings::default() });
    world.configure(&format!("{}\n{}", world.site_table("corp"), world.table_of("zzz", &other)));
    breaks(&world, &keys, 30);
    world.sync().exits(4);
    let held = world.one("SELECT id FROM walks WHERE status = 'held'");
    // The site itself is walked: its hold is judged afresh by that walk.
    let walk = Held::start(&world, Target::at(Endpoint::GroupMembers));
    world.run(&["walks", "approve", &held]).exits(6).says(&["'corp'"]);
    walk.signal("KILL");
    walk.end();
    // Another site is walked, and asked: nobody has the lock for writing meanwhile.
    other.add_fault(Fault::always(Target::at(Endpoint::UserList), FaultKind::SlowMs(60_000)));
    let mut command = world.command(&["sync", "--site", "zzz"]);
    let mut walk = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    world.until(
        "SELECT count(*) FROM walks w JOIN sites s ON s.id = w.site_id WHERE s.name = 'zzz' AND w.status = 'running'",
        &["1"],
    );
    write_lock(&world).lock().unwrap();
    world.run(&["walks", "approve", &held]).exits(0);
    walk.kill().unwrap();
    walk.wait().unwrap();
    world.run(&["db", "verify"]).exits(0);
}
