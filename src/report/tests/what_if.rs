//! What would have become of idle seats.

use super::*;
use crate::report::testing::mirror_with;

#[tokio::test]
async fn idle_seats_of_each_first_of_a_month_as_they_were_known_then() {
    let mut connection = mirror().await;
    let columns = ["site", "month", "seats", "freed", "came_back", "came_back_percent", "complete"];
    let result = ask(&mut connection, "what-if", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "cloud 2026-03-01 2 1 0 0 0",
            "corp 2026-01-01 5 2 0 0 1",
            "corp 2026-02-01 4 2 1 50 0",
            "corp 2026-03-01 7 2 0 0 0"
        ]
    );
    // The walk that told of the return had not been there; nor had the first of March.
    let result = ask(&mut connection, "what-if", "2026-02-28T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["corp 2026-01-01 5 2 0 0 1", "corp 2026-02-01 4 2 0 0 0"]);
    let result = ask(&mut connection, "what-if", NOW, &["corp"], &["days=400"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns)[0], "corp 2026-01-01 5 0 0 - 1");
    assert!(ask(&mut connection, "what-if", "2025-12-31", &[], &[]).await.unwrap().table.rows.is_empty());
}

#[tokio::test]
async fn who_came_back_is_named() {
    let mut connection = mirror().await;
    let columns = ["site", "key", "month", "days", "reason", "came_back_at"];
    let result = ask(&mut connection, "came-back", NOW, &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["corp k1 2026-02-01 152 idle 2026-02-20"]);
    let result = ask(&mut connection, "came-back", "2026-02-28", &[], &[]).await.unwrap();
    assert!(result.table.rows.is_empty());
}

#[tokio::test]
async fn the_window_ends_thirty_days_after() {
    for (at, back) in [
        ("2026-01-01 00:00:00.000", false),
        ("2026-01-01 00:00:00.001", true),
        ("2026-01-31 00:00:00.000", true),
        ("2026-01-31 00:00:00.001", false),
    ] {
        let more = format!("INSERT INTO logins (user_id, kind, at, walk_id) VALUES (3, 'success', '{at}', 2)");
        let mut connection = mirror_with(&more).await;
        let result = ask(&mut connection, "came-back", "2026-02-10", &[], &[]).await.unwrap();
        let rows = shown(&result.table, &["key", "month", "days", "reason", "came_back_at"]);
        let expected = format!("k3 2026-01-01 365 never {}", &at[..10]);
        assert_eq!(rows, if back { vec![expected] } else { vec![] }, "{at}");
    }
}

#[tokio::test]
async fn a_first_walk_within_a_month_is_seen_by_the_next_first() {
    let walk = "UPDATE walks SET at = '2026-01-01 00:00:00.001' WHERE id = 1";
    let mut connection = mirror_with(walk).await;
    let result = ask(&mut connection, "what-if", NOW, &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["month"]), ["2026-02-01", "2026-03-01"]);
}

#[tokio::test]
async fn activity_on_cloud_is_a_return_and_on_data_center_is_none() {
    let more = "
        UPDATE accounts SET last_active_known = 1, last_active_known_since = '2026-02-15 00:00:00.000' WHERE site_id = 2;
        INSERT INTO walks (id, site_id, started_at, status, at, not_before) VALUES
            (6, 2, '2026-03-10 00:00:00.000', 'applied', '2026-03-10 00:00:00.000', '2026-02-15 00:00:00.000'),
            (7, 1, '2026-03-10 00:00:00.000', 'applied', '2026-03-10 00:00:00.000', '2026-03-01 00:00:00.000');
        INSERT INTO logins (user_id, kind, at, walk_id) VALUES
            (20, 'active', '2026-03-05 00:00:00.000', 6), (2, 'active', '2026-03-05 00:00:00.000', 7);";
    let mut connection = mirror_with(more).await;
    let result = ask(&mut connection, "came-back", "2026-03-31", &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &["key", "month", "days", "came_back_at"]),
        ["c0 2026-03-01 120 2026-03-05", "k1 2026-02-01 152 2026-02-20"]
    );
}
