//! `accounts`: what is known now about each user, and `account_versions`: what was.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use super::CHUNK;
use super::bulk::{Bound, Prepared};
use crate::model::{Account, Presence, Profile, SiteId, Standing, Times, Timestamp, UserId, WalkId};

/// A user and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// `users.id`
    pub id: UserId,
    /// What is known of it.
    pub account: Account,
}

impl AccountRow {
    /// Some listing shows it.
    pub fn is_listed(&self) -> bool {
        self.account.presence.unlisted_seen_at.is_none()
    }
}

const SELECT: &str = "SELECT id, key, name, full_name, email, directory, account_type, is_external, department, \
    position, location, phone, im, website, language, time_zone, status, active, has_access, created_at, updated_at, \
    last_login_at, last_login_known, last_failed_login_at, last_active_at, unlisted_seen_at, missing_since, \
    deactivated_at, deleted_at, dates_from_export, account_status, email_hidden, last_active_known, \
    last_active_known_since FROM accounts";

/// The columns of one version, in the order of `user_history`.
const VERSION: &str = "name, full_name, email, status, active, has_access, directory, account_type, is_external, \
    department, position, location, phone, im, website, language, time_zone, account_status, email_hidden";

fn decode(row: &SqliteRow) -> Result<AccountRow, sqlx::Error> {
    let text = |index: usize| row.try_get::<Option<String>, _>(index);
    let time = |index: usize| row.try_get::<Option<&str>, _>(index)?.map(super::time).transpose();
    let status: &str = row.try_get(16)?;
    Ok(AccountRow {
        id: UserId(row.try_get(0)?),
        account: Account {
            key: text(1)?,
            profile: Profile {
                name: row.try_get(2)?,
                full_name: text(3)?,
                email: text(4)?,
                directory: text(5)?,
                account_type: text(6)?,
                is_external: row.try_get(7)?,
                department: text(8)?,
                position: text(9)?,
                location: text(10)?,
                phone: text(11)?,
                im: text(12)?,
                website: text(13)?,
                language: text(14)?,
                time_zone: text(15)?,
                account_status: text(30)?,
                email_hidden: row.try_get(31)?,
            },
            standing: Standing {
                status: status.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?,
                active: row.try_get(17)?,
                has_access: row.try_get(18)?,
            },
            times: Times {
                created_at: time(19)?,
                updated_at: time(20)?,
                last_login_at: time(21)?,
                last_login_known: row.try_get(22)?,
                last_failed_login_at: time(23)?,
                last_active_at: time(24)?,
                last_active_known: row.try_get(32)?,
                last_active_known_since: time(33)?,
                dates_from_export: row.try_get(29)?,
            },
            presence: Presence {
                unlisted_seen_at: time(25)?,
                missing_since: time(26)?,
                deactivated_at: time(27)?,
                deleted_at: time(28)?,
            },
        },
    })
}

/// The users of `site` with these keys, by key; unknown keys are left out.
pub async fn accounts_by_key(
    connection: &mut SqliteConnection,
    site: SiteId,
    keys: &[&str],
) -> Result<HashMap<String, AccountRow>, sqlx::Error> {
    let statement = format!("{SELECT} WHERE site_id = ? AND key IN (SELECT value FROM json_each(?))");
    let mut found = HashMap::new();
    let any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts WHERE site_id = ?)")
        .bind(site.0)
        .fetch_one(&mut *connection)
        .await?;
    if !any {
        return Ok(found);
    }
    for chunk in keys.chunks(CHUNK) {
        let json = serde_json::to_string(chunk).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let rows =
            sqlx::query(AssertSqlSafe(statement.clone())).bind(site.0).bind(json).fetch_all(&mut *connection).await?;
        for row in rows {
            let row = decode(&row)?;
            found.insert(row.account.key.clone().unwrap_or_default(), row);
        }
    }
    Ok(found)
}

/// The users with these ids, in the order of their ids.
pub async fn accounts_by_id(connection: &mut SqliteConnection, ids: &[UserId]) -> Result<Vec<AccountRow>, sqlx::Error> {
    let statement = format!("{SELECT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id");
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let rows = sqlx::query(AssertSqlSafe(statement.clone()))
            .bind(super::json_ids(chunk.iter().map(|id| id.0)))
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            found.push(decode(&row)?);
        }
    }
    found.sort_by_key(|row| row.id);
    Ok(found)
}

/// The users of `site` with these names, as they were seen last; in any case of their ASCII letters.
pub async fn accounts_by_name(
    connection: &mut SqliteConnection,
    site: SiteId,
    names: &[&str],
) -> Result<Vec<AccountRow>, sqlx::Error> {
    let statement = format!(
        "{SELECT} WHERE name COLLATE NOCASE IN (SELECT value FROM json_each(?)) AND site_id = ? AND forgotten_at IS NULL"
    );
    let mut found = Vec::new();
    for chunk in names.chunks(CHUNK) {
        let json = serde_json::to_string(chunk).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let rows =
            sqlx::query(AssertSqlSafe(statement.clone())).bind(json).bind(site.0).fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(decode(&row)?);
        }
    }
    Ok(found)
}

/// The users of `site` without a key, whom User Export alone showed, by their names in lower case.
pub async fn keyless_accounts(
    connection: &mut SqliteConnection,
    site: SiteId,
) -> Result<HashMap<String, AccountRow>, sqlx::Error> {
    let statement = format!(
        "{SELECT} WHERE site_id = ? AND key IS NULL AND status NOT IN ('missing', 'deleted') AND forgotten_at IS NULL"
    );
    let rows = sqlx::query(AssertSqlSafe(statement)).bind(site.0).fetch_all(connection).await?;
    rows.iter().map(|row| decode(row).map(|row| (row.account.profile.name.to_lowercase(), row))).collect()
}

/// Active users of `site`, with their names: a hundred more than `few`.
pub async fn some_active(
    connection: &mut SqliteConnection,
    site: SiteId,
    few: usize,
) -> Result<Vec<(UserId, String)>, sqlx::Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT id, name FROM accounts WHERE site_id = ? AND status = 'active' AND forgotten_at IS NULL LIMIT ?",
    )
    .bind(site.0)
    .bind(few as i64 + 100)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(id, name)| (UserId(id), name)).collect())
}

/// When the newest of the users without a key was first seen, among those whom User Export shows still.
pub async fn newest_keyless(connection: &mut SqliteConnection, site: SiteId) -> Result<Option<Timestamp>, sqlx::Error> {
    let newest: Option<String> = sqlx::query_scalar(
        "SELECT max(first_seen_at) FROM accounts \
         WHERE site_id = ? AND key IS NULL AND unlisted_seen_at IS NULL AND forgotten_at IS NULL",
    )
    .bind(site.0)
    .fetch_one(connection)
    .await?;
    newest.as_deref().map(super::time).transpose()
}

/// The next users in the look-up rotation, `limit` in all: those whom no listing shows and who are not proven gone, and
/// those whose key is not known. First those never looked up, then the others on from `cursor` and around.
pub async fn rotation(
    connection: &mut SqliteConnection,
    site: SiteId,
    cursor: UserId,
    limit: usize,
) -> Result<(Vec<AccountRow>, Vec<AccountRow>), sqlx::Error> {
    // Each half has an index of its own.
    const UNLISTED: &str =
        "site_id = ?1 AND unlisted_seen_at IS NOT NULL AND status <> 'deleted' AND forgotten_at IS NULL";
    const KEYLESS: &str = "site_id = ?1 AND key IS NULL AND unlisted_seen_at IS NULL AND forgotten_at IS NULL";
    const NEVER: &str = "NOT EXISTS (SELECT 1 FROM evidence WHERE user_id = accounts.id)";
    let mut taken: Vec<Vec<UserId>> = Vec::new();
    let mut known: HashSet<UserId> = HashSet::new();
    for condition in [NEVER, "id > ?2", "id <= ?2"] {
        let mut ids = Vec::new();
        if known.len() < limit {
            // The ids already taken could come again: ask for as many more.
            let half = |wanted: &str| {
                format!("SELECT id FROM (SELECT id FROM accounts WHERE {wanted} AND {condition} ORDER BY id LIMIT ?3)")
            };
            let statement = format!("{} UNION {} ORDER BY id LIMIT ?3", half(UNLISTED), half(KEYLESS));
            let found: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(statement))
                .bind(site.0)
                .bind(cursor.0)
                .bind(limit as i64)
                .fetch_all(&mut *connection)
                .await?;
            for id in found.into_iter().map(UserId) {
                if known.len() < limit && known.insert(id) {
                    ids.push(id);
                }
            }
        }
        taken.push(ids);
    }
    let [never, on, around] = [0, 1, 2].map(|part| taken[part].as_slice());
    let never = accounts_by_id(connection, never).await?;
    let mut turn = accounts_by_id(connection, on).await?;
    turn.extend(accounts_by_id(connection, around).await?);
    Ok((never, turn))
}

/// The keys of all users of `site`, in their order.
pub async fn account_keys(
    connection: &mut SqliteConnection,
    site: SiteId,
) -> Result<Vec<(UserId, String)>, sqlx::Error> {
    // JSON, thousands at a time: reading narrow rows one by one costs more than the rest of a quiet walk.
    let mut keys: Vec<(UserId, String)> = Vec::new();
    loop {
        let json: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(id, key)) FROM (SELECT id, key FROM accounts \
             WHERE site_id = ?1 AND key > ?2 ORDER BY key LIMIT ?3)",
        )
        .bind(site.0)
        .bind(keys.last().map_or("", |(_, key)| key))
        .bind(CHUNK as i64)
        .fetch_one(&mut *connection)
        .await?;
        let rows: Vec<(i64, String)> =
            serde_json::from_str(&json).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        if rows.is_empty() {
            return Ok(keys);
        }
        keys.extend(rows.into_iter().map(|(id, key)| (UserId(id), key)));
    }
}

/// Whether the organization told the activity of anybody at `site`.
pub async fn is_activity_known(connection: &mut SqliteConnection, site: SiteId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM accounts WHERE site_id = ? AND last_active_known_since IS NOT NULL)",
    )
    .bind(site.0)
    .fetch_one(connection)
    .await
}

/// Forgets what was told of activity at `site`: it was that of another one.
pub async fn forget_activity(connection: &mut SqliteConnection, site: SiteId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM logins WHERE kind = 'active' AND user_id IN (SELECT id FROM accounts WHERE site_id = ?)")
        .bind(site.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE accounts SET last_active_at = NULL, last_active_known = NULL, last_active_known_since = NULL \
         WHERE site_id = ? AND last_active_known IS NOT NULL",
    )
    .bind(site.0)
    .execute(connection)
    .await
    .map(drop)
}

/// The next users of `site` to ask the organization about one by one, `limit` in all: first those about whom nobody
/// asked yet, then on from `cursor` and around. Proven gone ones are left out.
pub async fn activity_rotation(
    connection: &mut SqliteConnection,
    site: SiteId,
    cursor: UserId,
    limit: usize,
) -> Result<(Vec<UserId>, Vec<UserId>), sqlx::Error> {
    let mut taken = Vec::new();
    for condition in [
        "last_active_known IS NULL",
        "last_active_known IS NOT NULL AND id > ?2",
        "last_active_known IS NOT NULL AND id <= ?2",
    ] {
        let left = limit.saturating_sub(taken.iter().map(Vec::len).sum());
        let statement = format!(
            "SELECT id FROM accounts WHERE site_id = ?1 AND status NOT IN ('deleted', 'missing') \
             AND forgotten_at IS NULL AND {condition} ORDER BY id LIMIT ?3"
        );
        let ids: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(site.0)
            .bind(cursor.0)
            .bind(left as i64)
            .fetch_all(&mut *connection)
            .await?;
        taken.push(ids.into_iter().map(UserId).collect::<Vec<_>>());
    }
    let never = taken.remove(0);
    Ok((never, taken.concat()))
}

/// Adds users; their ids are `first`, `first` + 1, … in the order given.
pub async fn insert_accounts(
    connection: &mut SqliteConnection,
    site: SiteId,
    walk: WalkId,
    at: Timestamp,
    first: UserId,
    accounts: &[Account],
) -> Result<(), sqlx::Error> {
    let now = at.to_sql();
    let mut rows = Prepared::prepare(
        connection,
        "INSERT INTO accounts (id, site_id, first_seen_at, version_from, version_walk_id, key, name, full_name, email, \
         directory, account_type, is_external, department, position, location, phone, im, website, language, \
         time_zone, status, active, has_access, created_at, updated_at, last_login_at, last_login_known, \
         last_failed_login_at, last_active_at, unlisted_seen_at, missing_since, deactivated_at, deleted_at, \
         dates_from_export, account_status, email_hidden, last_active_known, last_active_known_since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .await?;
    for (id, account) in (first.0..).zip(accounts) {
        let spelled = Spelled::of(account);
        let own =
            [Bound::Integer(id), Bound::Integer(site.0), Bound::Text(&now), Bound::Text(&now), Bound::Integer(walk.0)];
        let mut values = [Bound::Null; 5 + COLUMNS];
        values[..5].copy_from_slice(&own);
        values[5..].copy_from_slice(&columns(account, &spelled));
        rows.run(&values).await?;
    }
    Ok(())
}

/// The times of an account as SQL spells them, in the order of their columns.
struct Spelled {
    times: [Option<String>; 6],
    presence: [Option<String>; 4],
}

impl Spelled {
    fn of(account: &Account) -> Self {
        let Times {
            created_at,
            updated_at,
            last_login_at,
            last_login_known: _,
            last_failed_login_at,
            last_active_at,
            last_active_known: _,
            last_active_known_since,
            dates_from_export: _,
        } = account.times;
        let Presence { unlisted_seen_at, missing_since, deactivated_at, deleted_at } = account.presence;
        let spell = |time: Option<Timestamp>| time.map(Timestamp::to_sql);
        Self {
            times: [
                created_at,
                updated_at,
                last_login_at,
                last_failed_login_at,
                last_active_at,
                last_active_known_since,
            ]
            .map(spell),
            presence: [unlisted_seen_at, missing_since, deactivated_at, deleted_at].map(spell),
        }
    }
}

/// The columns of an account that are written as a whole.
const COLUMNS: usize = 33;

/// The values of an account, from `key` on in the order of [`SELECT`].
fn columns<'a>(account: &'a Account, spelled: &'a Spelled) -> [Bound<'a>; COLUMNS] {
    let Account { key, profile, standing, times, presence: _ } = account;
    let Profile {
        name,
        full_name,
        email,
        directory,
        account_type,
        is_external,
        department,
        position,
        location,
        phone,
        im,
        website,
        language,
        time_zone,
        account_status,
        email_hidden,
    } = profile;
    let Standing { status, active, has_access } = standing;
    let [created_at, updated_at, last_login_at, last_failed_login_at, last_active_at, last_active_known_since] =
        &spelled.times;
    let [unlisted_seen_at, missing_since, deactivated_at, deleted_at] = &spelled.presence;
    let bit = |value: Option<bool>| Bound::integer(value.map(i64::from));
    [
        Bound::text(key.as_deref()),
        Bound::Text(name),
        Bound::text(full_name.as_deref()),
        Bound::text(email.as_deref()),
        Bound::text(directory.as_deref()),
        Bound::text(account_type.as_deref()),
        bit(*is_external),
        Bound::text(department.as_deref()),
        Bound::text(position.as_deref()),
        Bound::text(location.as_deref()),
        Bound::text(phone.as_deref()),
        Bound::text(im.as_deref()),
        Bound::text(website.as_deref()),
        Bound::text(language.as_deref()),
        Bound::text(time_zone.as_deref()),
        Bound::Text(status.as_str()),
        bit(*active),
        bit(*has_access),
        Bound::text(created_at.as_deref()),
        Bound::text(updated_at.as_deref()),
        Bound::text(last_login_at.as_deref()),
        bit(Some(times.last_login_known)),
        Bound::text(last_failed_login_at.as_deref()),
        Bound::text(last_active_at.as_deref()),
        Bound::text(unlisted_seen_at.as_deref()),
        Bound::text(missing_since.as_deref()),
        Bound::text(deactivated_at.as_deref()),
        Bound::text(deleted_at.as_deref()),
        bit(Some(times.dates_from_export)),
        Bound::text(account_status.as_deref()),
        bit(Some(*email_hidden)),
        bit(times.last_active_known),
        Bound::text(last_active_known_since.as_deref()),
    ]
}

/// Writes what is known now of a user; with `versioned`, what was known before becomes a version that ends at `at`.
pub async fn update_account(
    connection: &mut SqliteConnection,
    walk: WalkId,
    at: Timestamp,
    id: UserId,
    account: &Account,
    versioned: bool,
) -> Result<(), sqlx::Error> {
    let now = at.to_sql();
    if versioned {
        let statement = format!(
            "INSERT INTO account_versions (user_id, valid_from, valid_to, walk_id, {VERSION}) \
             SELECT id, version_from, ?, version_walk_id, {VERSION} FROM accounts WHERE id = ?"
        );
        let kept = sqlx::query(AssertSqlSafe(statement))
            .bind(&now)
            .bind(id.0)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        if kept != 1 {
            return Err(sqlx::Error::RowNotFound);
        }
    }
    // Numbered parameters: a wide statement run seldom, and read more often.
    let sql = "UPDATE accounts SET key = ?1, name = ?2, full_name = ?3, email = ?4, directory = ?5, account_type = ?6, \
         is_external = ?7, department = ?8, position = ?9, location = ?10, phone = ?11, im = ?12, website = ?13, \
         language = ?14, time_zone = ?15, status = ?16, active = ?17, has_access = ?18, created_at = ?19, \
         updated_at = ?20, last_login_at = ?21, last_login_known = ?22, last_failed_login_at = ?23, \
         last_active_at = ?24, unlisted_seen_at = ?25, missing_since = ?26, deactivated_at = ?27, deleted_at = ?28, \
         dates_from_export = ?29, account_status = ?30, email_hidden = ?31, last_active_known = ?32, \
         last_active_known_since = ?33, version_from = iif(?34, ?35, version_from), \
         version_walk_id = iif(?34, ?36, version_walk_id) WHERE id = ?37";
    let spelled = Spelled::of(account);
    let own = [Bound::Integer(i64::from(versioned)), Bound::Text(&now), Bound::Integer(walk.0), Bound::Integer(id.0)];
    Prepared::prepare(connection, sql).await?.run(&[&columns(account, &spelled)[..], &own].concat()).await
}

/// Writes only the times the site tells: what most users change on most days.
pub async fn update_times(connection: &mut SqliteConnection, times: &[(UserId, Times)]) -> Result<(), sqlx::Error> {
    for chunk in times.chunks(CHUNK) {
        let mut json = String::from("[");
        for (id, times) in chunk {
            let Times {
                created_at,
                updated_at,
                last_login_at,
                last_login_known,
                last_failed_login_at,
                last_active_at,
                last_active_known,
                last_active_known_since,
                dates_from_export,
            } = times;
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&format!("[{},{},{}", id.0, u8::from(*last_login_known), u8::from(*dates_from_export)));
            for time in
                [created_at, updated_at, last_login_at, last_failed_login_at, last_active_at, last_active_known_since]
            {
                match time {
                    Some(time) => json.push_str(&format!(",\"{}\"", time.to_sql())),
                    None => json.push_str(",null"),
                }
            }
            json.push_str(match last_active_known {
                Some(true) => ",1",
                Some(false) => ",0",
                None => ",null",
            });
            json.push(']');
        }
        json.push(']');
        sqlx::query(
            "UPDATE accounts SET last_login_known = value ->> 1, dates_from_export = value ->> 2, created_at = value ->> 3, \
             updated_at = value ->> 4, last_login_at = value ->> 5, last_failed_login_at = value ->> 6, \
             last_active_at = value ->> 7, last_active_known_since = value ->> 8, last_active_known = value ->> 9 \
             FROM json_each(?) WHERE accounts.id = value ->> 0",
        )
        .bind(json)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Prepares a connection for a first load, before its transaction, and for nothing after it: what is written is read once more for the indexes, from memory and
/// not from the write-ahead log; and every reference is to a row of the same load, so that checking each of a million
/// tells nothing.
pub async fn begin_bulk(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("PRAGMA cache_size = -131072; PRAGMA foreign_keys = OFF").execute(connection).await.map(drop)
}

/// Drops the indexes of the large tables before a first load, and gives the statements that make them again:
/// an index is built from sorted rows in a third of the time that keeping it takes.
pub async fn drop_indexes(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL \
         AND tbl_name IN ('accounts', 'memberships') ORDER BY name",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut statements = Vec::with_capacity(indexes.len());
    for (name, sql) in indexes {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX \"{name}\""))).execute(&mut *connection).await?;
        statements.push(sql);
    }
    Ok(statements)
}

/// Makes the dropped indexes again.
pub async fn restore_indexes(connection: &mut SqliteConnection, statements: &[String]) -> Result<(), sqlx::Error> {
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *connection).await?;
    }
    Ok(())
}
