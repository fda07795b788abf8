//! What questions cost, asked of the mirror of a year: a million users with a year of daily walks.
//!
//! The database is built once and kept under `target/bench/` while its parameters are the same. Each question is a whole
//! process of `rollbook`, measured from outside, in turn, several times; ratios are of medians, to reading the table of
//! users once. What this release cannot be asked is passed over.
//!
//! `cargo bench --bench reports [-- --users N --groups N --seed N --rounds N --only TEXT]`

mod measure;
mod year;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use measure::{Usage, run};
use rollbook::store::Store;
use year::Year;

/// Every walk is before it.
const NOW: &str = "2026-11-20";
/// Half a year before.
const PAST: &str = "2026-05-20";

/// A question: what it is called, and the command's arguments; `{KEY}` stands for a user's key, `{GROUP}` for a group of
/// some hundred.
type Question = (&'static str, &'static [&'static str]);

/// What ratios are to.
const BASELINE: Question =
    ("read all users", &["sql", "SELECT count(*), sum(length(name)), sum(length(deleted_at)) FROM users"]);

const QUESTIONS: &[Question] = &[
    ("start and answer", &["sql", "SELECT 1"]),
    ("inactive", &["report", "inactive", "--as-of", NOW, "--format", "csv"]),
    ("inactive, half a year ago", &["report", "inactive", "--as-of", PAST, "--format", "csv"]),
    ("licensed", &["report", "licensed", "--as-of", NOW, "--format", "csv"]),
    ("licensed, half a year ago", &["report", "licensed", "--as-of", PAST, "--format", "csv"]),
    ("deactivated", &["report", "deactivated", "--as-of", NOW, "--format", "csv"]),
    ("deactivated, half a year ago", &["report", "deactivated", "--as-of", PAST, "--format", "csv"]),
    ("vanished", &["report", "vanished", "--as-of", NOW, "--format", "csv"]),
    ("vanished, half a year ago", &["report", "vanished", "--as-of", PAST, "--format", "csv"]),
    ("never-logged-in", &["report", "never-logged-in", "--as-of", NOW, "--format", "csv"]),
    ("no-access", &["report", "no-access", "--as-of", NOW, "--format", "csv"]),
    ("history of a user", &["history", "user", "{KEY}", "--format", "json"]),
    (
        "members of a group, half a year ago",
        &["report", "memberships", "--param", "group={GROUP}", "--as-of", PAST, "--format", "csv"],
    ),
    ("state of all users, half a year ago", &["sql", STATE]),
    ("users", &["report", "users", "--as-of", NOW, "--format", "csv"]),
    ("users, half a year ago", &["report", "users", "--as-of", PAST, "--format", "csv"]),
    ("export users, csv", &["export", "users", "--format", "csv"]),
    ("export memberships, csv", &["export", "memberships", "--format", "csv"]),
    ("export users, json", &["export", "users", "--format", "json"]),
    ("export users, ndjson", &["export", "users", "--format", "ndjson"]),
    ("export users, xml", &["export", "users", "--format", "xml"]),
    ("export users, xlsx", &["export", "users", "--format", "xlsx"]),
    ("export users, parquet", &["export", "users", "--format", "parquet"]),
    ("export users, html", &["export", "users", "--format", "html"]),
];

/// Every user as of half a year ago, each attribute read, on the public tables.
const STATE: &str = "
SELECT status, count(*), sum(length(name) + length(full_name) + length(email) + length(department))
FROM user_history
WHERE valid_from <= '2026-05-20 23:59:59.999' AND (valid_to IS NULL OR valid_to > '2026-05-20 23:59:59.999')
GROUP BY status";

/// What `rollbook` exits with when it cannot be asked so.
const USAGE: i32 = 2;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let told = |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str, default: u32| told(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let groups = number("--groups", 2_000).clamp(2, u16::MAX.into()) as u16;
    let year = Year { users: number("--users", 1_000_000), groups, seed: number("--seed", 1).into() };
    if let Some(path) = told("--build") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(year.build(Path::new(path))).unwrap();
    }
    let database = database(&year, &arguments);
    measure(&database, number("--rounds", 3), told("--only").map_or("", String::as_str));
}

/// The database of the year, built by a process of its own: this one stays small.
fn database(year: &Year, arguments: &[String]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder).unwrap();
    let path = year.file(&folder);
    if !path.exists() {
        println!("building {} ...", path.display());
        let mut build = Command::new(std::env::current_exe().unwrap());
        build.args(arguments).arg("--build").arg(&path);
        let usage = run(build).expect("the database can be built");
        println!("built in {:.0} s, with {:.0} MiB of memory", usage.wall, usage.peak_mib);
    }
    path
}

fn measure(database: &Path, rounds: u32, only: &str) {
    let size = std::fs::metadata(database).unwrap().len();
    println!("{}: {:.0} MiB, {rounds} rounds", database.display(), size as f64 / f64::from(1 << 20));
    let [key, group] = somebody(database);
    let ask = |(_, arguments): &Question| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
        command.arg("--quiet").arg("--database").arg(database).stderr(Stdio::null());
        command.args(arguments.iter().map(|argument| argument.replace("{KEY}", &key).replace("{GROUP}", &group)));
        run(command)
    };
    let wanted = QUESTIONS.iter().filter(|(name, _)| name.contains(only));
    let mut rows: Vec<(&Question, Vec<Usage>)> = Vec::new();
    // A first time, so that what is measured is read from memory.
    for question in std::iter::once(&BASELINE).chain(wanted) {
        match ask(question) {
            Ok(_) => rows.push((question, Vec::new())),
            Err(USAGE) => println!("passed over: {}", question.0),
            Err(code) => panic!("{} failed: {code}", question.0),
        }
    }
    for _ in 0..rounds {
        for (question, usages) in &mut rows {
            usages.push(ask(question).expect("it was answered before"));
        }
    }
    table(&rows);
}

/// The key of a user, and a group of some hundred.
fn somebody(database: &Path) -> [String; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(database).await.unwrap();
        let mut reader = store.reader().await.unwrap();
        let mut told = async |sql| sqlx::query_scalar(sql).fetch_one(&mut reader).await.unwrap();
        [
            told("SELECT key FROM users WHERE id >= (SELECT max(id) / 2 FROM users) ORDER BY id LIMIT 1").await,
            told("SELECT name FROM groups ORDER BY id DESC LIMIT 1").await,
        ]
    })
}

fn table(rows: &[(&Question, Vec<Usage>)]) {
    let medians: Vec<Usage> = rows.iter().map(|(_, usages)| Usage::median(usages)).collect();
    println!("{:<36} {:>10} {:>8} {:>10} {:>12}", "", "CPU", "ratio", "wall", "peak memory");
    for ((question, _), Usage { cpu, wall, peak_mib }) in rows.iter().zip(&medians) {
        let ratio = cpu / medians[0].cpu;
        println!("{:<36} {cpu:>8.3} s {ratio:>7.2}x {wall:>8.3} s {peak_mib:>8.1} MiB", question.0);
    }
}
