//! Every report and every export in every format: all of them tell the same rows, whatever the rows hold.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use rollbook::render::user_export;
use rollbook::report::Report;
use rollbook::report::registry;
use rollbook::simulator::{Population, Settings, UserExportApp};
use serde_json::{Value, json};

use crate::python;
use crate::support::{Ran, World, soak};

/// The JSON is what the others are compared with.
const FORMATS: [&str; 8] = ["json", "ndjson", "csv", "xml", "xlsx", "parquet", "html", "table"];

/// Names as nobody should have them.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "=1+1",
        "+49 30 1234",
        "-2+3",
        "@SUM(A1)",
        "＝1+1",
        "\t=1+1",
        "\r=1+1",
        "'=1+1",
        "=HYPERLINK(\"https://example.com\")",
        "=cmd|' /C calc'!A0",
        "two\nlines",
        "two\r\nlines",
        "a\rreturn",
        "\n",
        "ends with a line\n",
        " blanks ",
        "a\ttab",
        "\"",
        "\"\"quotes\"\"",
        "a,b;c|d",
        "'apostrophe",
        "\\backslash\\n",
        "right\u{202e}tfel",
        "\u{2067}isolated\u{2069}",
        "\u{200b}\u{feff}nothing seen",
        "\u{1}\u{8}\u{b}\u{c}\u{1b}[31m\u{7f}",
        "\u{80}\u{85}\u{9f}",
        "\u{2028}\u{2029}",
        "👩‍💻🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪",
        "e\u{301}\u{323}",
        "\u{301}alone",
        "noncharacters \u{fdd0}\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}",
        "private \u{e000}\u{f0000}",
        "]]>",
        "<![CDATA[x]]>",
        "<!-- x -->",
        "<script>alert(1)</script>",
        "</td></tr></table>",
        "&amp; & &#0; &lt;",
        "_x0041_",
        "_x000D__x005F_",
        "_X0041_",
        "{\"a\": [1, null]}",
        "null",
        "NULL",
        "true",
        "007",
        "1e5",
        "9007199254740993",
        "2026-01-31",
        "2026-01-31T08:15:00.000Z",
        "NaN",
        "#REF!",
        "https://example.com/?a=b&c=d",
        "mailto:a@example.com",
        "../../etc/passwd",
        "' OR 1=1 --",
        "﷽",
        "漢字かな交じり文",
        "مرحبا بالعالم",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(40_000));
    // As long as a walk takes it.
    names.push("😀".repeat(16_384));
    // One unit more than a cell of a spreadsheet holds, and exactly as many.
    names.push(format!("{}😀", "x".repeat(32_766)));
    names.push(format!("{}😀", "x".repeat(32_765)));
    names
}

/// Some of them are left out, with reasons that are no better.
const EXCEPTIONS: &str = r#"
[[exceptions]]
match = "user [1-3]*"
reason = "=1+1 _x0041_ ]]> \u202e & <b>"
owner = "@SUM(A1)"
expires = 2999-12-31

[[exceptions]]
match = "nobody"
reason = "\uffff"
"#;

/// Puts each of `names` in every field of somebody, and in the name of a group.
fn settle(site: &mut Population, names: &[String]) {
    for (n, name) in names.iter().enumerate() {
        let key = site.add(&format!("user {n} {}", name.chars().take(60).collect::<String>()));
        let user = site.users.get_mut(&key).unwrap();
        for field in [
            &mut user.full_name,
            &mut user.email,
            &mut user.directory,
            &mut user.department,
            &mut user.position,
            &mut user.location,
            &mut user.phone,
            &mut user.im,
            &mut user.website,
            &mut user.language,
        ] {
            name.clone_into(field);
        }
        // What is longer is no name of a group, and none of a path.
        let group: String = name.chars().filter(|c| *c != '/').take(60).collect();
        site.join(&key, &format!("{group} {n}"));
        site.join(&key, "confluence-administrators");
    }
}

/// What is written, to be read back: its files are named `file` and after the formats.
struct Answers<'a> {
    world: &'a World,
    index: Vec<Value>,
}

impl<'a> Answers<'a> {
    fn of(world: &'a World) -> Self {
        fs::create_dir_all(world.path("answers")).unwrap();
        Self { world, index: Vec::new() }
    }

    /// Writes the answer of `command` in every format.
    #[track_caller]
    fn write(&mut self, file: &str, told: Value, command: &[&str]) {
        for format in FORMATS {
            self.write_as(file, format, &[command, &["--format", format]].concat());
        }
        self.write_as(file, "raw.csv", &[command, &["--format", "csv", "--raw"]].concat());
        let mut told = told;
        told["file"] = file.into();
        self.index.push(told);
    }

    #[track_caller]
    fn write_as(&self, file: &str, ending: &str, command: &[&str]) {
        let output = format!("answers/{file}.{ending}");
        self.world.run(&[command, &["--output", &output]].concat()).exits(0);
    }

    #[track_caller]
    fn report(&mut self, report: &Report, what: &str, as_of: &str, more: &[&str]) {
        let columns = report.columns.iter().map(|column| json!({ "name": column.name, "kind": column.kind.as_str() }));
        let told = json!({ "what": what, "name": report.name, "framed": true, "columns": columns.collect::<Vec<_>>() });
        let file = format!("{what}-{}-{}", report.name, self.index.len());
        self.write(&file, told, &[&[what, report.name.as_str(), "--as-of", as_of], more].concat());
    }

    /// Every report and every export at a moment.
    #[track_caller]
    fn all(&mut self, as_of: &str) {
        for report in registry::built_in() {
            // Everybody, where the report leaves out whom it may.
            let days = report.parameters.iter().any(|parameter| parameter.name == "days");
            let more: &[&str] = match report.name.as_str() {
                "failed-logins" => &["--param", "days=36500"],
                _ if days => &["--param", "days=0"],
                _ => &[],
            };
            self.report(report, "report", as_of, more);
        }
        for export in registry::exports().iter().filter(|export| export.name != "user-export") {
            self.report(export, "export", as_of, &[]);
        }
    }

    /// Users as the app Confluence User Export writes them.
    #[track_caller]
    fn user_export(&mut self, site: &str) {
        let text = "username fullName email directoryName createdDate updatedDate lastLogin groups preferredLanguage";
        let mut columns: Vec<_> = text.split(' ').map(|name| json!({ "name": name, "kind": "text" })).collect();
        columns.insert(1, json!({ "name": "active", "kind": "boolean" }));
        columns.push(json!({ "name": "canUse", "kind": "boolean" }));
        let file = format!("layout-{site}");
        for format in user_export::FORMATS {
            let command = ["export", "users", "--layout", "user-export", "--site", site, "--format", format];
            self.write_as(&file, format, &command);
        }
        self.index.push(json!({ "file": file, "layout": true, "framed": false, "columns": columns }));
    }

    /// A question of somebody's own, whose columns nobody declared.
    #[track_caller]
    fn sql(&mut self, columns: &[&str], sql: &str) {
        let columns: Vec<_> = columns.iter().map(|name| json!({ "name": name, "kind": "any" })).collect();
        let file = format!("sql-{}", self.index.len());
        self.write(&file, json!({ "framed": false, "columns": columns }), &["sql", sql]);
    }

    /// Has them read: what the readers say of it.
    #[track_caller]
    fn read(self) -> Value {
        let folder = self.world.path("answers");
        fs::write(folder.join("index.json"), Value::from(self.index).to_string()).unwrap();
        // The file alone, whole, as somebody gets it.
        self.world.run(&["db", "backup", "answers/rollbook.db"]).exits(0);
        check(&folder)
    }
}

/// The moment of the newest walk.
fn now(world: &World) -> String {
    world.one("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', max(at)) FROM walks")
}

#[track_caller]
fn check(folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/check.py");
    Ran::of(python().arg(script).arg(folder)).exits(0).json()
}

#[test]
fn every_format_tells_the_same_rows_of_hostile_names() {
    let world =
        World::with(Settings { users: 40, seed: 7, user_export: UserExportApp::WithLastLogin, ..Settings::default() })
            .unguarded();
    let cloud = World::cloud(Settings { users: 40, seed: 7, ..Settings::cloud() }).unguarded();
    world.configure(&[&world.site_table("corp"), &cloud.site_table("cloud"), EXCEPTIONS].join("\n"));
    let names = hostile();
    world.change(|site| settle(site, &names));
    // A longer public name is refused.
    let short: Vec<_> = names.iter().filter(|name| name.len() < 1000).cloned().collect();
    cloud.change(|site| settle(site, &short));
    world.sync().exits(0);
    let first = now(&world);

    // Some are renamed, some leave, some go, so that there are changes, and users of every status.
    for site in [&world, &cloud] {
        site.change(|site| {
            let keys: Vec<_> = site
                .users
                .values()
                .filter(|user| user.name.starts_with("user "))
                .map(|user| user.key.clone())
                .collect();
            for (n, key) in keys.into_iter().enumerate() {
                let user = site.users.get_mut(&key).unwrap();
                match n % 6 {
                    0 => user.name.push_str(" renamed"),
                    1 => user.enabled = false,
                    2 => site.leave_all(&key),
                    3 => site.delete(&key),
                    4 => user.unsynced = true,
                    _ => {}
                }
            }
            site.advance_day();
        });
    }
    world.sync().exits(0);

    let mut answers = Answers::of(&world);
    answers.all(&now(&world));
    answers.report(registry::find("users").unwrap(), "report", &first, &[]);
    answers.report(registry::export("memberships").unwrap(), "export", &first, &[]);
    answers.user_export("corp");
    answers.user_export("cloud");
    answers.sql(&["=a", "b"], "SELECT 'x' || char(0) || 'y' AS '=a', char(0) AS b");
    answers.sql(
        &["n", "r", "t", "blank"],
        "SELECT 9223372036854775807 + 0 AS n, 0.1 + 0.2 AS r, '' || '' AS t, NULL AS blank \
         UNION ALL SELECT -9007199254740993, -1e300, '=' || char(0), NULL UNION ALL SELECT 1, 9e999, 'x', NULL",
    );
    answers.sql(
        &["mixed"],
        "SELECT 1 + 1 AS mixed UNION ALL SELECT 'a' || 'b' UNION ALL SELECT 2.5 UNION ALL SELECT NULL",
    );
    answers.sql(&["broken"], "SELECT CAST(x'41ff42' AS TEXT) || '' AS broken");
    answers.sql(&["a", "a", "A b<c>"], "SELECT 1 + 0 AS a, 2 + 0 AS a, 3 + 0 AS \"A b<c>\"");
    answers.sql(&["none"], "SELECT 1 + 0 AS none WHERE 0");
    answers.sql(&["empty"], "SELECT '' || '' AS empty UNION ALL SELECT NULL");
    let told = answers.read();
    println!("{told}");
    assert_eq!(told["appendices"], 2, "{told}");
    assert!(told["cells"].as_u64().unwrap() > 30_000, "so much was compared: {told}");
}

/// Text of any characters that there are.
fn random_text(rng: &mut ChaCha12Rng) -> String {
    let special: Vec<char> = "<>&\"'`=+-@;#-]![/? _x\t\r\n\0\u{b}\u{1b}\u{85}\u{301}\u{fe0f}\u{200d}\u{202e}\u{feff}\u{fdd0}\u{fffd}\u{fffe}\u{ffff}"
        .chars()
        .collect();
    (0..rng.random_range(0..24))
        .map(|_| match rng.random_range(0..8) {
            0 => char::from_u32(rng.random_range(0..0x11_0000)).unwrap_or('\u{fffd}'),
            1 => char::from_u32(rng.random_range(0..0x1_0000)).unwrap_or('\u{300}'),
            // The last two of a plane are no characters.
            2 => char::from_u32(rng.random_range(0..17) * 0x1_0000 + rng.random_range(0xfffe..0x1_0000)).unwrap(),
            3 => char::from_u32(rng.random_range(0x300..0x370)).unwrap(),
            4 => char::from_u32(rng.random_range(0..0xa0)).unwrap(),
            5 | 6 => special[rng.random_range(0..special.len())],
            _ => char::from(rng.random_range(b'a'..=b'z')),
        })
        .collect()
}

#[test]
fn every_format_tells_the_same_rows_of_any_text() {
    for seed in 0..soak() {
        let world = World::small();
        world.sync().exits(0);
        world.site.advance_day();
        std::thread::sleep(Duration::from_millis(5));
        world.sync().exits(0);
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        scribble(&world, &mut rng);
        let mut answers = Answers::of(&world);
        answers.all(&now(&world));
        answers.user_export("corp");
        let told = answers.read();
        println!("seed {seed}: {told}");
    }
}

/// Writes text that nobody would into every field of the database that holds text of a site.
fn scribble(world: &World, rng: &mut ChaCha12Rng) {
    let fields = [
        (
            "accounts",
            "key name full_name email directory account_type department position location phone im website language time_zone account_status",
        ),
        (
            "account_versions",
            "name full_name email directory account_type department position location phone im website language time_zone account_status",
        ),
        ("groups", "name external_id"),
        ("change_log", "field before after"),
        ("evidence", "answer"),
    ];
    const VERSION: &str = "user_id || ' ' || valid_from";
    let quoted = |text: &str| {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("CAST(x'{hex}' AS TEXT)")
    };
    let mut database = world.writable();
    database.rows("BEGIN IMMEDIATE");
    for (table, columns) in fields {
        let id = if table.ends_with("versions") { VERSION } else { "id" };
        for row in database.rows(&format!("SELECT {id} FROM {table}")) {
            let values = columns.split(' ').map(|column| {
                let text = random_text(rng);
                // Two of these would be one.
                let unique =
                    if ["key", "external_id"].contains(&column) || table == "groups" { row.as_str() } else { "" };
                format!("{column} = {}", quoted(&format!("{text}{unique}")))
            });
            let sets = values.collect::<Vec<_>>().join(", ");
            database.rows(&format!("UPDATE {table} SET {sets} WHERE {id} = '{row}'"));
        }
    }
    database.rows("COMMIT");
}
