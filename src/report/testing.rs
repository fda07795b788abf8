//! A small mirror made by hand: two sites, three walks of one and one of the other.

use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::render::tests::HOSTILE;
use crate::store::Store;

/// An empty mirror.
pub(crate) async fn empty() -> SqliteConnection {
    Store::nowhere().reader().await.unwrap()
}

/// The mirror with its history.
pub(crate) async fn mirror() -> SqliteConnection {
    let mut connection = empty().await;
    sqlx::raw_sql(HISTORY).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(LATEST).execute(&mut connection).await.unwrap();
    sqlx::query("UPDATE accounts SET name = ?1, full_name = ?2 WHERE id = 6")
        .bind(HOSTILE)
        .bind("x".repeat(40_000))
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

/// The mirror, to which `more` has been added.
pub(crate) async fn mirror_with(more: &str) -> SqliteConnection {
    let mut connection = mirror().await;
    sqlx::raw_sql(AssertSqlSafe(more)).execute(&mut connection).await.unwrap();
    sqlx::raw_sql(LATEST).execute(&mut connection).await.unwrap();
    connection
}

const HISTORY: &str = "
INSERT INTO sites (id, name, kind, base_url) VALUES
    (1, 'corp', 'data-center', 'https://wiki.example.com'), (2, 'cloud', 'cloud', 'https://example.atlassian.net/wiki');
INSERT INTO walks (id, site_id, started_at, finished_at, status, changes, error, at, not_before, coverage) VALUES
    (1, 1, '2026-01-01 00:00:00.000', '2026-01-01 00:01:00.000', 'applied', 5, NULL, '2026-01-01 00:00:00.000', NULL, NULL),
    (2, 1, '2026-02-01 00:00:00.000', '2026-02-01 00:01:00.000', 'partial', 4, 'page 3 of the user list kept failing',
        '2026-02-01 00:00:00.000', '2026-01-01 00:00:00.000', NULL),
    (3, 2, '2026-02-15 00:00:00.000', '2026-02-15 00:01:00.000', 'applied', 0, NULL, '2026-02-15 00:00:00.000', NULL, NULL),
    (4, 1, '2026-03-01 00:00:00.000', '2026-03-01 00:01:00.000', 'applied', 4, NULL, '2026-03-01 00:00:00.000',
        '2026-01-01 00:00:00.000', '{\"users\":{\"asked\":3,\"received\":8,\"declared\":8},\"groups\":{\"received\":2}}'),
    (5, 1, '2026-03-02 00:00:00.000', '2026-03-02 00:01:00.000', 'failed', 0, 'connection refused', NULL, NULL, NULL);
INSERT INTO accounts (id, site_id, key, name, status, has_access, department, created_at, last_login_known, first_seen_at,
    version_from, version_walk_id) VALUES
    (1, 1, 'k1', 'alice', 'active', 1, NULL, '2020-01-01 00:00:00.000', 1, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 2),
    (2, 1, 'k2', 'bob', 'active', 1, NULL, '2020-01-01 00:00:00.000', 1, '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 1),
    (3, 1, 'k3', 'bobby', 'active', 1, NULL, '2025-01-01 00:00:00.000', 1, '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 1),
    (4, 1, 'k4', 'newbie', 'active', 1, NULL, '2026-01-30 00:00:00.000', 1, '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
    (5, 1, 'k5', 'mystery', 'active', 1, NULL, NULL, 0, '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
    (6, 1, 'k6', 'hostile', 'active', 1, NULL, NULL, 1, '2026-01-01 00:00:00.000', '2026-01-01 00:00:00.000', 1),
    (7, 1, 'k7', 'Ally', 'active', 1, NULL, NULL, 1, '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
    (8, 1, 'k8', 'gone', 'no-access', 0, 'Sales', NULL, 1, '2026-01-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
    (9, 1, NULL, 'exported', 'unknown', NULL, NULL, NULL, 0, '2026-03-01 00:00:00.000', '2026-03-01 00:00:00.000', 4),
    (20, 2, 'c0', 'Zoë', 'active', NULL, NULL, NULL, 0, '2026-02-15 00:00:00.000', '2026-02-15 00:00:00.000', 3),
    (21, 2, 'c1', 'Žan', 'active', NULL, NULL, '2026-01-01 00:00:00.000', 1, '2026-02-15 00:00:00.000', '2026-02-15 00:00:00.000', 3);
INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, status, has_access) VALUES
    (1, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'ally', 'active', 1),
    (8, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1, 'gone', 'active', 1),
    (8, '2026-02-01 00:00:00.000', '2026-03-01 00:00:00.000', 2, 'gone', 'no-access', 0);
INSERT INTO logins (user_id, kind, at, walk_id) VALUES
    (1, 'success', '2025-09-01 08:00:00.000', 1), (1, 'success', '2026-02-20 08:00:00.000', 4),
    (1, 'failure', '2026-02-20 07:59:00.000', 4),
    (2, 'success', '2025-12-01 00:00:00.000', 1),
    (6, 'success', '2025-12-01 00:00:00.001', 1),
    (20, 'success', '2025-06-01 00:00:00.000', 3), (20, 'active', '2025-11-01 00:00:00.000', 3);
INSERT INTO groups (id, site_id, name, first_seen_at, removed_at) VALUES
    (1, 1, 'staff', '2026-01-01 00:00:00.000', NULL), (2, 1, 'old/team', '2026-01-01 00:00:00.000', NULL),
    (3, 1, 'temps', '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000');
INSERT INTO memberships (group_id, user_id, valid_from, valid_to, walk_id) VALUES
    (1, 1, '2026-01-01 00:00:00.000', NULL, 1), (1, 2, '2026-01-01 00:00:00.000', '2026-03-01 00:00:00.000', 1),
    (1, 4, '2026-03-01 00:00:00.000', NULL, 4), (2, 8, '2026-01-01 00:00:00.000', NULL, 1),
    (3, 8, '2026-01-01 00:00:00.000', '2026-02-01 00:00:00.000', 1);
INSERT INTO change_log (walk_id, kind, user_id, group_id, field, before, after) VALUES
    (1, 'user.created', 1, NULL, NULL, NULL, 'ally'), (1, 'member.added', 1, 1, NULL, NULL, NULL),
    (1, 'member.added', 2, 1, NULL, NULL, NULL), (1, 'member.added', 8, 2, NULL, NULL, NULL),
    (1, 'member.added', 8, 3, NULL, NULL, NULL),
    (2, 'user.renamed', 1, NULL, 'name', 'ally', 'alice'), (2, 'user.access-lost', 8, NULL, NULL, NULL, NULL),
    (2, 'member.removed', 8, 3, NULL, NULL, NULL), (2, 'group.removed', NULL, 3, NULL, NULL, NULL),
    (4, 'user.updated', 8, NULL, 'department', NULL, 'Sales'), (4, 'user.created', 4, NULL, NULL, NULL, 'newbie'),
    (4, 'member.removed', 2, 1, NULL, NULL, NULL), (4, 'member.added', 4, 1, NULL, NULL, NULL);
INSERT INTO evidence (user_id, walk_id, answer) VALUES (8, 4, 'look-up by name: 200');
";

/// What a user's row repeats of its log-ins.
const LATEST: &str = "
UPDATE accounts AS a SET
    last_login_at = (SELECT max(l.at) FROM logins l WHERE l.user_id = a.id AND l.kind = 'success'),
    last_failed_login_at = (SELECT max(l.at) FROM logins l WHERE l.user_id = a.id AND l.kind = 'failure'),
    last_active_at = (SELECT max(l.at) FROM logins l WHERE l.user_id = a.id AND l.kind = 'active');
";
