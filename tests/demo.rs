//! `rollbook demo` as a newcomer runs it: the real program, in an empty folder, without configuration.

use std::fs;
use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const ROLLBOOK: &str = env!("CARGO_BIN_EXE_rollbook");
/// Small, and long enough for a wave and a quarter.
const YEAR: [&str; 5] = ["demo", "--users", "120", "--days", "130"];

fn rollbook(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(ROLLBOOK).args(arguments).current_dir(folder).output().unwrap()
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs the web server of the demo until it listens.
fn serves(command: &str, folder: &Path) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {}", command.trim())]).current_dir(folder);
    let mut server = shell.stderr(Stdio::piped()).spawn().unwrap();
    let said = std::io::BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
    let listens = said.into_iter().any(|line| line.contains("listening on http://127.0.0.1:"));
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(listens, "{command}");
}

/// One number, asked of the database by SQL.
fn number(folder: &Path, sql: &str) -> u64 {
    let database = ["--database", "rollbook-demo/rollbook.db", "sql", "--format", "csv", sql];
    let answer = text(&rollbook(folder, &database));
    answer.lines().nth(1).unwrap().parse().unwrap_or_else(|_| panic!("{sql}: {answer}"))
}

/// The story as one line, and every number of it without spaces within.
fn flat(story: &str) -> String {
    story.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The number that stands right after `words`.
fn counted(story: &str, words: &str) -> u64 {
    let after = story.split(words).nth(1).unwrap_or_else(|| panic!("'{words}' in {story}"));
    let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("a number after '{words}'"))
}

/// The number that stands right before `words`.
fn told(story: &str, words: &str) -> u64 {
    let before = story.split(words).next().filter(|before| before.len() < story.len());
    let before = before.unwrap_or_else(|| panic!("'{words}' in {story}"));
    before.trim_end().rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("a number before '{words}'"))
}

#[test]
fn a_year_is_mirrored_and_told_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let output = rollbook(folder.path(), &YEAR);
    let story = text(&output);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in ["rollbook.db", "rollbook.toml", "inactive.csv", "users.json", "membership-changes.csv"] {
        let mode = fs::metadata(folder.path().join("rollbook-demo").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let commands: Vec<_> =
        story.split("Try next").nth(1).unwrap().lines().filter(|line| line.starts_with("  ")).collect();
    let [questions @ .., serve] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(questions.len(), 4);
    serves(&format!("{serve} --listen 127.0.0.1:0"), folder.path());
    for command in questions {
        let output = Command::new("sh").args(["-c", command]).current_dir(folder.path()).output().unwrap();
        assert!(!text(&output).is_empty(), "{command}");
    }
    for line in story.lines().filter(|line| !commands.contains(line)) {
        assert!(line.chars().count() <= 100, "{line}");
    }

    let story = flat(&story);
    let number = |sql: &str| number(folder.path(), sql);
    let seats = "SELECT count(*) FROM users WHERE site_id = 1 AND status = 'active'";
    let lost = "FROM changes WHERE site = 'demo' AND field = 'status' AND before = 'active'";
    for (words, sql) in [
        ("times, at the end", "SELECT count(*) FROM walks WHERE site_id = 1 AND status = 'applied'"),
        ("times with", "SELECT count(*) FROM walks WHERE site_id = 2 AND status = 'applied'"),
        ("at the last", seats),
        (
            "at the first walk",
            "SELECT count(*) FROM user_history WHERE status = 'active' AND walk_id = (SELECT min(id) FROM walks)",
        ),
        ("changes. From", "SELECT count(*) FROM changes WHERE site = 'demo' AND not_before IS NOT NULL"),
        ("gave one up, by", &format!("SELECT count(*) {lost}")),
        (
            "got a seat back",
            "SELECT count(*) FROM changes WHERE site = 'demo' AND field = 'status' AND after = 'active'",
        ),
        (
            "never did in as long",
            "SELECT count(*) FROM users WHERE site_id = 1 AND status = 'active' AND last_login_at IS NULL \
             AND created_at < datetime((SELECT max(at) FROM walks), '-180 days')",
        ),
        (
            "of all these came back",
            "SELECT count(DISTINCT user_id) FROM changes WHERE site = 'demo' AND kind = 'user.returned'",
        ),
    ] {
        assert_eq!(told(&story, words), number(sql), "{words}");
    }
    // The last month ends with the seats of the last walk; the wave is the day on which most lost access.
    let month = text(&rollbook(
        folder.path(),
        &[
            "--database",
            "rollbook-demo/rollbook.db",
            "sql",
            "--format",
            "csv",
            "SELECT substr(max(at), 1, 7) FROM walks",
        ],
    ));
    let row = story.rsplit(month.lines().nth(1).unwrap()).find(|rest| rest.trim_start().starts_with(char::is_numeric));
    assert_eq!(row.unwrap().split_whitespace().nth(3).unwrap().parse::<u64>().unwrap(), number(seats));
    let most = number(&format!(
        "SELECT count(*) AS n {lost} AND kind IN ('user.access-lost', 'user.deactivated') GROUP BY walk_id ORDER BY n DESC LIMIT 1"
    ));
    let mut wave =
        story.split("came back ").nth(1).unwrap().split_whitespace().skip_while(|word| word.starts_with('-'));
    assert_eq!(wave.nth(2).unwrap().parse::<u64>().unwrap(), most, "{story}");
}

#[test]
fn who_is_idle_here_and_active_there_is_told_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let story = flat(&text(&rollbook(folder.path(), &YEAR)));
    let number = |sql: &str| number(folder.path(), sql);
    let sites = "SELECT count(*) FROM sites WHERE (name, kind) IN (('demo', 'data-center'), ('cloud', 'cloud'))";
    assert_eq!(number(sites), 2);
    assert_eq!(number("SELECT count(*) FROM walks WHERE status <> 'applied'"), 0);

    // The end of the last day, which the last walk was shortly before.
    let ago = |days| format!("datetime((SELECT date(max(at)) FROM walks), '-{days} days', '+1 day')");
    let single = |site| {
        format!(
            "(SELECT email_normalised, min(last_login_at) AS login, min(last_active_at) AS active FROM users \
             WHERE site_id = {site} AND status = 'active' AND email IS NOT NULL GROUP BY 1 HAVING count(*) = 1)"
        )
    };
    let joined = format!("SELECT count(*) FROM {} here JOIN {} there USING (email_normalised)", single(1), single(2));
    let active = format!("{joined} WHERE there.active > {}", ago(30));
    let people = "SELECT count(*) FROM users WHERE site_id = 2 AND status = 'active' AND account_type = 'atlassian'";
    let never = format!("{people} AND last_active_known = 1 AND last_active_at IS NULL");
    let unknown = format!("{people} AND last_active_known = 0");
    let mut found = Vec::new();
    for (words, sql) in [
        ("It joins", joined.clone()),
        ("to an account on Cloud,", active.clone()),
        ("logged in here 30 days ago or more:", format!("{active} AND here.login < {}", ago(30))),
        ("60 days ago or more:", format!("{active} AND here.login < {}", ago(60))),
        ("; never:", format!("{active} AND here.login IS NULL")),
        ("`cloud` has", "SELECT count(*) FROM users WHERE site_id = 2 AND status = 'active'".to_owned()),
        ("apps among them:", "SELECT count(*) FROM users WHERE site_id = 2 AND account_type = 'app'".to_owned()),
        ("as the organization says:", never.clone()),
        ("(accounts of 30 days or older:", format!("{never} AND created_at < {}", ago(30))),
        ("which is not the same:", unknown.clone()),
        ("(guests:", format!("{unknown} AND is_external = 1")),
        ("is joined to nobody:", format!("{people} AND email IS NULL")),
        ("is still known by it:", format!("{people} AND email_hidden = 1")),
    ] {
        assert_eq!(counted(&story, words), number(&sql), "{words}");
        found.push(number(&sql));
    }
    assert!(found[2] > 3 && found[3] > 0, "somebody is idle here and active there: {found:?}");
    assert!(found[6..].iter().all(|number| *number > 0), "each case is there: {found:?}");
    let renamed = "SELECT count(*) FROM changes WHERE site = 'cloud' AND kind = 'group.renamed'";
    assert_eq!((number(renamed), story.matches(" renamed team-").count()), (1, 1));

    let database = ["--database", "rollbook-demo/rollbook.db"];
    let verified = rollbook(folder.path(), &[&database[..], &["db", "verify"]].concat());
    assert!(!text(&verified).is_empty());
    let report = rollbook(folder.path(), &[&database[..], &["report", "inactive", "--site", "cloud"]].concat());
    assert!(text(&report).contains("cloud"));
}

#[test]
fn a_day_is_long_enough_for_both_sites() {
    let folder = tempfile::tempdir().unwrap();
    let story = text(&rollbook(folder.path(), &["demo", "--users", "10", "--days", "1"]));
    assert_eq!(number(folder.path(), "SELECT count(DISTINCT site_id) FROM walks WHERE status = 'applied'"), 2);
    assert!(flat(&story).contains("2 times with"), "{story}");
}

#[test]
fn a_folder_of_somebody_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rollbook-demo")).unwrap();
    let precious = folder.path().join("rollbook-demo/rollbook.db");
    fs::write(&precious, "precious").unwrap();
    let output = rollbook(folder.path(), &["demo"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: rollbook-demo is not empty"));
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    assert_eq!(fs::read_dir(precious.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn the_sites_stay_up_to_be_walked_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(ROLLBOOK)
        .args(["demo", "--users", "20", "--days", "3", "--serve"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(demo.stdout.take().unwrap()));
    let sync = lines.find_map(|line| line.ok().filter(|line| line.ends_with(" sync"))).expect("the command");
    let output = Command::new("sh").args(["-c", &sync]).current_dir(folder.path()).output().unwrap();
    assert_eq!(interrupt(&mut demo), Some(0));
    // Side by side: either may be the first to begin.
    for words in ["demo: walk ", "cloud: walk ", "walk 9 applied", "walk 10 applied"] {
        assert!(text(&output).contains(words), "{}", text(&output));
    }
    assert_eq!(text(&output).matches(" 0 changes").count(), 2, "the clocks of the sites stand: {}", text(&output));
}

#[test]
fn an_interrupted_year_leaves_a_database_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(ROLLBOOK).args(["demo", "-q"]).current_dir(folder.path()).spawn().unwrap();
    let begun = Instant::now();
    while !folder.path().join("rollbook-demo/rollbook.db").exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(interrupt(&mut demo), Some(1));
    assert_eq!(number(folder.path(), "SELECT count(*) FROM walks WHERE status = 'running'"), 0);
    assert!(number(folder.path(), "SELECT count(*) FROM walks") > 0);
}

fn interrupt(demo: &mut std::process::Child) -> Option<i32> {
    Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    demo.wait().unwrap().code()
}
