//! `db backup` and `db verify`: a copy that is whole or not there, and a file that is sound or said not to be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::support::{Ran, World, alone};

fn mirrored() -> World {
    let world = World::small();
    world.sync().exits(0);
    world
}

fn tamper(world: &World, file: &Path, sql: &str) {
    world.runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).foreign_keys(false);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// The files whose names hold `part`.
fn named(folder: &Path, part: &str) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains(part)).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_a_database() {
    let world = mirrored();
    let ran = world.run(&["db", "backup", "copy.db"]).exits(0);
    let bytes = fs::metadata(world.path("copy.db")).unwrap().len();
    assert!(
        ran.stdout.starts_with(&format!("copy.db: {bytes} bytes, newest walk 1 of corp, applied, ")),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(named(world.folder.path(), "copy"), ["copy.db"]);
    assert_eq!(fs::metadata(world.path("copy.db")).unwrap().permissions().mode() & 0o777, 0o600);
    world.run(&["db", "verify", "copy.db"]).exits(0).prints(&["integrity", "ok"]);
    assert_eq!(named(world.folder.path(), "copy"), ["copy.db"], "verifying makes no file");
    let ours = world.run(&["report", "users", "--format", "csv"]).exits(0).stdout;
    assert_eq!(world.run(&["--database", "copy.db", "report", "users", "--format", "csv"]).exits(0).stdout, ours);
    // A walk goes on from it.
    world.run(&["--database", "copy.db", "sync"]).exits(0);
    let found = world.run(&["db", "backup", "json.db", "--format", "json"]).exits(0).json();
    assert_eq!((found["path"].as_str(), found["newest_walk"]["id"].as_i64()), (Some("json.db"), Some(1)));
    assert_eq!(found["newest_walk"]["site"], "corp");
    world.run(&["db", "backup", "csv.db", "--format", "csv"]).exits(0).prints(&["path,bytes,newest_walk", "csv.db"]);
}

#[test]
fn a_name_that_is_taken_or_cannot_be() {
    let world = mirrored();
    let mirror = world.database().contents(&[]);
    fs::write(world.path("taken"), "mine").unwrap();
    fs::create_dir(world.path("folder")).unwrap();
    symlink(world.path("nowhere"), world.path("dangling")).unwrap();
    symlink(world.file(), world.path("link.db")).unwrap();
    fs::hard_link(world.file(), world.path("hard.db")).unwrap();
    for name in ["taken", "folder", "dangling"] {
        world.run(&["db", "backup", name]).exits(2).says(&[name, "exists already"]);
    }
    let itself = ["rollbook.db", "./rollbook.db", "folder/../rollbook.db", "link.db", "hard.db"];
    let own = ["rollbook.db-wal", "rollbook.db-shm", "rollbook.db-journal", "rollbook.db.write.lock"];
    // Nor may somebody's own file be lost, such as the configuration.
    for name in itself.iter().chain(&own).chain(&["folder", "dangling", "..", "/", "taken", "rollbook.toml"]) {
        world.run(&["db", "backup", name, "--force"]).exits(2).says(&["cannot be a backup"]);
    }
    assert_eq!(fs::read(world.path("taken")).unwrap(), b"mine");
    assert_eq!(world.database().contents(&[]), mirror);
    fs::remove_file(world.path("taken")).unwrap();
    world.run(&["db", "backup", "taken"]).exits(0);
    world.run(&["db", "backup", "taken", "--force"]).exits(0);
    world.run(&["db", "verify", "taken"]).exits(0);
    // A log that is beside it would be taken for that of the new file.
    fs::write(world.path("taken-wal"), "a log").unwrap();
    world.run(&["db", "backup", "taken", "--force"]).exits(2).says(&["in use"]);
    fs::write(world.path("taken-wal"), "").unwrap();
    world.run(&["db", "backup", "taken", "--force"]).exits(0);
    assert_eq!(named(world.folder.path(), "taken"), ["taken"]);
}

#[test]
fn a_database_that_cannot_be_copied() {
    let world = World::small();
    world.run(&["db", "backup", "copy.db"]).exits(1).says(&["does not exist yet"]);
    world.run(&["db", "verify"]).exits(1).says(&["does not exist yet"]);
    for content in ["", "something else that is longer than the header of a database. ".repeat(4).as_str()] {
        fs::write(world.file(), content).unwrap();
        world.run(&["db", "backup", "copy.db"]).exits(78).says(&["rollbook.db"]);
        world.run(&["db", "verify"]).exits(78).says(&["not a Rollbook database", "restore a backup"]);
    }
    fs::remove_file(world.file()).unwrap();
    world.sync().exits(0);
    tamper(&world, &world.file(), "UPDATE walks SET changes = 1");
    world.run(&["db", "backup", "copy.db"]).exits(1).says(&["changes-counted", "db verify"]);
    tamper(&world, &world.file(), "PRAGMA user_version = 99");
    world.run(&["db", "backup", "copy.db"]).exits(78).says(&["newer"]);
    world.run(&["db", "verify"]).exits(78).says(&["newer"]);
    world.run(&["db", "verify", "nothing.db"]).exits(2).says(&["nothing.db"]);
    assert_eq!(named(world.folder.path(), "copy"), [""; 0]);
}

#[test]
fn a_broken_invariant_is_told_with_ids_and_no_names() {
    let world = mirrored();
    world.run(&["db", "verify"]).exits(0);
    tamper(&world, &world.file(), "UPDATE accounts SET missing_since = '2026-01-01 00:00:00.000' WHERE id IN (2, 3)");
    let name = world.one("SELECT name FROM users WHERE id = 2");
    let ran = world.run(&["db", "verify"]).exits(1).prints(&["2 wrong", "users 2, 3"]).says(&["1 of"]);
    assert!(!ran.stdout.contains(&name) && !ran.stderr.contains(&name));
    let found = world.run(&["db", "verify", "--format", "json"]).exits(1).json();
    assert_eq!(found["ok"], false);
    let wrong: Vec<_> = found["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!((wrong[0]["check"].as_str(), wrong[0]["wrong"].as_i64()), (Some("status-times"), Some(2)));
    assert_eq!(wrong[0]["first"].as_array().unwrap().len(), 2);
    world.run(&["db", "verify", "--format", "csv"]).exits(1).prints(&["status-times,false,2"]);
}

#[test]
fn a_file_that_is_damaged() {
    let world = mirrored();
    world.run(&["db", "backup", "whole.db"]).exits(0);
    let whole = fs::read(world.path("whole.db")).unwrap();
    let page = |name: &str| -> usize {
        world.one(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{name}'")).parse().unwrap()
    };
    for name in ["accounts", "memberships", "accounts_name", "walks", "listings"] {
        let mut bytes = whole.clone();
        let middle = (page(name) - 1) * 4096 + 8;
        for byte in &mut bytes[middle..middle + 64] {
            *byte ^= 0xFF;
        }
        fs::write(world.path("bad.db"), &bytes).unwrap();
        world.run(&["db", "verify", "bad.db"]).exits(78).says(&["bad.db", "restore a backup"]);
        world.run(&["--database", "bad.db", "db", "backup", "copy.db"]).exits(78).says(&["bad.db", "restore a backup"]);
        assert_eq!(fs::read(world.path("bad.db")).unwrap(), bytes, "{name}");
    }
    for length in [50, 100, 4096, 4096 * 9, whole.len() - 4096, whole.len() - 1] {
        fs::write(world.path("bad.db"), &whole[..length]).unwrap();
        world.run(&["db", "verify", "bad.db"]).exits(78).says(&["bad.db", "restore a backup"]);
        world.run(&["--database", "bad.db", "db", "backup", "copy.db"]).exits(78).says(&["bad.db"]);
    }
    assert_eq!(named(world.folder.path(), "copy"), [""; 0]);
}

#[test]
fn a_walk_goes_on_beside_it() {
    let world = mirrored();
    for day in 0..4 {
        world.site.advance_day();
        let walk = world.command(&["sync"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let backup = Ran::of(&mut world.command(&["db", "backup", &format!("copy{day}.db")]));
        let verify = Ran::of(&mut world.command(&["db", "verify"]));
        assert_eq!(walk.wait_with_output().unwrap().status.code(), Some(0));
        backup.exits(0);
        verify.exits(0);
        world.run(&["db", "verify", &format!("copy{day}.db")]).exits(0);
    }
}

#[test]
fn killed_at_any_moment() {
    let world = mirrored();
    for delay in 0..12 {
        let mut child = world.command(&["db", "backup", "copy.db"]).stdout(Stdio::null()).spawn().unwrap();
        // Whichever moment this is: there is a whole copy, or none.
        std::thread::sleep(Duration::from_millis(delay * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        if world.path("copy.db").exists() {
            world.run(&["db", "verify", "copy.db"]).exits(0);
            fs::remove_file(world.path("copy.db")).unwrap();
        }
    }
    world.run(&["db", "backup", "copy.db"]).exits(0);
    assert_eq!(named(world.folder.path(), "copy"), ["copy.db"]);
}

#[test]
fn a_disk_that_is_full() {
    let world = mirrored();
    let bytes = fs::metadata(world.file()).unwrap().len();
    for kib in [8, 100, bytes / 1024 - 8] {
        let script = format!(
            "mkdir -p small && mount -t tmpfs -o size={kib}k tmpfs small && \"$0\" db backup small/copy.db; \
             code=$?; ls -A small; exit $code"
        );
        let Some(ran) = alone(world.folder.path(), &script) else { return };
        let ran = ran.exits(1).says(&["small/copy.db", "no room", "bytes"]);
        assert_eq!(ran.stdout, "", "something is left behind");
    }
    // For this process alone, which SQLite tells as an error of writing.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" db backup copy.db";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_rollbook")]).current_dir(world.folder.path());
    Ran::of(&mut command).exits(1).says(&["copy.db"]);
    assert_eq!(named(world.folder.path(), "copy"), [""; 0]);
}

#[test]
fn a_folder_that_is_not_there_or_cannot_be_written() {
    let world = mirrored();
    world.run(&["db", "backup", "nowhere/copy.db"]).exits(1).says(&["nowhere/copy.db", "folder"]);
    let script = "mkdir -p fixed && mount -t tmpfs -o ro tmpfs fixed && exec \"$0\" db backup fixed/copy.db";
    let Some(ran) = alone(world.folder.path(), script) else { return };
    ran.exits(1).says(&["fixed/copy.db", "folder"]);
}

#[test]
fn a_copy_on_a_file_system_that_cannot_be_written() {
    let world = mirrored();
    world.run(&["db", "backup", "copy.db"]).exits(0);
    let script = "mkdir -p fixed && mount -t tmpfs tmpfs fixed && cp copy.db fixed && mount -o remount,ro fixed && \
                  \"$0\" db verify fixed/copy.db && exec \"$0\" --database fixed/copy.db db verify";
    let Some(ran) = alone(world.folder.path(), script) else { return };
    ran.exits(0).prints(&["group-fingerprints         ok"]);
}

#[test]
fn verifying_needs_no_configuration_when_the_file_is_named() {
    let world = mirrored();
    world.run(&["db", "backup", "copy.db"]).exits(0);
    fs::remove_file(world.path("rollbook.toml")).unwrap();
    world.run(&["db", "verify", "copy.db"]).exits(0);
    world.run(&["--database", "copy.db", "db", "verify"]).exits(0);
    world.run(&["--database", "copy.db", "db", "backup", "again.db"]).exits(0);
    world.run(&["db", "verify"]).exits(78).says(&["toml"]);
}
