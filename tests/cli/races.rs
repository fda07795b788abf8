//! Several programs at once where one alone may work: the others wait, or end with 6 and a sentence.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use crate::schema_1;
use crate::support::{Ran, World};

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
