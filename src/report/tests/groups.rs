//! Groups, and who administers.

use super::*;
use crate::report::testing::mirror_with;

/// An empty group, and groups that administer, one of which was renamed.
const MORE: &str = "
INSERT INTO groups (id, site_id, name, external_id, first_seen_at) VALUES
    (4, 1, 'nobody', NULL, '2026-02-01 00:00:00.000'), (5, 1, 'Confluence-Administrators', NULL, '2026-01-01 00:00:00.000'),
    (6, 2, 'site-admins-eu', 'g6', '2026-02-15 00:00:00.000'), (7, 2, 'admins', 'g7', '2026-02-15 00:00:00.000');
INSERT INTO group_versions (group_id, valid_from, valid_to, walk_id, name) VALUES
    (6, '2026-02-15 00:00:00.000', '2026-02-20 00:00:00.000', 3, 'europe');
INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES
    (5, 1, '2026-01-01 00:00:00.000', NULL, 1), (5, 2, '2026-01-01 00:00:00.000', NULL, 1),
    (5, 3, '2026-02-01 00:00:00.000', NULL, 2), (5, 5, '2026-03-01 00:00:00.000', NULL, 4),
    (5, 6, '2026-01-01 00:00:00.000', NULL, 1), (5, 8, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1),
    (6, 20, '2026-02-15 00:00:00.000', NULL, 3), (7, 21, '2026-02-15 00:00:00.000', NULL, 3);
";

#[tokio::test]
async fn groups_with_who_was_in_them() {
    let mut connection = mirror_with(MORE).await;
    let columns = ["group", "external_id", "members", "active_members", "empty", "first_seen_at", "last_change_at"];
    let result = ask(&mut connection, "groups", NOW, &["corp"], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "Confluence-Administrators - 5 5 0 2026-01-01 2026-03-01",
            "nobody - 0 0 1 2026-02-01 -",
            "old/team - 1 0 0 2026-01-01 2026-01-01",
            "staff - 2 2 0 2026-01-01 2026-03-01"
        ]
    );
    let result = ask(&mut connection, "groups", "2026-02-19T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "admins g7 1 1 0 2026-02-15 2026-02-15",
            "europe g6 1 1 0 2026-02-15 2026-02-15",
            "Confluence-Administrators - 4 4 0 2026-01-01 2026-02-01",
            "nobody - 0 0 1 2026-02-01 -",
            "old/team - 1 0 0 2026-01-01 2026-01-01",
            "staff - 2 2 0 2026-01-01 2026-01-01"
        ]
    );
    let result = ask(&mut connection, "groups", "2026-01-31T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &["group", "members", "active_members"]),
        ["Confluence-Administrators 4 4", "old/team 1 1", "staff 2 2", "temps 1 1"]
    );
}

#[tokio::test]
async fn administrators_whom_nobody_sees_come_first() {
    let mut connection = mirror_with(MORE).await;
    let columns = ["key", "group", "since", "days", "reason"];
    let result = ask(&mut connection, "admins", NOW, &[], &[]).await.unwrap();
    assert_eq!(
        shown(&result.table, &columns),
        [
            "k3 Confluence-Administrators 2026-02-01 424 never",
            "c0 site-admins-eu 2026-02-15 120 idle",
            "k2 Confluence-Administrators 2026-01-01 90 idle",
            "k5 Confluence-Administrators 2026-03-01 - unknown",
            "k6 Confluence-Administrators 2026-01-01 89 current",
            "k1 Confluence-Administrators 2026-01-01 8 current"
        ]
    );
    let result = ask(&mut connection, "admins", NOW, &["corp"], &["days=89"]).await.unwrap();
    assert_eq!(shown(&result.table, &["key", "reason"])[1..3], ["k2 idle", "k6 idle"]);
}

#[tokio::test]
async fn administrators_are_found_by_the_name_a_group_had() {
    let mut connection = mirror_with(MORE).await;
    let result = ask(&mut connection, "admins", "2026-02-19", &["cloud"], &[]).await.unwrap();
    assert!(result.table.rows.is_empty(), "the group was called europe");
    let columns = ["key", "group", "reason"];
    let result = ask(&mut connection, "admins", "2026-02-19", &[], &["groups=EUR?PE, admins"]).await.unwrap();
    assert_eq!(shown(&result.table, &columns), ["c1 admins never", "c0 europe idle"]);
    let result = ask(&mut connection, "admins", "2026-01-31T23:59:59.999Z", &[], &[]).await.unwrap();
    assert_eq!(shown(&result.table, &["key"]), ["k8", "k1", "k2", "k6"], "k8 was a member to the end of the month");
}
