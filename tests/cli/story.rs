//! What happens to people and groups, and what the mirror says of it.

use rollbook::simulator::deleted_alias;

use crate::support::World;

/// The changes of the last walk, by whom.
fn told(world: &World, key: &str) -> Vec<String> {
    world.rows(&format!(
        "SELECT c.kind, coalesce(g.name, c.field, '') FROM changes c JOIN users u ON u.id = c.user_id \
         LEFT JOIN groups g ON g.id = c.group_id WHERE u.key = '{key}' \
         AND c.walk_id = (SELECT max(id) FROM walks) ORDER BY 1, 2"
    ))
}

fn status(world: &World, key: &str) -> String {
    world.one(&format!(
        "SELECT status, coalesce(has_access, '-'), missing_since IS NOT NULL, deleted_at IS NOT NULL \
         FROM users WHERE key = '{key}'"
    ))
}

#[test]
fn a_leaver_who_is_still_in_a_group() {
    let world = World::small();
    let key = world.change(|site| {
        let key = site.add("ada.leaver");
        site.join(&key, "team");
        key
    });
    world.sync().exits(0);
    world.change(|site| site.users.get_mut(&key).unwrap().enabled = false);
    world.site.forget_requests();
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["user.access-lost|status"]);
    assert_eq!(status(&world, &key), "no-access|0|0|0");
    world.run(&["report", "no-access"]).exits(0).prints(&["ada.leaver"]);
    world.sync().exits(0).prints(&["0 changes"]);
    world.change(|site| site.users.get_mut(&key).unwrap().enabled = true);
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["user.access-gained|status"]);
    assert_eq!(status(&world, &key), "active|1|0|0");
}

#[test]
fn somebody_without_access_who_is_only_in_a_group() {
    let world = World::small();
    let key = world.change(|site| {
        let key = site.add("olga.outsider");
        site.leave_all(&key);
        site.join(&key, "team");
        key
    });
    world.sync().exits(0);
    assert_eq!(status(&world, &key), "no-access|0|0|0");
    let row = world.one(&format!("SELECT full_name IS NOT NULL, email LIKE '%@%' FROM users WHERE key = '{key}'"));
    assert_eq!(row, "1|1");
    world.change(|site| site.users.get_mut(&key).unwrap().phone = "+1 555 0199".to_owned());
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["user.updated|phone"]);
    // Out of the last group: found by a look-up.
    world.change(|site| site.leave_all(&key));
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["member.removed|team"]);
    assert_eq!(status(&world, &key), "no-access|0|0|0");
}

#[test]
fn somebody_who_leaves_every_group_is_looked_up() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.leaver"));
    world.sync().exits(0);
    assert_eq!(world.site.requests().user_details, 0);
    world.change(|site| site.leave_all(&key));
    world.sync().exits(0);
    assert_eq!(world.site.requests().user_details, 1);
    assert_eq!(told(&world, &key), ["member.removed|confluence-users", "user.access-lost|status"]);
    assert_eq!(status(&world, &key), "no-access|0|0|0");
    // Deleted out of sight: the rotation finds out.
    world.change(|site| site.delete(&key));
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["user.deleted|status"]);
    assert_eq!(status(&world, &key), "deleted|0|0|1");
    let name = world.one(&format!("SELECT name, full_name FROM users WHERE key = '{key}'"));
    assert!(name.starts_with("ada.leaver|") && !name.ends_with(&deleted_alias(&key)), "{name}: what was known stays");
}

#[test]
fn a_deletion_is_proven_by_the_alias() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.leaver"));
    world.sync().exits(0);
    world.change(|site| site.delete(&key));
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["member.removed|confluence-users", "user.deleted|status"]);
    assert_eq!(status(&world, &key), "deleted|0|0|1");
    world.run(&["history", "user", &key]).exits(0).prints(&["deleted", "alias of a deleted account"]);
    world.sync().exits(0).prints(&["0 changes"]);
}

#[test]
fn somebody_whom_nothing_shows_any_more_is_missing_and_may_return() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.leaver"));
    world.sync().exits(0);
    world.change(|site| site.users.get_mut(&key).unwrap().unsynced = true);
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["member.removed|confluence-users", "user.missing|status"]);
    assert!(status(&world, &key).starts_with("missing|-|1|0"), "{}", status(&world, &key));
    let since = world.one(&format!("SELECT missing_since FROM users WHERE key = '{key}'"));
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(world.one(&format!("SELECT missing_since FROM users WHERE key = '{key}'")), since);
    let seen = format!("SELECT u.last_seen_at = w.at FROM users u, walks w WHERE u.key = '{key}' AND w.id = 1");
    assert_eq!(world.one(&seen), "1", "last seen by the first walk");
    world.change(|site| site.users.get_mut(&key).unwrap().unsynced = false);
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["member.added|confluence-users", "user.returned|status"]);
    assert_eq!(status(&world, &key), "active|1|0|0");
    let intervals = format!(
        "SELECT count(*), count(valid_to) FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.key = '{key}'"
    );
    assert_eq!(world.one(&intervals), "2|1");
}

#[test]
fn the_first_log_in_counts_and_is_no_change() {
    let world = World::small();
    let (key, other) = world.change(|site| (site.add("ada.new"), site.add("bob.new")));
    world.sync().exits(0);
    let seen = "SELECT last_login_at FROM users WHERE name = 'ada.new'";
    assert_eq!(world.one(seen), "NULL");
    let logins = format!(
        "SELECT kind, l.at, l.walk_id FROM logins l JOIN users u ON u.id = l.user_id WHERE u.key = '{key}' ORDER BY 2"
    );
    assert_eq!(world.rows(&logins), [""; 0]);
    let time = |millis| rollbook::model::Timestamp::from_millis(millis).unwrap();
    let [first, second, failed] = [1_736_150_400_123, 1_736_236_800_456, 1_736_200_000_789].map(time);
    world.change(|site| site.users.get_mut(&key).unwrap().last_login_at = Some(first));
    world.sync().exits(0).prints(&["0 changes"]);
    world.change(|site| {
        let user = site.users.get_mut(&key).unwrap();
        (user.last_login_at, user.last_failed_login_at) = (Some(second), Some(failed));
    });
    world.sync().exits(0).prints(&["0 changes"]);
    assert_eq!(
        world.rows(&logins),
        [
            format!("success|{}|2", first.to_sql()),
            format!("failure|{}|3", failed.to_sql()),
            format!("success|{}|3", second.to_sql()),
        ]
    );
    assert_eq!(world.one(seen), second.to_sql());
    assert_eq!(
        world.one(&format!(
            "SELECT count(*) FROM user_history h JOIN users u ON u.id = h.user_id WHERE u.key = '{key}'"
        )),
        "1"
    );
    // Two days old: "never" only where the account is at least `days` old.
    let never =
        |days: &str| world.run(&["report", "never-logged-in", "--param", days, "--format", "csv"]).exits(0).stdout;
    assert!(never("days=0").contains(&other) && !never("days=0").contains(&key));
}

#[test]
fn one_changed_field_is_one_row() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.first"));
    world.sync().exits(0);
    world.change(|site| {
        let user = site.users.get_mut(&key).unwrap();
        user.full_name = "Ada Married".to_owned();
        user.email = String::new();
        user.phone = "1".to_owned();
        user.department = "Elsewhere".to_owned();
    });
    world.sync().exits(0);
    assert_eq!(
        told(&world, &key),
        ["user.updated|department", "user.updated|email", "user.updated|full_name", "user.updated|phone"]
    );
    assert_eq!(world.one("SELECT changes FROM walks WHERE id = 2"), "4");
    assert_eq!(
        world.one("SELECT after IS NULL, before LIKE '%@%' FROM changes WHERE walk_id = 2 AND field = 'email'"),
        "1|1"
    );
    // The state then, and now.
    let versions = format!(
        "SELECT w.id, h.full_name FROM walks w JOIN user_history h ON h.valid_from <= w.at AND \
         (h.valid_to IS NULL OR h.valid_to > w.at) JOIN users u ON u.id = h.user_id AND u.key = '{key}' ORDER BY 1"
    );
    let versions = world.rows(&versions);
    assert!(versions.len() == 2 && versions[0] != "1|Ada Married" && versions[1] == "2|Ada Married", "{versions:?}");
}

#[test]
fn a_group_removed_and_made_again_has_two_lives() {
    let world = World::small();
    let key = world.change(|site| {
        let key = site.add("ada.first");
        site.join(&key, "team");
        key
    });
    world.sync().exits(0);
    world.change(|site| drop(site.groups.remove("team")));
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["member.removed|team"]);
    world.change(|site| site.join(&key, "team"));
    world.sync().exits(0);
    assert_eq!(told(&world, &key), ["member.added|team"]);
    assert_eq!(world.rows("SELECT removed_at IS NULL FROM groups WHERE name = 'team' ORDER BY id"), ["0", "1"]);
    let kinds = "SELECT c.kind, c.walk_id FROM changes c JOIN groups g ON g.id = c.group_id \
        WHERE g.name = 'team' AND c.kind LIKE 'group.%' ORDER BY c.id";
    assert_eq!(world.rows(kinds), ["group.created|1", "group.removed|2", "group.created|3"]);
    let told = world.run(&["history", "group", "team"]).exits(0);
    assert!(told.stdout.contains("removed") && told.stdout.contains("present"), "{}", told.stdout);
}

#[test]
fn a_report_of_the_past() {
    let world = World::small();
    let key = world.change(|site| site.add("ada.first"));
    world.sync().exits(0);
    let then = world.one("SELECT replace(at, ' ', 'T') || 'Z' FROM walks");
    world.change(|site| site.delete(&key));
    world.sync().exits(0);
    let row = |arguments: &[&str]| {
        let ran = world.run(&[&["report", "users", "--format", "csv"], arguments].concat()).exits(0);
        ran.stdout.lines().find(|line| line.contains(&key)).map(str::to_owned)
    };
    assert!(row(&["--as-of", &then]).unwrap().contains(",active"));
    assert!(row(&[]).unwrap().contains(",deleted"));
    assert_eq!(row(&["--as-of", "2001-01-01"]), None, "before the first walk nothing is known");
}
