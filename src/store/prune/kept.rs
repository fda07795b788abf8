//! The counts that outlive what was counted: what the report `activity` tells of months that are pruned.

use sqlx::sqlite::SqliteConnection;

use crate::model::Timestamp;

/// Counts what was dated after the last cutoff and by this one, month by month, as the report does. Before the row of
/// `pruned` is written, in its transaction.
pub(super) async fn keep_months(connection: &mut SqliteConnection, cutoff: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH
         boundary AS MATERIALIZED (SELECT coalesce((SELECT max(cutoff) FROM pruned), '') AS at),
         seat_version AS (
             SELECT a.site_id, h.user_id, h.valid_from AS at, h.walk_id,
                 h.status = 'active' AND coalesce(h.account_type, '') NOT IN ('app', 'customer') AS is_active
             FROM accounts a JOIN user_history h ON h.user_id = a.id
             WHERE h.valid_from <= ?1
         ),
         version AS (
             SELECT *, lag(is_active) OVER (PARTITION BY user_id ORDER BY at) AS was_active FROM seat_version
         ),
         counted AS (
             SELECT v.site_id, substr(v.at, 1, 7) AS month,
                 count(*) FILTER (WHERE v.is_active AND v.was_active IS NULL AND w.not_before IS NULL) AS found,
                 count(*) FILTER (WHERE v.is_active AND (v.was_active = 0
                     OR v.was_active IS NULL AND w.not_before IS NOT NULL)) AS joiners,
                 count(*) FILTER (WHERE NOT v.is_active AND v.was_active) AS leavers,
                 0 AS forgotten
             FROM version v JOIN walks w ON w.id = v.walk_id
             WHERE v.at > (SELECT at FROM boundary)
             GROUP BY 1, 2
             UNION ALL
             SELECT a.site_id, substr(a.forgotten_at, 1, 7), 0, 0, 0, count(*)
             FROM accounts a JOIN account_versions h ON h.user_id = a.id AND h.valid_to = a.forgotten_at
             WHERE a.forgotten_at > (SELECT at FROM boundary) AND a.forgotten_at <= ?1
                 AND h.status = 'active' AND coalesce(h.account_type, '') NOT IN ('app', 'customer')
             GROUP BY 1, 2
         )
         INSERT INTO kept_months (site_id, month, found, joiners, leavers, forgotten)
         SELECT site_id, month, sum(found), sum(joiners), sum(leavers), sum(forgotten) FROM counted WHERE true GROUP BY 1, 2
         ON CONFLICT (site_id, month) DO UPDATE SET found = found + excluded.found, joiners = joiners + excluded.joiners,
             leavers = leavers + excluded.leavers, forgotten = forgotten + excluded.forgotten",
    )
    .bind(cutoff.to_sql())
    .execute(connection)
    .await
    .map(drop)
}

/// Counts those of whose log-ins in a month none is left. `removed` are the keys of log-ins that were just removed.
pub(super) async fn keep_presence(connection: &mut SqliteConnection, removed: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO kept_presence (site_id, month, walk_id, users)
         SELECT a.site_id, substr(k.value ->> 2, 1, 7) AS month, 0, count(DISTINCT a.id)
         FROM json_each(?1) k
         CROSS JOIN accounts a ON a.id = k.value ->> 0
         CROSS JOIN sites s ON s.id = a.site_id
         WHERE coalesce(a.account_type, '') NOT IN ('app', 'customer')
             -- Log-ins are told by Data Center, activity by the organization of a Cloud site.
             AND (k.value ->> 1 = 'success' OR k.value ->> 1 = 'active' AND s.kind = 'cloud')
             AND NOT EXISTS (SELECT 1 FROM logins l WHERE l.user_id = a.id
                 AND (l.kind = 'success' OR l.kind = 'active' AND s.kind = 'cloud')
                 AND l.at >= substr(k.value ->> 2, 1, 7) AND l.at < substr(k.value ->> 2, 1, 7) || '~')
         GROUP BY 1, 2
         ON CONFLICT (site_id, month, walk_id) DO UPDATE SET users = users + excluded.users",
    )
    .bind(removed)
    .execute(connection)
    .await
    .map(drop)
}
