//! Accounts beside others: twice on a site, on several sites, and failing to log in.

use super::*;
use crate::report::testing::mirror_with;

#[tokio::test]
async fn accounts_of_one_site_that_share_an_address_or_a_name() {
    let more = "
        UPDATE accounts SET email = ' Shared@Example.com ' WHERE id = 1;
        UPDATE accounts SET email = 'shared@example.com' WHERE id IN (2, 8, 20);
        UPDATE accounts SET email = ' ' WHERE id IN (3, 4);
        INSERT INTO accounts (id, site_id, key, name, email, status, first_seen_at, version_from, version_walk_id) VALUES
            (30, 1, NULL, 'ALLY', NULL, 'unknown', '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
            (31, 1, 'k31', 'bob', 'shared@example.com', 'deleted', '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
            (32, 1, 'k32', 'Bob', 'shared@example.com', 'missing', '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4);";
    let mut connection = mirror_with(more).await;
    let columns = ["site", "key", "name", "same", "value", "accounts", "last_login_at"];
    let result = ask(&mut connection, "duplicates", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "corp k1 alice email shared@example.com 3 2026-02-20",
            "corp k2 bob email shared@example.com 3 2025-12-01",
            "corp k8 gone email shared@example.com 3 -",
            "corp k7 Ally name ally 2 -",
            "corp - ALLY name ally 2 -"
        ]
    );
    // In February only alice and bob were known by the address.
    let result = ask(&mut connection, "duplicates", "2026-02-28T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["corp k1 alice email shared@example.com 2 2025-09-01", "corp k2 bob email shared@example.com 2 2025-12-01"]
    );
    let result = ask(&mut connection, "duplicates", "2026-01-31", &[], &[]).await.unwrap();
    assert!(result.table.rows.is_empty());
}

#[tokio::test]
async fn failures_are_those_within_the_days() {
    let more = "
        INSERT INTO accounts (id, site_id, key, name, status, first_seen_at, version_from, version_walk_id) VALUES
            (30, 1, 'k30', 'deleted', 'deleted', '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4);
        INSERT INTO logins (user_id, kind, at, walk_id) VALUES
            (2, 'failure', '2026-01-30 00:00:00.000', 2), (2, 'failure', '2026-02-10 00:00:00.000', 4),
            (3, 'failure', '2026-01-29 23:59:59.999', 2),
            (6, 'failure', '2025-12-01 00:00:00.001', 1), (6, 'failure', '2025-12-01 00:00:00.002', 1),
            (8, 'failure', '2026-03-01 00:00:00.000', 4), (30, 'failure', '2026-02-28 00:00:00.000', 4);";
    let mut connection = mirror_with(more).await;
    let columns = ["key", "failures", "first_failed_at", "last_failed_login_at", "last_login_at", "since_success"];
    let result = ask(&mut connection, "failed-logins", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "k2 2 2026-01-30 2026-02-10 2025-12-01 2",
            "k8 1 2026-03-01 2026-03-01 - 1",
            "k1 1 2026-02-20 2026-02-20 2026-02-20 0"
        ]
    );
    // What the last walk told was not known; k3 failed exactly thirty days before.
    let result = ask(&mut connection, "failed-logins", "2026-02-28T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["key", "failures"]), ["k2 1", "k3 1"]);
    let result = ask(&mut connection, "failed-logins", NOW, &[], &["days=90"]).await.unwrap();
    assert_eq!(
        shown(&result.table, &["key", "failures", "since_success"]),
        ["k2 2 2", "k6 2 1", "k8 1 1", "k1 1 0", "k3 1 1"],
        "a failure in the same millisecond as the log-in is not later"
    );
}

/// bob is active on Cloud, bobby has an account there that he never used, gone one that is idle; k6 is on Cloud with an
/// address that only was missing, mystery with one deleted, newbie twice here and not there.
const PEOPLE: &str = "
UPDATE accounts SET email = 'bob@example.com' WHERE id = 2;
UPDATE accounts SET email = 'bobby@example.com' WHERE id IN (3, 21);
UPDATE accounts SET email = ' GONE@example.com' WHERE id = 8;
UPDATE accounts SET email = 'gone@example.com' WHERE id = 20;
UPDATE accounts SET email = 'mystery@example.com' WHERE id = 5;
UPDATE accounts SET email = 'newbie@example.com' WHERE id IN (4, 7);
INSERT INTO accounts (id, site_id, key, name, email, status, first_seen_at, last_login_known, version_from, version_walk_id) VALUES
    (22, 2, 'c2', 'Bob', 'Bob@Example.com ', 'active', '2026-02-15 00:00:00.000', 0, '2026-02-15 00:00:00.000', 3),
    (23, 2, 'c3', 'Mystery', 'mystery@example.com', 'deleted', '2026-02-15 00:00:00.000', 0, '2026-02-15 00:00:00.000', 3);
INSERT INTO logins (user_id, kind, at, walk_id) VALUES (22, 'active', '2026-02-14 00:00:00.000', 3);
";

#[tokio::test]
async fn one_person_is_told_with_the_accounts_on_other_sites() {
    let mut connection = mirror_with(PEOPLE).await;
    let columns = ["site", "key", "days", "reason", "sites", "elsewhere", "verdict"];
    let all = [
        "cloud c2 15 current 2 idle active here",
        "corp k2 90 idle 2 current idle here, active there",
        "cloud c1 59 never 2 never -",
        "corp k3 424 never 2 never -",
        "cloud c0 120 idle 2 - -",
        "corp k8 59 never 2 idle -",
    ];
    let result = ask(&mut connection, "people", NOW, &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), all);
    let result = ask(&mut connection, "people", NOW, &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), [all[1], all[3], all[5]], "the answer rests on the other site too");
    assert_eq!(result.frame.walks.rows.len(), 2);
    let result = ask(&mut connection, "people", NOW, &["corp"], &["days=91"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns)[0], "corp k2 90 current 2 current active here");
    let result = ask(&mut connection, "people", "2026-02-14", &[], &[]).await.unwrap();
    assert!(result.table.rows.is_empty(), "the other site had not been seen");
}

#[tokio::test]
async fn elsewhere_is_the_best_of_the_other_sites() {
    // A third site, on which bob never logged in with one account and nobody knows of another.
    let more = format!(
        "{PEOPLE}
        INSERT INTO sites (id, name, kind, base_url) VALUES (3, 'old', 'data-center', 'https://old.example.com');
        INSERT INTO walks (id, site_id, started_at, status, at) VALUES
            (10, 3, '2026-02-01 00:00:00.000', 'applied', '2026-02-01 00:00:00.000');
        INSERT INTO accounts (id, site_id, key, name, email, status, first_seen_at, last_login_known, version_from,
            version_walk_id) VALUES
            (50, 3, 'o1', 'bob', 'bob@example.com', 'active', '2026-02-01 00:00:00.000', 1, '2026-02-01 00:00:00.000', 10),
            (51, 3, 'o2', 'bob2', 'bob@example.com', 'active', '2026-02-01 00:00:00.000', 0, '2026-02-01 00:00:00.000', 10);"
    );
    let mut connection = mirror_with(&more).await;
    let result = ask(&mut connection, "people", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &["key", "days", "reason", "sites", "elsewhere", "verdict"])[..4],
        [
            "c2 15 current 3 unknown active here",
            "k2 90 idle 3 current idle here, active there",
            // Its account is too young to be called idle.
            "o1 28 never 3 current -",
            "o2 - unknown 3 current -"
        ]
    );
}
