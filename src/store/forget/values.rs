//! What was ever known of the users who are to be forgotten: the values that nothing may hold afterwards.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::scan::Needles;
use crate::model::HIDDEN;

/// The attributes that tell of a person, in the current row and in each version; `key` is in the former alone.
const ATTRIBUTES: [&str; 12] = [
    "name",
    "full_name",
    "email",
    "directory",
    "department",
    "position",
    "location",
    "phone",
    "im",
    "website",
    "language",
    "time_zone",
];

/// Every value, in any spelling of its ASCII letters once.
pub(super) async fn collect(connection: &mut SqliteConnection, ids: &str) -> Result<Vec<String>, sqlx::Error> {
    let of_table = |table: &str, id: &str, columns: &[&str]| {
        let select =
            |column: &&str| format!("SELECT {column} FROM {table} WHERE {id} IN (SELECT value FROM json_each(?1))");
        columns.iter().map(select).collect::<Vec<_>>().join(" UNION ")
    };
    let feed = |table: &str| {
        // Joins and first sights have no values; what is left out is in an index.
        format!(
            "SELECT v.value FROM {table} c CROSS JOIN json_each(json_array(c.before, c.after)) v \
             WHERE c.user_id IN (SELECT value FROM json_each(?1)) \
             AND c.kind NOT IN ('user.created', 'member.added', 'member.removed') \
             AND c.field NOT IN ('status', 'active', 'has_access', 'account_type', 'account_status', 'is_external')"
        )
    };
    let sql = [
        of_table("accounts", "id", &["key"]),
        of_table("accounts", "id", &ATTRIBUTES),
        of_table("account_versions", "user_id", &ATTRIBUTES),
        feed("change_log"),
        feed("held_changes"),
    ]
    .join(" UNION ");
    let found: Vec<Option<String>> =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(ids).fetch_all(&mut *connection).await?;
    let mut seen = BTreeSet::new();
    let values = found.into_iter().flatten().filter(|value| !value.trim().is_empty() && value != HIDDEN);
    Ok(values.filter(|value| seen.insert(value.to_ascii_lowercase())).collect())
}

/// Of each needle, the table of which some row holds it, if one does. It reads every text and blob there is.
pub(super) async fn held(
    connection: &mut SqliteConnection,
    needles: &Needles,
) -> Result<BTreeMap<usize, String>, sqlx::Error> {
    let mut held = BTreeMap::new();
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') ORDER BY name",
    )
    .fetch_all(&mut *connection)
    .await?;
    for (table, without_rowid) in tables {
        let columns: Vec<(String, String, i64)> = sqlx::query_as("SELECT name, type, pk FROM pragma_table_info(?)")
            .bind(&table)
            .fetch_all(&mut *connection)
            .await?;
        let rows = Rows::of(&table, without_rowid, &columns);
        rows.read(connection, |bytes| {
            needles.search(bytes, 0, |number, _| {
                held.entry(number).or_insert_with(|| table.clone());
            });
        })
        .await?;
    }
    Ok(held)
}

/// How a table is read.
struct Rows {
    /// The texts of a row, one behind the other: so they lie in the file too.
    texts: Option<String>,
    /// What may be of any type.
    others: Vec<String>,
    table: String,
    /// The number by which it is read in stretches, and how long these are.
    stretch: Option<(String, i64)>,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Rows {
    fn of(table: &str, without_rowid: bool, columns: &[(String, String, i64)]) -> Self {
        let is_number = |kind: &str| matches!(kind, "INTEGER" | "INT" | "REAL");
        let texts: Vec<String> = columns
            .iter()
            .filter(|(_, kind, _)| kind == "TEXT")
            .map(|(name, ..)| format!("coalesce({}, '')", quoted(name)))
            .collect();
        let others = columns.iter().filter(|(_, kind, _)| kind != "TEXT" && !is_number(kind));
        let others: Vec<String> = others.map(|(name, ..)| quoted(name)).collect();
        let first = columns.iter().find(|(_, kind, place)| *place == 1 && kind == "INTEGER");
        let stretch = match (without_rowid, first) {
            (false, _) => Some(("rowid".to_owned(), 2_000)),
            (true, Some((name, ..))) => Some((quoted(name), 16)),
            (true, None) => None,
        };
        Self { texts: (!texts.is_empty()).then(|| texts.join(" || ")), others, table: quoted(table), stretch }
    }

    async fn read(&self, connection: &mut SqliteConnection, mut take: impl FnMut(&[u8])) -> Result<(), sqlx::Error> {
        let Self { texts, others, table, stretch } = self;
        for other in others {
            self.each(connection, &format!("SELECT CAST({other} AS BLOB) FROM {table}"), &mut take).await?;
        }
        let Some(texts) = texts else { return Ok(()) };
        let Some((number, length)) = stretch else {
            return self.each(connection, &format!("SELECT CAST({texts} AS BLOB) FROM {table}"), &mut take).await;
        };
        // Many rows at a time: reading millions one by one takes ten times as long.
        let sql = format!("SELECT min({number}), max({number}) FROM {table}");
        let (first, last): (Option<i64>, Option<i64>) =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
        let (Some(mut from), Some(last)) = (first, last) else { return Ok(()) };
        let sql = format!(
            "SELECT CAST(group_concat({texts}, char(10)) AS BLOB), \
             (SELECT min({number}) FROM {table} WHERE {number} >= ?2) FROM {table} WHERE {number} >= ?1 AND {number} < ?2"
        );
        while from <= last {
            let (bytes, next): (Option<Vec<u8>>, Option<i64>) = sqlx::query_as(AssertSqlSafe(sql.clone()))
                .bind(from)
                .bind(from.saturating_add(*length))
                .fetch_one(&mut *connection)
                .await?;
            bytes.iter().for_each(|bytes| take(bytes));
            let Some(next) = next else { break };
            from = next;
        }
        Ok(())
    }

    async fn each(
        &self,
        connection: &mut SqliteConnection,
        sql: &str,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), sqlx::Error> {
        use futures_util::TryStreamExt;
        let mut rows = sqlx::query_scalar::<_, Option<Vec<u8>>>(AssertSqlSafe(sql.to_owned())).fetch(connection);
        while let Some(bytes) = rows.try_next().await? {
            bytes.iter().for_each(|bytes| take(bytes));
        }
        Ok(())
    }
}
