//! `sites`, `walks`, and what a walk leaves behind: `change_log`, `logins`, `evidence`.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::bulk::{Bound, Prepared};
use super::{CHUNK, time};
use crate::model::{Account, ChangeKind, GroupId, SiteId, Times, Timestamp, UserId, WalkId};

/// A walk that has begun.
#[derive(Clone, Debug)]
pub struct WalkStart {
    /// Its row.
    pub walk: WalkId,
    /// Its site's row.
    pub site: SiteId,
    /// When it began.
    pub started_at: Timestamp,
    /// What the site's earlier walks left.
    pub before: Before,
}

/// What a site's earlier walks left.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The user-list endpoint it answered.
    pub user_list: Option<String>,
    /// The moment of the last applied walk.
    pub applied_at: Option<Timestamp>,
    /// The last moment any of its walks, or a decision about one, wrote: the next must be later.
    pub latest: Option<Timestamp>,
    /// Where the look-up rotation stands.
    pub lookup_cursor: UserId,
    /// Where the rotation of questions to the organization stands.
    pub activity_cursor: UserId,
    /// Which Confluence of its organization it is.
    pub cloud_id: Option<String>,
}

/// The figures of a walk's row.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // the columns of `walks`
pub struct Figures {
    pub users_declared: Option<u64>,
    pub users_seen: Option<u64>,
    pub groups_seen: Option<u64>,
    pub memberships_seen: Option<u64>,
    pub requests: u64,
    pub retries: u64,
    pub rate_limited: u64,
    pub changes: u64,
    pub coverage: Option<String>,
    pub lookup_cursor: UserId,
    pub activity_cursor: UserId,
}

/// How a walk ended.
#[derive(Clone, Debug)]
pub struct WalkEnd {
    /// `applied`, `partial`, `held`, `failed`.
    pub status: &'static str,
    /// Why, unless applied.
    pub error: Option<String>,
    /// The moment its changes are dated by, when it applied any.
    pub at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Its figures.
    pub figures: Figures,
}

/// Finds a site by its id in the configuration.
pub async fn find_site(connection: &mut SqliteConnection, name: &str) -> Result<Option<(SiteId, Before)>, sqlx::Error> {
    let Some(row) = sqlx::query("SELECT id, user_list, cloud_id FROM sites WHERE name = ?")
        .bind(name)
        .fetch_optional(&mut *connection)
        .await?
    else {
        return Ok(None);
    };
    let site = SiteId(row.try_get(0)?);
    let user_list = row.try_get(1)?;
    let cloud_id = row.try_get(2)?;
    let time = |text: Option<String>| text.as_deref().map(time).transpose();
    // Found from the end by the rows' order: the newest walks are the ones that count.
    let applied_at =
        sqlx::query_scalar("SELECT at FROM walks WHERE site_id = ? AND status = 'applied' ORDER BY id DESC LIMIT 1")
            .bind(site.0)
            .fetch_optional(&mut *connection)
            .await?
            .flatten();
    // `+`: no index by site in place of the rows' order, which would have all of them sorted.
    let last = sqlx::query(
        "SELECT max(coalesce(finished_at, started_at), started_at, \
         coalesce((SELECT max(decided_at) FROM holds WHERE site_id = ?1), started_at)), coalesce((SELECT lookup_cursor \
         FROM walks WHERE +site_id = ?1 AND lookup_cursor IS NOT NULL ORDER BY id DESC LIMIT 1), 0), \
         coalesce((SELECT activity_cursor FROM walks WHERE site_id = ?1 AND activity_cursor IS NOT NULL \
         ORDER BY id DESC LIMIT 1), 0) FROM walks WHERE +site_id = ?1 ORDER BY id DESC LIMIT 1",
    )
    .bind(site.0)
    .fetch_optional(connection)
    .await?;
    let (latest, lookups, activity) = match last {
        Some(row) => (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?),
        None => (None, 0, 0),
    };
    let before = Before {
        user_list,
        applied_at: time(applied_at)?,
        latest: time(latest)?,
        lookup_cursor: UserId(lookups),
        activity_cursor: UserId(activity),
        cloud_id,
    };
    Ok(Some((site, before)))
}

/// The kind of the site whose users the mirror has under this id; `None` while it has none.
pub async fn kind_of_users(connection: &mut SqliteConnection, name: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT kind FROM sites s WHERE name = ? \
         AND EXISTS (SELECT 1 FROM accounts a WHERE a.site_id = s.id AND a.forgotten_at IS NULL)",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
}

/// Why a walk ended that a signal stopped, as in `walks.error`.
pub const STOPPED: &str = "stopped by a signal";

/// Why a walk ended whose process died, as in `walks.error`.
pub const DIED: &str = "interrupted: the process ended in the middle";

/// The sites with a walk that is running, or whose process died.
pub async fn running_walks(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT name FROM sites s WHERE (SELECT status FROM walks w WHERE +w.site_id = s.id ORDER BY w.id DESC LIMIT 1) \
         = 'running' ORDER BY name",
    )
    .fetch_all(connection)
    .await
}

/// Begins a walk: its row is `running` from now on. Rows left running by a process that died are told as failed.
/// The caller holds the site's lock.
pub async fn begin_walk(
    connection: &mut SqliteConnection,
    name: &str,
    kind: &str,
    base_url: &str,
    now: Timestamp,
) -> Result<WalkStart, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "INSERT INTO sites (name, kind, base_url) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE \
         SET kind = ?2, base_url = ?3, cloud_id = iif(base_url = ?3, cloud_id, NULL) \
         WHERE kind <> ?2 OR base_url <> ?3",
    )
    .bind(name)
    .bind(kind)
    .bind(base_url)
    .execute(&mut *transaction)
    .await?;
    let (site, before) = find_site(&mut transaction, name).await?.ok_or(sqlx::Error::RowNotFound)?;
    // A clock that was set back must not turn intervals around: this walk is later than the one before, by a hair.
    let started_at = before.latest.map_or(now, |latest| now.max(latest.plus_millis(1)));
    fail_running(&mut transaction, name, started_at, DIED).await?;
    let walk = sqlx::query("INSERT INTO walks (site_id, started_at, status) VALUES (?, ?, 'running')")
        .bind(site.0)
        .bind(started_at.to_sql())
        .execute(&mut *transaction)
        .await?
        .last_insert_rowid();
    transaction.commit().await?;
    Ok(WalkStart { walk: WalkId(walk), site, started_at, before })
}

/// Tells the rows of `site` that are still `running` as failed, and gives them with the times when they began. The caller
/// holds the site's lock.
pub async fn fail_running(
    connection: &mut SqliteConnection,
    site: &str,
    now: Timestamp,
    why: &str,
) -> Result<Vec<(WalkId, Timestamp)>, sqlx::Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "UPDATE walks SET status = 'failed', finished_at = max(started_at, ?1), error = ?2 \
         WHERE site_id = (SELECT id FROM sites WHERE name = ?3) AND status = 'running' AND status <> 'applied' RETURNING id, started_at",
    )
    .bind(now.to_sql())
    .bind(why)
    .bind(site)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(id, began)| Ok((WalkId(id), time(&began)?))).collect()
}

/// Writes how a walk ended.
pub async fn end_walk(connection: &mut SqliteConnection, start: &WalkStart, end: &WalkEnd) -> Result<(), sqlx::Error> {
    let WalkEnd { status, error, at, finished_at, figures } = end;
    let Figures {
        users_declared,
        users_seen,
        groups_seen,
        memberships_seen,
        requests,
        retries,
        rate_limited,
        changes,
        coverage,
        lookup_cursor,
        activity_cursor,
    } = figures;
    let count = |figure: &Option<u64>| figure.map(|figure| figure as i64);
    let ended = sqlx::query(
        "UPDATE walks SET status = ?, error = ?, at = ?, not_before = ?, finished_at = ?, users_declared = ?, \
         users_seen = ?, groups_seen = ?, memberships_seen = ?, requests = ?, retries = ?, rate_limited = ?, \
         changes = ?, coverage = ?, lookup_cursor = ?, activity_cursor = nullif(?, 0) WHERE id = ?",
    )
    .bind(*status)
    .bind(error)
    .bind(at.map(Timestamp::to_sql))
    .bind(at.and(start.before.applied_at).map(Timestamp::to_sql))
    .bind(finished_at.to_sql())
    .bind(count(users_declared))
    .bind(count(users_seen))
    .bind(count(groups_seen))
    .bind(count(memberships_seen))
    .bind(*requests as i64)
    .bind(*retries as i64)
    .bind(*rate_limited as i64)
    .bind(*changes as i64)
    .bind(coverage)
    .bind(lookup_cursor.0)
    .bind(activity_cursor.0)
    .bind(start.walk.0)
    .execute(connection)
    .await?;
    if ended.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

/// Remembers which user-list endpoint the site answers.
pub async fn set_user_list(connection: &mut SqliteConnection, site: SiteId, list: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sites SET user_list = ? WHERE id = ?")
        .bind(list)
        .bind(site.0)
        .execute(connection)
        .await
        .map(drop)
}

/// Remembers which Confluence of its organization a site is.
pub async fn set_cloud_id(connection: &mut SqliteConnection, site: SiteId, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sites SET cloud_id = ? WHERE id = ?").bind(id).bind(site.0).execute(connection).await.map(drop)
}

/// A row of the change feed, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `changes`
pub struct ChangeRow {
    pub kind: ChangeKind,
    pub user: Option<UserId>,
    pub group: Option<GroupId>,
    pub field: Option<&'static str>,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Appends changes to the feed, dated by their walk unless `at` says otherwise.
pub async fn add_changes(
    connection: &mut SqliteConnection,
    walk: WalkId,
    at: Option<Timestamp>,
    changes: impl Iterator<Item = ChangeRow>,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO change_log (walk_id, kind, user_id, group_id, field, before, after, at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let at = at.map(Timestamp::to_sql);
    let mut counted = [0; ChangeKind::ALL.len()];
    let mut rows = Prepared::prepare(connection, sql).await?;
    for ChangeRow { kind, user, group, field, before, after } in changes {
        counted[kind as usize] += 1;
        rows.run(&[
            Bound::Integer(walk.0),
            Bound::Text(kind.as_str()),
            Bound::integer(user.map(|user| user.0)),
            Bound::integer(group.map(|group| group.0)),
            Bound::text(field),
            Bound::text(before.as_deref()),
            Bound::text(after.as_deref()),
            Bound::text(at.as_deref()),
        ])
        .await?;
    }
    drop(rows);
    super::totals::count_changes(connection, walk.0, &counted).await
}

/// Adds the log-in times of users that are new; `first` is the id of the first.
pub async fn add_first_logins(
    connection: &mut SqliteConnection,
    walk: WalkId,
    first: UserId,
    created: &[Account],
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO logins (user_id, kind, at, walk_id) VALUES (?, ?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for (user, account) in (first.0..).zip(created) {
        let Times { last_login_at, last_failed_login_at, last_active_at, .. } = account.times;
        // In the order of the table's key.
        for (kind, at) in [("active", last_active_at), ("failure", last_failed_login_at), ("success", last_login_at)] {
            if let Some(at) = at {
                let at = at.to_sql();
                rows.run(&[Bound::Integer(user), Bound::Text(kind), Bound::Text(&at), Bound::Integer(walk.0)]).await?;
            }
        }
    }
    Ok(())
}

/// Adds log-in times; one that is known already stays as it is.
pub async fn add_logins(
    connection: &mut SqliteConnection,
    walk: WalkId,
    kind: &str,
    logins: &[(UserId, Timestamp)],
) -> Result<(), sqlx::Error> {
    for chunk in logins.chunks(CHUNK) {
        let mut json = String::from("[");
        for (user, at) in chunk {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&format!("[{},\"{}\"]", user.0, at.to_sql()));
        }
        json.push(']');
        sqlx::query(
            "INSERT OR IGNORE INTO logins (user_id, kind, at, walk_id) \
             SELECT value ->> 0, ?1, value ->> 1, ?2 FROM json_each(?3)",
        )
        .bind(kind)
        .bind(walk.0)
        .bind(json)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The last evidence kept about each of `users`; those about whom there is none are left out.
pub async fn last_evidence(
    connection: &mut SqliteConnection,
    users: &[UserId],
) -> Result<HashMap<UserId, String>, sqlx::Error> {
    let mut last = HashMap::new();
    for chunk in users.chunks(CHUNK) {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT e.user_id, e.answer FROM json_each(?) u CROSS JOIN evidence e ON e.id = \
             (SELECT max(id) FROM evidence WHERE user_id = u.value)",
        )
        .bind(super::json_ids(chunk.iter().map(|user| user.0)))
        .fetch_all(&mut *connection)
        .await?;
        last.extend(rows.into_iter().map(|(user, answer)| (UserId(user), answer)));
    }
    Ok(last)
}

/// Keeps what sources answered about users.
pub async fn add_evidence(
    connection: &mut SqliteConnection,
    walk: WalkId,
    evidence: &[(UserId, String)],
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO evidence (user_id, walk_id, answer) VALUES (?, ?, ?)";
    let mut rows = Prepared::prepare(connection, sql).await?;
    for (user, answer) in evidence {
        rows.run(&[Bound::Integer(user.0), Bound::Integer(walk.0), Bound::Text(answer)]).await?;
    }
    Ok(())
}

/// The id the next new user will get. Inside the transaction that adds it.
pub async fn next_user(connection: &mut SqliteConnection) -> Result<UserId, sqlx::Error> {
    sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM accounts").fetch_one(connection).await.map(UserId)
}
