use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;
use crate::model::{SiteId, UserId};
use crate::store::{Entry, Part, Store, save_listing};

/// Two sites, a history, everything in order.
const SOUND: &str = "
INSERT INTO sites (id, name, kind, base_url) VALUES
    (1, 'corp', 'data-center', 'https://a.example.com'), (2, 'other', 'data-center', 'https://b.example.com');
INSERT INTO walks (id, site_id, started_at, finished_at, status, changes, at, not_before) VALUES
    (1, 1, '2026-01-01 00:00:00.000', '2026-01-01 00:02:00.000', 'applied', 4, '2026-01-01 00:01:00.000', NULL),
    (2, 1, '2026-02-01 00:00:00.000', '2026-02-01 00:02:00.000', 'applied', 4, '2026-02-01 00:01:00.000',
        '2026-01-01 00:01:00.000'),
    (3, 1, '2026-03-01 00:00:00.000', '2026-03-01 00:02:00.000', 'failed', 0, NULL, NULL),
    (4, 1, '2026-04-01 00:00:00.000', NULL, 'running', 0, NULL, NULL);
INSERT INTO accounts (id, site_id, key, name, status, last_login_at, last_failed_login_at, last_active_at, first_seen_at,
    version_from, version_walk_id, missing_since, deactivated_at, deleted_at) VALUES
    (1, 1, 'k1', 'alice', 'active', '2025-02-01 00:00:00.000', '2025-03-01 00:00:00.000', '2025-04-01 00:00:00.000',
        '2026-01-01 00:01:00.000', '2026-02-01 00:01:00.000', 2, NULL, NULL, NULL),
    (2, 1, 'k2', 'bob', 'missing', NULL, NULL, NULL, '2026-01-01 00:01:00.000', '2026-01-01 00:01:00.000', 1,
        '2026-01-01 00:01:00.000', NULL, NULL),
    (3, 1, 'k3', 'carol', 'deactivated', NULL, NULL, NULL, '2026-01-01 00:01:00.000', '2026-01-01 00:01:00.000', 1,
        NULL, '2026-01-01 00:01:00.000', NULL),
    (4, 1, 'k4', 'dave', 'deleted', NULL, NULL, NULL, '2026-01-01 00:01:00.000', '2026-01-01 00:01:00.000', 1,
        NULL, NULL, '2026-01-01 00:01:00.000'),
    (5, 2, 'k5', 'erin', 'active', NULL, NULL, NULL, '2026-01-01 00:01:00.000', '2026-01-01 00:01:00.000', 1,
        NULL, NULL, NULL),
    (6, 1, NULL, 'forgotten-6', 'unknown', NULL, NULL, NULL, '2026-01-01 00:01:00.000', '9999-12-31 23:59:59.999', 1,
        NULL, NULL, NULL);
UPDATE accounts SET forgotten_at = '2026-02-10 00:00:00.000' WHERE id = 6;
INSERT INTO forgotten (user_id, site_id, at, why, versions, memberships, logins, changes, evidence, held)
    VALUES (6, 1, '2026-02-10 00:00:00.000', 'command', 1, 1, 0, 0, 0, 0);
INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, status) VALUES
    (1, '2026-01-01 00:01:00.000', '2026-01-15 00:00:00.000', 1, 'alix', 'active'),
    (1, '2026-01-15 00:00:00.000', '2026-02-01 00:01:00.000', 1, 'ally', 'active'),
    (6, '2026-01-01 00:01:00.000', '2026-02-10 00:00:00.000', 1, 'forgotten-6', 'active');
INSERT INTO logins (user_id, kind, at, walk_id) VALUES
    (1, 'success', '2025-01-01 00:00:00.000', 1), (1, 'success', '2025-02-01 00:00:00.000', 2),
    (1, 'failure', '2025-03-01 00:00:00.000', 1), (1, 'active', '2025-04-01 00:00:00.000', 1);
INSERT INTO groups (id, site_id, name, first_seen_at, removed_at) VALUES
    (1, 1, 'staff', '2026-01-01 00:01:00.000', NULL),
    (2, 1, 'temps', '2026-01-01 00:01:00.000', '2026-02-01 00:01:00.000');
INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES
    (1, 1, '2026-01-01 00:01:00.000', '2026-01-15 00:00:00.000', 1), (1, 1, '2026-02-01 00:01:00.000', NULL, 2),
    (1, 2, '2026-01-01 00:01:00.000', NULL, 1),
    (2, 1, '2026-01-01 00:01:00.000', '2026-02-01 00:01:00.000', 1),
    (1, 6, '2026-01-01 00:01:00.000', '2026-02-10 00:00:00.000', 1);
INSERT INTO change_log (id, walk_id, kind, user_id, group_id) VALUES
    (1, 1, 'group.created', NULL, 1), (2, 1, 'user.created', 1, NULL), (3, 1, 'member.added', 1, 1),
    (4, 1, 'member.added', 2, 1),
    (5, 2, 'user.renamed', 1, NULL), (6, 2, 'member.added', 1, 1), (7, 2, 'group.removed', NULL, 2),
    (8, 2, 'user.updated', 6, NULL);
";

const VIEW: &str = "full_name, email, status, active, has_access, directory, account_type, is_external, department, \
    position, location, phone, im, website, language, time_zone FROM accounts";

async fn sound() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollbook.db");
    let store = Store::open_or_create(&path).await.unwrap();
    let mut writer = store.writer().await.unwrap();
    sqlx::raw_sql(SOUND).execute(&mut *writer).await.unwrap();
    let entry = |n: u32| Entry { fingerprint: n.into(), user: 1 + n % 4, name: 0 };
    let entries: Vec<Entry> = (0..2_500).map(entry).collect();
    save_listing(&mut writer, SiteId(1), Part::Users, &[], &entries).await.unwrap();
    save_listing(&mut writer, SiteId(1), Part::Members, &[], &entries[..1]).await.unwrap();
    for (group, members) in [(1, vec![UserId(1), UserId(2)])] {
        sqlx::query("INSERT INTO group_fingerprints (group_id, members) VALUES (?, ?)")
            .bind(group)
            .bind(members_fingerprint(members.into_iter()) as i64)
            .execute(&mut *writer)
            .await
            .unwrap();
    }
    writer.close().await.unwrap();
    (folder, path)
}

/// Writes into the file what no walk would.
async fn tamper(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn wrong(found: &Verification) -> Vec<(&'static str, Vec<String>)> {
    let wrong = found.verdicts.iter().filter(|verdict| !verdict.is_ok());
    wrong.map(|verdict| (verdict.check, verdict.first.clone())).collect()
}

#[tokio::test]
async fn a_sound_database_passes_and_nothing_is_written() {
    let (folder, path) = sound().await;
    let before = fs::read(&path).unwrap();
    let found = verify_file(&path).await.unwrap();
    assert_eq!(wrong(&found), []);
    assert!(found.is_ok() && !found.is_damaged());
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| !name.to_string_lossy().ends_with(".lock"));
    assert_eq!(names, ["rollbook.db"]);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_database_in_use_is_verified_as_it_was_committed_last() {
    let (_folder, path) = sound().await;
    let store = Store::open(&path).await.unwrap();
    let mut writer = store.writer().await.unwrap();
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::raw_sql("UPDATE walks SET changes = 99").execute(&mut *transaction).await.unwrap();
    assert_eq!(wrong(&verify_file(&path).await.unwrap()), []);
    transaction.commit().await.unwrap();
    assert_eq!(wrong(&verify_file(&path).await.unwrap())[0].0, "changes-counted");
}

#[tokio::test]
async fn every_check_can_fail() {
    let renamed = format!(
        "DROP VIEW user_history; CREATE VIEW user_history AS SELECT id AS user_id, version_from AS valid_from, \
         NULL AS valid_to, version_walk_id AS walk_id, name || 'x' AS name, {VIEW}"
    );
    let unhidden = format!(
        "DROP VIEW user_history; CREATE VIEW user_history AS SELECT id AS user_id, version_from AS valid_from, \
         NULL AS valid_to, version_walk_id AS walk_id, name, 1 - email_hidden AS email_hidden, account_status, {VIEW}"
    );
    let cases: [(&str, &str, &str); 59] = [
        (
            "integrity",
            "row 1 missing from index walks_applied",
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = \
             (SELECT rootpage FROM sqlite_schema WHERE name = 'accounts_unlisted') WHERE name = 'walks_applied'",
        ),
        ("schema", "memberships_user", "DROP INDEX memberships_user"),
        ("schema", "users", "DROP VIEW users"),
        ("foreign-keys", "evidence 7 -> walks", "INSERT INTO evidence VALUES (7, 1, 99, '')"),
        ("foreign-keys", "account_versions -> accounts", "DELETE FROM accounts WHERE id = 1"),
        ("versions-open", "1", "DROP VIEW user_history; CREATE VIEW user_history AS SELECT * FROM account_versions"),
        ("versions-current", "1", &renamed),
        ("versions-cloud", "1", &unhidden),
        (
            "group-names",
            "1",
            "INSERT INTO group_versions VALUES (1, '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 1, 'x')",
        ),
        (
            "group-names",
            "1",
            "INSERT INTO group_versions VALUES (1, '2026-01-01 00:00:00.000', '2026-01-02 00:00:00.000', 1, 'x'), \
             (1, '2026-01-01 12:00:00.000', '2026-01-03 00:00:00.000', 1, 'y')",
        ),
        (
            "group-names",
            "1",
            "INSERT INTO group_versions VALUES (1, '2026-01-01 00:00:00.000', '2026-01-02 00:00:00.000', 1, 'x'), \
             (1, '2026-01-03 00:00:00.000', '2026-01-04 00:00:00.000', 1, 'y')",
        ),
        ("versions-order", "1", "UPDATE account_versions SET valid_to = valid_from WHERE name = 'ally'"),
        ("versions-order", "1", "UPDATE account_versions SET valid_to = '2025-01-01 00:00:00.000' WHERE name = 'alix'"),
        (
            "versions-disjoint",
            "1",
            "UPDATE account_versions SET valid_to = '2026-01-16 00:00:00.000' WHERE name = 'alix'",
        ),
        ("versions-disjoint", "1", "UPDATE accounts SET version_from = '2026-01-20 00:00:00.000' WHERE id = 1"),
        ("versions-disjoint", "1", "UPDATE accounts SET version_from = '2026-01-15 00:00:00.000' WHERE id = 1"),
        ("versions-disjoint", "1", "UPDATE accounts SET version_from = '2025-01-15 00:00:00.000' WHERE id = 1"),
        (
            "versions-gapless",
            "1",
            "UPDATE account_versions SET valid_to = '2026-01-14 00:00:00.000' WHERE name = 'alix'",
        ),
        ("versions-gapless", "1", "DELETE FROM account_versions WHERE name = 'ally'"),
        ("versions-gapless", "1", "UPDATE accounts SET version_from = '2026-02-02 00:00:00.000' WHERE id = 1"),
        ("versions-first-seen", "2", "UPDATE accounts SET first_seen_at = '2026-01-02 00:00:00.000' WHERE id = 2"),
        ("status-times", "2", "UPDATE accounts SET missing_since = NULL WHERE id = 2"),
        ("status-times", "1", "UPDATE accounts SET missing_since = '2026-01-02 00:00:00.000' WHERE id = 1"),
        ("status-times", "3", "UPDATE accounts SET deactivated_at = NULL WHERE id = 3"),
        ("status-times", "4", "UPDATE accounts SET deleted_at = NULL WHERE id = 4"),
        ("last-login", "1", "UPDATE accounts SET last_login_at = NULL WHERE id = 1"),
        ("last-login", "2", "INSERT INTO logins VALUES (2, 'success', '2025-01-01 00:00:00.000', 1)"),
        ("last-failed-login", "1", "DELETE FROM logins WHERE kind = 'failure'"),
        ("last-active", "1", "DELETE FROM logins WHERE kind = 'active'"),
        ("memberships-order", "2/1", "UPDATE memberships SET valid_to = valid_from WHERE group_id = 2"),
        (
            "memberships-disjoint",
            "1/1",
            "UPDATE memberships SET valid_to = '2026-02-02 00:00:00.000' WHERE valid_to LIKE '2026-01%'",
        ),
        ("memberships-disjoint", "1/1", "UPDATE memberships SET valid_to = NULL WHERE valid_to LIKE '2026-01%'"),
        ("memberships-removed-group", "2", "UPDATE memberships SET valid_to = NULL WHERE group_id = 2"),
        (
            "memberships-removed-group",
            "2",
            "UPDATE memberships SET valid_to = '2026-02-02 00:00:00.000' WHERE group_id = 2",
        ),
        ("memberships-site", "1/5", "INSERT INTO memberships VALUES (1, 5, '2026-02-01 00:01:00.000', NULL, 2)"),
        ("memberships-walk", "1/2", "UPDATE memberships SET walk_id = 99 WHERE user_id = 2"),
        ("walks-times", "3", "UPDATE walks SET finished_at = '2026-02-28 00:00:00.000' WHERE id = 3"),
        ("walks-times", "2", "UPDATE walks SET at = '2026-02-01 00:03:00.000' WHERE id = 2"),
        ("walks-order", "2", "UPDATE walks SET at = '2026-02-02 00:00:00.000' WHERE id = 1"),
        ("changes-walk", "7", "UPDATE change_log SET walk_id = 99 WHERE id = 7"),
        ("changes-counted", "2", "DELETE FROM change_log WHERE id = 7"),
        ("changes-counted", "3", "UPDATE walks SET changes = 1 WHERE id = 3"),
        ("changes-dated", "5", "UPDATE walks SET not_before = at WHERE id = 2"),
        ("changes-dated", "7", "UPDATE change_log SET walk_id = 3 WHERE id = 7"),
        ("changes-about", "6", "UPDATE change_log SET group_id = 99 WHERE id = 6"),
        ("versions-gapless", "6", "UPDATE account_versions SET valid_to = '2026-02-01 00:01:00.000' WHERE user_id = 6"),
        ("forgotten", "6", "UPDATE accounts SET email = 'zoe@example.com' WHERE id = 6"),
        ("forgotten", "6", "UPDATE accounts SET name = 'zoe' WHERE id = 6"),
        ("forgotten", "6", "UPDATE accounts SET version_from = '2026-02-10 00:00:00.000' WHERE id = 6"),
        ("forgotten", "6", "DELETE FROM forgotten"),
        ("forgotten", "6", "UPDATE account_versions SET phone = '1' WHERE user_id = 6"),
        ("forgotten", "6", "UPDATE account_versions SET name = 'zoe' WHERE user_id = 6"),
        ("forgotten", "6", "UPDATE memberships SET valid_to = NULL WHERE user_id = 6"),
        ("forgotten", "6", "INSERT INTO logins VALUES (6, 'failure', '2025-01-01 00:00:00.000', 1)"),
        ("forgotten", "6", "INSERT INTO evidence VALUES (7, 6, 1, '')"),
        ("forgotten", "6", "UPDATE change_log SET field = 'email', before = 'zoe@example.com' WHERE user_id = 6"),
        (
            "listings",
            "1 users 0",
            "UPDATE listings SET entries = CAST(substr(entries, 1, 8) || x'06' || substr(entries, 10) AS BLOB) WHERE seq = 0",
        ),
        ("listings", "1 users 1", "DELETE FROM listings WHERE part = 'users' AND seq = 0"),
        ("group-fingerprints", "1", "UPDATE group_fingerprints SET members = members + 1"),
    ];
    let (_folder, path) = sound().await;
    let whole = fs::read(&path).unwrap();
    let mut failed = BTreeSet::new();
    for (check, id, sql) in cases {
        tamper(&path, sql).await;
        let found = verify_file(&path).await.unwrap();
        let wrong = wrong(&found);
        let ids = wrong.iter().find(|(name, _)| *name == check).map(|(_, ids)| ids);
        assert!(ids.is_some_and(|ids| ids.iter().any(|found| found == id)), "{check} {id}: {sql}: {wrong:?}");
        assert_eq!(found.is_damaged(), check == "integrity");
        failed.insert(check);
        fs::write(&path, &whole).unwrap();
    }
    let all: BTreeSet<&str> = verify_file(&path).await.unwrap().verdicts.iter().map(|verdict| verdict.check).collect();
    assert_eq!(failed, all, "a check that nothing fails is none");
}

#[tokio::test]
async fn of_what_was_pruned_the_walks_figures_stay() {
    let (_folder, path) = sound().await;
    let whole = fs::read(&path).unwrap();
    let pruned = "INSERT INTO pruned (at, cutoff) VALUES ('2026-03-01 00:00:00.000', '2026-02-01 00:01:00.000')";
    for (fails, sql) in [
        (false, "DELETE FROM change_log WHERE walk_id = 1"),
        (false, "DELETE FROM change_log WHERE id = 2"),
        // More than there were, or of a walk that is dated by the cutoff or later.
        (true, "UPDATE change_log SET walk_id = 1 WHERE walk_id = 2"),
        (true, "DELETE FROM change_log WHERE walk_id = 2"),
    ] {
        tamper(&path, pruned).await;
        tamper(&path, sql).await;
        let wrong = wrong(&verify_file(&path).await.unwrap());
        assert_eq!(wrong.iter().any(|(check, _)| *check == "changes-counted"), fails, "{sql}: {wrong:?}");
        fs::write(&path, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_listing_that_is_cut_wrongly_or_about_strangers() {
    let (_folder, path) = sound().await;
    let whole = fs::read(&path).unwrap();
    for (stretch, sql) in [
        ("1 users 2", "UPDATE listings SET entries = substr(entries, 1, 30) WHERE seq = 2"),
        ("1 users 1", "UPDATE listings SET entries = substr(entries, 1, 40) WHERE seq = 1"),
        ("1 users 2", "UPDATE listings SET entries = x'' WHERE seq = 2"),
        ("1 users 3", "UPDATE listings SET seq = 3 WHERE seq = 2"),
        ("1 members 0", "UPDATE listings SET entries = zeroblob(20) WHERE part = 'members'"),
        ("1 users 0", "DELETE FROM accounts WHERE id = 4"),
        ("2 users 0", "UPDATE listings SET site_id = 2 WHERE part = 'users'"),
        ("1 members 0", "UPDATE accounts SET site_id = 2 WHERE id = 1"),
    ] {
        tamper(&path, sql).await;
        let found = verify_file(&path).await.unwrap();
        let verdict = found.verdicts.iter().find(|verdict| verdict.check == "listings").unwrap();
        assert!(verdict.first.iter().any(|name| name == stretch), "{sql}: {verdict:?}");
        fs::write(&path, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_few_are_named_and_all_are_counted() {
    let (_folder, path) = sound().await;
    let many = "WITH RECURSIVE n(i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM n WHERE i < 149) \
                INSERT INTO change_log (id, walk_id, kind) SELECT i, 99, 'user.created' FROM n";
    tamper(&path, many).await;
    let found = verify_file(&path).await.unwrap();
    let verdict = found.verdicts.iter().find(|verdict| verdict.check == "changes-walk").unwrap();
    assert_eq!((verdict.wrong, verdict.first.len()), (50, NAMED));
}

#[tokio::test]
async fn what_others_add_is_no_fault() {
    let (_folder, path) = sound().await;
    tamper(&path, "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE VIEW mine AS SELECT 1")
        .await;
    assert_eq!(wrong(&verify_file(&path).await.unwrap()), []);
}
