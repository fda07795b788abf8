//! Confluence User Export as the second source: what it adds, and what it decides.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target, User, UserExportApp};

use crate::support::{World, always, rewritten};

const NEW: UserExportApp = UserExportApp::WithLastLogin;

/// Forty users with User Export, of whom `ada` is one.
pub fn forty() -> (World, String) {
    let (world, _) = World::exactly(40, NEW);
    let world = world.key("timezone", "\"Europe/Berlin\"");
    let key = world.change(|site| site.add("ada"));
    world.sync().exits(0);
    (world, key)
}

pub fn edit(world: &World, key: &str, change: impl FnOnce(&mut User)) {
    world.change(|site| change(site.users.get_mut(key).unwrap()));
}

/// `status|active|has_access` of a user.
pub fn stands(world: &World, key: &str) -> String {
    world.one(&format!("SELECT status, active, has_access FROM users WHERE key = '{key}'"))
}

/// The kinds of the newest walk's changes.
pub fn kinds(world: &World) -> Vec<String> {
    world.rows("SELECT kind FROM changes WHERE walk_id = (SELECT max(id) FROM walks) ORDER BY kind")
}

/// Checks that a further walk changes nothing, and that the file is sound.
#[track_caller]
pub fn settled(world: &World) {
    let contents = world.database().contents(&["walks", "listings", "group_fingerprints"]);
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.database().contents(&["walks", "listings", "group_fingerprints"]), contents);
    world.agrees();
}

#[test]
fn the_whole_site_for_a_year() {
    for (seed, user_export, page_cap) in [(3, NEW, None), (4, UserExportApp::WithoutLastLogin, Some(9))] {
        let settings = Settings { users: 60, seed, user_export, page_cap, ..Settings::default() };
        let world = World::with(settings).unguarded().limit("lookups_per_walk", 10_000);
        for walk in 0..7 {
            if walk > 0 {
                world.change(|site| site.advance_days(20));
            }
            world.sync().exits(0);
            let truth = world.change(|site| site.truth_with_export());
            let mut expected: Vec<String> = truth
                .users
                .iter()
                .map(|(key, user)| {
                    let export = user.export.as_ref().unwrap();
                    let gone = ["deleted", "missing"].contains(&user.status.as_str());
                    let active = if gone { "-".to_owned() } else { u8::from(export.active).to_string() };
                    format!("{key}|{}|{active}|{}|{}", user.status.as_str(), export.directory, export.language)
                })
                .collect();
            expected.sort();
            let told = world.rows(
                "SELECT key, status, iif(status IN ('deleted', 'missing'), '-', active), directory, language FROM users \
                 ORDER BY key",
            );
            assert_eq!(told, expected, "seed {seed}, walk {walk}");
            world.agrees();
        }
        settled(&world);
    }
}

#[test]
fn deactivated_and_active_again() {
    let (world, key) = forty();
    world.change(|site| site.join(&key, "team"));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "active|1|1");
    // Still in its groups.
    edit(&world, &key, |user| user.enabled = false);
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "deactivated|0|0");
    assert_eq!(kinds(&world), ["user.deactivated"]);
    let at = world.one("SELECT max(at) FROM walks");
    let since = format!("SELECT deactivated_at FROM users WHERE key = '{key}'");
    assert_eq!(world.one(&since), at);
    settled(&world);
    // Out of them.
    world.change(|site| site.leave_all(&key));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "deactivated|0|0");
    assert_eq!(kinds(&world), ["member.removed", "member.removed"]);
    assert_eq!(world.one(&since), at, "since then");
    settled(&world);
    // Active, but without access; in no group.
    edit(&world, &key, |user| user.enabled = true);
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "no-access|1|0");
    assert_eq!(kinds(&world), ["user.reactivated"]);
    assert_eq!(world.one(&since), "NULL");
    settled(&world);
    world.change(|site| site.join(&key, "team"));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "no-access|1|0");
    world.change(|site| site.join(&key, "confluence-users"));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "active|1|1");
    // Deactivated and out of all groups at once, and back at once.
    edit(&world, &key, |user| user.enabled = false);
    world.change(|site| site.leave_all(&key));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "deactivated|0|0");
    settled(&world);
    edit(&world, &key, |user| user.enabled = true);
    world.change(|site| site.join(&key, "confluence-users"));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "active|1|1");
    assert_eq!(world.one(&format!("SELECT count(*) FROM users WHERE name = 'ada' AND key = '{key}'")), "1");
    settled(&world);
}

#[test]
fn access_taken_away_of_an_active_account() {
    let (world, key) = forty();
    world.change(|site| site.leave_all(&key));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "no-access|1|0");
    assert_eq!(kinds(&world), ["member.removed", "user.access-lost"]);
    settled(&world);
    edit(&world, &key, |user| user.enabled = false);
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "deactivated|0|0");
    settled(&world);
    world.change(|site| site.delete(&key));
    world.sync().exits(0);
    assert!(stands(&world, &key).starts_with("deleted|"), "{}", stands(&world, &key));
    settled(&world);
}

#[test]
fn it_is_switched_off_after_it_was_on() {
    let (world, key) = forty();
    let solo = world.change(|site| {
        let solo = site.add("solo");
        site.leave_all(&solo);
        site.join(&key, "team");
        solo
    });
    edit(&world, &key, |user| user.enabled = false);
    world.sync().exits(0);
    let contents =
        |world: &World| world.rows("SELECT key, status, active, has_access, directory FROM users ORDER BY id");
    let before = contents(&world);
    let world = world.key("user_export", "\"off\"");
    world.site.forget_requests();
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.site.requests().user_export_search, 0);
    assert_eq!(contents(&world), before, "what it said stands");
    assert_eq!(stands(&world, &key), "deactivated|0|0");
    // Access is back: Extender can tell that, and it is no longer deactivated.
    edit(&world, &key, |user| user.enabled = true);
    world.sync().exits(0);
    assert!(stands(&world, &key).starts_with("active|"), "{}", stands(&world, &key));
    world.change(|site| site.delete(&solo));
    world.sync().exits(0);
    assert!(stands(&world, &solo).starts_with("deleted|"), "{}", stands(&world, &solo));
    world.is_sound();
}

#[test]
fn a_release_without_log_ins_says_nothing_of_them() {
    for (app, known) in [(UserExportApp::WithoutLastLogin, "0"), (NEW, "1")] {
        let (world, _) = World::exactly(10, app);
        let world = world.limit("lookups_per_walk", 0).key("timezone", "\"Europe/Berlin\"");
        world.change(|site| {
            let key = site.add("never");
            site.leave_all(&key);
            let user = site.users.get_mut(&key).unwrap();
            user.last_login_at = None;
        });
        world.sync().exits(0);
        let row = world.one("SELECT last_login_known, last_login_at FROM users WHERE name = 'never'");
        assert_eq!(row, format!("{known}|NULL"));
        // It appears with an update of the app: unknown becomes known, and a missing key is not "never".
        let told = world.run(&["report", "never-logged-in", "--format", "json", "--param", "days=0"]).exits(0).json();
        let rows = told["rows"].as_array().unwrap().iter().filter(|row| row["name"] == "never").count();
        assert!(rows <= 1);
    }
}

#[test]
fn dates_are_in_the_zone_of_the_site() {
    // (zone, as told, UTC)
    let cases = [
        ("Europe/Berlin", "2025-07-01 12:30", "2025-07-01 10:30:00.000"),
        ("Europe/Berlin", "2025-01-15 12:30", "2025-01-15 11:30:00.000"),
        // Left out in spring, twice in autumn.
        ("Europe/Berlin", "2025-03-30 02:30", "2025-03-30 01:30:00.000"),
        ("Europe/Berlin", "2025-10-26 02:30", "2025-10-26 00:30:00.000"),
        ("America/St_Johns", "2025-01-15 23:45", "2025-01-16 03:15:00.000"),
        ("Asia/Kathmandu", "2025-01-15 00:00", "2025-01-14 18:15:00.000"),
        ("UTC", "2025-01-15 00:00", "2025-01-15 00:00:00.000"),
    ];
    for (zone, told, utc) in cases {
        let (world, keys) = World::exactly(3, NEW);
        let world = world.limit("lookups_per_walk", 0).key("timezone", &format!("\"{zone}\""));
        world.change(|site| {
            let key = site.add("solo");
            site.leave_all(&key);
            let at = site.users[&key].created_at;
            // So that all three are told.
            site.users.get_mut(&key).unwrap().last_login_at = Some(at);
            site.users.get_mut(&key).unwrap().updated_at = at;
        });
        let rewrite = move |body: String| {
            let mut value: serde_json::Value = serde_json::from_str(&body).unwrap();
            for user in value["users"].as_array_mut().unwrap() {
                for field in ["createdDate", "updatedDate", "lastLogin"] {
                    user[field] = told.into();
                }
            }
            value.to_string()
        };
        let world = world.fault(rewritten(Endpoint::UserExportSearch, rewrite));
        world.sync().exits(0);
        let row = "SELECT created_at, updated_at, last_login_at, dates_from_export FROM users WHERE name = 'solo'";
        assert_eq!(world.one(row), format!("{utc}|{utc}|{utc}|1"), "{zone} {told}");
        let extender = world.change(|site| site.users[&keys[0]].created_at.to_sql());
        let row = format!("SELECT created_at, dates_from_export FROM users WHERE key = '{}'", keys[0]);
        assert_eq!(world.one(&row), format!("{extender}|0"), "Extender's are exact");
    }
}

#[test]
fn extender_tells_better_when_it_tells() {
    let (world, _) = World::exactly(3, NEW);
    let world = world.limit("lookups_per_walk", 0).key("timezone", "\"Europe/Berlin\"");
    let key = world.change(|site| {
        let key = site.add("solo");
        site.leave_all(&key);
        let at = site.users[&key].created_at.plus_millis(86_412_345);
        site.users.get_mut(&key).unwrap().last_login_at = Some(at);
        key
    });
    world.sync().exits(0);
    let row = "SELECT dates_from_export, created_at, last_login_at FROM users WHERE name = 'solo'";
    assert!(world.one(row).starts_with("1|"));
    world.change(|site| site.join(&key, "confluence-users"));
    world.sync().exits(0);
    let exact = world.change(|site| {
        let user = &site.users[&key];
        format!("0|{}|{}", user.created_at.to_sql(), user.last_login_at.unwrap().to_sql())
    });
    assert_eq!(world.one(row), exact);
    settled(&world);
}

#[test]
fn sources_that_contradict_each_other() {
    let (world, key) = forty();
    // The user list shows it as having access, User Export says inactive: User Export decides `deactivated`.
    let inactive = |body: String| {
        let mut value: serde_json::Value = serde_json::from_str(&body).unwrap();
        for user in value["users"].as_array_mut().unwrap().iter_mut().filter(|user| user["username"] == "ada") {
            user["active"] = false.into();
            user["fullName"] = "Somebody Else".into();
            user["email"] = "else@example.com".into();
        }
        value.to_string()
    };
    let names = format!("SELECT full_name, email FROM users WHERE key = '{key}'");
    let before = world.one(&names);
    let world = world.fault(rewritten(Endpoint::UserExportSearch, inactive));
    world.sync().exits(0);
    let now = stands(&world, &key);
    assert!(now.starts_with("deactivated|0|"), "{now}");
    assert_eq!(world.one(&names), before, "Extender counts where both tell");
    world.sync().exits(0).prints(&["0 changes"]);
    world.site.clear_faults();
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "active|1|1");
    // canUse is false of somebody in the user list: the user list holds the users with access.
    let unusable = |body: String| body.replace("\"canUse\":true", "\"canUse\":false");
    let world = world.fault(rewritten(Endpoint::UserExportSearch, unusable));
    world.sync().exits(0);
    assert_eq!(stands(&world, &key), "active|1|1");
    world.is_sound();
}

#[test]
fn it_fails_in_between() {
    for fault in [
        always(Endpoint::UserExportSearch, 500),
        Fault::always(Target::at(Endpoint::UserExportSearch), FaultKind::InvalidJson),
        Fault::always(Target::at(Endpoint::UserExportSearch), FaultKind::Truncate),
        Fault::always(Target::at(Endpoint::UserExportSearch).page(1), FaultKind::status(500)),
    ] {
        let (world, key) = forty();
        let world = world.limit("page_size", 15);
        let (solo, late) = world.change(|site| {
            let solo = site.add("solo");
            site.leave_all(&solo);
            (solo, site.add("late"))
        });
        edit(&world, &key, |user| user.enabled = false);
        world.sync().exits(0);
        let before = stands(&world, &key);
        assert_eq!(before, "deactivated|0|0");
        let world = world.fault(fault);
        // Meanwhile: solo is deleted, late gets no access any more, ada is active again.
        world.change(|site| {
            site.delete(&solo);
            site.leave_all(&late);
            site.add("fresh");
        });
        world.sync().exits(3);
        let (_, error) = world.last_walk();
        assert!(error.contains("User Export"), "{error}");
        let walk = world.one("SELECT max(id) FROM walks");
        world.run(&["walks", "show", &walk]).exits(0).prints(&["User Export"]);
        world.run(&["status"]).prints(&["User Export"]);
        let problem = format!("SELECT count(*) FROM walk_coverage WHERE walk_id = {walk} AND problem IS NOT NULL");
        assert_ne!(world.one(&problem), "0");
        assert_eq!(stands(&world, &key), before, "its last word stands");
        assert_eq!(world.one("SELECT status FROM users WHERE name = 'fresh'"), "active");
        let proven = world.one(&format!("SELECT status FROM users WHERE key = '{solo}'"));
        assert!(["no-access", "deleted"].contains(&proven.as_str()), "{proven}");
        world.site.clear_faults();
        world.sync().exits(0);
        assert!(stands(&world, &solo).starts_with("deleted|"), "{}", stands(&world, &solo));
        assert_eq!(stands(&world, &late), "no-access|1|0");
        settled(&world);
    }
}

#[test]
fn it_is_not_there_or_refuses() {
    // auto: not installed is nothing to speak of, a refusal is a warning.
    let (world, _) = World::exactly(5, UserExportApp::Missing);
    world.sync().exits(0);
    let world = world.key("user_export", "\"on\"");
    let ran = world.sync();
    assert_ne!(ran.exit, 0);
    let refusing = |mode: &str| {
        let settings =
            Settings { users: 30, seed: 2, user_export: NEW, user_export_refuses: true, ..Settings::default() };
        World::with(settings).key("user_export", &format!("\"{mode}\""))
    };
    let world = refusing("auto");
    let ran = world.sync();
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("User Export"), "{ran:?}");
    assert_eq!(world.last_walk().0, "applied");
    let world = refusing("on");
    world.sync().exits(77);
    assert_eq!(world.one("SELECT count(*) FROM users"), "0");
}

#[test]
fn export_users_from_the_site() {
    let (world, _) = forty();
    for format in ["json", "xml", "csv", "xlsx"] {
        let file = world.path(&format!("users.{format}"));
        let file = file.to_str().unwrap();
        world.run(&["export", "users", "--from-site", "--format", format, "--output", file]).exits(0);
        assert!(std::fs::metadata(file).unwrap().len() > 100, "{format}");
    }
}
