//! Configuration, secrets and the database file: what cannot be used is refused with 78 and left untouched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::support::{Ran, World, rollbook};

/// What every command that needs the database says of it.
#[track_caller]
fn refused(world: &World, words: &[&str]) {
    let before = fs::read(world.file()).unwrap();
    for command in [&["sync"][..], &["sync", "--dry-run"], &["status"], &["report", "users"], &["sql", "SELECT 1"]] {
        world.run(command).exits(78).says(&["rollbook.db"]).says(words);
        assert_eq!(fs::read(world.file()).unwrap(), before, "{command:?} touched the file");
    }
    assert_eq!(world.site.requests().total(), 0, "the site was asked all the same");
    let beside: Vec<_> = fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name.to_string_lossy().contains(".db-")), "{beside:?}");
}

fn with_sqlite(world: &World, file: &Path, sql: &'static str) {
    world.runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn an_empty_file_is_no_database() {
    let world = World::small();
    fs::write(world.file(), "").unwrap();
    refused(&world, &["empty", "left as it is"]);
}

#[test]
fn a_file_that_is_no_database() {
    let world = World::small();
    fs::write(world.file(), "not a database at all, but long enough to hold a header. ".repeat(9)).unwrap();
    refused(&world, &["not an SQLite file"]);
}

#[test]
fn a_database_of_another_program() {
    let world = World::small();
    with_sqlite(&world, &world.file(), "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)");
    refused(&world, &["another application"]);
}

#[test]
fn a_database_of_a_newer_release() {
    let world = World::small();
    world.sync().exits(0);
    world.site.forget_requests();
    with_sqlite(&world, &world.file(), "PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
    refused(&world, &["newer", "99"]);
}

#[test]
fn a_corrupt_database() {
    let world = World::small();
    world.sync().exits(0);
    world.site.forget_requests();
    with_sqlite(&world, &world.file(), "PRAGMA journal_mode = DELETE");
    let mut bytes = fs::read(world.file()).unwrap();
    for byte in &mut bytes[100..] {
        *byte = 0xA5;
    }
    fs::write(world.file(), &bytes).unwrap();
    for command in [&["sync"][..], &["sync", "--dry-run"], &["status"], &["report", "users"], &["walks", "list"]] {
        world.run(command).exits(78).says(&["rollbook.db"]);
        assert_eq!(fs::read(world.file()).unwrap(), bytes, "{command:?} touched the file");
    }
}

#[test]
fn a_folder_that_is_not_there_or_is_none() {
    let world = World::small();
    fs::write(world.path("file"), "x").unwrap();
    for path in ["missing/rollbook.db", "file/rollbook.db", "."] {
        for arguments in [&["sync", "--database", path][..], &["--database", path, "sync"]] {
            world.run(arguments).exits(78);
        }
    }
    assert!(!world.path("missing").exists());
    assert_eq!(world.site.requests().total(), 0);
}

#[test]
fn every_file_is_its_owners_alone() {
    let world = World::small();
    world.sync().exits(0);
    // A reader that is open keeps the files of the write-ahead log in being.
    let mut reader = world.database();
    reader.rows("SELECT count(*) FROM users");
    world.run(&["report", "users", "--format", "csv", "--output", "users.csv"]).exits(0);
    let mut seen = 0;
    for file in fs::read_dir(world.folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
        seen += 1;
    }
    assert!(seen >= 4, "{seen} files");
}

#[test]
fn no_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for command in
        [&["sync"][..], &["check-config"], &["status"], &["report", "users"], &["--config", "no.toml", "sync"]]
    {
        Ran::of(rollbook(folder.path()).args(command)).exits(78).says(&["toml"]);
    }
    // What needs none.
    Ran::of(rollbook(folder.path()).args(["report"])).exits(0).prints(&["inactive"]);
    Ran::of(rollbook(folder.path()).args(["--version"])).exits(0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn init_writes_what_check_config_reads() {
    let folder = tempfile::tempdir().unwrap();
    Ran::of(rollbook(folder.path()).arg("init")).exits(0);
    let written = fs::read(folder.path().join("rollbook.toml")).unwrap();
    let again = Ran::of(rollbook(folder.path()).arg("init"));
    assert_ne!(again.exit, 0);
    assert_eq!(fs::read(folder.path().join("rollbook.toml")).unwrap(), written);
}

#[test]
fn a_missing_secret() {
    for line in ["password_file = \"nowhere.password\"", "password_file = \"\"", "password_file = \".\""] {
        let world = World::small().credentials(&format!("username = \"audit\"\n{line}"));
        world.sync().exits(78).says(&["password_file"]);
        world.run(&["check-config"]).exits(78);
        assert_eq!(world.site.requests().total(), 0);
    }
    let world = World::small().credentials("username = \"audit\"");
    world.sync().exits(78).says(&["password"]);
    let world = World::small().credentials("username = \"audit\"\npassword = \"a\"\ntoken = \"b\"");
    world.sync().exits(78).says(&["password", "token"]);
}

#[test]
fn a_secret_in_a_file_or_the_environment() {
    let world = World::small().credentials("username = \"audit\"\npassword_file = \"corp.password\"");
    fs::write(world.path("corp.password"), "audit\n").unwrap();
    world.sync().exits(0);
    let mut command = world.command(&["sync"]);
    fs::write(world.path("other.password"), "wrong").unwrap();
    command.env("ROLLBOOK__SITES__CORP__PASSWORD_FILE", world.path("other.password"));
    Ran::of(&mut command).exits(77);
    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("from-systemd"), "audit").unwrap();
    let world = World::small().credentials("username = \"audit\"\npassword_file = \"from-systemd\"");
    Ran::of(world.command(&["sync"]).env("CREDENTIALS_DIRECTORY", credentials.path())).exits(0);
}

#[test]
fn an_unknown_key_names_its_place_and_the_nearest() {
    let world = World::small();
    for (line, nearest) in [
        ("[sites.corp]\nbase_ulr = \"x\"", "base_url"),
        ("[sites.corp.limits]\nconcurency = 4", "concurrency"),
        ("[databse]\npath = \"x\"", "database"),
        ("[http]\nlisten_on = \"127.0.0.1:1\"", "listen"),
    ] {
        let (table, key) = line.split_once('\n').unwrap();
        let mut text = world.site_table("corp");
        match text.find(table) {
            Some(at) => text.insert_str(at + table.len(), &format!("\n{key}")),
            None => text.push_str(&format!("\n{line}\n")),
        }
        world.configure(&text);
        for command in ["sync", "check-config", "status"] {
            world.run(&[command]).exits(78).says(&["rollbook.toml", nearest]);
        }
    }
    assert_eq!(world.site.requests().total(), 0);
    let mut command = world.command(&["check-config"]);
    world.configure(&world.site_table("corp"));
    Ran::of(command.env("ROLLBOOK__SITES__CORP__LIMITS__PAGESIZE", "5")).exits(78).says(&["page_size"]);
}

#[test]
fn a_file_that_is_no_toml() {
    let world = World::small();
    world.configure("[sites.corp\nbase_url = 'canary-secret'");
    world.run(&["check-config"]).exits(78).says(&["rollbook.toml"]);
}

#[test]
fn check_config_asks_nobody_and_shows_no_secret() {
    let world = World::small().credentials("username = \"audit\"\npassword = \"canary-secret\"");
    let ran = world.run(&["check-config", "-vv"]).exits(0).prints(&["base_url", "page_size"]);
    assert!(!ran.stdout.contains("canary-secret") && !ran.stderr.contains("canary-secret"));
    assert_eq!(world.site.requests().total(), 0);
}

#[test]
fn a_database_damaged_behind_its_schema() {
    let world = World::small();
    world.sync().exits(0);
    with_sqlite(&world, &world.file(), "PRAGMA journal_mode = DELETE");
    let whole = fs::read(world.file()).unwrap();
    let root = |table: &str| -> usize {
        world.one(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'")).parse().unwrap()
    };
    for (table, command) in [
        ("accounts", &["report", "users"][..]),
        ("accounts", &["status"]),
        ("accounts", &["sql", "SELECT * FROM users"]),
        ("accounts", &["history", "user", "audit"]),
        ("walks", &["walks", "list"]),
        ("walks", &["status"]),
        ("walks", &["sync"]),
        ("listings", &["sync"]),
        ("listings", &["sync", "--dry-run"]),
    ] {
        let page = root(table) - 1;
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0xA5);
        fs::write(world.file(), &bytes).unwrap();
        let ran = world.run(command).exits(78).says(&["rollbook.db"]);
        assert!(!ran.stderr.contains("panicked"));
        fs::write(world.file(), &whole).unwrap();
        let _ = fs::remove_file(world.path("rollbook.db-wal"));
        let _ = fs::remove_file(world.path("rollbook.db-shm"));
    }
}
