use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use sqlx::SqliteConnection;

use super::output::{FileOptions, FormatOptions};
use super::status::StatusSite;
use super::*;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::render::Format;
use crate::render::tests::HOSTILE;
use crate::report::testing::mirror;

fn clock() -> Clock {
    Clock::manual(Timestamp::parse_human("2026-03-01T12:00:00Z").unwrap())
}

fn format(format: Format) -> FormatOptions {
    FormatOptions { format }
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap()
}

fn json(out: Vec<u8>) -> Value {
    serde_json::from_slice(&out).unwrap()
}

fn exit(outcome: Outcome) -> Exit {
    outcome.unwrap_or_else(|failure| failure.exit)
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

fn configured(id: &str, hours: u64) -> StatusSite {
    StatusSite { id: id.into(), freshness: Duration::from_secs(hours * 3600), next_run: None }
}

async fn status(connection: &mut SqliteConnection, sites: &[StatusSite]) -> (Exit, Value) {
    let mut out = Vec::new();
    let options = status::Options { sites: Vec::new(), format: format(Format::Json) };
    let exit = exit(status::run(options, connection, sites, Default::default(), &clock(), &mut out).await);
    (exit, json(out))
}

#[tokio::test]
async fn status_tells_fresh_from_stale_from_never() {
    let mut connection = mirror().await;
    let (exit, found) = status(&mut connection, &[configured("corp", 12)]).await;
    assert_eq!(exit, Exit::Done, "twelve hours old, to the second");
    let (cloud, corp) = (&found["sites"][0], &found["sites"][1]);
    assert_eq!((cloud["configured"].as_bool(), corp["configured"].as_bool()), (Some(false), Some(true)));
    assert_eq!(corp["last_walk"]["status"], "failed");
    assert_eq!(corp["last_applied"]["id"], 4);
    assert_eq!(corp["users"]["active"], 7);
    assert_eq!(corp["problems"][0], "connection refused");
    assert!(corp["problems"][1].as_str().unwrap().contains("'old/team'"));
    let (exit, found) = status(&mut connection, &[configured("corp", 11)]).await;
    assert_eq!((exit, found["sites"][1]["freshness"].as_str()), (Exit::Stale, Some("stale")));
    let (exit, found) = status(&mut connection, &[configured("corp", 24), configured("new", 24)]).await;
    assert_eq!((exit, found["sites"][2]["freshness"].as_str()), (Exit::Stale, Some("never")));
}

#[tokio::test]
async fn status_puts_a_hold_before_staleness_and_leaves_out_other_sites() {
    let mut connection = mirror().await;
    execute(
        &mut connection,
        "UPDATE walks SET status = 'held' WHERE id = 4; \
         INSERT INTO holds (walk_id, site_id, reasons, removals) VALUES (4, 1, 'too many', 7)",
    )
    .await;
    let (exit, found) = status(&mut connection, &[configured("corp", 1)]).await;
    assert_eq!(exit, Exit::Held);
    assert_eq!(found["sites"][1]["held_walk"]["id"], 4);
    let (exit, _) = status(&mut connection, &[configured("cloud", 24 * 30)]).await;
    assert_eq!(exit, Exit::Done);
    let mut out = Vec::new();
    let sites = [configured("corp", 1)];
    let _ =
        status::run(status::Options::default(), &mut connection, &sites, Default::default(), &clock(), &mut out).await;
    assert!(text(out).contains("rollbook walks diff 4"));
}

#[tokio::test]
async fn status_tells_what_the_daemon_planned_and_what_it_left_out() {
    let mut connection = mirror().await;
    let at = |text: &str| Some(Timestamp::parse_human(text).unwrap());
    // It is noon.
    let computed = StatusSite { next_run: at("2026-03-01T13:00:00Z"), ..configured("corp", 24) };
    let told = async |connection: &mut SqliteConnection, site: &StatusSite| {
        status(connection, std::slice::from_ref(site)).await.1["sites"][1].clone()
    };
    let site = told(&mut connection, &computed).await;
    assert_eq!(
        (site["next_run"].as_str(), site["skipped_last_day"].as_i64()),
        (Some("2026-03-01T13:00:00.000Z"), Some(0))
    );
    assert_eq!(
        (site["consecutive_failures"].as_i64(), site["last_error"].as_str()),
        (Some(1), Some("connection refused"))
    );
    execute(
        &mut connection,
        "INSERT INTO jobs (job, schedule, due_at, next_at) VALUES \
         ('walk:corp', '@every 1h', '2026-03-01 12:00:00.000', '2026-03-01 13:00:42.000'); \
         INSERT INTO jobs (job, schedule, due_at, error, failures, succeeded_at) VALUES \
         ('backup', '@every 1d', '2026-03-01 12:00:00.000', 'disk full', 2, '2026-02-27 12:00:00.000'); \
         INSERT INTO skipped_runs (job, due_at, last_due_at, firings, at, reason) VALUES \
         ('walk:corp', '2026-02-28 11:00:00.000', '2026-02-28 11:00:00.000', 4, '2026-02-28 12:00:00.000', 'asleep'), \
         ('walk:corp', '2026-03-01 09:00:00.000', '2026-03-01 11:00:00.000', 3, '2026-03-01 11:30:00.000', 'running')",
    )
    .await;
    let site = told(&mut connection, &computed).await;
    assert_eq!(
        (site["next_run"].as_str(), site["skipped_last_day"].as_i64()),
        (Some("2026-03-01T13:00:42.000Z"), Some(3))
    );
    let unscheduled = configured("corp", 24);
    assert!(told(&mut connection, &unscheduled).await["next_run"].is_null(), "it has no schedule any more");
    execute(&mut connection, "UPDATE jobs SET next_at = '2026-03-01 11:59:59.999'").await;
    let site = told(&mut connection, &computed).await;
    assert_eq!(site["next_run"].as_str(), Some("2026-03-01T13:00:00.000Z"), "what was planned is past");
    let (_, whole) = status(&mut connection, &[computed]).await;
    assert_eq!(whole["backup"]["last_success_at"], "2026-02-27T12:00:00.000Z");
    assert_eq!((whole["backup"]["consecutive_failures"].as_i64(), whole["daemon"].is_null()), (Some(2), true));
    let mut out = Vec::new();
    let _ = status::run(status::Options::default(), &mut connection, &[], Default::default(), &clock(), &mut out).await;
    let told = text(out);
    assert!(told.contains("last backup    2026-02-27 12:00:00 UTC, 2 days ago"), "{told}");
    assert!(told.contains("failed 2 times in a row: disk full"), "{told}");
}

async fn history(connection: &mut SqliteConnection, of: history::Of) -> (Exit, Vec<u8>) {
    let mut out = Vec::new();
    let exit = exit(history::run(history::Options { of }, connection, &clock(), &mut out).await);
    (exit, out)
}

fn asked(name: &str, how: Format) -> history::Asked {
    history::Asked { name: name.into(), format: format(how), ..Default::default() }
}

#[tokio::test]
async fn a_name_used_again_tells_both_stories() {
    let mut connection = mirror().await;
    let (exit, out) = history(&mut connection, history::Of::User(asked("ALLY", Format::Table))).await;
    assert_eq!(exit, Exit::Done);
    let told = text(out);
    assert!(told.starts_with("corp  k1  alice  (active; once ally)\n"), "{told}");
    assert!(told.contains("\n\ncorp  k7  Ally  (active)\n"), "{told}");
    assert!(
        told.contains("renamed: name: ally -> alice  (between 2026-01-01 00:00:00 and 2026-02-01 00:00:00)"),
        "{told}"
    );
    let (_, out) = history(&mut connection, history::Of::User(asked("k1", Format::Json))).await;
    let found = json(out);
    let kinds: Vec<_> =
        found["matches"][0]["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["login.success", "user.created", "member.added", "user.renamed", "login.failure", "login.success"]
    );
    assert_eq!(found["matches"][0]["key"], "k1");
}

#[tokio::test]
async fn leaving_and_evidence_are_part_of_the_story() {
    let mut connection = mirror().await;
    let (_, out) = history(&mut connection, history::Of::User(asked("gone", Format::Table))).await;
    let told = text(out);
    for line in [
        "found by the first walk\n",
        "found in the group old/team\n",
        "lost access  (between",
        "left the group temps  (between 2026-01-01 00:00:00 and 2026-02-01 00:00:00)",
        "updated: department: (empty) -> Sales",
        "looked up: look-up by name: 200",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
}

#[tokio::test]
async fn names_are_found_whatever_their_case_and_shown_harmless() {
    let mut connection = mirror().await;
    let (exit, out) = history(&mut connection, history::Of::User(asked("žAN", Format::Json))).await;
    assert_eq!((exit, json(out)["matches"][0]["name"].as_str()), (Exit::Done, Some("Žan")));
    let (_, out) = history(&mut connection, history::Of::User(asked(HOSTILE, Format::Table))).await;
    let told = text(out);
    assert!(!told.contains('\u{202e}') && !told.contains('\u{1b}') && told.contains("\\u{202e}"), "{told}");
    let (exit, out) = history(&mut connection, history::Of::User(asked("nobody", Format::Table))).await;
    assert_eq!((exit, out.len()), (Exit::Usage, 0));
    let elsewhere = history::Asked { site: Some("cloud".into()), ..asked("alice", Format::Table) };
    assert_eq!(history(&mut connection, history::Of::User(elsewhere)).await.0, Exit::Usage);
    let nowhere = history::Asked { site: Some("nowhere".into()), ..asked("alice", Format::Table) };
    assert_eq!(history(&mut connection, history::Of::User(nowhere)).await.0, Exit::Usage);
}

#[tokio::test]
async fn many_log_ins_are_counted_in_the_table_only() {
    let mut connection = mirror().await;
    execute(
        &mut connection,
        "WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 29) \
         INSERT INTO logins SELECT 3, 'success', strftime('%Y-%m-%d %H:%M:%f', '2025-02-01', i || ' days'), 1 FROM n",
    )
    .await;
    let (_, out) = history(&mut connection, history::Of::User(asked("bobby", Format::Table))).await;
    let told = text(out);
    assert_eq!(told.matches("logged in").count(), 20, "{told}");
    assert!(told.contains("… 10 earlier log-ins"), "{told}");
    let all = history::Asked { all: true, ..asked("bobby", Format::Table) };
    let (_, out) = history(&mut connection, history::Of::User(all)).await;
    assert_eq!(text(out).matches("logged in").count(), 30);
    let (_, out) = history(&mut connection, history::Of::User(asked("bobby", Format::Ndjson))).await;
    assert_eq!(text(out).lines().count(), 31);
}

#[tokio::test]
async fn a_leave_that_waited_for_approval_keeps_its_bounds() {
    let mut connection = mirror().await;
    execute(&mut connection, "UPDATE memberships SET valid_to = '2026-03-01 09:30:00.000' WHERE user_id = 2").await;
    let (_, out) = history(&mut connection, history::Of::User(asked("bob", Format::Table))).await;
    let told = text(out);
    assert!(told.contains("left the group staff  (between 2026-01-01 00:00:00 and 2026-03-01 09:30:00)"), "{told}");
}

#[tokio::test]
async fn a_group_has_a_story_too() {
    let mut connection = mirror().await;
    let (_, out) = history(&mut connection, history::Of::Group(asked("Staff", Format::Table))).await;
    let told = text(out);
    assert!(told.starts_with("corp  staff  (present)\n"), "{told}");
    for line in ["found as a member: alice\n", "left by bob  (between", "joined by newbie  (between"] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let (_, out) = history(&mut connection, history::Of::Group(asked("temps", Format::Table))).await;
    let told = text(out);
    assert!(told.contains("(removed)") && told.contains("removed  (between"), "{told}");
    let (exit, _) = history(&mut connection, history::Of::Group(asked("nobody", Format::Table))).await;
    assert_eq!(exit, Exit::Usage);
}

#[tokio::test]
async fn walks_are_listed_newest_first_and_shown_with_what_they_brought() {
    let mut connection = mirror().await;
    let mut out = Vec::new();
    let options = walks::ListOptions { site: Some("corp".into()), limit: 2, format: format(Format::Json) };
    walks::list(options, &mut connection, &clock(), &mut out).await.ok().unwrap();
    let found = json(out);
    assert_eq!((found[0]["id"].as_i64(), found[1]["id"].as_i64(), found[2].is_null()), (Some(5), Some(4), true));
    let mut out = Vec::new();
    let options = walks::ShowOptions { id: 4, all: false, format: format(Format::Table) };
    walks::show(options, &mut connection, &clock(), &mut out).await.ok().unwrap();
    let told = text(out);
    for part in ["applied", "declared", "member.removed", "newbie", "Sales"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let mut out = Vec::new();
    let options = walks::ShowOptions { id: 4, all: false, format: format(Format::Json) };
    walks::show(options, &mut connection, &clock(), &mut out).await.ok().unwrap();
    let found = json(out);
    assert_eq!(found["coverage"]["users"]["received"], 8);
    assert_eq!(found["changes_by_kind"]["member.added"], 1);
    assert_eq!(found["changes"].as_array().unwrap().len(), 4);
    let options = walks::ShowOptions { id: 99, all: false, format: format(Format::Json) };
    assert_eq!(exit(walks::show(options, &mut connection, &clock(), &mut Vec::new()).await), Exit::Usage);
}

#[tokio::test]
async fn reports_are_listed_and_run() {
    let mut connection = mirror().await;
    let mut out = Vec::new();
    let options = report::Options { format: format(Format::Json), ..Default::default() };
    assert_eq!(exit(report::run(options, &mut connection, None, &clock(), &mut out).await), Exit::Done);
    let found = json(out);
    let inactive = found["reports"].as_array().unwrap().iter().find(|report| report["name"] == "inactive").unwrap();
    assert_eq!(inactive["parameters"][0]["name"], "days");
    let mut out = Vec::new();
    let options = report::Options { name: Some("users".into()), format: format(Format::Csv), ..Default::default() };
    assert_eq!(exit(report::run(options, &mut connection, None, &clock(), &mut out).await), Exit::Done);
    assert!(text(out).starts_with("site,key,name,full_name,email,status,active"));
    for options in [
        report::Options { name: Some("nothing".into()), ..Default::default() },
        report::Options { name: Some("users".into()), as_of: Some("yesterday".into()), ..Default::default() },
        report::Options { name: Some("users".into()), as_of: Some("2999-01-01".into()), ..Default::default() },
        report::Options { name: Some("users".into()), sites: vec!["nowhere".into()], ..Default::default() },
        report::Options { name: Some("inactive".into()), parameters: vec!["days=x".into()], ..Default::default() },
    ] {
        let mut out = Vec::new();
        assert_eq!(exit(report::run(options, &mut connection, None, &clock(), &mut out).await), Exit::Usage);
        assert!(out.is_empty());
    }
}

async fn sql(connection: &mut SqliteConnection, sql: &str, out: &mut impl Write) -> Exit {
    let options = sql::Options {
        sql: sql.into(),
        timeout: Duration::from_millis(200),
        limit: None,
        format: format(Format::Json),
        file: FileOptions::default(),
    };
    exit(sql::run(options, connection, &clock(), out).await)
}

#[tokio::test]
async fn sql_answers_or_says_whose_fault_it_is() {
    let mut connection = mirror().await;
    let mut out = Vec::new();
    assert_eq!(sql(&mut connection, "SELECT name, x'0a' AS b FROM users WHERE id = 6", &mut out).await, Exit::Done);
    let found = json(out);
    assert_eq!((found[0]["name"].as_str(), found[0]["b"].as_str()), (Some(HOSTILE), Some("0a")));
    assert_eq!(sql(&mut connection, "DELETE FROM sites", &mut Vec::new()).await, Exit::Usage);
    assert_eq!(sql(&mut connection, "SELEC", &mut Vec::new()).await, Exit::Usage);
    let endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i FROM n) SELECT count(*) FROM n";
    assert_eq!(sql(&mut connection, endless, &mut Vec::new()).await, Exit::Failure);
}

#[test]
fn the_options_are_well_formed() {
    #[derive(clap::Parser)]
    enum Commands {
        Report(report::Options),
        Sql(sql::Options),
        History(history::Options),
        Status(status::Options),
        List(walks::ListOptions),
        Show(walks::ShowOptions),
    }
    <Commands as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn flags_set_the_level_of_what_is_logged() {
    let levels = |normal| {
        let level = |quiet, verbose| Global { quiet, verbose, ..Global::default() }.level(normal);
        [level(true, 0), level(false, 0), level(false, 1), level(false, 2), level(false, 3)]
            .map(|level| level.to_string())
    };
    assert_eq!(levels(LevelFilter::WARN), ["error", "warn", "info", "debug", "trace"]);
    assert_eq!(levels(LevelFilter::INFO), ["error", "info", "info", "debug", "trace"]);
}
