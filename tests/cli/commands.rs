//! Commands called wrong, and readers that have seen enough.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::support::{Ran, World};

#[test]
fn wrong_calls_are_usage_errors() {
    let world = World::small();
    world.sync().exits(0);
    let cases: &[(&[&str], &str)] = &[
        (&["sync", "--site", "nowhere"], "corp"),
        (&["report", "inactiv"], "inactive"),
        (&["report", "users", "--site", "nowhere"], "corp"),
        (&["report", "users", "--as-of", "yesterday"], "--as-of"),
        (&["report", "users", "--as-of", "2026-13-45"], "--as-of"),
        (&["report", "users", "--as-of", ""], "--as-of"),
        (&["report", "inactive", "--param", "days=many"], "days"),
        (&["report", "inactive", "--param", "dais=3"], "days"),
        (&["report", "inactive", "--param", "days"], "days"),
        (&["report", "users", "--format", "doc"], "format"),
        (&["walks", "show", "999"], "999"),
        (&["walks", "list", "--site", "nowhere"], "corp"),
        (&["history", "user", "nobody at all"], "nobody at all"),
        (&["history", "group", "no such group"], "no such group"),
        (&["no-such-command"], "no-such-command"),
        (&[], "Usage"),
    ];
    for (arguments, word) in cases {
        let ran = world.run(arguments).exits(2).says(&[word]);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn every_report_answers_in_every_format() {
    let world = World::small();
    world.sync().exits(0);
    let listed = world.run(&["report", "--format", "json"]).exits(0).json();
    let names: Vec<&str> =
        listed["reports"].as_array().unwrap().iter().map(|report| report["name"].as_str().unwrap()).collect();
    for report in [
        "licensed",
        "inactive",
        "never-logged-in",
        "reclaimable",
        "seats",
        "users",
        "deactivated",
        "no-access",
        "licence-groups",
        "memberships",
        "admins",
        "duplicates",
        "vanished",
        "failed-logins",
        "membership-changes",
        "activity",
        "groups",
        "people",
        "what-if",
    ] {
        assert!(names.contains(&report), "{report} is promised");
    }
    for report in names {
        for format in ["table", "csv", "ndjson", "xml", "html"] {
            let ran = world.run(&["report", report, "--format", format]).exits(0);
            assert_eq!(ran.stderr, "", "{report} {format}");
        }
        let document = world.run(&["report", report, "--format", "json"]).exits(0).json();
        for key in ["report", "as_of", "parameters", "walks", "incomplete", "rows"] {
            assert!(document.get(key).is_some(), "{report}: no {key}");
        }
        assert_eq!(document["report"], report);
        assert_eq!(document["incomplete"], false);
        let csv = world.run(&["report", report, "--format", "csv"]).exits(0).stdout;
        let header = csv.lines().next().unwrap();
        if !["seats", "activity", "groups", "what-if"].contains(&report) {
            assert!(header.starts_with("site,key,name,full_name,email,status"), "{report}: {header}");
        }
        if ["inactive", "reclaimable"].contains(&report) {
            let rest = "status,last_login_at,last_active_at,days,reason";
            assert!(header.contains(rest), "{report}: {header}");
        }
        // The same database and time give the same bytes.
        let moment = document["as_of"].as_str().unwrap();
        let again = || world.run(&["report", report, "--as-of", moment, "--format", "json"]).exits(0).stdout;
        assert_eq!(again(), again());
    }
}

#[test]
fn a_partial_walk_marks_reports_incomplete() {
    use rollbook::simulator::Endpoint;
    let world = World::small().fault(crate::support::always(Endpoint::GroupMembers, 500));
    world.sync().exits(3);
    let document = world.run(&["report", "users", "--format", "json"]).exits(0).json();
    assert_eq!(document["incomplete"], true);
}

#[test]
fn sql_reads_and_nothing_else() {
    let world = World::small();
    world.sync().exits(0);
    world.run(&["sql", "SELECT count(*) AS n FROM users WHERE status = 'active'"]).exits(0).prints(&["n"]);
    let elsewhere = world.path("elsewhere.db");
    let attach = format!("ATTACH '{}' AS other", elsewhere.display());
    let vacuum = format!("VACUUM INTO '{}'", elsewhere.display());
    let before = fs::read(world.file()).unwrap();
    for sql in [
        "DELETE FROM walks",
        "UPDATE accounts SET name = 'x'",
        "INSERT INTO sites (name, kind, base_url) VALUES ('x', 'cloud', 'x')",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "DROP TABLE walks",
        "WITH x AS (SELECT 1) DELETE FROM walks",
        "DELETE FROM walks RETURNING id",
        &attach,
        &vacuum,
        "VACUUM",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM walks",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "BEGIN",
        "COMMIT",
        "SELECT load_extension('x')",
        "EXPLAIN",
        "SELEC",
        "SELECT * FROM nowhere",
        "",
        "-- nothing",
    ] {
        let ran = world.run(&["sql", sql]).exits(2);
        assert_eq!(ran.stdout, "", "{sql}");
    }
    assert!(!elsewhere.exists());
    assert_eq!(fs::read(world.file()).unwrap(), before);
    world.run(&["sql", "SELECT 1; -- and that is all"]).exits(0);
    world.run(&["sql", "SELECT 'a', NULL, x'00ff', 1.5", "--format", "json"]).exits(0);
}

#[test]
fn a_reader_that_has_seen_enough() {
    let world = World::small();
    world.sync().exits(0);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) SELECT i FROM n";
    for arguments in [
        &["sql", endless, "--format", "csv"][..],
        &["sql", endless, "--format", "json"],
        &["sql", endless, "--format", "table"],
        &["report", "users"],
        &["report"],
        &["status"],
        &["walks", "show", "1", "--all"],
        &["check-config"],
        &["history", "group", "confluence-users", "--all"],
        &["--help"],
        &["sync", "--changes", "100000"],
    ] {
        let mut command = world.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // `head -c 1`: reads a little and goes away.
        let mut pipe = child.stdout.take().unwrap();
        let mut byte = [0];
        pipe.read_exact(&mut byte).unwrap();
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert_eq!(stderr, "", "{arguments:?}");
    }
    // A pipe that nobody reads from the start.
    for arguments in [&["report", "users"][..], &["sync"], &["status"], &["init", "--config", "new.toml"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of_output(world.command(arguments).stdout(writer).stderr(Stdio::piped()));
        assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn the_status_of_a_site_never_walked_of_a_fresh_one_and_a_stale_one() {
    let world = World::small();
    world.run(&["status"]).exits(5).prints(&["corp", "never"]);
    assert!(!world.file().exists(), "status makes no database");
    world.sync().exits(0);
    world.run(&["status"]).exits(0).prints(&["ok"]);
    let table = world.site_table("corp").replace("[sites.corp]", "[sites.corp]\nfreshness = \"1ms\"");
    world.configure(&table);
    let ran = world.run(&["status"]);
    // The shortest limit may have a floor; then it is an error of the configuration.
    assert!([5, 78].contains(&ran.exit), "{}", ran.stdout);
}

#[test]
fn the_status_of_some_sites() {
    let world = World::small();
    let sites = |ran: Ran| -> Vec<String> {
        ran.json()["sites"].as_array().unwrap().iter().map(|site| site["site"].as_str().unwrap().to_owned()).collect()
    };
    let tables = ["new", "old", "off"].map(|id| world.site_table(id)).join("\n");
    world.configure(&tables);
    // Before there is a database too.
    world.run(&["status", "--site", "new"]).exits(5).prints(&["new", "never"]);
    world.run(&["sync", "--site", "old", "--site", "off"]).exits(0);
    world.configure(&["new", "old"].map(|id| world.site_table(id)).join("\n"));
    world.run(&["status"]).exits(5);
    // Only those count that are named.
    assert_eq!(sites(world.run(&["status", "--site", "old", "--format", "json"]).exits(0)), ["old"]);
    assert_eq!(sites(world.run(&["status", "--site", "new", "--format", "json"]).exits(5)), ["new"]);
    let both = ["status", "--site", "old", "--site", "new", "--format", "json"];
    assert_eq!(sites(world.run(&both).exits(5)), ["new", "old"]);
    // One that the mirror alone knows, and one that nobody does.
    world.run(&["status", "--site", "off"]).exits(0).prints(&["off", "not configured"]);
    let ran = world.run(&["status", "--site", "old", "--site", "odd"]).exits(2);
    assert_eq!(ran.stdout, "");
    ran.says(&["no site 'odd'", "new, off, old"]);
}

#[test]
fn without_a_database_a_reader_says_how_to_get_one() {
    let world = World::small();
    for arguments in [&["report", "users"][..], &["sql", "SELECT 1"], &["walks", "list"], &["history", "user", "x"]] {
        let ran = world.run(arguments).says(&["rollbook sync"]);
        assert_ne!(ran.exit, 0);
        assert!(!world.file().exists(), "{arguments:?} made a database");
    }
    world.sync().exits(0);
    // The database alone is enough to read.
    fs::remove_file(world.path("rollbook.toml")).unwrap();
    world.run(&["--database", "rollbook.db", "report", "users"]).exits(0);
    world.run(&["--database", "rollbook.db", "status"]).prints(&["corp"]);
}

#[test]
fn several_sites_one_failing() {
    let world = World::small();
    let broken = world.site_table("broken").replace("password = \"audit\"", "password = \"wrong\"");
    world.configure(&format!("{broken}\n{}", world.site_table("corp")));
    world.sync().exits(77).says(&["broken"]).prints(&["corp: walk"]);
    assert_eq!(
        world.rows("SELECT s.name, w.status FROM walks w JOIN sites s ON s.id = w.site_id ORDER BY 1"),
        ["broken|failed", "corp|applied"]
    );
    world.run(&["sync", "--site", "corp"]).exits(0);
    let document = world.run(&["sync", "--format", "json"]).exits(77).json();
    assert_eq!(document["sites"].as_array().unwrap().len(), 2);
}
