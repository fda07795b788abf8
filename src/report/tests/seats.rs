//! Who holds a seat, which of them nobody needs, and by which group they have it.

use super::*;
use crate::report::testing::mirror_with;

/// An app and a customer, who hold no seat, and a seat on Cloud that nobody knows of.
const OTHERS: &str = "
INSERT INTO accounts (id, site_id, key, name, status, account_type, created_at, last_login_known, first_seen_at,
    version_from, version_walk_id) VALUES
    (22, 2, 'c2', 'bot', 'active', 'app', '2020-01-01 00:00:00.000', 1, '2026-02-15 00:00:00.000', '2026-02-15 00:00:00.000', 3),
    (23, 2, 'c3', 'buyer', 'active', 'customer', '2020-01-01 00:00:00.000', 1, '2026-02-15 00:00:00.000',
        '2026-02-15 00:00:00.000', 3),
    (24, 2, 'c4', 'guest', 'active', 'atlassian', NULL, 0, '2026-02-15 00:00:00.000', '2026-02-15 00:00:00.000', 3);
UPDATE accounts SET directory = 'LDAP' WHERE id = 1;
";

#[tokio::test]
async fn a_seat_is_an_active_account_that_is_neither_app_nor_customer() {
    let mut connection = mirror_with(OTHERS).await;
    let columns = ["key", "directory", "days", "reason"];
    let result = ask(&mut connection, "licensed", NOW, &["corp"], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "k1 LDAP 8 idle",
            "k2 - 90 idle",
            "k3 - 424 never",
            "k4 - 30 never",
            "k5 - - unknown",
            "k6 - 89 idle",
            "k7 - 0 never"
        ]
    );
    let result = ask(&mut connection, "licensed", NOW, &["cloud"], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &["key", "last_active_at", "days", "reason"]),
        ["c0 2025-11-01 120 idle", "c1 - 59 never", "c4 - - unknown"]
    );
}

#[tokio::test]
async fn seats_are_those_of_the_moment() {
    let mut connection = mirror_with(OTHERS).await;
    // k8 lost access with the walk at midnight.
    let result = ask(&mut connection, "licensed", "2026-01-31T23:59:59.999Z", &["corp"], &[]).await.unwrap();
    let columns = ["key", "name", "directory"];
    assert_eq!(shown(&result.table, &columns)[..2], ["k1 ally -", "k2 bob -"], "the directory was not known yet");
    assert_eq!(shown(&result.table, &["key"]), ["k1", "k2", "k3", "k6", "k8"]);
    let result = ask(&mut connection, "licensed", "2026-02-01T00:00:00Z", &["corp"], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["key"]), ["k1", "k2", "k3", "k6"]);
    let result = ask(&mut connection, "licensed", "2025-12-31", &[], &[]).await.unwrap();
    assert!(result.table.rows.is_empty());
}

#[tokio::test]
async fn only_a_seat_is_reclaimed() {
    let mut connection = mirror_with(OTHERS).await;
    let columns = ["key", "days", "reason"];
    let result = ask(&mut connection, "inactive", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["c0 120 idle", "c2 2251 never", "c3 2251 never", "c4 - unknown", "k2 90 idle", "k3 424 never", "k5 - unknown"]
    );
    let result = ask(&mut connection, "reclaimable", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        ["c0 120 idle", "c4 - unknown", "k2 90 idle", "k3 424 never", "k5 - unknown"]
    );
    let result = ask(&mut connection, "reclaimable", NOW, &[], &["days=91"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["c0 120 idle", "c4 - unknown", "k3 424 never", "k5 - unknown"]);
}

#[tokio::test]
async fn seats_are_counted_against_the_tier() {
    let mut connection = mirror_with(OTHERS).await;
    let columns = ["site", "licensed", "tier", "free", "used_percent", "idle", "never", "unknown"];
    let result = ask(&mut connection, "seats", NOW, &[], &["tier=6"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["cloud 3 6 3 50 1 0 1", "corp 7 6 -1 116.7 1 1 1"]);
    let result = ask(&mut connection, "seats", NOW, &["corp"], &["days=89"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["corp 7 - - - 2 1 1"]);
    let others = ["no_access", "deactivated", "missing", "deleted", "other"];
    assert_eq!(shown(&result.table, &others), ["1 0 0 0 1"]);
    let result = ask(&mut connection, "seats", "2026-02-14", &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["site", "licensed"]), ["corp 4"], "nobody had seen the other site");
    assert!(usage(ask(&mut connection, "seats", NOW, &[], &["tier=0"]).await).contains("1 or more"));
}

#[tokio::test]
async fn a_site_without_a_seat_has_a_row() {
    let mut connection = mirror_with("UPDATE accounts SET status = 'unknown' WHERE site_id = 2").await;
    let result = ask(&mut connection, "seats", NOW, &["cloud"], &["tier=5"]).await.unwrap();
    assert_eq!(shown(&result.table, &["licensed", "free", "used_percent", "idle", "other"]), ["0 5 0 0 2"]);
}

/// Groups beside `staff` (k1, k4) and `old/team` (k8, who has no access): k2 is in two that grant access together, k3 in
/// one in which k8 is too, k5 in `staff` and in one of the two; a deactivated member of `staff` proves nothing.
const GROUPS: &str = "
INSERT INTO groups (id, site_id, name, first_seen_at) VALUES
    (4, 1, 'alpha', '2026-03-01 00:00:00.000'), (5, 1, 'beta', '2026-03-01 00:00:00.000'),
    (6, 1, 'everyone', '2026-03-01 00:00:00.000'), (7, 2, 'users', '2026-02-15 00:00:00.000');
INSERT INTO accounts (id, site_id, key, name, status, active, has_access, first_seen_at, version_from, version_walk_id) VALUES
    (30, 1, 'k30', 'off', 'deactivated', 0, 0, '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
    (31, 2, 'c9', 'closed', 'deleted', 0, 0, '2026-02-15 00:00:00.000', '2026-02-15 00:00:00.000', 3);
INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES
    (1, 30, '2026-03-01 00:00:00.000', NULL, 4), (1, 5, '2026-03-01 00:00:00.000', NULL, 4),
    (4, 2, '2026-03-01 00:00:00.000', NULL, 4), (5, 2, '2026-03-01 00:00:00.000', NULL, 4),
    (5, 5, '2026-03-01 00:00:00.000', NULL, 4),
    (6, 3, '2026-03-01 00:00:00.000', NULL, 4), (6, 8, '2026-03-01 00:00:00.000', NULL, 4),
    (7, 20, '2026-02-15 00:00:00.000', NULL, 3);
";

async fn licence_groups(connection: &mut SqliteConnection, as_of: &str, configured: &[(&str, &str)]) -> Vec<String> {
    let request = Request { as_of: Timestamp::parse_human(as_of).unwrap(), ..Request::default() };
    let licence_groups = configured.iter().map(|(site, group)| (site.to_string(), group.to_string())).collect();
    let settings = Settings { licence_groups, ..Settings::default() };
    let report = registry::find("licence-groups").unwrap();
    let answer = collect(connection, report, &request, &settings).await.unwrap();
    shown(&answer.table, &["key", "group", "basis", "members"])
}

#[tokio::test]
async fn licence_groups_are_deduced_from_who_has_access() {
    let mut connection = mirror_with(GROUPS).await;
    assert_eq!(
        licence_groups(&mut connection, NOW, &[]).await,
        [
            "c0 - not known -",
            "c1 - not known -",
            "k1 staff deduced 4",
            "k2 alpha possible 1",
            "k2 beta possible 2",
            "k3 - unexplained -",
            "k4 staff deduced 4",
            "k5 staff deduced 4",
            "k6 - unexplained -",
            "k7 - unexplained -"
        ]
    );
    // In January k8 had access, by one of two groups: which of them, nothing told.
    assert_eq!(
        licence_groups(&mut connection, "2026-01-31T23:59:59.999Z", &[]).await,
        [
            "k1 staff deduced 2",
            "k2 staff deduced 2",
            "k3 - unexplained -",
            "k6 - unexplained -",
            "k8 old/team possible 1",
            "k8 temps possible 1"
        ]
    );
}

#[tokio::test]
async fn configured_licence_groups_are_the_only_ones_of_their_site() {
    let mut connection = mirror_with(GROUPS).await;
    assert_eq!(
        licence_groups(&mut connection, NOW, &[("corp", "Beta"), ("corp", "no such group"), ("cloud", "users")]).await,
        [
            "c0 users configured 1",
            "c1 - none of the configured -",
            "k1 - none of the configured -",
            "k2 beta configured 2",
            "k3 - none of the configured -",
            "k4 - none of the configured -",
            "k5 beta configured 2",
            "k6 - none of the configured -",
            "k7 - none of the configured -"
        ]
    );
    let rows = licence_groups(&mut connection, NOW, &[("cloud", "staff")]).await;
    assert_eq!(rows[0], "c0 - none of the configured -", "a group of that name on another site does not count");
    assert_eq!(rows[2], "k1 staff deduced 4");
}
