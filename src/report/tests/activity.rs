//! The months.

use super::*;
use crate::report::testing::mirror_with;

const COLUMNS: [&str; 7] = ["site", "month", "found", "joiners", "leavers", "active", "logged_in"];

#[tokio::test]
async fn each_month_is_the_one_before_with_joiners_without_leavers() {
    let mut connection = mirror().await;
    let result = ask(&mut connection, "activity", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &COLUMNS),
        [
            "cloud 2026-02-01 2 0 0 2 0",
            "cloud 2026-03-01 0 0 0 2 0",
            "corp 2026-01-01 5 0 0 5 0",
            "corp 2026-02-01 0 0 1 4 1",
            "corp 2026-03-01 0 3 0 7 0"
        ]
    );
    let ends: Vec<_> = result.table.rows.iter().map(|row| row[2].clone()).collect();
    let time = |text: &str| Value::Time(Timestamp::parse_sql(text).unwrap());
    assert_eq!(ends[3], time("2026-02-28 23:59:59.999"));
    assert_eq!(ends[4], time("2026-03-01 00:00:00.000"));
}

#[tokio::test]
async fn months_end_where_as_of_does() {
    let mut connection = mirror().await;
    // The log-in of 20 February was told in March.
    let result = ask(&mut connection, "activity", "2026-02-28T23:59:59.999Z", &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &COLUMNS), ["corp 2026-01-01 5 0 0 5 0", "corp 2026-02-01 0 0 1 4 0"]);
    let result = ask(&mut connection, "activity", "2026-01-31T23:59:59.999Z", &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &COLUMNS), ["corp 2026-01-01 5 0 0 5 0"]);
    let result = ask(&mut connection, "activity", "2025-12-31T23:59:59.999Z", &[], &[]).await.unwrap();
    assert!(result.table.rows.is_empty());
}

#[tokio::test]
async fn what_a_first_walk_missed_did_not_join() {
    // The first walk was partial, and showed one user of three; the third joined, left and came back.
    let more = "
        INSERT INTO sites (id, name, kind, base_url) VALUES (3, 'late', 'data-center', 'https://late.example.com');
        INSERT INTO walks (id, site_id, started_at, status, at, not_before) VALUES
            (10, 3, '2026-01-31 23:59:59.999', 'partial', '2026-01-31 23:59:59.999', NULL),
            (11, 3, '2026-02-01 00:00:00.000', 'applied', '2026-02-01 00:00:00.000', NULL),
            (12, 3, '2026-02-28 23:59:59.999', 'applied', '2026-02-28 23:59:59.999', '2026-02-01 00:00:00.000'),
            (13, 3, '2026-04-01 00:00:00.000', 'applied', '2026-04-01 00:00:00.000', '2026-02-28 23:59:59.999'),
            (14, 3, '2026-04-02 00:00:00.000', 'applied', '2026-04-02 00:00:00.000', '2026-04-01 00:00:00.000');
        INSERT INTO accounts (id, site_id, key, name, status, first_seen_at, version_from, version_walk_id) VALUES
            (50, 3, 'l1', 'one', 'active', '2026-01-31 23:59:59.999', '2026-01-31 23:59:59.999', 10),
            (51, 3, 'l2', 'two', 'active', '2026-02-01 00:00:00.000', '2026-02-01 00:00:00.000', 11),
            (52, 3, 'l3', 'three', 'active', '2026-02-28 23:59:59.999', '2026-04-02 00:00:00.000', 14),
            (53, 3, 'l4', 'off', 'deactivated', '2026-02-01 00:00:00.000', '2026-02-01 00:00:00.000', 11);
        INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, status) VALUES
            (52, '2026-02-28 23:59:59.999', '2026-04-01 00:00:00.000', 12, 'three', 'active'),
            (52, '2026-04-01 00:00:00.000', '2026-04-02 00:00:00.000', 13, 'three', 'missing');";
    let mut connection = mirror_with(more).await;
    let result = ask(&mut connection, "activity", "2026-04-10", &["late"], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &COLUMNS),
        [
            "late 2026-01-01 1 0 0 1 0",
            "late 2026-02-01 1 1 0 3 0",
            "late 2026-03-01 0 0 0 3 0",
            "late 2026-04-01 0 1 1 3 0"
        ]
    );
}

#[tokio::test]
async fn only_cloud_is_active_without_a_log_in() {
    let more = "
        INSERT INTO accounts (id, site_id, key, name, status, account_type, first_seen_at, version_from, version_walk_id)
            VALUES (22, 2, 'c2', 'bot', 'active', 'app', '2026-02-15 00:00:00.000', '2026-02-15 00:00:00.000', 3);
        INSERT INTO logins (user_id, kind, at, walk_id) VALUES
            (20, 'active', '2026-02-01 00:00:00.000', 3), (20, 'success', '2026-02-02 00:00:00.000', 3),
            (21, 'active', '2026-01-31 23:59:59.999', 3), (22, 'active', '2026-02-10 00:00:00.000', 3),
            (2, 'active', '2026-02-10 00:00:00.000', 4), (3, 'failure', '2026-02-10 00:00:00.000', 4);";
    let mut connection = mirror_with(more).await;
    let result = ask(&mut connection, "activity", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &COLUMNS),
        [
            "cloud 2026-02-01 2 0 0 2 1",
            "cloud 2026-03-01 0 0 0 2 0",
            "corp 2026-01-01 5 0 0 5 0",
            "corp 2026-02-01 0 0 1 4 1",
            "corp 2026-03-01 0 3 0 7 0"
        ]
    );
}
