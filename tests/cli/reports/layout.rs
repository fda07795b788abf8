//! `export users --layout user-export`: the files that the app would have made.

use rollbook::simulator::{Settings, UserExportApp};
use serde_json::Value;

use crate::support::World;

const FIELDS: [&str; 11] = [
    "username",
    "active",
    "fullName",
    "email",
    "directoryName",
    "createdDate",
    "updatedDate",
    "lastLogin",
    "groups",
    "preferredLanguage",
    "canUse",
];

fn world() -> World {
    let settings = Settings { users: 60, seed: 7, user_export: UserExportApp::WithLastLogin, ..Settings::default() };
    World::with(settings).key("timezone", "\"Europe/Berlin\"")
}

fn records(world: &World, options: &[&str]) -> Vec<Value> {
    let asked = [&["export", "users", "--layout", "user-export", "--format", "json"], options].concat();
    world.run(&asked).exits(0).json().as_array().unwrap().clone()
}

#[test]
fn it_has_the_records_of_the_app() {
    let world = world();
    world.sync().exits(0);
    let ours = records(&world, &[]);
    let theirs = world.run(&["export", "users", "--from-site", "--format", "json"]).exits(0).json();
    let theirs = theirs.as_array().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        // Whose members cannot be asked for: its name has a slash.
        let mut theirs = theirs.clone();
        theirs["groups"].as_array_mut().unwrap().retain(|group| group != "ops/on-call");
        for field in FIELDS {
            assert_eq!(ours[field], theirs[field], "{field} of {}", theirs["username"]);
        }
        assert_eq!(ours.as_object().unwrap().len(), FIELDS.len());
    }
}

#[test]
fn the_other_formats_have_the_same_fields() {
    let world = world();
    world.sync().exits(0);
    let users = records(&world, &[]).len();
    let asked = ["export", "users", "--layout", "user-export", "--format"];
    let csv = world.run(&[&asked[..], &["csv"]].concat()).exits(0).stdout;
    assert_eq!(csv.lines().next().unwrap(), FIELDS.join(","));
    assert_eq!(csv.lines().count(), users + 1);
    let xml = world.run(&[&asked[..], &["xml"]].concat()).exits(0).stdout;
    assert_eq!(xml.matches("<user>").count(), users);
    assert!(xml.contains("<groups><group>confluence-users</group>"), "{xml}");
    world.run(&[&asked[..], &["xlsx", "--output", "u.xlsx"]].concat()).exits(0);
    for format in ["table", "ndjson", "parquet", "html"] {
        world.run(&[&asked[..], &[format]].concat()).exits(2).says(&["json, xml, csv, xlsx"]);
    }
}

#[test]
fn it_searches_as_the_app_does() {
    let world = world();
    world.sync().exits(0);
    let all = records(&world, &[]);
    let names = |records: &[Value]| {
        records.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let wanted =
        |test: &dyn Fn(&Value) -> bool| names(&all.iter().filter(|user| test(user)).cloned().collect::<Vec<_>>());
    assert_eq!(names(&records(&world, &["--active"])), wanted(&|user| user["active"] == true));
    assert_eq!(names(&records(&world, &["--inactive"])), wanted(&|user| user["active"] == false));
    assert!(!wanted(&|user| user["active"] == false).is_empty());
    assert_eq!(names(&records(&world, &["--active", "--inactive"])), names(&all));
    let text = |user: &Value, field: &str| user[field].as_str().unwrap_or_default().to_lowercase();
    let holds = |user: &Value| ["username", "fullName", "email"].iter().any(|field| text(user, field).contains("an"));
    assert_eq!(names(&records(&world, &["--search", "AN"])), wanted(&holds));
    assert_eq!(names(&records(&world, &["--offset", "10", "--page-size", "20"])), names(&all)[10..30]);
    assert!(records(&world, &["--offset", "1000"]).is_empty());
    world.run(&["export", "users", "--page-size", "-1"]).exits(2);
    // The table takes the same.
    let csv = world.run(&["export", "users", "--format", "csv", "--search", "AN"]).exits(0).stdout;
    assert_eq!(csv.lines().count() - 1, wanted(&holds).len());
}

#[test]
fn what_the_app_does_not_tell_is_not_invented() {
    let settings = Settings { users: 30, seed: 7, user_export: UserExportApp::Missing, ..Settings::default() };
    let world = World::with(settings);
    world.sync().exits(0);
    for user in records(&world, &[]) {
        assert!(
            user["active"].is_null() && user["directoryName"].is_null() && user["preferredLanguage"].is_null(),
            "{user}"
        );
    }
    world.run(&["export", "users", "--layout", "user-export", "--format", "json", "--site", "nowhere"]).exits(2);
}
