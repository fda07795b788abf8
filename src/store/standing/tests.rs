use sqlx::{AssertSqlSafe, SqliteConnection};

use super::*;
use crate::store::{Store, WalkTotals};

/// A mirror of one site whose walks ended like this, a minute each, one an hour; `decided` is what became of a hold.
async fn walked(statuses: &[&str]) -> SqliteConnection {
    let mut connection = Store::nowhere().reader().await.unwrap();
    run(&mut connection, "INSERT INTO sites (id, name, kind, base_url) VALUES (1, 'corp', 'data-center', 'https://c')")
        .await;
    for (hour, status) in statuses.iter().enumerate() {
        add(&mut connection, 1, hour, status).await;
    }
    connection
}

async fn add(connection: &mut SqliteConnection, site: i64, hour: usize, status: &str) {
    let (from, until) = (format!("2026-01-01 {hour:02}:00:00.000"), format!("2026-01-01 {hour:02}:01:30.000"));
    let (status, error) = if status == "stopped" { ("failed", "'stopped by a signal'") } else { (status, "NULL") };
    let until = if status == "running" { "NULL".to_owned() } else { format!("'{until}'") };
    run(
        connection,
        &format!(
            "INSERT INTO walks (site_id, started_at, finished_at, at, status, error, requests, retries, rate_limited) \
             VALUES ({site}, '{from}', {until}, iif('{status}' = 'applied', '{from}', NULL), '{status}', {error}, 10, 2, 1)"
        ),
    )
    .await;
    let decision = match status {
        "held" => "NULL",
        "superseded" => "'superseded'",
        "rejected" => "'rejected'",
        _ => return,
    };
    run(
        connection,
        &format!(
            "INSERT INTO holds (walk_id, site_id, reasons, removals, decision) \
             SELECT max(id), {site}, 'too many', 7, {decision} FROM walks"
        ),
    )
    .await;
}

async fn run(connection: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

async fn standing(statuses: &[&str]) -> SiteStanding {
    site_standings(&mut walked(statuses).await).await.unwrap().remove(0)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_sql(text).unwrap()
}

#[tokio::test]
async fn the_newest_of_each_kind_counts() {
    let site = standing(&["applied", "partial", "applied", "failed", "running"]).await;
    let id = |walk: &Option<WalkRow>| walk.as_ref().map(|walk| walk.id);
    assert_eq!((id(&site.last_walk), id(&site.last_ended), id(&site.last_applied)), (Some(5), Some(4), Some(3)));
    assert_eq!(site.last_applied.unwrap().at, Some(at("2026-01-01 02:00:00.000")));
    let site = standing(&[]).await;
    assert_eq!((site.last_walk, site.last_ended, site.last_applied, site.held), (None, None, None, None));
}

#[tokio::test]
async fn failures_and_partial_walks_in_a_row() {
    for (statuses, failures, partials) in [
        (&["failed", "applied"][..], 0, 0),
        (&["applied", "failed", "failed", "running"], 2, 0),
        (&["failed", "partial", "failed"], 1, 0),
        (&["applied", "failed", "stopped"], 1, 0),
        (&["stopped", "stopped"], 0, 0),
        (&["applied", "partial", "partial", "partial"], 0, 3),
        (&["partial", "held"], 0, 0),
    ] {
        let site = standing(statuses).await;
        assert_eq!((site.failures, site.partials), (failures, partials), "{statuses:?}");
    }
}

#[tokio::test]
async fn a_site_waits_for_a_decision_since_the_first_walk_that_was_held() {
    for (statuses, since) in [
        (&["applied", "superseded", "failed", "superseded", "held", "failed"][..], Some("01")),
        (&["superseded", "applied", "held"], Some("02")),
        (&["rejected", "held"], Some("01")),
        (&["held"], Some("00")),
        (&["superseded", "applied"], None),
        (&["rejected", "failed"], None),
    ] {
        let held = standing(statuses).await.held;
        let since = since.map(|hour| at(&format!("2026-01-01 {hour}:01:30.000")));
        assert_eq!(held.as_ref().map(|held| held.since), since, "{statuses:?}");
        assert!(held.is_none_or(|held| held.removals == 7 && held.reasons == "too many" && held.walk.status == "held"));
    }
}

#[tokio::test]
async fn how_long_a_walk_took_is_not_told_where_an_approval_moved_its_end() {
    let mut connection = walked(&["held"]).await;
    let took = async |connection: &mut SqliteConnection| {
        site_standings(connection).await.unwrap()[0].last_walk.as_ref().unwrap().took()
    };
    assert_eq!(took(&mut connection).await, Some(Duration::from_secs(90)));
    run(
        &mut connection,
        "UPDATE walks SET status = 'applied', finished_at = '2026-01-09 00:00:00.000'; UPDATE holds SET decision = 'approved'",
    )
    .await;
    assert_eq!(took(&mut connection).await, None);
    add(&mut connection, 1, 5, "applied").await;
    assert_eq!(took(&mut connection).await, Some(Duration::from_secs(90)));
}

#[test]
fn fresh_to_the_millisecond() {
    let (applied, hour) = (at("2026-01-01 00:00:00.000"), Duration::from_secs(3600));
    let judged = |now| Freshness::of(Some(applied), hour, at(now));
    assert_eq!(judged("2026-01-01 01:00:00.000"), Freshness::Ok);
    assert_eq!(judged("2026-01-01 01:00:00.001"), Freshness::Stale);
    assert_eq!(judged("2025-12-31 00:00:00.000"), Freshness::Ok, "a clock that was set back");
    assert_eq!(Freshness::of(None, hour, applied), Freshness::Never);
}

#[tokio::test]
async fn no_query_reads_the_whole_history() {
    let mut connection = walked(&["applied"]).await;
    run(
        &mut connection,
        "INSERT INTO sites (id, name, kind, base_url) VALUES (2, 'other', 'cloud', 'https://o'); \
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         INSERT INTO walks (site_id, started_at, finished_at, status) \
         SELECT 2, '2026-01-02 00:00:00.000', '2026-01-02 00:00:01.000', 'failed' FROM n",
    )
    .await;
    // Enough instructions for a few rows of each query, and far too few for twenty thousand.
    let looks = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = looks.clone();
    let mut locked = connection.lock_handle().await.unwrap();
    locked.set_progress_handler(100, move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        true
    });
    drop(locked);
    let sites = site_standings(&mut connection).await.unwrap();
    assert_eq!((sites[0].failures, sites[1].failures), (0, 100));
    applied_moments(&mut connection).await.unwrap();
    let looks = looks.load(std::sync::atomic::Ordering::Relaxed);
    assert!(looks < 100, "{looks} times a hundred instructions");
}

#[tokio::test]
async fn totals_are_counted_on_and_never_fall() {
    let mut connection = walked(&["applied", "partial", "held", "running"]).await;
    let mut totals = WalkTotals::default();
    assert!(totals.count_on(&mut connection).await.unwrap());
    let first = totals.of(1);
    let ended = |totals: &WalkTotals| totals.of(1).ended.into_iter().collect::<Vec<_>>();
    let told = |pairs: &[(&str, i64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(ended(&totals), told(&[("applied", 1), ("held", 1), ("partial", 1)]));
    assert_eq!((first.requests, first.retries, first.rate_limited), (30, 6, 3));
    assert_eq!(first.millis, 180_000);
    // The hold is approved, which also moves its end; what ran has failed; another walk has ended.
    run(
        &mut connection,
        "UPDATE walks SET status = 'applied', finished_at = '2026-01-09 00:00:00.000' WHERE id = 3; \
         UPDATE holds SET decision = 'approved' WHERE walk_id = 3; \
         UPDATE walks SET status = 'failed', finished_at = '2026-01-01 03:00:10.000' WHERE id = 4",
    )
    .await;
    add(&mut connection, 1, 4, "applied").await;
    assert!(totals.count_on(&mut connection).await.unwrap());
    assert_eq!(ended(&totals), told(&[("applied", 2), ("failed", 1), ("held", 1), ("partial", 1)]));
    // Another process counts the same from the beginning.
    let mut anew = WalkTotals::default();
    anew.count_on(&mut connection).await.unwrap();
    assert_eq!(anew.of(1), totals.of(1));
    assert_eq!((anew.of(1).requests, anew.of(1).millis), (50, 280_000));
    assert_eq!(totals.of(9), Default::default());
}
