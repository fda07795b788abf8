//! `db forget`: one person is erased everywhere, which the bytes of all files show; nobody else is, and counts stay.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rollbook::simulator::{
    CloudSettings, OrganizationSettings, Population, Settings, Target, UserExportApp, account_id,
};
use serde_json::Value;

use crate::support::{Held, Ran, World};

/// What the canary was ever called, and is, of what nobody else has anything.
const CANARIES: [&str; 14] = [
    "canary.first",
    "Canary The First",
    "canary.first@example.com",
    "canary.second",
    "Ĉanary The Second",
    "canary.second@example.com",
    "Canary Department",
    "Keeper of the Canaries",
    "Canary Islands",
    "+34 922 canary",
    "@canary.im",
    "https://canary.example.com",
    "Canary Department Two",
    "+34 922 another canary",
];

fn name_first(site: &mut Population, key: &str) {
    let user = site.users.get_mut(key).unwrap();
    (user.name, user.full_name) = (CANARIES[0].to_owned(), CANARIES[1].to_owned());
    user.email = CANARIES[2].to_owned();
    (user.department, user.position) = (CANARIES[6].to_owned(), CANARIES[7].to_owned());
    (user.location, user.phone) = (CANARIES[8].to_owned(), CANARIES[9].to_owned());
    (user.im, user.website) = (CANARIES[10].to_owned(), CANARIES[11].to_owned());
}

fn name_second(site: &mut Population, key: &str) {
    let user = site.users.get_mut(key).unwrap();
    (user.name, user.full_name) = (CANARIES[3].to_owned(), CANARIES[4].to_owned());
    user.email = CANARIES[5].to_owned();
    (user.department, user.phone) = (CANARIES[12].to_owned(), CANARIES[13].to_owned());
    let login = user.created_at.plus_millis(86_400_000);
    (user.last_login_at, user.last_failed_login_at) = (Some(login), Some(login.plus_millis(1_000)));
}

/// A person with access, who is no canary yet.
fn person(site: &Population) -> String {
    let people = site.licensed();
    people.iter().filter(|user| !user.serves()).nth(3).unwrap().key.clone()
}

/// Which of the canaries, or the key, some file of the folder holds, but for copies.
fn found(folder: &Path, key: &str) -> BTreeSet<String> {
    let mut held = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = fs::read(&file).unwrap().to_ascii_lowercase();
        for canary in CANARIES.iter().copied().chain([key]) {
            let wanted = canary.to_ascii_lowercase();
            if memchr::memmem::find(&bytes, wanted.as_bytes()).is_some() {
                held.insert(canary.to_owned());
            }
        }
    }
    held
}

/// A site whose canary was renamed, joined and left groups, logged in, and is gone in a walk that is held.
fn lived() -> (World, String) {
    let settings = Settings { users: 60, seed: 7, user_export: UserExportApp::WithLastLogin, ..Settings::default() };
    let world = World::with(settings);
    let key = world.change(|site| {
        let key = person(site);
        name_first(site, &key);
        site.join(&key, "canary-watchers");
        key
    });
    world.sync().exits(0);
    world.change(|site| {
        name_second(site, &key);
        site.leave(&key, "canary-watchers");
        site.join(&key, "bird-watchers");
    });
    world.sync().exits(0);
    (world, key)
}

fn moments(world: &World) -> Vec<String> {
    let at = world.rows("SELECT at FROM walks WHERE at IS NOT NULL ORDER BY id");
    at.into_iter().map(|at| format!("{}Z", at.replace(' ', "T"))).collect()
}

/// Counts as of a moment: seats and accounts by status, sizes of groups, months.
fn counts(world: &World, as_of: &str) -> Vec<Value> {
    let rows = |report: &str| {
        let ran = world.run(&["report", report, "--as-of", as_of, "--format", "json"]).exits(0);
        ran.json()["rows"].as_array().unwrap().clone()
    };
    let mut told = Vec::new();
    for (report, columns) in [
        ("seats", &["licensed", "no_access", "deactivated", "missing", "deleted", "other"][..]),
        ("groups", &["group", "members", "active_members", "last_change_at"]),
        ("activity", &["month", "found", "joiners", "leavers", "active", "logged_in", "forgotten"]),
        ("users", &["status", "first_seen_at"]),
    ] {
        let mut some: Vec<Value> =
            rows(report).iter().map(|row| columns.iter().map(|column| row[*column].clone()).collect()).collect();
        some.sort_by_key(Value::to_string);
        told.extend(some);
    }
    told
}

#[test]
fn no_byte_of_the_person_is_left_and_the_counts_of_the_past_are() {
    let (world, key) = lived();
    // Most leave at once, the canary with them: the walk is held.
    world.change(|site| {
        let keys: Vec<String> = site.licensed().iter().filter(|user| !user.serves()).map(|u| u.key.clone()).collect();
        keys.iter().take(20).for_each(|key| site.leave_all(key));
        site.leave_all(&key);
        site.users.get_mut(&key).unwrap().unsynced = true;
    });
    world.sync().exits(4);
    let held =
        "SELECT count(*) > 0 FROM held_changes h JOIN users u ON u.id = h.user_id WHERE u.name = 'canary.second'";
    assert_eq!(world.one(held), "1");
    fs::create_dir(world.path("copies")).unwrap();
    world.run(&["db", "backup", "copies/r-2026-01-31.db"]).exits(0);
    world.run(&["report", "users", "--format", "csv", "--output", "copies/users.csv", "--manifest"]).exits(0);
    world.configure(&format!("{}\n[backup]\npath = \"copies/r-{{date}}.db\"\n", world.site_table("corp")));
    let all: BTreeSet<String> = CANARIES.iter().map(ToString::to_string).chain([key.clone()]).collect();
    assert_eq!(found(world.folder.path(), &key), all);
    let moments = moments(&world);
    let before: Vec<_> = moments.iter().map(|at| counts(&world, at)).collect();
    let id = world.one("SELECT id FROM users WHERE name = 'canary.second'");

    let would = world.run(&["db", "forget", "canary.second", "--dry-run", "--format", "json"]).exits(0).json();
    assert_eq!(found(world.folder.path(), &key), all, "nothing was erased");
    let ran = world.run(&["-vvv", "db", "forget", "canary.second", "--format", "json"]).exits(0);
    let told = ran.json();
    assert_eq!(told["erased"], would["erased"]);
    for (what, least) in [("versions", 2), ("memberships", 2), ("logins", 1), ("changes", 4), ("held", 2)] {
        assert!(told["erased"][what].as_i64().unwrap() >= least, "{what}: {told}");
    }
    assert_eq!(told["proof"]["found"], serde_json::json!([]));
    assert!(told["proof"]["searched"].as_i64().unwrap() >= 14, "{told}");
    assert_eq!(told["not_reached"][0]["date"], "2026-01-31");
    assert!(told["not_reached"][0]["path"].as_str().unwrap().ends_with("copies/r-2026-01-31.db"), "{told}");
    assert_eq!(found(world.folder.path(), &key), BTreeSet::new());
    assert!(!ran.stdout.to_lowercase().contains("canary") && !ran.stderr.to_lowercase().contains("canary"), "{ran:?}");

    world.run(&["db", "verify"]).exits(0);
    for (at, before) in moments.iter().zip(&before) {
        assert_eq!(counts(&world, at), *before, "as of {at}");
    }
    assert_eq!(world.one(&format!("SELECT count(*) FROM users WHERE id = {id}")), "0");
    assert_eq!(world.one(&format!("SELECT why || proven FROM forgotten WHERE user_id = {id}")), "command1");
    assert_eq!(world.one("SELECT count(*) FROM held_changes h JOIN forgotten f ON f.user_id = h.user_id"), "0");
    world.run(&["history", "user", "canary.second"]).exits(2);
    world.run(&["report", "--verify", "copies/users.csv.manifest.json"]).exits(1).prints(&["1 users were forgotten"]);
    world
        .run(&["history", "group", "bird-watchers"])
        .exits(0)
        .prints(&[&format!("joined by forgotten-{id}"), &format!("a member was forgotten: forgotten-{id}")]);

    // No walk brings back who is not there; what was held of others is judged afresh.
    for _ in 0..2 {
        world.sync().exits(4);
        world.run(&["db", "verify"]).exits(0);
        assert_eq!(found(world.folder.path(), &key), BTreeSet::new());
    }
    let walk = world.one("SELECT max(id) FROM walks");
    world.run(&["walks", "approve", &walk]).exits(0);
    world.run(&["db", "verify"]).exits(0);

    // Who is there again is somebody new.
    world.change(|site| {
        site.users.get_mut(&key).unwrap().unsynced = false;
        site.join(&key, "confluence-users");
    });
    world.sync().exits(0);
    world.run(&["db", "verify"]).exits(0);
    let again = world.one(&format!("SELECT id FROM users WHERE key = '{key}'"));
    assert_ne!(again, id);
    assert_eq!(world.one(&format!("SELECT count(*) FROM user_history WHERE user_id = {again}")), "1");
    assert_eq!(
        world.rows(&format!("SELECT DISTINCT name, full_name, email FROM user_history WHERE user_id = {id}")),
        [format!("forgotten-{id}|NULL|NULL")]
    );
    let now: BTreeSet<String> = found(world.folder.path(), &key);
    assert!(
        now.contains("canary.second") && !now.contains("canary.first@example.com"),
        "what the site shows now: {now:?}"
    );
    for (at, before) in moments.iter().zip(&before) {
        assert_eq!(counts(&world, at), *before, "walked, as of {at}");
    }
}

#[test]
fn whom_the_site_still_shows_the_next_walk_records_anew() {
    let (world, key) = lived();
    let old = world.one("SELECT id FROM users WHERE name = 'canary.second'");
    let ran = world.run(&["db", "forget", &key]).exits(0);
    assert!(ran.stderr.contains("warning: corp still shows this account"), "{}", ran.stderr);
    assert!(ran.stdout.contains(&format!("User {old} of corp is forgotten")), "{}", ran.stdout);
    assert_eq!(found(world.folder.path(), &key), BTreeSet::new());
    let sizes = "SELECT g.name, count(*) FROM groups g JOIN memberships m ON m.group_id = g.id WHERE m.valid_to IS NULL \
                 GROUP BY g.id ORDER BY g.name";
    let without = world.rows(sizes);
    world.sync().exits(0);
    world.run(&["db", "verify"]).exits(0);
    let row = world.one(&format!("SELECT id, name, first_seen_at > '2020', status FROM users WHERE key = '{key}'"));
    assert!(row.ends_with("|canary.second|1|active") && !row.starts_with(&format!("{old}|")), "{row}");
    assert_ne!(world.rows(sizes), without, "its groups are read again");
    assert_eq!(
        world.one(
            "SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id JOIN groups g ON g.id = m.group_id \
        WHERE u.name = 'canary.second' AND g.name = 'bird-watchers' AND m.valid_to IS NULL"
        ),
        "1"
    );
    // And nothing of what was once so.
    assert!(!found(world.folder.path(), &key).contains("canary.first"));
    world.sync().exits(0);
    assert_eq!(world.one("SELECT changes FROM walks ORDER BY id DESC LIMIT 1"), "0");
}

#[test]
fn exactly_one_is_meant() {
    let (world, key) = lived();
    let other = world.beside(Settings { users: 60, seed: 7, ..Settings::default() });
    other.with_population(|site| name_second(site, &key));
    world.configure(&format!("{}{}", world.site_table("corp"), world.table_of("other", &other)));
    world.sync().exits(0);
    let mirror = world.database().contents(&[]);
    let named = world.run(&["db", "forget", "canary.second"]).exits(2);
    named.says(&["2 users", "--site", &format!("corp  {key}"), &format!("other  {key}")]);
    world.run(&["db", "forget", &key]).exits(2).says(&["2 users"]);
    world.run(&["db", "forget", "Canary.Second", "--site", "corp"]).exits(2).says(&[
        "no user",
        "by a name like it",
        &key,
    ]);
    world.run(&["db", "forget", "canary.first", "--site", "corp"]).exits(2).says(&[
        "no user",
        "by a name like it",
        &key,
    ]);
    world.run(&["db", "forget", "nobody"]).exits(2).says(&["no user with the key or the name 'nobody'"]);
    world.run(&["db", "forget", "canary.second", "--site", "nowhere"]).exits(2).says(&["no site 'nowhere'"]);
    assert_eq!(world.database().contents(&[]), mirror);
    // The other account's values are rightly there still.
    let ran = world.run(&["db", "forget", "canary.second", "--site", "corp"]).exits(0);
    ran.prints(&["values that other rows hold (accounts"])
        .says(&[&format!("the same e-mail address is kept: other {key}")]);
    assert_eq!(
        world.one("SELECT s.name FROM users u JOIN sites s ON s.id = u.site_id WHERE u.name = 'canary.second'"),
        "other"
    );
    world.run(&["db", "verify"]).exits(0);
    world.run(&["db", "forget", "canary.second"]).exits(0);
    assert_eq!(found(world.folder.path(), &key), BTreeSet::new());
    // Once more there is nothing to erase; the file is written anew.
    let id = world.one("SELECT max(user_id) FROM forgotten");
    world
        .run(&["db", "forget", &format!("forgotten-{id}"), "--dry-run"])
        .exits(0)
        .prints(&["was forgotten before", "would be written anew"]);
    world
        .run(&["db", "forget", &format!("forgotten-{id}")])
        .exits(0)
        .prints(&["was forgotten before", "was written anew"]);
    world.run(&["db", "verify"]).exits(0);
    assert_eq!(world.one("SELECT count(*) FROM forgotten"), "2");
}

#[test]
fn not_while_the_site_is_walked_nor_while_an_older_state_is_read() {
    let (world, key) = lived();
    let walk = Held::start(&world, Target::default().from(2));
    world.run(&["db", "forget", &key]).exits(6).says(&["another rollbook process is walking site 'corp'"]);
    walk.signal("TERM");
    walk.end();
    let mut reader = world.writable();
    reader.rows("BEGIN");
    reader.rows("SELECT count(*) FROM accounts");
    world.sync().exits(0);
    let ran: Ran = world.run(&["db", "forget", &key]).exits(1);
    ran.says(&["nothing was erased", "rollbook.db-wal"]);
    assert_eq!(world.one(&format!("SELECT count(*) FROM users WHERE key = '{key}'")), "1");
    reader.rows("COMMIT");
    world.run(&["db", "forget", &key]).exits(0);
    assert_eq!(found(world.folder.path(), &key), BTreeSet::new());
}

#[test]
fn of_cloud_too() {
    let cloud = CloudSettings { organization: Some(OrganizationSettings::default()), ..CloudSettings::default() };
    let world = World::cloud(Settings { users: 60, seed: 7, cloud: Some(cloud), ..Settings::cloud() });
    let key = world.change(|site| {
        let key = person(site);
        let user = site.users.get_mut(&key).unwrap();
        (user.name, user.full_name) = (CANARIES[0].to_owned(), CANARIES[1].to_owned());
        user.email = CANARIES[2].to_owned();
        key
    });
    world.sync().exits(0);
    world.change(|site| {
        let user = site.users.get_mut(&key).unwrap();
        (user.name, user.full_name) = (CANARIES[3].to_owned(), CANARIES[4].to_owned());
    });
    world.sync().exits(0);
    let id = account_id(&key);
    assert!(found(world.folder.path(), &id).len() > 3);
    world.run(&["db", "forget", &id]).exits(0).says(&["still shows this account"]);
    assert_eq!(found(world.folder.path(), &id), BTreeSet::new());
    world.run(&["db", "verify"]).exits(0);
    world.sync().exits(0);
    world.run(&["db", "verify"]).exits(0);
    assert_eq!(world.one(&format!("SELECT count(*) FROM users WHERE key = '{id}'")), "1");
    // Once the site has closed it, and its id is nowhere shown, it stays forgotten.
    world.change(|site| site.delete(&key));
    world.sync().exits(0);
    world.run(&["db", "forget", &id]).exits(0);
    for _ in 0..2 {
        world.sync().exits(0);
        world.run(&["db", "verify"]).exits(0);
        assert_eq!(found(world.folder.path(), &id), BTreeSet::new());
    }
}
