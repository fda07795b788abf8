use sqlx::Connection;

use super::*;
use crate::store::{boundary, verify_file};

/// One site, a walk on the first of each month from January to May, and what ended meanwhile.
const HISTORY: &str = "
INSERT INTO sites (id, name, kind, base_url) VALUES (1, 'corp', 'data-center', 'https://wiki.example.com');
INSERT INTO walks (id, site_id, started_at, finished_at, status, changes, at, not_before)
    SELECT value, 1, '2026-0' || value || '-01 00:00:00.000', '2026-0' || value || '-01 00:01:00.000', 'applied', 2,
        '2026-0' || value || '-01 00:00:00.000', iif(value > 1, '2026-0' || (value - 1) || '-01 00:00:00.000', NULL)
    FROM json_each('[1, 2, 3, 4, 5]');
INSERT INTO accounts (id, site_id, key, name, status, first_seen_at, version_from, version_walk_id, last_login_at,
    deactivated_at) VALUES
    (1, 1, 'k1', 'ann', 'active', '2026-01-01 00:00:00.000', '2026-05-01 00:00:00.000', 5, '2026-04-20 00:00:00.000', NULL),
    (2, 1, 'k2', 'bob', 'deactivated', '2026-01-01 00:00:00.000', '2026-03-01 00:00:00.000', 3, '2026-01-20 00:00:00.000',
        '2026-02-01 00:00:00.000'),
    (3, 1, 'k3', 'eve', 'active', '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 1, '2025-12-01 00:00:00.000', NULL);
INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, status) VALUES
    (1, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'anna', 'active'),
    (1, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'anna', 'no-access'),
    (1, '2026-03-01 00:00:00.000', '2026-04-01 00:00:00.000', 3, 'anna', 'active'),
    (1, '2026-04-01 00:00:00.000', '2026-05-01 00:00:00.000', 4, 'ann', 'active'),
    (2, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'bob', 'active'),
    (2, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'bobby', 'deactivated');
INSERT INTO logins (user_id, kind, at, walk_id) VALUES
    (1, 'success', '2025-12-10 00:00:00.000', 1), (1, 'success', '2025-12-20 00:00:00.000', 1),
    (1, 'success', '2026-01-10 00:00:00.000', 2), (1, 'success', '2026-02-10 00:00:00.000', 3),
    (1, 'success', '2026-03-10 00:00:00.000', 4), (1, 'success', '2026-04-20 00:00:00.000', 5),
    (2, 'success', '2025-12-10 00:00:00.000', 1), (2, 'success', '2026-01-20 00:00:00.000', 2),
    (3, 'success', '2025-11-01 00:00:00.000', 1), (3, 'success', '2025-12-01 00:00:00.000', 5);
INSERT INTO groups (id, site_id, name, first_seen_at) VALUES
    (1, 1, 'staff', '2026-01-01 00:00:00.000'), (2, 1, 'temps', '2026-01-01 00:00:00.000');
INSERT INTO group_versions (group_id, valid_from, valid_to, walk_id, name) VALUES
    (1, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 2, 'crew');
INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES
    (1, 1, '2026-01-01 00:00:00.000', NULL, 1), (1, 2, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1),
    (2, 1, '2026-01-01 00:00:00.000', '2026-03-01 00:00:00.000', 1),
    (2, 3, '2026-02-01 00:00:00.000', '2026-04-01 00:00:00.000', 2);
INSERT INTO change_log (walk_id, kind, user_id)
    SELECT w.id, 'user.updated', 1 FROM walks w CROSS JOIN json_each('[1, 2]');
INSERT INTO evidence (id, user_id, walk_id, answer) VALUES (1, 2, 2, 'a'), (2, 2, 3, 'b'), (3, 2, 5, 'c'), (4, 3, 2, 'd');
INSERT INTO holds (walk_id, site_id, reasons, removals, decision, decided_at) VALUES
    (2, 1, '', 1, 'rejected', '2026-02-02 00:00:00.000'), (4, 1, '', 1, 'rejected', '2026-04-02 00:00:00.000');
INSERT INTO held_changes (walk_id, seq, kind, user_id) VALUES (2, 1, 'user.missing', 1), (4, 1, 'user.missing', 1);
INSERT INTO held_standings (walk_id, user_id, status) VALUES (2, 1, 'missing'), (4, 1, 'missing');
INSERT INTO notifications (at, event, site, walk_id, target, body, next_at) VALUES
    ('2026-02-01 00:00:00.000', 'walk.held', 'corp', 1, 't', '{}', NULL),
    ('2026-02-01 00:00:00.000', 'walk.held', 'corp', 2, 't', '{}', '2026-02-02 00:00:00.000'),
    ('2026-04-01 00:00:00.000', 'walk.held', 'corp', 3, 't', '{}', NULL);
INSERT INTO skipped_runs (job, due_at, last_due_at, firings, at, reason) VALUES
    ('walk:corp', '2026-02-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, '2026-02-01 00:00:00.000', 'running');
";

fn at(text: &str) -> Timestamp {
    Timestamp::parse_human(text).unwrap()
}

async fn database(more: &'static str) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
    let mut writer = store.writer().await.unwrap();
    let mut transaction = writer.begin().await.unwrap();
    sqlx::raw_sql(HISTORY).execute(&mut *transaction).await.unwrap();
    sqlx::raw_sql(more).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    writer.close().await.unwrap();
    (folder, store)
}

async fn rows(store: &Store, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&mut store.reader().await.unwrap()).await.unwrap()
}

async fn is_sound(store: &Store) {
    let found = verify_file(store.path()).await.unwrap();
    let wrong: Vec<_> = found.verdicts.into_iter().filter(|verdict| !verdict.is_ok()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn what_ended_is_removed_and_what_later_moments_rest_on_stays() {
    let (_folder, store) = database("").await;
    is_sound(&store).await;
    let (cutoff, now) = (at("2026-03-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
    let would = prunable(&mut store.reader().await.unwrap(), cutoff).await.unwrap();
    assert_eq!(boundary(&mut store.reader().await.unwrap()).await.unwrap(), None);
    let pruned = prune(&store, cutoff, now).await.unwrap();
    assert_eq!(pruned.counts(), would.counts());
    let expected = [
        ("versions", 4),
        ("memberships", 2),
        ("group_names", 1),
        // Of the log-ins that were known on 1 March the newest of each user stay, and so does one that was told in May.
        ("logins", 4),
        ("changes", 4),
        ("evidence", 1),
        ("held", 2),
        ("notifications", 1),
        ("skipped_runs", 1),
    ];
    assert_eq!(pruned.counts(), expected);
    is_sound(&store).await;
    assert_eq!(
        rows(&store, "SELECT user_id || ' ' || name || ' ' || valid_from FROM account_versions ORDER BY 1").await,
        ["1 ann 2026-04-01 00:00:00.000", "1 anna 2026-03-01 00:00:00.000"]
    );
    assert_eq!(
        rows(&store, "SELECT user_id || ' ' || substr(at, 1, 10) FROM logins ORDER BY user_id, at").await,
        ["1 2026-02-10", "1 2026-03-10", "1 2026-04-20", "2 2026-01-20", "3 2025-11-01", "3 2025-12-01"]
    );
    assert_eq!(
        rows(&store, "SELECT group_id || '/' || user_id FROM memberships ORDER BY 1").await,
        ["1/1", "2/3"],
        "open ones, and those that ended later"
    );
    assert_eq!(rows(&store, "SELECT answer FROM evidence ORDER BY id").await, ["b", "c", "d"]);
    assert_eq!(rows(&store, "SELECT DISTINCT CAST(walk_id AS TEXT) FROM change_log ORDER BY 1").await, ["3", "4", "5"]);
    assert_eq!(rows(&store, "SELECT DISTINCT CAST(changes AS TEXT) FROM walks").await, ["2"], "the figures stay");
    assert_eq!(
        rows(
            &store,
            "SELECT CAST(walk_id AS TEXT) FROM held_changes UNION ALL SELECT CAST(walk_id AS TEXT) FROM held_standings"
        )
        .await,
        ["4", "4"]
    );
    // What the rows that are gone would tell of what is so now.
    assert_eq!(
        rows(&store, "SELECT concat_ws(' ', id, pruned_status_since, pruned_active_until) FROM accounts ORDER BY id")
            .await,
        ["1 2026-03-01 00:00:00.000 2026-02-01 00:00:00.000", "2 2026-02-01 00:00:00.000 2026-02-01 00:00:00.000", "3"]
    );
    assert_eq!(
        rows(&store, "SELECT name || ' ' || coalesce(pruned_change_at, '-') FROM groups ORDER BY id").await,
        ["staff 2026-02-01 00:00:00.000", "temps 2026-03-01 00:00:00.000"]
    );
    assert_eq!(
        rows(&store, "SELECT name || ' ' || valid_from FROM group_history ORDER BY group_id").await,
        ["staff 2026-02-01 00:00:00.000", "temps 2026-01-01 00:00:00.000"]
    );
    assert_eq!(
        rows(&store, "SELECT concat_ws(' ', month, found, joiners, leavers) FROM kept_months ORDER BY month").await,
        ["2026-01 3 0 0", "2026-02 0 0 2", "2026-03 0 1 0"]
    );
    assert_eq!(
        rows(&store, "SELECT concat_ws(' ', month, users) FROM kept_presence ORDER BY month").await,
        ["2025-12 2", "2026-01 1"]
    );
    let known = boundary(&mut store.reader().await.unwrap()).await.unwrap().unwrap();
    assert_eq!((known.cutoff, known.at), (cutoff, now));
}

#[tokio::test]
async fn nothing_to_remove_leaves_the_mirror_knowing_as_much() {
    let (_folder, store) = database("").await;
    for _ in 0..2 {
        let pruned = prune(&store, at("2025-06-01T00:00:00Z"), at("2026-06-01T00:00:00Z")).await.unwrap();
        assert_eq!(pruned.rows(), 0);
        assert_eq!(boundary(&mut store.reader().await.unwrap()).await.unwrap(), None);
    }
    // A second time there is nothing left.
    let cutoff = at("2026-04-01T00:00:00Z");
    assert!(prune(&store, cutoff, at("2026-06-01T00:00:00Z")).await.unwrap().rows() > 0);
    assert_eq!(prune(&store, cutoff, at("2026-06-02T00:00:00Z")).await.unwrap().rows(), 0);
    assert_eq!(rows(&store, "SELECT at || ' ' || finished FROM pruned").await, ["2026-06-01 00:00:00.000 1"]);
    is_sound(&store).await;
}

#[tokio::test]
async fn one_pruning_after_the_other_keeps_what_one_alone_would() {
    let kept = async |cutoffs: &[&str]| {
        let (_folder, store) = database("").await;
        for cutoff in cutoffs {
            prune(&store, at(cutoff), at("2026-06-01T00:00:00Z")).await.unwrap();
            is_sound(&store).await;
        }
        let mut all = Vec::new();
        for sql in [
            "SELECT concat_ws(' ', month, found, joiners, leavers, forgotten) FROM kept_months ORDER BY month",
            "SELECT concat_ws(' ', month, walk_id, users) FROM kept_presence ORDER BY month",
            "SELECT concat_ws(' ', id, pruned_status_since, pruned_active_until) FROM accounts ORDER BY id",
            "SELECT concat_ws(' ', id, pruned_name_since, pruned_change_at) FROM groups ORDER BY id",
            "SELECT concat_ws(' ', user_id, kind, at) FROM logins ORDER BY 1",
            "SELECT concat_ws(' ', user_id, valid_from) FROM account_versions ORDER BY 1",
        ] {
            all.push(rows(&store, sql).await);
        }
        all
    };
    let once = kept(&["2026-05-01T00:00:00Z"]).await;
    let steps = ["2026-01-15T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-20T00:00:00Z", "2026-05-01T00:00:00Z"];
    assert_eq!(kept(&steps).await, once);
    assert_eq!(kept(&[&steps[..], &["2026-03-01T00:00:00Z"]].concat()).await, once, "back is no way");
}

#[tokio::test]
async fn others_write_in_between() {
    const MANY: &str = "INSERT INTO change_log (walk_id, kind, user_id)
        WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT 1, 'user.updated', 1 FROM n;
        UPDATE walks SET changes = 60002 WHERE id = 1;";
    let (_folder, store) = database(MANY).await;
    let other = async {
        while rows(&store, "SELECT at FROM pruned").await.is_empty() {
            tokio::task::yield_now().await;
        }
        let mut writer = store.writer().await.unwrap();
        sqlx::query("UPDATE sites SET user_list = 'x'").execute(&mut *writer).await.unwrap();
        let finished: i64 = sqlx::query_scalar("SELECT finished FROM pruned").fetch_one(&mut *writer).await.unwrap();
        writer.close().await.unwrap();
        finished
    };
    let (pruned, finished) = tokio::join!(prune(&store, at("2026-03-01T00:00:00Z"), at("2026-06-01T00:00:00Z")), other);
    assert_eq!((pruned.unwrap().changes, finished), (60_004, 0));
    assert_eq!(rows(&store, "SELECT CAST(changes AS TEXT) FROM pruned").await, ["60004"]);
    is_sound(&store).await;
    let free = free_bytes(&mut store.reader().await.unwrap()).await.unwrap();
    assert!(free > 500_000, "{free}");
    crate::store::vacuum(&store).await.unwrap();
    assert_eq!(free_bytes(&mut store.reader().await.unwrap()).await.unwrap(), 0);
    is_sound(&store).await;
}
