use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::model::SiteId;
use crate::store::{Entry, Part, Store, save_listing};

const ONE_USER: &str = "
INSERT INTO sites (id, name, kind, base_url) VALUES (1, 'corp', 'data-center', 'https://wiki.example.com');
INSERT INTO walks (id, site_id, started_at, finished_at, status, at, changes) VALUES
    (1, 1, '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 'applied', '2026-01-01 00:00:00.000', 0);
INSERT INTO accounts (id, site_id, key, name, status, first_seen_at, version_from, version_walk_id) VALUES
    (1, 1, 'k1', 'alice', 'active', '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 1);
";

/// A database of one user and a listing of `stretches` times 20 kB.
async fn database(stretches: usize) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
    let mut writer = store.writer().await.unwrap();
    let mut transaction = writer.begin().await.unwrap();
    sqlx::raw_sql(ONE_USER).execute(&mut *transaction).await.unwrap();
    let entries = vec![Entry { fingerprint: 1, user: 1, name: 1 }; stretches * 1_000];
    save_listing(&mut transaction, SiteId(1), Part::Users, &[], &entries).await.unwrap();
    transaction.commit().await.unwrap();
    writer.close().await.unwrap();
    (folder, store)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_writer_goes_on_meanwhile_and_the_copy_is_of_one_moment() {
    let (folder, store) = database(1_200).await;
    let copy = folder.path().join("copy.db");
    let mut writer = store.writer().await.unwrap();
    let write = async {
        for id in 2.. {
            // Torn apart, the verification of the copy would find it.
            let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
            sqlx::query("INSERT INTO change_log (id, walk_id, kind, user_id) VALUES (?, 1, 'user.updated', 1)")
                .bind(id)
                .execute(&mut *transaction)
                .await
                .unwrap();
            let touch =
                "UPDATE walks SET changes = changes + 1; UPDATE listings SET entries = entries WHERE seq % 9 = 0";
            sqlx::raw_sql(touch).execute(&mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let made = tokio::select! {
        () = write => unreachable!(),
        made = backup(store.path(), &copy, false) => made.unwrap(),
    };
    assert_eq!(made.bytes, fs::metadata(&copy).unwrap().len());
    assert_eq!(made.newest_walk.unwrap().id, 1);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let reopened = Store::open(&copy).await.unwrap();
    let mut reader = reopened.reader().await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut reader).await.unwrap();
    assert_eq!(mode, "wal");
    let changes: (i64, i64) = sqlx::query_as("SELECT changes, (SELECT count(*) FROM change_log) FROM walks")
        .fetch_one(&mut reader)
        .await
        .unwrap();
    assert_eq!(changes.0, changes.1);
}

#[tokio::test]
async fn a_reader_with_an_old_snapshot_is_no_obstacle() {
    let (folder, store) = database(1).await;
    let mut reader = store.reader().await.unwrap();
    let mut snapshot = reader.begin().await.unwrap();
    let before: i64 = sqlx::query_scalar("SELECT count(*) FROM walks").fetch_one(&mut *snapshot).await.unwrap();
    let mut writer = store.writer().await.unwrap();
    let walk =
        "INSERT INTO walks (id, site_id, started_at, status) VALUES (2, 1, '2026-02-01 00:00:00.000', 'running')";
    sqlx::raw_sql(walk).execute(&mut *writer).await.unwrap();
    let copy = folder.path().join("copy.db");
    let made = backup(store.path(), &copy, false).await.unwrap();
    let newest = made.newest_walk.unwrap();
    assert_eq!((newest.id, newest.status.as_str(), newest.finished_at), (2, "running", None));
    let after: i64 = sqlx::query_scalar("SELECT count(*) FROM walks").fetch_one(&mut *snapshot).await.unwrap();
    assert_eq!((before, after), (1, 1));
}

#[tokio::test]
async fn a_backup_that_is_dropped_leaves_nothing() {
    let (folder, store) = database(1_200).await;
    let (copy, temporary) = (folder.path().join("copy.db"), folder.path().join(".copy.db.backup.tmp"));
    let half = async {
        while fs::metadata(&temporary).map_or(0, |found| found.len()) < 1 << 20 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = half => {}
        _ = backup(store.path(), &copy, false) => panic!("it was whole before it was half"),
    }
    assert!(!names(folder.path()).iter().any(|name| name.contains("copy")));
}

#[tokio::test]
async fn another_schema_mode_is_set_right() {
    let (folder, store) = database(1).await;
    let mut writer = store.writer().await.unwrap();
    sqlx::raw_sql("PRAGMA journal_mode = DELETE").execute(&mut *writer).await.unwrap();
    writer.close().await.unwrap();
    let copy = folder.path().join("copy.db");
    backup(store.path(), &copy, false).await.unwrap();
    assert_eq!(fs::read(&copy).unwrap()[18..20], [2, 2]);
    assert!(!names(folder.path()).iter().any(|name| name.starts_with("copy.db-")));
}

#[tokio::test]
async fn a_copy_that_breaks_an_invariant_is_none() {
    let (folder, store) = database(1).await;
    let mut writer = store.writer().await.unwrap();
    sqlx::raw_sql("UPDATE walks SET changes = 5").execute(&mut *writer).await.unwrap();
    let copy = folder.path().join("copy.db");
    let error = backup(store.path(), &copy, false).await.unwrap_err();
    assert!(matches!(error, BackupError::Wrong { .. }) && error.to_string().contains("changes-counted"), "{error}");
    assert!(!names(folder.path()).iter().any(|name| name.contains("copy")));
}

#[tokio::test]
async fn what_a_process_left_that_died_is_cleared_away_and_one_that_lives_is_left_alone() {
    let (folder, store) = database(1).await;
    let copy = folder.path().join("copy.db");
    let temporary = folder.path().join(".copy.db.backup.tmp");
    fs::write(&temporary, "half a copy").unwrap();
    let held = File::open(&temporary).unwrap();
    held.lock().unwrap();
    assert!(matches!(backup(store.path(), &copy, false).await, Err(BackupError::Busy(_))));
    assert_eq!(fs::read(&temporary).unwrap(), b"half a copy");
    drop(held);
    backup(store.path(), &copy, false).await.unwrap();
    assert!(!temporary.exists() && copy.exists());
}
