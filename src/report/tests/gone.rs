//! Who was deactivated, who vanished, and who came back.

use super::*;
use crate::report::testing::mirror_with;

/// k30 was deactivated in February and renamed in March; k31 was found deactivated; k32 was deactivated, active and
/// deactivated again; k33 went missing and was then proven deleted; one without a key was found missing; k35 was missing
/// and came back; k36 was found without access, was deactivated, and got access.
const GONE: &str = "
INSERT INTO accounts (id, site_id, key, name, status, first_seen_at, updated_at, deactivated_at, missing_since, deleted_at,
    version_from, version_walk_id) VALUES
    (30, 1, 'k30', 'off2', 'deactivated', '2026-01-01 00:00:00.000', '2026-02-25 00:00:00.000', '2026-02-01 00:00:00.000', NULL,
        NULL, '2026-03-01 00:00:00.000', 4),
    (31, 1, 'k31', 'always', 'deactivated', '2026-01-01 00:00:00.000', '2026-01-15 00:00:00.000', '2026-01-01 00:00:00.000', NULL,
        NULL, '2026-01-01 00:00:00.000', 1),
    (32, 1, 'k32', 'twice', 'deactivated', '2026-01-01 00:00:00.000', NULL, '2026-03-01 00:00:00.000', NULL, NULL,
        '2026-03-01 00:00:00.000', 4),
    (33, 1, 'k33', 'lost', 'deleted', '2026-01-01 00:00:00.000', NULL, NULL, NULL, '2026-03-01 00:00:00.000',
        '2026-03-01 00:00:00.000', 4),
    (34, 1, NULL, 'nokey', 'missing', '2026-01-01 00:00:00.000', NULL, NULL, '2026-01-01 00:00:00.000', NULL,
        '2026-01-01 00:00:00.000', 1),
    (35, 1, 'k35', 'back', 'active', '2026-01-01 00:00:00.000', NULL, NULL, NULL, NULL, '2026-03-01 00:00:00.000', 4),
    (36, 1, 'k36', 'let in', 'active', '2026-01-01 00:00:00.000', NULL, NULL, NULL, NULL, '2026-03-01 00:00:00.000', 4);
INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, status) VALUES
    (30, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'off', 'active'),
    (30, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'off', 'deactivated'),
    (32, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'twice', 'deactivated'),
    (32, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'twice', 'active'),
    (33, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'lost', 'active'),
    (33, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'lost', 'missing'),
    (35, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'back', 'active'),
    (35, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'back', 'missing'),
    (36, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'let in', 'no-access'),
    (36, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'let in', 'deactivated');
INSERT INTO logins (user_id, kind, at, walk_id) VALUES
    (30, 'success', '2026-01-20 00:00:00.000', 2), (33, 'success', '2025-12-24 00:00:00.000', 1);
INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES
    (1, 30, '2026-01-01 00:00:00.000', '2026-03-01 00:00:00.000', 1);
INSERT INTO evidence (user_id, walk_id, answer) VALUES (33, 2, 'by name: 500'), (33, 4, 'by name: 404');
INSERT INTO change_log (walk_id, kind, user_id, field, before, after) VALUES
    (2, 'user.deactivated', 30, 'status', 'active', 'deactivated'), (2, 'user.reactivated', 32, 'status', 'deactivated', 'active'),
    (2, 'user.missing', 33, 'status', 'active', 'missing'), (2, 'user.missing', 35, 'status', 'active', 'missing'),
    (2, 'user.deactivated', 36, 'status', 'no-access', 'deactivated'),
    (4, 'user.deactivated', 32, 'status', 'active', 'deactivated'), (4, 'user.deleted', 33, 'status', 'missing', 'deleted'),
    (4, 'user.returned', 35, 'status', 'missing', 'active'), (4, 'user.reactivated', 36, 'status', 'deactivated', 'active');
";

#[tokio::test]
async fn deactivated_since_the_beginning_of_the_run() {
    let mut connection = mirror_with(GONE).await;
    let columns = ["key", "deactivated_at", "not_before", "walk_id", "last_login_at", "groups"];
    let result = ask(&mut connection, "deactivated", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["k31 2026-01-01 - 1 - 0", "k30 2026-02-01 2026-01-01 2 2026-01-20 0", "k32 2026-03-01 2026-01-01 4 - 0"]
    );
    let result = ask(&mut connection, "deactivated", "2026-02-28T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["k31 2026-01-01 - 1 - 0", "k30 2026-02-01 2026-01-01 2 2026-01-20 1", "k36 2026-02-01 2026-01-01 2 - 0"]
    );
    let result = ask(&mut connection, "deactivated", "2026-01-31", &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["key", "deactivated_at"]), ["k31 2026-01-01", "k32 2026-01-01"]);
    for (since, keys) in [("2026-02-01", &["k30", "k32"][..]), ("2026-02-01T00:00:00.001Z", &["k32"])] {
        let since = format!("since={since}");
        let result = ask(&mut connection, "deactivated", NOW, &[], &[&since]).await.unwrap();
        assert_eq!(shown(&result.table, &["key"]), keys, "{since}");
    }
}

#[tokio::test]
async fn vanished_with_the_latest_evidence_known_then() {
    let mut connection = mirror_with(GONE).await;
    let columns = ["key", "status", "vanished_at", "not_before", "walk_id", "evidence", "last_login_at"];
    let result = ask(&mut connection, "vanished", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["- missing 2026-01-01 - 1 - -", "k33 deleted 2026-03-01 2026-01-01 4 by name: 404 2025-12-24"]
    );
    let result =
        ask(&mut connection, "vanished", "2026-02-28T23:59:59.999Z", &[], &["since=2026-02-01"]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["k33 missing 2026-02-01 2026-01-01 2 by name: 500 2025-12-24", "k35 missing 2026-02-01 2026-01-01 2 - -"]
    );
    let since = "since=2026-02-01T00:00:00.001Z";
    let result = ask(&mut connection, "vanished", "2026-02-28", &[], &[since]).await.unwrap();
    assert!(result.table.rows.is_empty());
}

#[tokio::test]
async fn every_return_with_how_long_it_took() {
    let mut connection = mirror_with(GONE).await;
    let columns = ["key", "status", "at", "not_before", "kind", "from_status", "away_days", "walk_id"];
    let result = ask(&mut connection, "returned", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "k32 deactivated 2026-02-01 2026-01-01 user.reactivated deactivated 31 2",
            "k35 active 2026-03-01 2026-01-01 user.returned missing 28 4",
            "k36 active 2026-03-01 2026-01-01 user.reactivated deactivated 59 4"
        ]
    );
    let result = ask(&mut connection, "returned", "2026-02-28T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["key", "status"]), ["k32 active"]);
    for (since, rows) in [("2026-02-01", 3), ("2026-02-01T00:00:00.001Z", 2)] {
        let since = format!("since={since}");
        let result = ask(&mut connection, "returned", NOW, &[], &[&since]).await.unwrap();
        assert_eq!(result.table.rows.len(), rows, "{since}");
    }
    assert!(ask(&mut connection, "returned", NOW, &["cloud"], &[]).await.unwrap().table.rows.is_empty());
}

#[tokio::test]
async fn users_are_gone_since_they_were_seen_to_be_and_no_later_edit_is_told() {
    let mut connection = mirror_with(GONE).await;
    let columns = ["key", "updated_at", "deactivated_at", "missing_since", "deleted_at"];
    let gone =
        |rows: Vec<String>| -> Vec<String> { rows.into_iter().filter(|row| row.starts_with("k3")).skip(1).collect() };
    let result = ask(&mut connection, "users", NOW, &["corp"], &[]).await.unwrap();
    assert_eq!(
        gone(shown(&result.table, &columns)),
        [
            "k30 2026-02-25 2026-02-01 - -",
            "k31 2026-01-15 2026-01-01 - -",
            "k32 - 2026-03-01 - -",
            "k33 - - - 2026-03-01",
            "k35 - - - -",
            "k36 - - - -"
        ]
    );
    let result = ask(&mut connection, "users", "2026-02-24", &["corp"], &[]).await.unwrap();
    assert_eq!(
        gone(shown(&result.table, &columns)),
        [
            "k30 - 2026-02-01 - -",
            "k31 2026-01-15 2026-01-01 - -",
            "k32 - - - -",
            "k33 - - 2026-02-01 -",
            "k35 - - 2026-02-01 -",
            "k36 - 2026-02-01 - -"
        ]
    );
}
