//! The database as others read it: names, formats, intervals, and what an unchanged walk writes.

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

use crate::support::{World, always};

const TABLES: &[(&str, &str)] = &[
    ("sites", "id name kind base_url"),
    (
        "walks",
        "id site_id started_at finished_at status users_declared users_seen groups_seen memberships_seen requests \
         retries rate_limited changes error",
    ),
    (
        "users",
        "id site_id key name full_name email status active has_access directory account_type is_external department \
         position location phone im website language time_zone created_at updated_at last_login_at \
         last_failed_login_at last_active_at first_seen_at last_seen_at missing_since deactivated_at deleted_at",
    ),
    (
        "user_history",
        "user_id valid_from valid_to walk_id name full_name email status active has_access directory account_type \
         is_external department position location phone im website language time_zone",
    ),
    ("logins", "user_id kind at walk_id"),
    ("groups", "id site_id name external_id first_seen_at removed_at"),
    ("memberships", "group_id user_id valid_from valid_to walk_id"),
    ("changes", "id site walk_id at not_before kind user_id group_id field before after"),
    ("actions", "id site_id at actor kind target request outcome response"),
];

/// A site with a history: walks between days on which things happen, some of them partial or failed.
fn lived(days: usize) -> World {
    let world = World::small().unguarded();
    world.sync().exits(0);
    for day in 0..days {
        world.site.advance_day();
        match day % 5 {
            2 => world.site.add_fault(always(Endpoint::GroupList, 500)),
            4 => world.site.add_fault(always(Endpoint::UserList, 500)),
            _ => {}
        }
        let ran = world.sync();
        assert!([0, 3, 69].contains(&ran.exit), "{}", ran.stderr);
        world.site.clear_faults();
        // Somebody out of many tables each day, so that every kind of change comes up.
        world.change(|site| {
            let key = site.licensed()[day * 3 % 40].key.clone();
            match day % 7 {
                1 => site.delete(&key),
                3 => site.leave_all(&key),
                5 => site.users.get_mut(&key).unwrap().unsynced = true,
                _ => site.users.get_mut(&key).unwrap().position = format!("Position {day}"),
            }
        });
    }
    world.sync().exits(0);
    world
}

/// Every query that must bring nothing, with what it would show.
const NEVER: &[(&str, &str)] = &[
    (
        "a count of changes that is not theirs",
        "SELECT w.id, w.changes, count(c.id) FROM walks w LEFT JOIN changes c ON c.walk_id = w.id GROUP BY w.id HAVING w.changes <> count(c.id)",
    ),
    (
        "two open versions, or none",
        "SELECT u.id FROM users u LEFT JOIN user_history h ON h.user_id = u.id AND h.valid_to IS NULL GROUP BY u.id HAVING count(h.user_id) <> 1",
    ),
    (
        "an open version that differs from the user",
        "SELECT u.id FROM users u JOIN user_history h ON h.user_id = u.id AND h.valid_to IS NULL WHERE (u.name, u.full_name, u.email, u.status, u.active, u.has_access, u.department, u.position, u.location, u.phone, u.im, u.website) IS NOT (h.name, h.full_name, h.email, h.status, h.active, h.has_access, h.department, h.position, h.location, h.phone, h.im, h.website)",
    ),
    (
        "versions that overlap or leave a gap",
        "SELECT user_id FROM (SELECT user_id, valid_to, lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from) AS next FROM user_history) WHERE next IS NOT valid_to",
    ),
    (
        "an empty or turned interval",
        "SELECT 1 FROM user_history WHERE valid_to <= valid_from UNION ALL SELECT 1 FROM memberships WHERE valid_to <= valid_from",
    ),
    (
        "two equal versions in a row",
        "SELECT user_id FROM (SELECT user_id, hash, lead(hash) OVER (PARTITION BY user_id ORDER BY valid_from) AS next FROM (SELECT user_id, valid_from, json_array(name, full_name, email, status, active, has_access, department, position, location, phone, im, website) AS hash FROM user_history)) WHERE hash = next",
    ),
    (
        "memberships that overlap",
        "SELECT group_id FROM (SELECT group_id, valid_to, lead(valid_from) OVER (PARTITION BY group_id, user_id ORDER BY valid_from) AS next FROM memberships) WHERE next < valid_to OR (valid_to IS NULL AND next IS NOT NULL)",
    ),
    (
        "an open membership of a removed group",
        "SELECT g.id FROM groups g JOIN memberships m ON m.group_id = g.id WHERE g.removed_at IS NOT NULL AND m.valid_to IS NULL",
    ),
    (
        "an open membership of somebody gone",
        "SELECT u.id FROM users u JOIN memberships m ON m.user_id = u.id WHERE u.status = 'deleted' AND m.valid_to IS NULL",
    ),
    (
        "a change outside its walk",
        "SELECT c.id FROM changes c JOIN walks w ON w.id = c.walk_id WHERE c.at NOT BETWEEN w.started_at AND w.finished_at OR c.not_before >= c.at",
    ),
    (
        "a change not between it and the applied walk before",
        "SELECT c.id FROM changes c JOIN walks w ON w.id = c.walk_id WHERE c.not_before IS NOT (SELECT max(b.at) FROM walks b WHERE b.site_id = w.site_id AND b.id < w.id AND b.status = 'applied')",
    ),
    (
        "a walk that changed something without applying",
        "SELECT w.id FROM walks w JOIN changes c ON c.walk_id = w.id WHERE w.status NOT IN ('applied', 'partial')",
    ),
    (
        "a walk still running, or without an end",
        "SELECT id FROM walks WHERE status = 'running' OR finished_at IS NULL OR finished_at < started_at",
    ),
    ("a walk without a reason", "SELECT id FROM walks WHERE (status = 'applied') <> (error IS NULL)"),
    (
        "walks that overlap",
        "SELECT id FROM (SELECT id, started_at, lag(finished_at) OVER (PARTITION BY site_id ORDER BY id) AS before FROM walks) WHERE started_at <= before",
    ),
    (
        "a kind that is none",
        "SELECT DISTINCT kind FROM changes WHERE kind NOT IN ('user.created', 'user.renamed', 'user.updated', 'user.access-lost', 'user.access-gained', 'user.deactivated', 'user.reactivated', 'user.deleted', 'user.missing', 'user.returned', 'group.created', 'group.removed', 'member.added', 'member.removed')",
    ),
    (
        "a change that names nobody",
        "SELECT id FROM changes WHERE (kind LIKE 'user.%' AND (user_id IS NULL OR group_id IS NOT NULL)) OR (kind LIKE 'group.%' AND (group_id IS NULL OR user_id IS NOT NULL)) OR (kind LIKE 'member.%' AND (group_id IS NULL OR user_id IS NULL))",
    ),
    (
        "an updated field that is none or is the same",
        "SELECT id FROM changes WHERE kind IN ('user.updated', 'user.renamed') AND (field IS NULL OR before IS after)",
    ),
    (
        "a last log-in that is not among the log-ins",
        "SELECT u.id FROM users u WHERE u.last_login_at IS NOT (SELECT max(at) FROM logins l WHERE l.user_id = u.id AND l.kind = 'success') OR u.last_failed_login_at IS NOT (SELECT max(at) FROM logins l WHERE l.user_id = u.id AND l.kind = 'failure')",
    ),
    (
        "a state that contradicts itself",
        "SELECT id FROM users WHERE (status = 'missing') <> (missing_since IS NOT NULL) OR (status = 'deleted') <> (deleted_at IS NOT NULL) OR (status = 'active' AND has_access IS NOT 1) OR (status = 'no-access' AND has_access IS NOT 0)",
    ),
    (
        "somebody present who was not seen lately",
        "SELECT id FROM users WHERE status = 'active' AND last_seen_at IS NOT (SELECT max(at) FROM walks WHERE status = 'applied')",
    ),
    ("somebody seen before being seen first", "SELECT id FROM users WHERE last_seen_at < first_seen_at"),
    (
        "a joiner who is not in the group",
        "SELECT c.id FROM changes c WHERE c.kind = 'member.added' AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.group_id = c.group_id AND m.user_id = c.user_id AND m.valid_from = c.at AND m.walk_id = c.walk_id)",
    ),
    (
        "a leaver who did not leave",
        "SELECT c.id FROM changes c WHERE c.kind = 'member.removed' AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.group_id = c.group_id AND m.user_id = c.user_id AND m.valid_to = c.at)",
    ),
    (
        "a membership that nobody saw begin",
        "SELECT m.group_id FROM memberships m WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.kind = 'member.added' AND c.group_id = m.group_id AND c.user_id = m.user_id AND c.at = m.valid_from)",
    ),
    (
        "a version without its change",
        "SELECT h.user_id FROM user_history h WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.user_id = h.user_id AND c.at = h.valid_from AND c.walk_id = h.walk_id AND c.kind LIKE 'user.%')",
    ),
    ("a broken reference", "SELECT \"table\" FROM pragma_foreign_key_check"),
    ("a damaged file", "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
];

#[test]
fn every_name_of_the_public_face() {
    let world = lived(3);
    for (table, columns) in TABLES {
        let there = world.rows(&format!("SELECT name FROM pragma_table_info('{table}')"));
        for column in columns.split_whitespace() {
            assert!(there.iter().any(|name| name == column), "{table} lacks {column}: {there:?}");
        }
    }
    let kinds = world.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%STRICT%'");
    assert!(kinds.iter().all(|name| name.starts_with("sqlite_")), "{kinds:?}");
    assert_eq!(world.one("PRAGMA journal_mode"), "wal");
    let site = world.one("SELECT name, kind, base_url FROM sites");
    assert_eq!(site, format!("corp|data-center|{}", world.site.base_url()));
}

#[test]
fn every_time_is_in_sqlites_own_format() {
    let world = lived(6);
    for (table, columns) in TABLES {
        let times = |column: &&str| {
            column.ends_with("_at")
                || column.starts_with("valid_")
                || ["at", "not_before", "missing_since"].contains(column)
        };
        for column in columns.split_whitespace().filter(times) {
            let odd = format!(
                "SELECT {column} FROM {table} WHERE {column} IS NOT NULL AND \
                 {column} IS NOT strftime('%Y-%m-%d %H:%M:%f', {column}) LIMIT 3"
            );
            assert_eq!(world.rows(&odd), [""; 0], "{table}.{column}");
        }
    }
    // As the site tells them, to the millisecond.
    let (key, expected) = world.change(|site| {
        let user = site.licensed().into_iter().find(|user| user.last_login_at.is_some()).unwrap();
        (user.key.clone(), user.last_login_at.unwrap().millis())
    });
    world.sync().exits(0);
    let told = world.one(&format!(
        "SELECT CAST(unixepoch(last_login_at) AS TEXT) || substr(last_login_at, 21) FROM users WHERE key = '{key}'"
    ));
    assert_eq!(told, expected.to_string());
}

#[test]
fn nothing_contradicts_itself_after_a_fortnight() {
    let world = lived(14);
    let kinds = world.one("SELECT count(DISTINCT kind) FROM changes");
    assert!(kinds.parse::<u32>().unwrap() >= 9, "too little happened: {kinds} kinds");
    assert_eq!(world.rows("SELECT DISTINCT status FROM walks ORDER BY 1"), ["applied", "failed", "partial"]);
    let mut database = world.database();
    for (what, sql) in NEVER {
        assert_eq!(database.rows(sql), [""; 0], "{what}");
    }
}

#[test]
fn the_mirror_is_the_site() {
    let world = lived(8);
    world.change(|site| {
        let mut expected: Vec<String> =
            site.licensed().iter().map(|user| format!("{}|{}|{}", user.key, user.name, user.full_name)).collect();
        expected.sort();
        let sql = "SELECT key, name, full_name FROM users WHERE status = 'active' ORDER BY key";
        assert_eq!(world.rows(sql), expected);
        let mut members = Vec::new();
        for group in site.groups.keys().filter(|group| !group.contains('/')) {
            members.extend(site.members(group).unwrap().iter().map(|user| format!("{group}|{}", user.key)));
        }
        members.sort();
        let mut found = world.rows(
            "SELECT g.name, u.key FROM memberships m JOIN groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id \
             WHERE m.valid_to IS NULL",
        );
        found.sort();
        assert_eq!(found, members);
        let mut groups: Vec<String> = site.groups.keys().cloned().collect();
        groups.sort();
        let mut found = world.rows("SELECT name FROM groups WHERE removed_at IS NULL");
        found.sort();
        assert_eq!(found, groups);
    });
}

#[test]
fn an_unchanged_walk_writes_its_row_and_nothing_else() {
    let world = lived(5);
    let (contents, walks) = (world.database().contents(&["walks"]), world.rows("SELECT * FROM walks"));
    let looked_up = world.site.requests().user_details;
    for _ in 0..3 {
        world.sync().exits(0).prints(&["0 changes"]);
        assert_eq!(world.database().contents(&["walks"]), contents);
    }
    assert_eq!(world.rows("SELECT * FROM walks")[..walks.len()], walks);
    assert_eq!(world.one("SELECT count(*) FROM walks"), (walks.len() + 3).to_string());
    let _ = looked_up;
    let seen = "SELECT count(*) FROM users WHERE status = 'active' AND last_seen_at < (SELECT max(at) FROM walks)";
    assert_eq!(world.one(seen), "0", "last_seen_at moves on all the same");
}

#[test]
fn figures_of_a_walk() {
    let world = World::small();
    world.sync().exits(0);
    let (users, members) = world.change(|site| {
        let groups: Vec<String> = site.groups.keys().filter(|group| !group.contains('/')).cloned().collect();
        let members: usize = groups.iter().map(|group| site.members(group).unwrap().len()).sum();
        (site.licensed().len(), members)
    });
    let groups = world.change(|site| site.groups.len());
    let requests = world.site.requests().total();
    let row = world.one(
        "SELECT users_declared, users_seen, groups_seen, memberships_seen, requests, retries, rate_limited FROM walks",
    );
    assert_eq!(row, format!("{users}|{users}|{groups}|{members}|{requests}|0|0"));
}

#[test]
fn a_dry_run_writes_nothing_and_tells_what_the_walk_will_do() {
    let world = World::small();
    let run = |arguments: &[&str]| {
        let mut document =
            world.run(&[arguments, &["--format", "json", "--changes", "100000"]].concat()).exits(0).json();
        let site = document["sites"][0].take();
        (site["changes"].clone(), site["changes_total"].clone(), site["changes_by_kind"].clone())
    };
    let dry = run(&["sync", "--dry-run"]);
    let files: Vec<_> = std::fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["rollbook.toml"], "there was no database, and there is none");
    assert_eq!(run(&["sync"]), dry);
    assert_ne!(dry.1, 0);
    for day in 0..4 {
        world.site.advance_day();
        world.change(|site| {
            let key = site.licensed()[day].key.clone();
            site.delete(&key);
            let key = site.licensed()[day + 9].key.clone();
            site.leave_all(&key);
            site.groups.remove(&format!("team {}", day.wrapping_sub(1)));
            let key = site.add(&format!("joiner {day}"));
            site.join(&key, &format!("team {day}"));
        });
        let before = std::fs::read(world.file()).unwrap();
        let contents = world.database().contents(&[]);
        let dry = run(&["sync", "--dry-run"]);
        assert_eq!(world.database().contents(&[]), contents);
        assert_eq!(std::fs::read(world.file()).unwrap(), before);
        assert_eq!(run(&["sync"]), dry);
        assert_ne!(dry.1, 0);
    }
    // A dry run of what cannot be read whole says so.
    world.site.add_fault(Fault::always(Target::at(Endpoint::GroupList), FaultKind::status(500)));
    world.run(&["sync", "--dry-run"]).exits(3).prints(&["nothing written", "list of groups"]);
}

#[test]
fn forgotten_listings_are_learned_anew() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.leaver"));
    world.sync().exits(0);
    let contents = world.database().contents(&["walks", "listings", "group_fingerprints"]);
    world.runtime.block_on(async {
        use sqlx::{ConnectOptions, Connection};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.file());
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql("DELETE FROM listings; DELETE FROM group_fingerprints").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.database().contents(&["walks", "listings", "group_fingerprints"]), contents);
    world.change(|site| site.leave_all(&key));
    world.sync().exits(0);
    assert_eq!(world.one(&format!("SELECT status FROM users WHERE key = '{key}'")), "no-access");
}
