//! The erasing itself, in one transaction: what remains is a nameless row, with the intervals that counts of the past
//! rest on.

use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;

use super::texts::blank_texts;
use super::{Erased, Why};
use crate::model::{SiteId, Timestamp, UserId};
use crate::store::listings::{Part, load_listing, save_listing};

/// Counts what there is of the users ?1 (a JSON array), by user; of the change feed what is in an index.
const COUNT: &str = "SELECT a.id, a.site_id,
        1 + (SELECT count(*) FROM account_versions v WHERE v.user_id = a.id) AS versions,
        (SELECT count(*) FROM memberships m WHERE m.user_id = a.id AND m.valid_to IS NULL) AS memberships,
        (SELECT count(*) FROM logins l WHERE l.user_id = a.id) AS logins,
        (SELECT count(*) FROM change_log c WHERE c.user_id = a.id
            AND c.kind NOT IN ('user.created', 'member.added', 'member.removed')
            AND c.field NOT IN ('status', 'active', 'has_access', 'account_type')
            AND coalesce(c.before, c.after) IS NOT NULL) AS changes,
        (SELECT count(*) FROM evidence e WHERE e.user_id = a.id) AS evidence,
        (SELECT count(*) FROM held_changes h WHERE h.user_id = a.id)
            + (SELECT count(*) FROM held_standings h WHERE h.user_id = a.id) AS held
    FROM accounts a WHERE a.id IN (SELECT value FROM json_each(?1)) AND a.forgotten_at IS NULL";

/// What is written, of the users ?1, at the moment ?2; in this order.
const STATEMENTS: [&str; 12] = [
    // Who was there in a month is counted on.
    "INSERT INTO kept_presence (site_id, month, walk_id, users)
     SELECT site_id, month, walk_id, count(*) FROM (
         SELECT a.site_id, substr(l.at, 1, 7) AS month, a.id, min(l.walk_id) AS walk_id
         FROM json_each(?1) k CROSS JOIN accounts a ON a.id = k.value CROSS JOIN sites s ON s.id = a.site_id
         -- Log-ins are told by Data Center, activity by the organization of a Cloud site.
         CROSS JOIN logins l ON l.user_id = a.id AND (l.kind = 'success' OR l.kind = 'active' AND s.kind = 'cloud')
         WHERE coalesce(a.account_type, '') NOT IN ('app', 'customer')
         GROUP BY a.site_id, substr(l.at, 1, 7), a.id)
     WHERE true GROUP BY site_id, month, walk_id
     ON CONFLICT (site_id, month, walk_id) DO UPDATE SET users = users + excluded.users",
    "DELETE FROM logins WHERE user_id IN (SELECT value FROM json_each(?1))",
    // What is so now ends; how they stood, and whether that took a seat, stays known.
    "INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, name, status, active, has_access, account_type)
     SELECT id, version_from, ?2, version_walk_id, 'forgotten-' || id, status, active, has_access, account_type
     FROM accounts WHERE id IN (SELECT value FROM json_each(?1))",
    "UPDATE account_versions SET name = 'forgotten-' || user_id, full_name = NULL, email = NULL, directory = NULL,
         is_external = NULL, department = NULL, position = NULL, location = NULL, phone = NULL, im = NULL, website = NULL,
         language = NULL, time_zone = NULL, account_status = NULL, email_hidden = 0
     WHERE user_id IN (SELECT value FROM json_each(?1))",
    "UPDATE accounts SET forgotten_at = ?2, version_from = '9999-12-31 23:59:59.999', key = NULL,
         name = 'forgotten-' || id, full_name = NULL, email = NULL, status = 'unknown', active = NULL, has_access = NULL,
         directory = NULL, account_type = NULL, is_external = NULL, department = NULL, position = NULL, location = NULL,
         phone = NULL, im = NULL, website = NULL, language = NULL, time_zone = NULL, created_at = NULL, updated_at = NULL,
         last_login_at = NULL, last_login_known = 0, last_failed_login_at = NULL, last_active_at = NULL,
         unlisted_seen_at = NULL, missing_since = NULL, deactivated_at = NULL, deleted_at = NULL, dates_from_export = 0,
         account_status = NULL, email_hidden = 0, last_active_known = NULL, last_active_known_since = NULL,
         pruned_status_since = NULL, pruned_active_until = NULL
     WHERE id IN (SELECT value FROM json_each(?1))",
    // The next walk reads the groups as for the first time.
    "DELETE FROM group_fingerprints WHERE group_id IN (SELECT m.group_id FROM memberships m
         WHERE m.user_id IN (SELECT value FROM json_each(?1)) AND m.valid_to IS NULL)",
    "UPDATE memberships SET valid_to = ?2 WHERE valid_to IS NULL AND user_id IN (SELECT value FROM json_each(?1))",
    "UPDATE change_log SET before = NULL, after = NULL WHERE user_id IN (SELECT value FROM json_each(?1))
         AND kind NOT IN ('user.created', 'member.added', 'member.removed')
         AND field NOT IN ('status', 'active', 'has_access', 'account_type')",
    "DELETE FROM evidence WHERE user_id IN (SELECT value FROM json_each(?1))",
    "UPDATE holds SET removals = removals - (SELECT count(*) FROM held_changes h WHERE h.walk_id = holds.walk_id
             AND h.user_id IN (SELECT value FROM json_each(?1)))
     WHERE walk_id IN (SELECT h.walk_id FROM held_changes h WHERE h.user_id IN (SELECT value FROM json_each(?1)))",
    "DELETE FROM held_changes WHERE user_id IN (SELECT value FROM json_each(?1))",
    "DELETE FROM held_standings WHERE user_id IN (SELECT value FROM json_each(?1))",
];

/// The samples of names and keys by which SQLite plans; it takes others when it renews its statistics.
const SAMPLES: &str = "DELETE FROM sqlite_stat4 WHERE tbl IN ('accounts', 'account_versions')";

type Row = (i64, i64, i64, i64, i64, i64, i64, i64);

fn count((_, _, versions, memberships, logins, changes, evidence, held): &Row) -> Erased {
    let [versions, memberships, logins, changes, evidence, held] =
        [versions, memberships, logins, changes, evidence, held].map(|rows| *rows as u64);
    Erased { users: 1, versions, memberships, logins, changes, evidence, held }
}

/// What there is of users.
pub(super) async fn count_all(connection: &mut SqliteConnection, ids: &str) -> Result<Erased, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(COUNT).bind(ids).fetch_all(connection).await?;
    Ok(rows.iter().map(count).sum())
}

/// Erases users. `values` is all that was ever known of them. Inside a transaction.
pub(super) async fn erase(
    connection: &mut SqliteConnection,
    users: &[UserId],
    values: &[String],
    why: Why,
    at: Timestamp,
) -> Result<Erased, sqlx::Error> {
    let ids = crate::store::json_ids(users.iter().map(|user| user.0));
    let rows: Vec<Row> = sqlx::query_as(COUNT).bind(&ids).fetch_all(&mut *connection).await?;
    let sites: HashSet<i64> = rows.iter().map(|row| row.1).collect();
    for row in &rows {
        let sql = "INSERT INTO forgotten (user_id, site_id, at, why, versions, memberships, logins, changes, evidence, held) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (id, site, versions, memberships, logins, changes, evidence, held) = *row;
        let mut insert = sqlx::query(sql).bind(id).bind(site).bind(at.to_sql()).bind(why.as_str());
        for rows in [versions, memberships, logins, changes, evidence, held] {
            insert = insert.bind(rows);
        }
        insert.execute(&mut *connection).await?;
    }
    for statement in STATEMENTS {
        sqlx::query(statement).bind(&ids).bind(at.to_sql()).execute(&mut *connection).await?;
    }
    // The table is there once statistics were made.
    let sampled: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4')")
        .fetch_one(&mut *connection)
        .await?;
    if sampled {
        sqlx::query(SAMPLES).execute(&mut *connection).await?;
    }
    forget_listed(connection, &sites, users).await?;
    blank_texts(connection, values).await?;
    Ok(rows.iter().map(count).sum())
}

/// Lets the remembered listings go of users: the next walk takes the bytes of none of them for known.
async fn forget_listed(
    connection: &mut SqliteConnection,
    sites: &HashSet<i64>,
    users: &[UserId],
) -> Result<(), sqlx::Error> {
    let users: HashSet<UserId> = users.iter().copied().collect();
    for site in sites {
        for part in Part::ALL {
            let before = load_listing(connection, SiteId(*site), part).await?;
            let now: Vec<_> = before.iter().filter(|entry| !users.contains(&entry.user_id())).copied().collect();
            if now.len() != before.len() {
                save_listing(connection, SiteId(*site), part, &before, &now).await?;
            }
        }
    }
    Ok(())
}
