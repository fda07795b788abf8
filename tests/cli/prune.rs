//! `db prune`: what ended long ago goes, and nobody says afterwards what is not known any more.

use std::fs;

use crate::support::World;

/// Three walks between which people come, go and change; the middle one's moment.
fn lived() -> (World, String) {
    let world = World::small().unguarded();
    world.sync().exits(0);
    for round in 0..2 {
        world.change(|site| {
            let keys: Vec<String> =
                site.licensed().iter().filter(|user| !user.serves()).map(|user| user.key.clone()).collect();
            site.leave_all(&keys[round]);
            site.users.get_mut(&keys[5 + round]).unwrap().name = format!("renamed.{round}");
            site.users.get_mut(&keys[5]).unwrap().position = format!("Position {round}");
            site.leave(&keys[8 + round], "everyone");
            site.add(&format!("joiner.{round}"));
            site.advance_days(2);
        });
        world.sync().exits(0);
    }
    let middle = world.one("SELECT at FROM walks WHERE id = 2");
    (world, format!("{}Z", middle.replace(' ', "T")))
}

#[test]
fn how_long_is_said_by_somebody() {
    let (world, _) = lived();
    let mirror = world.database().contents(&[]);
    world.run(&["db", "prune"]).exits(2).says(&["--older-than 730d", "retention.history"]);
    world.run(&["db", "prune", "--older-than", "730"]).exits(2).says(&["730s"]);
    let table = world.site_table("corp");
    world.configure(&format!("{table}\n[retention]\nhistory = \"2d\"\n"));
    world.run(&["db", "prune"]).exits(0).prints(&["Nothing is kept that had ended by"]);
    let would = world.run(&["db", "prune", "--older-than", "0s", "--dry-run", "--format", "json"]).exits(0).json();
    assert!(would["removed"]["changes"].as_i64().unwrap() > 100, "{would}");
    assert_eq!(would["dry_run"], true);
    assert_eq!(world.database().contents(&[]), mirror, "nothing was removed");
    let text = world.run(&["db", "prune", "--older-than", "0s", "--dry-run"]).exits(0);
    assert!(text.stdout.contains("would be removed") && text.stdout.contains("memberships"), "{}", text.stdout);
    world.run(&["db", "prune", "--older-than", "0s", "--format", "csv"]).exits(0).prints(&["what,rows", "versions,"]);
    world.run(&["db", "prune", "--older-than", "0s", "--vacuum"]).exits(0);
    assert_eq!(world.one("PRAGMA freelist_count"), "0");
    world.run(&["db", "verify"]).exits(0);
}

#[test]
fn what_is_not_known_any_more_is_not_told() {
    let (world, middle) = lived();
    let report = |name: &str, arguments: &[&str]| {
        world.run(&[&["report", name, "--format", "json"], arguments].concat()).exits(0).json()
    };
    let whole = |name: &str| report(name, &[])["rows"].clone();
    let names = ["users", "seats", "groups", "memberships", "deactivated", "vanished", "no-access"];
    let before: Vec<_> = names.iter().map(|name| whole(name)).collect();
    world
        .run(&["report", "users", "--as-of", &middle, "--format", "csv", "--output", "then.csv", "--manifest"])
        .exits(0);
    let kept = world.rows("SELECT id, changes, users_seen FROM walks ORDER BY id");
    let first_seen = world.rows("SELECT id, first_seen_at FROM users ORDER BY id");
    let renamed = "SELECT h.user_id FROM user_history h GROUP BY 1 HAVING count(DISTINCT h.name) > 1 LIMIT 1";
    let renamed = world.one(&format!("SELECT name FROM users WHERE id = ({renamed})"));
    assert!(world.run(&["history", "user", &renamed]).exits(0).stdout.contains("once "));

    let pruned = world.run(&["db", "prune", "--older-than", "0s", "--format", "json"]).exits(0).json();
    assert!(pruned["removed"]["versions"].as_i64().unwrap() >= 4, "{pruned}");
    assert!(pruned["removed"]["memberships"].as_i64().unwrap() > 2, "{pruned}");
    world.run(&["db", "verify"]).exits(0);
    assert_eq!(world.rows("SELECT id, changes, users_seen FROM walks ORDER BY id"), kept);
    assert_eq!(world.rows("SELECT id, first_seen_at FROM users ORDER BY id"), first_seen);
    assert_eq!(world.one("SELECT count(*) FROM memberships WHERE valid_to IS NOT NULL"), "0");
    for (name, before) in names.iter().zip(&before) {
        assert_eq!(whole(name), *before, "{name}");
    }

    // A moment before is refused by all who take one, and they say since when it is known.
    let since = world.one("SELECT max(cutoff) FROM pruned").replace(' ', "T");
    for asked in [
        &["report", "seats"][..],
        &["report", "activity"],
        &["export", "users"],
        &["export", "changes"],
        &["export", "users", "--layout", "user-export", "--format", "json"],
    ] {
        let ran = world.run(&[asked, &["--as-of", &middle]].concat()).exits(2);
        assert!(ran.stderr.contains(&since) && ran.stderr.contains("db prune"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    world.run(&["report", "seats", "--as-of", &format!("{since}Z")]).exits(0);
    let verified = world.run(&["report", "--verify", "then.csv.manifest.json", "--format", "csv"]).exits(2);
    assert!(verified.stdout.contains("file,true") && verified.stdout.contains("mirror,false"), "{}", verified.stdout);

    // What reaches further back says so.
    for (name, arguments) in [
        ("membership-changes", &["--param", "since=2020-01-01"][..]),
        ("returned", &[]),
        ("failed-logins", &["--param", "days=9999"]),
        ("what-if", &[]),
    ] {
        let notes = report(name, arguments)["notes"].to_string();
        assert!(notes.contains("PRUNED: what had ended by"), "{name}: {notes}");
        world.run(&[&["report", name, "--format", "csv"], arguments].concat()).exits(0).says(&["PRUNED: "]);
    }
    let now = format!("since={since}Z");
    assert_eq!(report("membership-changes", &["--param", &now])["notes"].to_string(), "[]");
    world.run(&["export", "memberships", "--format", "csv"]).exits(0).says(&["PRUNED: "]);
    world.run(&["history", "user", &renamed]).exits(0).prints(&["PRUNED: what had ended by"]);
    let history = world.run(&["history", "user", &renamed, "--format", "json"]).exits(0).json();
    assert_eq!(history["matches"][0]["pruned_before"], format!("{since}Z"));
    world.run(&["history", "group", "everyone", "--format", "csv"]).exits(0).says(&["PRUNED: "]);
    world.run(&["walks", "show", "1"]).exits(0).prints(&["changes were removed (rollbook db prune)"]);
    let shown = world.run(&["walks", "show", "1", "--format", "json"]).exits(0).json();
    assert_eq!(shown["changes_removed"], shown["walk"]["changes"]);

    // Walks go on, and what they find is known.
    world.change(|site| site.add("joiner.later"));
    world.sync().exits(0);
    world.run(&["db", "verify"]).exits(0);
    let joiner = world.run(&["history", "user", "joiner.later", "--format", "json"]).exits(0).json();
    assert!(joiner["matches"][0]["pruned_before"].is_null());
    world.run(&["walks", "show", "4"]).exits(0).prints(&["joiner.later"]);
}

#[test]
fn ones_own_report_says_that_it_may_lack_something() {
    let (world, _) = lived();
    fs::create_dir(world.path("own")).unwrap();
    let any =
        "SELECT count(*) AS changes FROM changes WHERE at <= :as_of AND site IN (SELECT value FROM json_each(:sites))";
    let since = "/*\nlooks_back = \"since\"\nparameters = [{ name = \"since\", type = \"time\", days_before = 0, meaning = \"x\" }]\n*/\n\
                 SELECT count(*) AS changes FROM changes WHERE at >= :since AND at <= :as_of";
    fs::write(world.path("own/any.sql"), any).unwrap();
    fs::write(world.path("own/recent.sql"), since).unwrap();
    fs::write(world.path("own/wrong.sql"), since.replace("\"since\"\npara", "\"nobody\"\npara")).unwrap();
    world.configure(&format!("{}\n[reports]\npath = \"own\"\n", world.site_table("corp")));
    world.run(&["report"]).exits(0).says(&["wrong.sql", "looks_back"]);
    let notes = |name: &str| world.run(&["report", name, "--format", "json"]).exits(0).json()["notes"].to_string();
    assert_eq!((notes("any"), notes("recent")), ("[]".into(), "[]".into()));
    world.run(&["db", "prune", "--older-than", "0s"]).exits(0);
    assert!(notes("any").contains("PRUNED: "));
    assert_eq!(notes("recent"), "[]");
}
