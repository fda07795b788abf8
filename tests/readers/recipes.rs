//! The recipes of `docs/sql.md`: each runs as it stands, and those of a report tell the report's rows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rollbook::report::registry;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support::{Ran, World, rollbook};
use crate::{python, readers};

const PAGE: &str = include_str!("../../docs/sql.md");

/// What a report is asked so that it tells what its recipe does.
const ASKED: &[(&str, &str)] = &[("seats", "tier=500")];

/// Columns of reports that the recipes do without; the page says so.
const WITHOUT: &[&str] = &["full_name", "email", "evidence", "age_seconds", "forgotten"];

/// A block of the page.
struct Recipe {
    language: &'static str,
    text: &'static str,
}

/// Every block, by its name.
fn recipes() -> BTreeMap<&'static str, Recipe> {
    let mut found = BTreeMap::new();
    for block in PAGE.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        let first = text.lines().next().unwrap();
        let name = first.split_once(" recipe: ").unwrap_or_else(|| panic!("a block without a name: {first}")).1;
        let name = name.trim_end_matches(" */");
        assert!(found.insert(name, Recipe { language, text }).is_none(), "two recipes {name}");
    }
    found
}

fn sql_recipes() -> impl Iterator<Item = (&'static str, &'static str)> {
    recipes().into_iter().filter(|(_, recipe)| recipe.language == "sql").map(|(name, recipe)| (name, recipe.text))
}

/// The demo's year, and what does not happen in it.
struct Mirror {
    folder: TempDir,
    /// Moments at which the reports are asked.
    moments: Vec<String>,
}

impl Mirror {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Ran::of(rollbook(folder.path()).args(["demo", "-q", "--users", "80", "--days", "130"])).exits(0);
        for file in ["rollbook.db", "rollbook.db-wal"] {
            let made = folder.path().join("rollbook-demo").join(file);
            fs::rename(made, folder.path().join(file)).unwrap();
        }
        // By a process, so that whatever it had open is closed when it ends.
        let file = folder.path().join("rollbook.db");
        let at = "SELECT at FROM walks WHERE site_id = 1 AND at > '' ORDER BY at";
        let ran = Ran::of(Command::new("sqlite3").arg("-bail").arg(file).arg(MORE).arg(at).env("HOME", "/")).exits(0);
        let at: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        let moments = [0, at.len() / 4, at.len() / 2, at.len() - 1].map(|n| at[n].clone());
        Self { moments: moments.into(), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("rollbook.db")
    }

    #[track_caller]
    fn rollbook(&self, arguments: &[&str]) -> Value {
        let mut command = rollbook(self.folder.path());
        Ran::of(command.args(["--database", "rollbook.db"]).args(arguments).args(["--format", "json"])).exits(0).json()
    }

    #[track_caller]
    fn sqlite3(&self, sql: &str) -> Value {
        let mut command = Command::new("sqlite3");
        let ran = Ran::of(command.args(["-readonly", "-json"]).arg(self.file()).arg(sql).env("HOME", "/"));
        assert!(ran.stderr.is_empty(), "{}\n{sql}", ran.stderr);
        if ran.stdout.is_empty() { json!([]) } else { ran.exits(0).json() }
    }
}

/// Some are missing from the middle of the year on, one of them comes back; of some nobody says when they were there; and
/// one is known by User Export alone.
const MORE: &str = "
CREATE TEMP TABLE gone AS SELECT id, (SELECT at FROM walks WHERE site_id = 1 AND at > '' ORDER BY at LIMIT 1 OFFSET 50) AS at
    FROM accounts WHERE site_id = 1 AND status = 'active' AND version_walk_id = 1 ORDER BY id DESC LIMIT 3;
INSERT INTO account_versions SELECT g.id, version_from, g.at, version_walk_id, name, full_name, email, status, active,
        has_access, directory, account_type, is_external, department, position, location, phone, im, website, language,
        time_zone, account_status, email_hidden FROM gone g JOIN accounts USING (id);
UPDATE accounts SET status = 'missing', version_from = g.at, missing_since = g.at,
        version_walk_id = (SELECT w.id FROM walks w WHERE w.at = g.at AND w.site_id = 1)
    FROM gone g WHERE g.id = accounts.id;
DELETE FROM gone WHERE id <> (SELECT min(id) FROM gone);
UPDATE gone SET at = (SELECT at FROM walks WHERE site_id = 1 AND at > '' ORDER BY at LIMIT 1 OFFSET 90);
INSERT INTO account_versions SELECT g.id, version_from, g.at, version_walk_id, name, full_name, email, status, active,
        has_access, directory, account_type, is_external, department, position, location, phone, im, website, language,
        time_zone, account_status, email_hidden FROM gone g JOIN accounts USING (id);
UPDATE accounts SET status = 'active', version_from = g.at, missing_since = NULL,
        version_walk_id = (SELECT w.id FROM walks w WHERE w.at = g.at AND w.site_id = 1)
    FROM gone g WHERE g.id = accounts.id;
INSERT INTO change_log (walk_id, kind, user_id, field, before, after)
    SELECT a.version_walk_id, 'user.returned', a.id, 'status', 'missing', 'active' FROM gone JOIN accounts a USING (id);
UPDATE accounts SET last_login_known = 0 WHERE site_id = 1 AND id % 3 = 0;
UPDATE accounts SET status = 'unknown', key = NULL
    WHERE id = (SELECT max(id) FROM accounts WHERE site_id = 1 AND status = 'no-access');
UPDATE accounts SET name = upper(name), email = ' ' || upper(email)
    WHERE id IN (SELECT max(id) FROM accounts WHERE site_id = 1 AND status = 'active');
UPDATE accounts SET email = (SELECT email FROM accounts WHERE site_id = 1 AND status = 'active' ORDER BY id DESC)
    WHERE id IN (SELECT id FROM accounts WHERE site_id = 1 AND status = 'active' ORDER BY id LIMIT 2);
";

/// Rows to compare: those of SQL and those of reports spell times and truth values differently, and order them as they like.
fn rows(told: &Value, only: impl Fn(&str) -> bool) -> Vec<String> {
    let plain = |value: &Value| match value {
        Value::Bool(truth) => json!(f64::from(u8::from(*truth))),
        Value::Number(number) => json!(number.as_f64()),
        Value::String(text) if text.len() == 24 && text.as_bytes()[10] == b'T' && text.ends_with('Z') => {
            json!(text[..23].replacen('T', " ", 1))
        }
        other => other.clone(),
    };
    let row = |row: &Value| {
        let fields = row.as_object().unwrap().iter().filter(|(name, _)| only(name));
        Value::Object(fields.map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>()).to_string()
    };
    let mut rows: Vec<_> = told.as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}

fn every(_: &str) -> bool {
    true
}

#[test]
fn every_report_has_a_recipe_that_tells_its_rows() {
    let mirror = Mirror::new();
    let recipes: BTreeMap<_, _> = sql_recipes().collect();
    let mut names: Vec<_> = registry::built_in().iter().map(|report| report.name.as_str()).collect();
    names.push("walks");
    names.sort();
    assert_eq!(recipes.keys().copied().collect::<Vec<_>>(), names, "the recipes, and the reports");
    for (name, sql) in recipes {
        assert!(sql.contains("'now'"), "{name} does not begin with now");
        let parameter = ASKED.iter().find(|(asked, _)| *asked == name).map(|(_, parameter)| *parameter);
        let mut some = false;
        for at in &mirror.moments {
            let sql = sql.replace("'now'", &format!("'{at}'"));
            let by_sqlite3 = mirror.sqlite3(&sql);
            let moment = format!("{}Z", at.replacen(' ', "T", 1));
            let report = if name == "walks" { "users" } else { name };
            let mut asked = vec!["report", report, "--as-of", &moment];
            asked.extend(parameter.iter().flat_map(|parameter| ["--param", parameter]));
            let told = mirror.rollbook(&asked);
            let told = &told[if name == "walks" { "walks" } else { "rows" }];
            let has = |column: &str| by_sqlite3[0].get(column).is_some();
            let wanted = |column: &str| has(column) || !WITHOUT.contains(&column);
            if let (Some(row), Some(_)) = (told[0].as_object(), by_sqlite3[0].as_object()) {
                let lacking: Vec<_> = row.keys().filter(|column| wanted(column) && !has(column)).collect();
                assert!(lacking.is_empty(), "the recipe {name} lacks {lacking:?}");
            }
            let (by_recipe, by_report) = (rows(&by_sqlite3, every), rows(told, wanted));
            let odd = |these: &[String], others: &[String]| -> Vec<String> {
                these.iter().filter(|row| !others.contains(row)).take(3).cloned().collect()
            };
            let odd = [odd(&by_recipe, &by_report), odd(&by_report, &by_recipe)];
            assert!(by_recipe == by_report, "{name} at {at}: rows of the recipe alone, of the report alone: {odd:#?}");
            some |= told.as_array().is_some_and(|rows| !rows.is_empty());
            if *at == mirror.moments[mirror.moments.len() - 1] {
                assert_eq!(rows(&mirror.rollbook(&["sql", &sql]), every), rows(&by_sqlite3, every), "{name} by `sql`");
            }
        }
        assert!(some, "{name} has no rows at any time: nothing was compared");
        // As it stands, too; of now.
        mirror.sqlite3(sql);
        mirror.rollbook(&["sql", sql]);
    }
}

#[test]
fn the_file_is_opened_as_the_page_says() {
    let world = World::small();
    world.sync().exits(0);
    world.run(&["report", "licensed", "--format", "parquet", "--output", "licensed.parquet"]).exits(0);
    world.run(&["db", "backup", "copy.db"]).exits(0);
    duckdb_without_network(world.folder.path());
    let active = world.one("SELECT count(*) FROM users WHERE status = 'active'");
    let before = fs::read(world.file()).unwrap();
    let mut ran = Vec::new();
    for (name, recipe) in recipes().into_iter().filter(|(_, recipe)| recipe.language != "sql") {
        let mut command = match recipe.language {
            "sh" => Command::new("sh"),
            "python" => python(),
            other => panic!("{name}: nobody runs {other}"),
        };
        let path = format!("{}:{}", readers().display(), std::env::var("PATH").unwrap());
        command.args(["-c", recipe.text]).current_dir(world.folder.path());
        let told = Ran::of(command.env("HOME", world.path("home")).env("PATH", path)).exits(0);
        assert!(told.stderr.is_empty(), "{name}: {}", told.stderr);
        assert!(told.stdout.contains(&active), "{name} tells the {active} active users: {}", told.stdout);
        ran.push(name);
    }
    assert_eq!(ran, ["datasette", "duckdb", "pandas", "parquet", "sqlite3", "sqlite3-copy"]);
    assert!(fs::read(world.file()).unwrap() == before, "whoever reads writes nothing");
}

/// Puts DuckDB's extension where DuckDB looks for what it has fetched before.
fn duckdb_without_network(folder: &Path) {
    let home = folder.join("home");
    fs::create_dir(&home).unwrap();
    let install = "import duckdb, duckdb_extension_sqlite_scanner as e, pathlib\n\
                   file = next(pathlib.Path(e.__file__).parent.rglob('*.duckdb_extension'))\n\
                   duckdb.connect().execute(f\"INSTALL '{file}'\")";
    Ran::of(python().args(["-c", install]).env("HOME", home)).exits(0);
}
