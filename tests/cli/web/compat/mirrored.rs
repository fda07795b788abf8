//! The mirror of a mirror: Rollbook itself is a client of these interfaces, and what it reads from them is what the first
//! mirror knows.

use rollbook::simulator::{Settings, UserExportApp, is_addressable};

use super::{Served, both_apps, served, walked};
use crate::support::World;

/// A world whose site is the first one's mirror.
fn second(service: &Served, user_export: &str) -> World {
    World::small()
        .unguarded()
        .key("timezone", "\"Europe/Berlin\"")
        .key("user_export", user_export)
        .at(&format!("http://{}/sites/corp", service.address))
}

/// What both can know of users: without those who are gone, whom no interface shows any more.
fn users(world: &World, columns: &str) -> Vec<String> {
    world.rows(&format!(
        "SELECT {columns} FROM users WHERE status NOT IN ('deleted', 'missing') AND key IS NOT NULL ORDER BY key"
    ))
}

const GROUPS: &str = "SELECT name FROM groups WHERE removed_at IS NULL ORDER BY name";
const MEMBERS: &str = "SELECT g.name, u.key FROM memberships m JOIN groups g ON g.id = m.group_id \
                       JOIN users u ON u.id = m.user_id WHERE m.valid_to IS NULL AND u.key IS NOT NULL ORDER BY 1, 2";

const TOLD_BY_EXTENDER: &str = "key, name, full_name, email, has_access, department, position, location, phone, im, \
                                website, created_at, updated_at, last_login_at, last_login_known, last_failed_login_at";

#[test]
fn from_extender_alone() {
    let first = served(World::small());
    let service = walked(&first);
    let second = second(&service, "\"off\"");
    for _ in 0..3 {
        second.sync().exits(0);
        // Who is deactivated and in no group is told by no list of Extender.
        let columns = format!("{TOLD_BY_EXTENDER}, status");
        assert_eq!(users(&second, &columns), users(&first, &columns));
        assert_eq!(second.rows(GROUPS), first.rows(GROUPS));
        assert_eq!(second.rows(MEMBERS), first.rows(MEMBERS));
        second.run(&["db", "verify"]).exits(0);
        first.change(|site| site.advance_days(10));
        first.sync().exits(0);
    }
    service.stop().exits(0);
}

#[test]
fn with_user_export() {
    let first = both_apps();
    let service = walked(&first);
    let second = second(&service, "\"on\"");
    second.sync().exits(0);
    let columns = format!("{TOLD_BY_EXTENDER}, status, active, directory, language");
    assert_eq!(users(&second, &columns), users(&first, &columns));
    assert_eq!(second.rows(GROUPS), first.rows(GROUPS));
    assert_eq!(second.rows(MEMBERS), first.rows(MEMBERS));
    assert!(first.rows(GROUPS).iter().any(|group| !is_addressable(group)), "whose members nobody can ask for");
    // A file by our own client.
    let ran = second.run(&["export", "users", "--from-site", "--format", "csv", "--output", "users.csv"]).exits(0);
    drop(ran);
    let file = std::fs::read(second.path("users.csv")).unwrap();
    let rows = csv::Reader::from_reader(&file[..]).into_records().count();
    assert_eq!(rows.to_string(), first.one("SELECT count(*) FROM users WHERE status NOT IN ('deleted', 'missing')"));
    second.run(&["doctor"]);
    service.stop().exits(0);
}

#[test]
fn whom_user_export_alone_shows() {
    let settings = Settings { users: 60, seed: 7, user_export: UserExportApp::WithLastLogin, ..Settings::default() };
    // Nobody is looked up, so nobody learns their keys.
    let first = served(World::with(settings).limit("lookups_per_walk", 0));
    let service = walked(&first);
    let second = second(&service, "\"on\"");
    let keyless = "SELECT name, full_name, email, status, active, directory, language, created_at, last_login_at FROM users \
                   WHERE key IS NULL AND status NOT IN ('deleted', 'missing') ORDER BY name";
    let expected = first.rows(keyless);
    assert!(!expected.is_empty());
    for _ in 0..2 {
        second.sync();
        assert_eq!(second.rows(keyless), expected);
        assert_eq!(users(&second, TOLD_BY_EXTENDER), users(&first, TOLD_BY_EXTENDER));
    }
    let name = first.one("SELECT name FROM users WHERE key IS NULL ORDER BY name LIMIT 1");
    let told = super::mirror(&service, &format!("/rest/extender/1.0/user/getUserDetails/{name}"), None).is(404);
    assert!(told.json()["message"].as_str().unwrap().contains("User Export alone"));
    service.stop().exits(0);
}
