//! Two at once, and a walk that is stopped in the middle: nothing of it is seen, and the next one goes through.

use std::process::Command;

use rollbook::simulator::{Endpoint, Target};

use crate::support::{Held, Ran, World};

fn in_the_middle() -> Target {
    Target::at(Endpoint::GroupMembers).from(5)
}

#[test]
fn of_two_walks_at_once_one_gives_way() {
    let world = World::small();
    let first = Held::start(&world, in_the_middle());
    world.sync().exits(6).says(&["corp", "another rollbook process"]);
    // Reading and a dry run go on meanwhile.
    world.run(&["status"]).exits(5).prints(&["running"]);
    world.run(&["sync", "--dry-run"]).exits(0);
    first.signal("TERM");
    first.end();
    world.sync().exits(0);
    assert_eq!(world.rows("SELECT status FROM walks ORDER BY id"), ["failed", "applied"]);
}

#[test]
fn a_walk_stopped_by_a_signal() {
    for signal in ["TERM", "INT"] {
        let world = World::small();
        world.sync().exits(0);
        world.site.advance_day();
        let contents = world.database().contents(&["walks"]);
        let walk = Held::start(&world, in_the_middle());
        walk.signal(signal);
        let (exit, stderr) = walk.end();
        assert!(exit.is_some_and(|exit| exit != 0), "{signal}: {exit:?}");
        assert!(stderr.contains("stopped by"), "{stderr}");
        let (status, error) = world.last_walk();
        assert_eq!(status, "failed");
        assert!(error.contains("signal"), "{error}");
        assert_eq!(world.database().contents(&["walks"]), contents);
        world.sync().exits(0);
        assert_ne!(world.database().contents(&["walks"]), contents);
    }
}

#[test]
fn a_killed_walk_leaves_nothing_behind() {
    let world = World::small();
    let places = [
        Target::at(Endpoint::UserList),
        Target::at(Endpoint::GroupList),
        in_the_middle(),
        Target::at(Endpoint::UserDetails),
    ];
    world.sync().exits(0);
    for place in places {
        world.site.advance_day();
        world.change(|site| {
            let key = site.licensed()[3].key.clone();
            site.leave_all(&key);
        });
        let contents = world.database().contents(&["walks"]);
        let walk = Held::start(&world, place);
        walk.signal("KILL");
        walk.end();
        assert_eq!(world.database().contents(&["walks"]), contents);
        world.run(&["status"]).exits(0);
        world.sync().exits(0);
        assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0");
        assert_ne!(world.database().contents(&["walks"]), contents);
    }
    assert_eq!(world.one("SELECT count(*) FROM walks WHERE error LIKE 'interrupted%'"), "4");
    assert_eq!(world.one("SELECT integrity_check FROM pragma_integrity_check"), "ok");
}

#[test]
fn a_reader_with_an_old_snapshot_does_not_hold_a_walk_up() {
    let world = World::small();
    world.sync().exits(0);
    let mut reader = world.database();
    reader.rows("BEGIN");
    let before = reader.rows("SELECT count(*) FROM users");
    world.change(|site| site.add("somebody.new"));
    world.sync().exits(0);
    assert_eq!(reader.rows("SELECT count(*) FROM users"), before, "its snapshot stands");
    reader.rows("COMMIT");
    assert_ne!(reader.rows("SELECT count(*) FROM users"), before);
    assert_eq!(Ran::of(&mut world.command(&["status"])).exit, 0);
}

#[test]
fn a_disk_that_is_full_and_is_freed() {
    let world = World::small();
    world.sync().exits(0);
    let mut failed = 0;
    for blocks in [1, 40, 80, 160, 260, 400, 700] {
        world.change(|site| {
            for n in 0..60 {
                let key = site.add(&format!("joiner {blocks} {n}"));
                site.join(&key, &format!("team {blocks}"));
            }
        });
        let contents = world.database().contents(&["walks"]);
        // No file may grow beyond that: as a full disk, but for this process alone.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" sync");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_rollbook")]).current_dir(world.folder.path());
        let ran = Ran::of(&mut command);
        if ran.exit != 0 {
            failed += 1;
            assert!(ran.stderr.contains("rollbook.db"), "{blocks} blocks: {}", ran.stderr);
            assert_eq!(world.database().contents(&["walks"]), contents, "{blocks} blocks: a half walk");
            world.run(&["report", "users"]).exits(0);
            world.sync().exits(0);
        }
        assert_ne!(world.database().contents(&["walks"]), contents);
        assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0");
    }
    assert!(failed > 0, "the disk was never full");
    assert_eq!(world.one("SELECT integrity_check FROM pragma_integrity_check"), "ok");
}
