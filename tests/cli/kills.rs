//! SIGKILL at any moment, over and over: what is there is one walk whole, or the one before it. `make soak` kills more.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

use crate::support::{World, soak};

/// Runs the program and kills it at some moment of the time it takes when it is left alone; whether it was in time.
fn killed(world: &World, arguments: &[&str], takes: Duration, rng: &mut ChaCha12Rng) -> bool {
    let mut child = world.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Whichever moment this is: what must hold is the same for all.
    std::thread::sleep(takes.mul_f64(rng.random_range(0.0..1.1)));
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

fn timed(world: &World, arguments: &[&str]) -> Duration {
    let begun = Instant::now();
    world.run(arguments).exits(0);
    begun.elapsed()
}

/// Who is in which group now, by the mirror.
fn memberships(world: &World) -> Vec<String> {
    world.rows(
        "SELECT g.name, u.key FROM memberships m JOIN groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id \
         WHERE m.valid_to IS NULL ORDER BY 1, 2",
    )
}

/// The same, by the site.
fn truth(world: &World) -> Vec<String> {
    let groups = world.change(|site| site.truth().groups);
    let groups = groups.iter().filter(|(_, group)| group.readable);
    let mut rows: Vec<String> =
        groups.flat_map(|(name, group)| group.members.iter().map(move |key| format!("{name}|{key}"))).collect();
    rows.sort();
    rows
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

#[test]
fn over_walks() {
    let seed = 1;
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut world = World::small().unguarded();
    let takes = timed(&world, &["sync"]);
    let (mut in_time, mut first) = (0, false);
    let mut before = Vec::new();
    for round in 0..25 * soak() {
        if rng.random_bool(0.3) {
            world = World::small().unguarded();
            (first, before) = (true, Vec::new());
        } else if !first {
            before = sorted(memberships(&world));
        }
        world.site.advance_day();
        world.change(|site| {
            let key = site.add(&format!("joiner {round}"));
            site.join(&key, "everyone");
        });
        in_time += u64::from(killed(&world, &["sync"], takes, &mut rng));
        let when = format!("seed {seed}, round {round}");
        if world.file().exists() {
            world.run(&["db", "verify"]).exits(0);
            let now = sorted(memberships(&world));
            assert!(now == before || now == truth(&world), "{when}: neither the walk before nor this one");
        } else {
            assert!(first, "{when}: the database is gone");
        }
        world.sync().exits(0);
        world.run(&["db", "verify"]).exits(0);
        assert_eq!(sorted(memberships(&world)), truth(&world), "{when}");
        assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0");
        assert!(!world.path(".rollbook.db.new").exists(), "{when}");
        first = false;
    }
    assert!(in_time > 0, "every walk was faster than its kill");
}

#[test]
fn over_an_approval() {
    let mut rng = ChaCha12Rng::seed_from_u64(2);
    let world = World::small();
    world.sync().exits(0);
    world.change(|site| {
        let keys: Vec<String> = site.licensed().iter().skip(5).take(25).map(|user| user.key.clone()).collect();
        keys.iter().for_each(|key| site.leave_all(key));
    });
    world.sync().exits(4);
    world.run(&["db", "backup", "held.db"]).exits(0);
    let approve = ["walks", "approve", "2"];
    let takes = timed(&world, &approve);
    // The moment of the approval is another each time.
    let told = ["changes", "holds", "walks", "accounts", "account_versions", "memberships", "change_log", "groups"];
    let approved = (memberships(&world), world.database().contents(&told));
    for round in 0..8 * soak() {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(world.path(&format!("rollbook.db{suffix}")));
        }
        fs::copy(world.path("held.db"), world.file()).unwrap();
        let held = (memberships(&world), world.database().contents(&told));
        killed(&world, &approve, takes, &mut rng);
        world.run(&["db", "verify"]).exits(0);
        let now = (memberships(&world), world.database().contents(&told));
        match world.one("SELECT status FROM walks WHERE id = 2").as_str() {
            "held" => {
                assert_eq!(now, held, "round {round}");
                world.run(&approve).exits(0);
            }
            status => {
                assert_eq!((status, &now), ("applied", &approved), "round {round}");
                world.run(&approve).exits(2);
            }
        }
        assert_eq!((memberships(&world), world.database().contents(&told)), approved, "round {round}");
        world.sync().exits(0);
        assert_eq!(memberships(&world), truth(&world), "round {round}");
    }
}

#[test]
fn over_a_backup() {
    let mut rng = ChaCha12Rng::seed_from_u64(3);
    let world = World::small();
    world.sync().exits(0);
    let backup = ["db", "backup", "--force", "copy.db"];
    let takes = timed(&world, &backup);
    let contents = world.database().contents(&[]);
    for round in 0..8 * soak() {
        if rng.random_bool(0.5) {
            fs::remove_file(world.path("copy.db")).unwrap();
        }
        killed(&world, &backup, takes, &mut rng);
        if world.path("copy.db").exists() {
            world.run(&["db", "verify", "copy.db"]).exits(0);
        }
        assert_eq!(world.database().contents(&[]), contents, "round {round}");
        world.run(&backup).exits(0);
        let files = fs::read_dir(world.folder.path()).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = files.filter(|name| name.contains("copy") && name != "copy.db").collect();
        assert_eq!(left, [""; 0], "round {round}");
    }
    world.run(&["db", "verify"]).exits(0);
}
