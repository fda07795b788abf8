//! The configuration, the database and what else this machine must have.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use rollbook::simulator::{Endpoint, Target};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::{doctor, document, found, quiet, says};
use crate::support::{Held, Ran, World, alone, always, rollbook};

fn with_sqlite(world: &World, sql: &str) {
    world.runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(world.file()).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// The schema's version in the file's header: a connection that has just been dropped may still have the file open.
fn schema(world: &World) -> i32 {
    i32::from_be_bytes(fs::read(world.file()).unwrap()[60..64].try_into().unwrap())
}

/// The names of all files in the folder, sorted.
fn files(world: &World) -> Vec<String> {
    let names = fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_configuration_that_cannot_be_used() {
    let world = quiet(World::small());
    world.configure(&world.site_table("corp").replace("base_url", "base_ur"));
    let ran = world.run(&["doctor", "--format", "json"]).exits(78);
    let document = document(&ran);
    assert!(
        found(&document, "configuration")
            .iter()
            .any(|(verdict, found)| verdict == "failed" && found.contains("base_ur"))
    );
    assert_eq!(world.site.requests().total(), 0);
    let folder = tempfile::tempdir().unwrap();
    Ran::of(rollbook(folder.path()).arg("doctor")).exits(78).prints(&["no configuration found", "rollbook init"]);
}

#[test]
fn a_configuration_that_is_unwise() {
    let world = quiet(World::small());
    fs::create_dir(world.path("reports")).unwrap();
    fs::write(world.path("reports/broken.sql"), "/*\ntitle = 7\n*/\nSELECT 1").unwrap();
    let text = format!("[http]\nlisten = \"\"\n[reports]\npath = \"reports\"\n\n{}", world.site_table("corp"));
    world.configure(&text);
    fs::set_permissions(world.path("rollbook.toml"), Permissions::from_mode(0o644)).unwrap();
    let document = doctor(&world, 0);
    let warnings = found(&document, "configuration");
    assert!(warnings.iter().any(|(verdict, found)| verdict == "warning" && found.contains("broken")), "{warnings:?}");
    assert!(warnings.iter().any(|(verdict, found)| verdict == "warning" && found.contains("password")), "{warnings:?}");
    world.configure("[http]\nlisten = \"\"\n");
    let document = doctor(&world, 0);
    assert!(found(&document, "configuration").iter().any(|(_, found)| found.contains("no site")));
}

#[test]
fn before_the_first_walk_nothing_is_made() {
    let world = quiet(World::small());
    let before = files(&world);
    let document = doctor(&world, 0);
    says(&document, "database", "warning", &["does not exist yet", "rollbook sync"]);
    says(&document, "folder", "ok", &[]);
    assert_eq!(files(&world), before);
}

#[test]
fn a_database_that_cannot_be_used_is_told_and_left_as_it_is() {
    let refused = |world: &World, words: &[&str]| {
        let (before, names) = (fs::read(world.file()).unwrap(), files(world));
        let document = doctor(world, 78);
        says(&document, "database", "failed", words);
        says(&document, "freshness", "skipped", &[]);
        // The sites are asked all the same.
        says(&document, "user-list", "ok", &[]);
        assert_eq!((fs::read(world.file()).unwrap(), files(world)), (before, names));
    };
    let world = quiet(World::small());
    fs::write(world.file(), "").unwrap();
    fs::set_permissions(world.file(), Permissions::from_mode(0o600)).unwrap();
    refused(&world, &["the file is empty", "another file"]);
    fs::remove_file(world.file()).unwrap();
    with_sqlite(&world, "CREATE TABLE theirs (a)");
    refused(&world, &["another application"]);
    fs::remove_file(world.file()).unwrap();
    world.sync().exits(0);
    let schema = schema(&world);
    with_sqlite(&world, "PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
    refused(&world, &["schema 99", "newer release"]);
    with_sqlite(&world, &format!("PRAGMA user_version = {schema}"));
    let root: usize = world.one("SELECT rootpage FROM sqlite_schema WHERE name = 'accounts'").parse().unwrap();
    let mut bytes = fs::read(world.file()).unwrap();
    bytes[(root - 1) * 4096..root * 4096 - 2000].fill(0xA5);
    fs::write(world.file(), bytes).unwrap();
    refused(&world, &["damaged", "restore a backup"]);
}

#[test]
fn a_database_that_is_behind_is_not_migrated() {
    let world = quiet(World::small());
    world.sync().exits(0);
    let older = schema(&world) - 1;
    with_sqlite(&world, &format!("PRAGMA user_version = {older}; PRAGMA journal_mode = DELETE"));
    let before = fs::read(world.file()).unwrap();
    says(&doctor(&world, 0), "database", "warning", &[&format!("schema {older}"), "migrates it"]);
    assert_eq!(fs::read(world.file()).unwrap(), before);
}

#[test]
fn a_database_that_others_may_read() {
    let world = quiet(World::small());
    world.sync().exits(0);
    says(&doctor(&world, 0), "permissions", "ok", &["owner alone"]);
    fs::set_permissions(world.file(), Permissions::from_mode(0o644)).unwrap();
    says(&doctor(&world, 0), "permissions", "warning", &["every user", "chmod 600"]);
    fs::set_permissions(world.file(), Permissions::from_mode(0o640)).unwrap();
    says(&doctor(&world, 0), "permissions", "warning", &["its group"]);
    let head = "[http]\nlisten = \"\"\n[database]\ngroup = \"no-such-group\"\n\n";
    world.configure(&format!("{head}{}", world.site_table("corp")));
    says(&doctor(&world, 78), "permissions", "failed", &["no-such-group"]);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let world = quiet(World::small());
    world.sync().exits(0);
    // Also for root, whom permissions do not hold back.
    let script = "mkdir fixed && mount -t tmpfs tmpfs fixed && cp rollbook.db fixed && mount -o remount,ro fixed && \
                  exec \"$0\" --database fixed/rollbook.db doctor --format json";
    if let Some(ran) = alone(world.folder.path(), script) {
        let document = document(&ran.exits(78));
        says(&document, "folder", "failed", &["cannot be written", "chown"]);
        says(&document, "database", "ok", &[]);
    }
    world.configure(&format!(
        "[database]\npath = \"none/rollbook.db\"\n[http]\nlisten = \"\"\n\n{}",
        world.site_table("corp")
    ));
    let document = doctor(&world, 78);
    says(&document, "folder", "failed", &["none", "cannot be written"]);
    assert!(!world.path("none").exists());
}

#[test]
fn folders_of_copies_and_exports() {
    let world = quiet(World::small());
    fs::write(world.path("file"), "").unwrap();
    let head = "[http]\nlisten = \"\"\n[backup]\npath = \"copies/rollbook-{date}.db\"\n\
                [[exports]]\nreport = \"users\"\nformat = \"csv\"\npath = \"file/users.csv\"\nschedule = \"@every 1h\"\n\n";
    world.configure(&format!("{head}{}", world.site_table("corp")));
    let document = doctor(&world, 1);
    says(&document, "backup", "ok", &["copies"]);
    says(&document, "exports", "failed", &["exports[0].path"]);
    assert!(!world.path("copies").exists());
}

#[test]
fn webhooks_are_told_nothing() {
    let world = quiet(World::small());
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    hook.set_nonblocking(true).unwrap();
    let url = format!("http://{}/canary-path", hook.local_addr().unwrap());
    world.configure(&format!("[http]\nlisten = \"\"\n[[webhooks]]\nurl = \"{url}\"\n\n{}", world.site_table("corp")));
    let document = doctor(&world, 0);
    says(&document, "webhook", "ok", &["nothing was sent"]);
    assert!(!document.to_string().contains("canary-path"));
    assert!(hook.accept().is_err(), "somebody called");
}

#[test]
fn the_port_of_the_web_server() {
    let world = World::small();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    world.configure(&format!("[http]\nlisten = \"{address}\"\n\n{}", world.site_table("corp")));
    says(&doctor(&world, 0), "http", "warning", &["another program"]);
    drop(taken);
    says(&doctor(&world, 0), "http", "ok", &["free"]);
    says(&doctor(&quiet(world), 0), "http", "skipped", &[]);
}

#[test]
fn another_process_that_walks_and_one_that_was_killed() {
    let world = quiet(World::small());
    world.sync().exits(0);
    let walk = Held::start(&world, Target::at(Endpoint::GroupMembers));
    says(&doctor(&world, 0), "last-walk", "ok", &["is walking the site"]);
    walk.signal("KILL");
    walk.end();
    says(&doctor(&world, 0), "last-walk", "warning", &["broken off", "rollbook sync"]);
    world.sync().exits(0);
    assert_eq!(found(&doctor(&world, 0), "last-walk"), []);
}

#[test]
fn a_walk_beside_it_is_not_disturbed() {
    let world = quiet(World::small());
    world.sync().exits(0);
    let walk = Held::start(&world, Target::at(Endpoint::GroupMembers));
    doctor(&world, 0);
    world.sync().exits(6);
    walk.signal("TERM");
    walk.end();
}

#[test]
fn a_site_that_became_another() {
    let world = quiet(World::small());
    world.sync().exits(0);
    with_sqlite(&world, "UPDATE sites SET kind = 'cloud'");
    says(&doctor(&world, 78), "kind", "failed", &["cloud", "an id of its own"]);
}

#[test]
fn a_stale_site_a_held_walk_and_a_partial_one() {
    let world = quiet(World::small());
    let document = doctor(&world, 0);
    says(&document, "freshness", "skipped", &[]);
    world.sync().exits(0);
    says(&doctor(&world, 0), "freshness", "ok", &["walk 1"]);
    world.change(|site| {
        let keys: Vec<String> = site.licensed().iter().filter(|user| !user.serves()).map(|u| u.key.clone()).collect();
        keys.iter().take(30).for_each(|key| site.leave_all(key));
    });
    world.sync().exits(4);
    let document = doctor(&world, 0);
    says(&document, "hold", "warning", &["walk 2 is held", "rollbook walks diff 2"]);
    assert_eq!(found(&document, "last-walk"), []);
    // What a walk did not read is told of a held one too.
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    world.sync().exits(4);
    world.site.clear_faults();
    says(&doctor(&world, 0), "last-walk", "warning", &["walk 3", "held", "rollbook walks show 3"]);
    world.run(&["walks", "approve", "3"]).exits(0);
    world.site.add_fault(always(Endpoint::GroupMembers, 500));
    world.sync().exits(3);
    world.site.clear_faults();
    says(&doctor(&world, 0), "last-walk", "warning", &["walk 4", "partial", "rollbook walks show 4"]);
    let table = world.site_table("corp").replace("[sites.corp]", "[sites.corp]\nfreshness = \"1ms\"");
    world.configure(&format!("[http]\nlisten = \"\"\n\n{table}"));
    says(&doctor(&world, 0), "freshness", "warning", &["the limit is"]);
}
