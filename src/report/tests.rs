use sqlx::SqliteConnection;

use super::testing::{empty, mirror};
use super::*;
use crate::model::Timestamp;
use crate::render::{self, Format, Style, Table, Value};
use crate::store::sandbox;

mod accounts;
mod activity;
mod gone;
mod groups;
mod seats;
mod then;
mod what_if;

const NOW: &str = "2026-03-01T00:00:00Z";

async fn ask(
    connection: &mut SqliteConnection,
    name: &str,
    as_of: &str,
    sites: &[&str],
    parameters: &[&str],
) -> Result<Answer, ReportError> {
    let request = Request {
        sites: sites.iter().map(ToString::to_string).collect(),
        as_of: Timestamp::parse_human(as_of).unwrap(),
        parameters: parameters.iter().map(ToString::to_string).collect(),
        ..Request::default()
    };
    collect(connection, registry::find(name).unwrap(), &request, &Settings::default()).await
}

/// The named columns of each row, joined by spaces.
fn shown(table: &Table, names: &[&str]) -> Vec<String> {
    let place = |name: &&str| table.columns.iter().position(|column| column.name == *name).unwrap();
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Time(time) => time.to_sql()[..10].to_owned(),
    };
    table
        .rows
        .iter()
        .map(|row| names.iter().map(|name| text(&row[place(name)])).collect::<Vec<_>>().join(" "))
        .collect()
}

fn usage(result: Result<Answer, ReportError>) -> String {
    match result {
        Err(ReportError::Usage(message)) => message,
        other => panic!("not a usage error: {other:?}"),
    }
}

fn written(answer: &Answer, format: Format) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let mut sink =
        render::open(format, Style::default(), Some(&answer.frame), &answer.table.columns, &mut out).unwrap();
    for row in &answer.table.rows {
        sink.row(&row.iter().map(Value::cell).collect::<Vec<_>>()).unwrap();
    }
    sink.finish(&answer.appendices).unwrap();
    out.into_inner()
}

fn text(answer: &Answer, format: Format) -> String {
    String::from_utf8(written(answer, format)).unwrap()
}

#[tokio::test]
async fn every_report_prepares_as_declared_and_answers_nothing_of_an_empty_mirror() {
    let mut connection = empty().await;
    for report in registry::built_in() {
        let (found, asked) = sandbox::describe(&mut connection, &report.sql).await.unwrap();
        let names: Vec<_> = found.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            names,
            report.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
            "{}",
            report.name
        );
        assert!(asked.contains(&"as_of".to_owned()) && asked.contains(&"sites".to_owned()), "{}", report.name);
        for parameter in &report.parameters {
            assert!(asked.contains(&parameter.name), "{} has no use for {}", report.name, parameter.name);
        }
        assert!(report.columns.iter().all(|column| !column.meaning.is_empty()), "{}", report.name);
        let result = ask(&mut connection, &report.name, NOW, &[], &[]).await.unwrap();
        assert!(result.frame.incomplete && result.table.rows.is_empty() && result.frame.walks.rows.is_empty());
    }
}

#[tokio::test]
async fn a_report_that_is_not_as_declared_is_refused() {
    let mut connection = empty().await;
    let request = Request { as_of: Timestamp::parse_human(NOW).unwrap(), ..Request::default() };
    for sql in ["SELECT 1 AS site", "SELECT :nobody AS site", "SELEC", "DELETE FROM sites"] {
        let report = Report { sql: sql.to_owned(), ..registry::find("users").unwrap().clone() };
        let error = collect(&mut connection, &report, &request, &Settings::default()).await.unwrap_err();
        assert!(matches!(&error, ReportError::Declaration { report, .. } if report == "users"), "{error}");
    }
}

#[tokio::test]
async fn idle_never_and_unknown_are_told_apart() {
    let mut connection = mirror().await;
    let columns = ["key", "days", "reason", "last_login_at"];
    let result = ask(&mut connection, "inactive", NOW, &["corp"], &[]).await.unwrap();
    // k2 logged in exactly 90 days before, k6 a millisecond later; k4 never did but its account is 30 days old.
    assert_eq!(shown(&result.table, &columns), ["k2 90 idle 2025-12-01", "k3 424 never -", "k5 - unknown -"]);
    let result = ask(&mut connection, "inactive", NOW, &["corp"], &["days=30"]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["k2 90 idle 2025-12-01", "k3 424 never -", "k4 30 never -", "k5 - unknown -", "k6 89 idle 2025-12-01"]
    );
    let result = ask(&mut connection, "inactive", NOW, &["corp"], &["days=36500"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["k5 - unknown -"]);
}

#[tokio::test]
async fn on_cloud_activity_counts_too() {
    let mut connection = mirror().await;
    let result = ask(&mut connection, "inactive", NOW, &["cloud"], &["days=10"]).await.unwrap();
    assert_eq!(
        shown(&result.table, &["key", "last_login_at", "last_active_at", "days", "reason"]),
        ["c0 2025-06-01 2025-11-01 120 idle", "c1 - - 59 never"]
    );
    let result = ask(&mut connection, "inactive", NOW, &["cloud"], &["days=121"]).await.unwrap();
    assert!(result.table.rows.is_empty());
}

#[tokio::test]
async fn the_past_is_shown_as_it_was_known_then() {
    let mut connection = mirror().await;
    let columns = ["key", "name", "days", "reason"];
    // Before the third walk: alice's newer log-in was not known, bob had been away for 62 days, mystery not yet seen.
    let result = ask(&mut connection, "inactive", "2026-02-28T23:59:59.999Z", &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["k1 alice 180 idle", "k3 bobby 423 never"]);
    assert!(result.frame.incomplete, "the second walk was partial");
    let result = ask(&mut connection, "inactive", "2026-01-31", &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["k1 ally 152 idle", "k3 bobby 395 never"]);
    assert!(!result.frame.incomplete);
    assert_eq!(result.frame.walks.rows[0][5], Value::Integer(31 * 86_400 - 1));
    let result = ask(&mut connection, "users", "2025-12-31", &["corp"], &[]).await.unwrap();
    assert!(result.table.rows.is_empty() && result.frame.incomplete);
    assert_eq!(result.frame.walks.rows[0][0], Value::Null);
}

#[tokio::test]
async fn never_logged_in_needs_a_site_that_says_so_and_an_old_account() {
    let mut connection = mirror().await;
    let result = ask(&mut connection, "never-logged-in", NOW, &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["site", "key", "days"]), ["cloud c1 59", "corp k3 424", "corp k4 30"]);
    let result = ask(&mut connection, "never-logged-in", NOW, &[], &["days=31"]).await.unwrap();
    assert_eq!(shown(&result.table, &["key"]), ["c1", "k3"]);
}

#[tokio::test]
async fn without_access_since_the_first_version_of_the_run() {
    let mut connection = mirror().await;
    let columns = ["key", "status", "since", "groups"];
    let result = ask(&mut connection, "no-access", NOW, &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["k8 no-access 2026-02-01 1"]);
    let result = ask(&mut connection, "no-access", "2026-01-15", &[], &[]).await.unwrap();
    assert!(result.table.rows.is_empty());
}

#[tokio::test]
async fn users_are_shown_with_what_was_known_of_them() {
    let mut connection = mirror().await;
    let result = ask(&mut connection, "users", NOW, &["corp"], &[]).await.unwrap();
    let keys = shown(&result.table, &["key"]);
    assert_eq!(keys, ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "-"], "a user without a key comes last");
    assert_eq!(
        shown(&result.table, &["last_login_at", "last_login_known", "last_failed_login_at"])[0],
        "2026-02-20 1 2026-02-20"
    );
    assert_eq!(shown(&result.table, &["department"])[7], "Sales");
    let result = ask(&mut connection, "users", "2026-02-10", &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["key", "last_login_at"])[0], "k1 2025-09-01");
    assert_eq!(shown(&result.table, &["department"])[4], "-");
}

#[tokio::test]
async fn memberships_end_where_the_next_picture_begins() {
    let mut connection = mirror().await;
    let columns = ["name", "group", "since"];
    let result = ask(&mut connection, "memberships", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["alice staff 2026-01-01", "newbie staff 2026-03-01", "gone old/team 2026-01-01"]
    );
    let result = ask(&mut connection, "memberships", "2026-02-28", &[], &["group=staff"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["alice staff 2026-01-01", "bob staff 2026-01-01"]);
    let result = ask(&mut connection, "memberships", "2026-01-31", &[], &["group=temps"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["gone temps 2026-01-01"]);
    assert!(usage(ask(&mut connection, "memberships", NOW, &[], &["group=nobody"]).await).contains("'nobody'"));
}

#[tokio::test]
async fn changes_leave_out_what_the_first_walk_found() {
    let mut connection = mirror().await;
    let columns = ["key", "kind", "group", "at", "not_before", "walk_id"];
    let result = ask(&mut connection, "membership-changes", NOW, &[], &["since=2025-01-01"]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "k8 member.removed temps 2026-02-01 2026-01-01 2",
            "k2 member.removed staff 2026-03-01 2026-01-01 4",
            "k4 member.added staff 2026-03-01 2026-01-01 4"
        ]
    );
    // A date is the start of its day here, so the walk at midnight is within.
    let result = ask(&mut connection, "membership-changes", NOW, &[], &["since=2026-02-01"]).await.unwrap();
    assert_eq!(result.table.rows.len(), 3);
    let result =
        ask(&mut connection, "membership-changes", NOW, &[], &["since=2026-02-01T00:00:00.001Z"]).await.unwrap();
    assert_eq!(result.table.rows.len(), 2);
    let result =
        ask(&mut connection, "membership-changes", NOW, &[], &["since=2025-01-01", "group=temps"]).await.unwrap();
    assert_eq!(shown(&result.table, &["group"]), ["temps"]);
    let result = ask(&mut connection, "membership-changes", "2026-03-05", &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["key"]), ["k2", "k4"], "thirty days back by default");
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_with_what_can() {
    let mut connection = mirror().await;
    for (name, sites, parameters, told) in [
        ("inactive", &["nowhere"][..], &[][..], "it has cloud, corp"),
        ("inactive", &[], &["day=1"], "it takes days"),
        ("users", &[], &["days=1"], "it takes none"),
        ("inactive", &[], &["days=-1"], "0 to 36500"),
        ("inactive", &[], &["days=36501"], "0 to 36500"),
        ("inactive", &[], &["days=9.5"], "0 to 36500"),
        ("inactive", &[], &["days"], "NAME=VALUE"),
        ("inactive", &[], &["days=1", "days=2"], "twice"),
        ("membership-changes", &[], &["since=yesterday"], "RFC 3339"),
    ] {
        let message = usage(ask(&mut connection, name, NOW, sites, parameters).await);
        assert!(message.contains(told), "{message}");
    }
}

#[tokio::test]
async fn the_same_question_has_the_same_bytes() {
    let mut connection = mirror().await;
    for report in registry::built_in() {
        let once = ask(&mut connection, &report.name, NOW, &[], &[]).await.unwrap();
        let twice = ask(&mut connection, &report.name, NOW, &[], &[]).await.unwrap();
        for format in <Format as clap::ValueEnum>::value_variants().iter().copied() {
            assert_eq!(written(&once, format), written(&twice, format));
        }
    }
}

#[tokio::test]
async fn json_says_what_it_rests_on() {
    let mut connection = mirror().await;
    let result = ask(&mut connection, "inactive", NOW, &[], &["days=365"]).await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&written(&result, Format::Json)).unwrap();
    assert_eq!(document["report"], "inactive");
    assert_eq!(document["as_of"], "2026-03-01T00:00:00.000Z");
    assert_eq!(document["parameters"]["days"], 365);
    assert_eq!(document["incomplete"], false);
    assert_eq!(document["walks"][1]["id"], 4);
    assert_eq!(document["walks"][1]["site"], "corp");
    assert_eq!(document["walks"][0]["age_seconds"], 14 * 86_400);
    assert_eq!(document["rows"][0]["key"], "k3");
    assert_eq!(document["rows"][0]["last_login_at"], serde_json::Value::Null);
    let result = ask(&mut connection, "membership-changes", NOW, &[], &["since=2026-01-31"]).await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&written(&result, Format::Json)).unwrap();
    assert_eq!(document["parameters"]["since"], "2026-01-31T00:00:00.000Z");
    assert_eq!(document["parameters"]["group"], serde_json::Value::Null);
}

#[tokio::test]
async fn the_table_says_when_it_is_incomplete() {
    let mut connection = mirror().await;
    let result = ask(&mut connection, "users", "2026-02-20", &["corp"], &[]).await.unwrap();
    let text = text(&result, Format::Table);
    assert!(text.starts_with("Users, as of 2026-02-20 23:59:59 UTC\ncorp: walk 2 (partial) of 2026-02-01"), "{text}");
    assert!(text.contains("INCOMPLETE"));
    assert!(text.ends_with("\n5 rows\n"), "{text}");
    assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
    assert!(text.lines().all(|line| line.chars().count() < 2_000), "a long value is cut");
}
