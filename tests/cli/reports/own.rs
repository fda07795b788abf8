//! A folder of somebody's own reports.

use std::fs;

use crate::support::World;

const DEPARTMENT: &str = "/*
title = \"A department\"
description = \"Who is in it.\"
users = true
parameters = [{ name = \"department\", type = \"text\", default = \"Sales\", meaning = \"its name\" }]
columns = [{ name = \"position\", type = \"text\", meaning = \"profile field\" }]
*/
SELECT s.name AS site, u.key, v.name, v.full_name, v.email, v.status, v.position
FROM users u
JOIN sites s ON s.id = u.site_id
JOIN user_history v ON v.user_id = u.id
    AND v.valid_from <= :as_of AND (v.valid_to IS NULL OR v.valid_to > :as_of)
WHERE s.name IN (SELECT value FROM json_each(:sites)) AND v.department = :department
ORDER BY s.name, u.key, u.id
";

/// A mirror of a small site, and these files in its folder of reports.
fn with(files: &[(&str, &str)]) -> World {
    let world = World::small();
    fs::create_dir(world.path("reports")).unwrap();
    for (name, text) in files {
        fs::write(world.path("reports").join(name), text).unwrap();
    }
    let config = fs::read_to_string(world.path("rollbook.toml")).unwrap();
    world.configure(&format!("{config}\n[reports]\npath = \"reports\"\n"));
    world.sync().exits(0);
    world
}

#[test]
fn a_report_of_ones_own_is_one_like_the_others() {
    let world = with(&[("department.sql", DEPARTMENT)]);
    world.run(&["report"]).exits(0).prints(&["department\n    Who is in it.", "--param department=…", "default Sales"]);
    let listed = world.run(&["report", "--format", "json"]).exits(0).json();
    let found =
        listed["reports"].as_array().unwrap().iter().find(|report| report["name"] == "department").unwrap().clone();
    assert_eq!(found["columns"].as_array().unwrap().len(), 7);
    assert!(found["path"].as_str().unwrap().ends_with("reports/department.sql"));
    let sales =
        world.one("SELECT department FROM users WHERE department <> '' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1");
    let parameter = format!("department={sales}");
    let asked = ["report", "department", "--param", &parameter, "--site", "corp"];
    let document = world.run(&[&asked[..], &["--format", "json"]].concat()).exits(0).json();
    let count = world.one(&format!("SELECT count(*) FROM users WHERE department = '{sales}'"));
    assert_eq!(document["rows"].as_array().unwrap().len().to_string(), count);
    assert_eq!(
        (document["parameters"]["department"].as_str(), document["incomplete"].as_bool()),
        (Some(&*sales), Some(false))
    );
    let past = world.run(&[&asked[..], &["--as-of", "2001-01-01"]].concat()).exits(0);
    past.prints(&["A department, as of 2001-01-01", "0 rows"]);
    world.run(&["report", "department", "--param", "departmen=x"]).exits(2).says(&["it takes department"]);
}

#[test]
fn without_a_declaration_columns_are_taken_as_they_come() {
    let world = with(&[(
        "counts.sql",
        "-- How many of each\n-- status.\nSELECT status, count(*) AS users FROM users GROUP BY 1 ORDER BY 1;\n",
    )]);
    world.run(&["report"]).exits(0).prints(&["counts\n    How many of each status."]);
    let document = world.run(&["report", "counts", "--format", "json"]).exits(0).json();
    assert_eq!(document["rows"][0]["status"], "active");
    assert!(document["rows"][0]["users"].as_i64().unwrap() > 10);
    // It tells nothing of the past, and nothing of one site.
    world.run(&["report", "counts", "--as-of", "2001-01-01"]).exits(2).says(&["--as-of", "counts.sql", ":as_of"]);
    world.run(&["report", "counts", "--site", "corp"]).exits(2).says(&["--site", "counts.sql", ":sites"]);
}

#[test]
fn a_broken_one_is_named_and_disturbs_no_other() {
    let broken: &[(&str, &str, &str)] = &[
        ("syntax.sql", "SELECT id\nFROM users\nWHER x = 1\n", "syntax.sql:3: SQLite says: near"),
        ("column.sql", "SELECT id,\n  nobody\nFROM users\n", "column.sql:2: SQLite says: no such column: nobody"),
        ("write.sql", "DELETE FROM sites", "write.sql:1: refused"),
        ("attach.sql", "ATTACH 'x.db' AS x", "attach.sql:1: refused"),
        ("two.sql", "SELECT 1 AS a; SELECT 2 AS a", "two.sql:1: refused: only one statement"),
        ("empty.sql", "", "empty.sql: refused: there is no statement"),
        (
            "missing.sql",
            "/*\nusers = true\n*/\nSELECT 1 AS site\n",
            "missing.sql:4: its SQL answers site; declared are site, key",
        ),
        ("toml.sql", "/*\ntitle = \"x\"\ncolour = 1\n*/\nSELECT 1 AS a\n", "toml.sql:3: unknown field `colour`"),
        ("unended.sql", "/*\ntitle = \"x\"\nSELECT 1 AS a\n", "unended.sql:1: the declaration is not ended by */"),
        ("parameter.sql", "SELECT :days AS a", "parameter.sql:1: its SQL names :days, which is no parameter"),
        ("users.sql", "SELECT 1 AS a", "users.sql: 'users' is the name of a report that comes with rollbook"),
        ("a b.sql", "SELECT 1 AS a", "a b.sql: its name is to be"),
        ("chart.sql", "/*\nchart = { x = \"a\", y = [] }\n*/\nSELECT 1 AS a\n", "chart.sql:2: chart: x is to be"),
        ("include.sql", "WITH\n-- include nothing\nSELECT 1 AS a\n", "include.sql:2: there is nothing to include"),
    ];
    let mut files: Vec<(&str, &str)> = broken.iter().map(|(name, text, _)| (*name, *text)).collect();
    files.push(("department.sql", DEPARTMENT));
    let world = with(&files);
    fs::write(world.path("reports/bytes.sql"), b"SELECT 1 AS a\n-- \xff\n").unwrap();
    let listing = world.run(&["report"]).exits(0).prints(&["department"]);
    let checked = world.run(&["check-config"]).exits(0);
    for (name, _, said) in broken {
        assert!(listing.stderr.contains(said), "{said}\n{}", listing.stderr);
        assert!(checked.stdout.contains(said), "{said}\n{}", checked.stdout);
        let name = name.trim_end_matches(".sql");
        if name != "users" {
            let ran = world.run(&["report", name]).exits(2).says(&[said]);
            assert_eq!(ran.stdout, "");
        }
    }
    assert!(listing.stderr.contains("bytes.sql:2: it is not UTF-8"), "{}", listing.stderr);
    world.run(&["report", "department"]).exits(0);
    world.run(&["report", "users"]).exits(0).prints(&["rows\n"]);
    assert_eq!(world.one("SELECT count(*) > 0 FROM users"), "1");
    assert!(!world.path("x.db").exists());
}

#[test]
fn an_endless_one_is_stopped_and_leaves_no_file() {
    let endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS a FROM n";
    let world = with(&[("endless.sql", endless)]);
    fs::write(world.path("old.csv"), "old").unwrap();
    let asked = ["report", "endless", "--timeout", "300ms", "--format", "csv", "--output", "old.csv"];
    world.run(&asked).exits(1).says(&["stopped after 0.3 s", "--timeout"]);
    assert_eq!(fs::read_to_string(world.path("old.csv")).unwrap(), "old");
    let ran = world.run(&["report", "endless", "--timeout", "300ms", "--format", "json"]).exits(1);
    assert_eq!(ran.stdout, "", "not even the beginning of an answer");
}

#[test]
fn values_of_another_type_are_refused() {
    let world = with(&[(
        "typed.sql",
        "/*\ncolumns = [{ name = \"a\", type = \"integer\" }]\n*/\nSELECT name AS a FROM users\n",
    )]);
    world.run(&["report", "typed"]).exits(2).says(&["the column a", "integer"]);
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let world = World::small();
    world.sync().exits(0);
    let config = fs::read_to_string(world.path("rollbook.toml")).unwrap();
    world.configure(&format!("{config}\n[reports]\npath = \"none\"\n"));
    world.run(&["report", "users"]).exits(0);
    world.run(&["report"]).exits(0).says(&["reports.path", "none"]);
    world.run(&["report", "department"]).exits(2).says(&["reports.path", "none"]);
}

#[test]
fn a_declaration_stands_behind_comments_too() {
    let world = with(&[("dept.sql", &format!("\n-- (c) example\n-- include all of them\n{DEPARTMENT}"))]);
    world.run(&["report"]).exits(0).prints(&["dept\n    Who is in it."]);
    world.run(&["report", "dept", "--param", "department=Sales"]).exits(0).prints(&["A department"]);
}
