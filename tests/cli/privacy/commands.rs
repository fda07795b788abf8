//! Commands that fail, at their most talkative; and who may read the files they make.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rollbook::simulator::{Endpoint, Target};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::every_fault::{canaries, failed, fails, files_are_discreet, is_discreet};
use crate::support::{Held, Ran, World};

fn tamper(world: &World, sql: &'static str) {
    world.runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(world.file()).foreign_keys(false);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// A site of canaries of whom most have left: the walk is held.
fn held() -> (World, String) {
    let world = canaries(false);
    world.sync().exits(0);
    world.change(|site| {
        let keys: Vec<String> = site.licensed().iter().filter(|user| !user.serves()).map(|u| u.key.clone()).collect();
        keys.iter().take(20).for_each(|key| site.leave_all(key));
    });
    world.sync().exits(4);
    let walk = world.one("SELECT max(id) FROM walks");
    (world, walk)
}

#[test]
fn a_decision_that_fails() {
    let (world, walk) = held();
    for id in ["1", "99"] {
        fails(&world, &["walks", "approve", id, "--reason", "none"]);
        fails(&world, &["walks", "reject", id, "--reason", "none"]);
    }
    fails(&world, &["walks", "diff", "99"]);
    fails(&world, &["walks", "reject", &walk, "--reason", " "]);
    // What is known changed since, behind the program's back.
    tamper(&world, "UPDATE accounts SET status = 'no-access', has_access = 0");
    fails(&world, &["walks", "approve", &walk]);
}

#[test]
fn a_decision_is_discreet_too() {
    for decision in ["approve", "reject"] {
        let (world, walk) = held();
        let diff = world.run(&["-vvv", "walks", "diff", &walk]).exits(0);
        assert!(diff.stdout.contains("canary"), "the result names whom it is about");
        is_discreet(&diff.stderr, "diff");
        let ran = world.run(&["-vvv", "walks", decision, &walk, "--reason", "none"]).exits(0);
        is_discreet(&ran.stdout, decision);
        is_discreet(&ran.stderr, decision);
        files_are_discreet(&world, decision);
    }
}

#[test]
fn a_backup_and_a_verification_that_fail() {
    let world = canaries(true);
    fails(&world, &["db", "verify"]);
    fails(&world, &["db", "backup", "out.db"]);
    world.sync().exits(0);
    world.run(&["db", "backup", "out.db"]).exits(0);
    fails(&world, &["db", "backup", "out.db"]);
    fails(&world, &["db", "backup", "nowhere/out.db"]);
    tamper(
        &world,
        "UPDATE accounts SET missing_since = '2026-01-01 00:00:00.000'; UPDATE accounts SET name = 'canary' WHERE id < 9; \
         UPDATE walks SET changes = 1; DELETE FROM groups WHERE id = 1",
    );
    fails(&world, &["db", "verify"]);
    fails(&world, &["db", "verify", "--format", "json"]);
    fails(&world, &["db", "backup", "out.again"]);
    // A page of people, damaged.
    let root: usize = world.one("SELECT rootpage FROM sqlite_schema WHERE name = 'accounts'").parse().unwrap();
    tamper(&world, "PRAGMA journal_mode = DELETE");
    let mut bytes = fs::read(world.file()).unwrap();
    bytes[(root - 1) * 4096..root * 4096 - 2000].fill(0xA5);
    fs::write(world.file(), bytes).unwrap();
    for command in [&["db", "verify"][..], &["db", "backup", "out.again"], &["sync"], &["report", "users"], &["status"]]
    {
        fails(&world, command);
    }
}

#[test]
fn a_wrong_configuration() {
    let world = canaries(false);
    let right = world.site_table("corp");
    let password = "password = \"canary-password\"";
    for (what, text) in [
        ("an open string", right.replace(password, "password = \"canary-password")),
        ("no quotes", right.replace(password, "password = canary-password")),
        ("a list", right.replace(password, "password = [\"canary-password\"]")),
        ("a table", right.replace(password, "password = { canary = 1 }")),
        ("twice", right.replace(password, &format!("{password}\n{password}"))),
        ("two kinds", right.replace(password, &format!("{password}\ntoken = \"canary-token\""))),
        ("misspelled", right.replace("password =", "pasword =")),
        ("elsewhere", format!("{password}\n{right}")),
        ("in the address", right.replace("http://", "http://audit:canary-password@").replace(password, "")),
        ("an empty file", right.replace(password, "password_file = \"rollbook.db\"")),
    ] {
        world.configure(&text);
        for command in ["check-config", "sync", "status", "doctor"] {
            for format in ["text", "json"] {
                let ran = world.run(&["-vvv", "--log-format", format, command]);
                failed(ran, &format!("{what}: {command}"));
            }
        }
    }
    world.configure(&right);
    for (name, value) in [("ROLLBOOK__SITES__CORP__PASWORD", "canary"), ("ROLLBOOK__SITES__CORP__TOKEN", "canary")] {
        let ran = Ran::of(world.command(&["-vvv", "check-config"]).env(name, value));
        assert_eq!(ran.exit, 78, "{name}");
        is_discreet(&ran.stderr, name);
        is_discreet(&ran.stdout, name);
    }
    assert_eq!(world.site.requests().total(), 0);
}

/// The permissions of every file in the folder; at least those named are there.
#[track_caller]
fn owners_alone(world: &World, there: &[&str], when: &str) {
    let mut names = Vec::new();
    for file in fs::read_dir(world.folder.path()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{when}: {name}");
        names.push(name);
    }
    for name in there {
        assert!(names.iter().any(|found| found == name), "{when}: {name} is not among {names:?}");
    }
}

/// The program with a umask that takes nothing away.
fn unmasked(world: &World, arguments: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rollbook")]).args(arguments);
    Ran::of(command.current_dir(world.folder.path()))
}

#[test]
fn every_file_is_its_owners_alone_whatever_the_umask() {
    let world = canaries(false);
    unmasked(&world, &["sync"]).exits(0);
    owners_alone(
        &world,
        &["rollbook.db", "rollbook.db.walk-corp.lock", "rollbook.db.write.lock", "rollbook.db.migrate.lock"],
        "after a walk",
    );
    let walk = Held::start_by(&world, Target::at(Endpoint::GroupMembers), "umask 0; exec \"$0\" sync");
    let during = ["rollbook.db-wal", "rollbook.db-shm", "rollbook.db.walk-corp.lock"];
    owners_alone(&world, &during, "in the middle of a walk");
    walk.signal("KILL");
    walk.end();
    owners_alone(&world, &["rollbook.db"], "after a kill");
    let mut reader = world.database();
    reader.rows("SELECT count(*) FROM users");
    for format in ["csv", "xml", "json", "xlsx"] {
        let output = format!("out.{format}");
        unmasked(&world, &["export", "users", "--from-site", "--format", format, "--output", &output]).exits(0);
    }
    for format in ["table", "csv", "json", "ndjson"] {
        let output = format!("report.{format}");
        unmasked(&world, &["report", "users", "--format", format, "--output", &output]).exits(0);
    }
    // One that others could read is replaced by one they cannot.
    fs::write(world.path("report.csv"), "old").unwrap();
    fs::set_permissions(world.path("report.csv"), fs::Permissions::from_mode(0o666)).unwrap();
    unmasked(&world, &["report", "users", "--format", "csv", "--output", "report.csv"]).exits(0);
    unmasked(&world, &["db", "backup", "copy.db"]).exits(0);
    fs::remove_file(world.path("rollbook.toml")).unwrap();
    unmasked(&world, &["init"]).exits(0);
    let made = ["out.csv", "out.xlsx", "report.csv", "report.ndjson", "copy.db", "rollbook.toml", "rollbook.db-wal"];
    owners_alone(&world, &made, "at the end");
}
