//! Reports and exports from outside: somebody's own, files that appear whole, manifests, and what cannot be asked.

mod files;
mod layout;
mod own;

use crate::support::World;

#[test]
fn before_the_first_walk_the_answer_is_empty_and_marked() {
    let world = World::small();
    world.sync().exits(0);
    for report in ["users", "inactive", "memberships"] {
        let document = world.run(&["report", report, "--as-of", "2001-01-01", "--format", "json"]).exits(0).json();
        assert_eq!(document["rows"].as_array().unwrap().len(), 0);
        assert_eq!(document["incomplete"], true);
        assert!(document["walks"][0]["id"].is_null());
    }
    world.run(&["report", "users", "--as-of", "2001-01-01"]).exits(0).prints(&["no walk yet", "INCOMPLETE", "0 rows"]);
}

#[test]
fn the_future_is_not_known() {
    let world = World::small();
    world.sync().exits(0);
    for command in [&["report", "users"][..], &["export", "users"], &["export", "changes"]] {
        for moment in ["2999-01-01", "2999-01-01T00:00:00Z"] {
            let ran = world.run(&[command, &["--as-of", moment]].concat()).exits(2).says(&["--as-of", "future"]);
            assert_eq!(ran.stdout, "");
        }
    }
    // Today is not over, and is not the future.
    let today = world.one("SELECT date('now')");
    world.run(&["report", "users", "--as-of", &today]).exits(0);
}

#[test]
fn tables_are_exported_as_they_stood() {
    let world = World::small();
    world.sync().exits(0);
    let then = world.one("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at) FROM walks");
    for table in ["users", "groups", "memberships", "changes"] {
        let before = world.run(&["export", table, "--format", "csv"]).exits(0).stdout;
        let count = world.one(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(before.lines().count() - 1, count.parse::<usize>().unwrap(), "{table}");
        let document = world.run(&["export", table, "--format", "json"]).exits(0).json();
        assert_eq!((document["export"].as_str(), document["incomplete"].as_bool()), (Some(table), Some(false)));
    }
    let exported = |table: &str| world.run(&["export", table, "--format", "csv", "--as-of", &then]).exits(0).stdout;
    let before = ["users", "groups", "memberships", "changes"].map(exported);
    world.change(|site| {
        let someone = site.users.keys().next().unwrap().clone();
        site.users.get_mut(&someone).unwrap().name = "renamed".to_owned();
        let key = site.add("newcomer");
        site.join(&key, "confluence-users");
        site.look();
    });
    world.sync().exits(0);
    assert!(world.run(&["export", "users", "--format", "csv"]).exits(0).stdout.contains("newcomer"));
    assert_eq!(["users", "groups", "memberships", "changes"].map(exported), before);
}

#[test]
fn odd_names_that_nothing_has_are_told_in_a_line() {
    let world = World::small();
    world.sync().exits(0);
    let long = "x".repeat(40_000);
    for odd in ["a\nb", "\"'", "a;b,c\td", "\u{202e}gnp", "../../etc/passwd", long.as_str()] {
        let (parameter, group) = (format!("{odd}=1"), format!("group={odd}"));
        for asked in [
            &["report", odd][..],
            &["report", "users", "--site", odd],
            &["report", "users", "--as-of", odd],
            &["report", "users", "--param", &parameter],
            &["report", "memberships", "--param", &group],
            &["export", "users", "--site", odd],
            &["history", "user", odd],
        ] {
            let ran = world.run(asked).exits(2);
            assert_eq!(ran.stdout, "");
            assert!(ran.stderr.lines().count() == 1 && ran.stderr.len() < 1_000, "{asked:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains('\u{202e}'));
        }
    }
}
