//! What the daemon does beside walks: exports, copies, housekeeping; and who may read all that.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rollbook::simulator::Settings;

use super::{NEVER, scheduled, until_rows};
use crate::support::{Service, World};

fn names(world: &World, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(world.path(folder)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn today() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn exports_are_written_by_site_and_day_and_the_oldest_go() {
    let world = World::small();
    let other = world.beside(Settings { users: 20, seed: 3, ..Settings::default() });
    let world = scheduled(world, NEVER, "");
    let export = "[http]\nlisten = \"\"\n[[exports]]\nreport = \"users\"\nformat = \"json\"\nkeep = 2\n\
                  path = \"out/{site}/users-{date}.json\"\nschedule = \"* * * * * *\"\n";
    let text = format!("{}\n{}\n{export}", world.site_table("corp"), world.table_of("other", &other));
    world.configure(&text);
    world.sync().exits(0);
    fs::create_dir_all(world.path("out/corp")).unwrap();
    for name in ["users-2020-01-01.json", "users-2020-01-02.json", "users-all.json", ".users-2020-01-02.json.abc.tmp"] {
        let path = world.path(&format!("out/corp/{name}"));
        fs::write(&path, "old").unwrap();
        assert!(std::process::Command::new("touch").args(["-d", "2020-01-02"]).arg(&path).status().unwrap().success());
    }
    let service = Service::start(&world);
    until_rows(&world, "jobs WHERE job LIKE 'export:users:%' AND outcome = 'done'", 1);
    service.stop();
    let day = today();
    let new = format!("users-{day}.json");
    assert_eq!(names(&world, "out/corp"), ["users-2020-01-02.json", new.as_str(), "users-all.json"]);
    assert_eq!(names(&world, "out/other"), [new.as_str()]);
    let file = world.path(&format!("out/other/{new}"));
    let document: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let sites = document["rows"].as_array().unwrap().iter().map(|row| row["site"].as_str().unwrap());
    assert!(sites.clone().count() >= 10 && sites.clone().all(|site| site == "other"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_export_that_fails_is_told_and_holds_nothing_up() {
    let further =
        "[[exports]]\nreport = \"no-such-report\"\nformat = \"csv\"\npath = \"out.csv\"\nschedule = \"* * * * * *\"\n";
    let world = scheduled(World::small(), "* * * * * *", further);
    let service = Service::start(&world);
    until_rows(&world, "jobs WHERE job LIKE 'export:%' AND outcome = 'failed' AND error LIKE '%no-such-report%'", 1);
    until_rows(&world, "walks WHERE status = 'applied'", 2);
    let ran = service.stop();
    assert!(ran.stderr.contains("the export was not written"), "{}", ran.stderr);
}

#[test]
fn copies_are_made_verified_and_rotated_and_the_house_is_kept() {
    let further = "[backup]\npath = \"copies/mirror-{date}.db\"\nkeep = 1\nschedule = \"* * * * * *\"\n\
                   [housekeeping]\nschedule = \"* * * * * *\"\n";
    let world = scheduled(World::small(), NEVER, further);
    world.sync().exits(0);
    fs::create_dir(world.path("copies")).unwrap();
    fs::write(world.path("copies/mirror-2020-01-01.db"), "old").unwrap();
    let service = Service::start(&world);
    until_rows(&world, "jobs WHERE job IN ('backup', 'housekeeping') AND outcome = 'done'", 2);
    service.stop();
    let name = format!("mirror-{}.db", today());
    assert_eq!(names(&world, "copies"), [name.as_str()]);
    let copy = world.path(&format!("copies/{name}"));
    world.run(&["db", "verify", copy.to_str().unwrap()]).exits(0);
    assert_eq!(fs::metadata(copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(world.one("SELECT count(*) FROM sqlite_stat1"), "0", "the statistics are there");
    world.is_sound();
}

#[test]
fn a_group_may_read_where_the_configuration_says_so() {
    let id = |flags: &str| {
        let output = std::process::Command::new("id").arg(flags).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    // One that the process is in; as root, any other.
    let (name, gid) = match id("-u").as_str() {
        "0" => ("daemon".to_owned(), 1),
        _ => (id("-gn"), id("-g").parse().unwrap()),
    };
    let further = format!(
        "[database]\ngroup = \"{name}\"\n[backup]\npath = \"copy.db\"\nschedule = \"* * * * * *\"\n\
         [[exports]]\nreport = \"users\"\nformat = \"csv\"\npath = \"users.csv\"\nschedule = \"* * * * * *\"\n"
    );
    let world = scheduled(World::small(), "* * * * * *", &further);
    let service = Service::start(&world);
    until_rows(&world, "walks WHERE status = 'applied'", 2);
    until_rows(&world, "jobs WHERE (job = 'backup' OR job LIKE 'export:%') AND outcome = 'done'", 2);
    for file in ["rollbook.db", "rollbook.db-wal", "rollbook.db-shm", "copy.db", "users.csv"] {
        let found = fs::metadata(world.path(file)).unwrap();
        assert_eq!((found.mode() & 0o777, found.gid()), (0o640, gid), "{file}");
    }
    service.stop();
    world.configure(&format!("{}\n[database]\ngroup = \"no-such-group\"\n", world.site_table("corp")));
    world.run(&["daemon"]).exits(78).says(&["database.group", "no-such-group"]);
}
