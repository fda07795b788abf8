//! The reference page of the database, `docs/schema.md`, from the schema and the comments in it.

use std::collections::HashMap;
use std::fmt::Write;

use sqlx::sqlite::SqliteConnection;

use super::{Store, StoreError};

const INTRODUCTION: &str = include_str!("reference.md");

/// The tables and views that others may rely on, in the order of the page.
const PUBLIC: [&str; 19] = [
    "sites",
    "walks",
    "walk_coverage",
    "holds",
    "held_changes",
    "users",
    "user_history",
    "logins",
    "groups",
    "group_history",
    "memberships",
    "changes",
    "actions",
    "jobs",
    "skipped_runs",
    "notifications",
    "walks_told",
    "pruned",
    "forgotten",
];

/// Where a column without a comment of its own is explained.
const EXPLAINED_BY: [(&str, &[&str]); 5] = [
    ("accounts", &["users"]),
    ("account_versions", &["user_history", "users"]),
    ("user_history", &["users"]),
    ("group_versions", &["group_history"]),
    ("change_log", &["changes"]),
];

/// Columns that a later migration added: SQLite keeps no comment of theirs.
const ADDED: [(&str, &str, &str); 8] = [
    ("jobs", "succeeded_at", "when it last did its work; NULL: it never did"),
    ("sites", "cloud_id", "Cloud: which Confluence of its organization it is"),
    ("walks", "activity_cursor", "the last user whom the organization was asked about one by one"),
    (
        "accounts",
        "forgotten_at",
        "when the user was forgotten: a nameless row, of which nothing is so now and which `users` leaves out",
    ),
    (
        "accounts",
        "pruned_status_since",
        "since when the oldest version that is left has its status; NULL: since `first_seen_at`, for none was pruned",
    ),
    ("accounts", "pruned_active_until", "when the last version that was active ended, of those that were pruned"),
    ("groups", "pruned_name_since", "since when it has the name that follows those that were pruned"),
    ("groups", "pruned_change_at", "when somebody last joined or left, of the memberships that were pruned"),
];

/// A table or view as SQLite keeps it.
struct Relation {
    name: String,
    sql: String,
    columns: Vec<Column>,
    indexes: Vec<String>,
}

#[derive(sqlx::FromRow)]
struct Column {
    name: String,
    #[sqlx(rename = "type")]
    kind: String,
    #[sqlx(rename = "notnull")]
    not_null: bool,
    #[sqlx(rename = "pk")]
    key: i64,
}

/// The text of `docs/schema.md`: the schema of a freshly made database, explained by the comments in its statements.
///
/// # Errors
/// Those of a database in memory.
pub async fn reference() -> Result<String, StoreError> {
    let store = Store::nowhere();
    let mut connection = store.reader().await?;
    let relations = relations(&mut connection).await.map_err(|error| store.sql(error))?;
    let by_name: HashMap<&str, &Relation> =
        relations.iter().map(|relation| (relation.name.as_str(), relation)).collect();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Tables and views\n");
    for relation in PUBLIC.iter().filter_map(|name| by_name.get(name)) {
        describe(&mut page, relation, &by_name);
    }
    page.push_str(
        "\n## Storage\n\nNot public: read these where nothing above tells what you need, and expect changes.\n",
    );
    for relation in relations.iter().filter(|relation| !PUBLIC.contains(&relation.name.as_str())) {
        describe(&mut page, relation, &by_name);
    }
    Ok(page)
}

async fn relations(connection: &mut SqliteConnection) -> Result<Vec<Relation>, sqlx::Error> {
    let found: Vec<(String, String)> =
        sqlx::query_as("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY rowid")
            .fetch_all(&mut *connection)
            .await?;
    let mut relations = Vec::with_capacity(found.len());
    for (name, sql) in found {
        let columns = sqlx::query_as("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?) ORDER BY cid")
            .bind(&name)
            .fetch_all(&mut *connection)
            .await?;
        let indexes = sqlx::query_scalar(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY rowid",
        )
        .bind(&name)
        .fetch_all(&mut *connection)
        .await?;
        relations.push(Relation { name, sql, columns, indexes });
    }
    Ok(relations)
}

fn describe(page: &mut String, relation: &Relation, by_name: &HashMap<&str, &Relation>) {
    let Relation { name, sql, columns, indexes } = relation;
    let kind = if sql.starts_with("CREATE VIEW") { "view" } else { "table" };
    let _ = write!(page, "\n### `{name}` ({kind})\n\n");
    for line in heading(sql) {
        let _ = writeln!(page, "{line}");
    }
    page.push_str("\n| column | type | meaning |\n|---|---|---|\n");
    let explained_by =
        EXPLAINED_BY.iter().find(|(explained, _)| explained == name).map_or(&[][..], |(_, others)| others);
    for column in columns {
        let others = explained_by.iter().filter_map(|other| by_name.get(other));
        let meaning =
            std::iter::once(&relation).chain(others).find_map(|relation| comment(&relation.sql, &column.name));
        let added = || ADDED.iter().find(|(table, added, _)| table == name && *added == column.name);
        let meaning = meaning.or_else(|| added().map(|(.., meaning)| *meaning));
        let _ = writeln!(page, "| `{}` | {} | {} |", column.name, type_of(column), meaning.unwrap_or_default());
    }
    if !indexes.is_empty() {
        page.push('\n');
    }
    for index in indexes {
        let _ = writeln!(page, "- `{}`", index.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

fn type_of(column: &Column) -> String {
    let mut text = column.kind.clone();
    if text.is_empty() {
        // Of an expression in a view SQLite tells no type.
        text.push_str("computed");
    }
    if column.key > 0 {
        text.push_str(", primary key");
    } else if column.not_null {
        text.push_str(", not NULL");
    }
    text
}

/// The comment that explains the whole: the lines that hold nothing else before the first column.
fn heading(sql: &str) -> impl Iterator<Item = &str> {
    sql.lines().skip(1).map_while(|line| line.trim_start().strip_prefix("-- "))
}

/// The comment behind a column: behind its definition in a table, or behind the expression that ends in it in a view.
fn comment<'a>(sql: &'a str, column: &str) -> Option<&'a str> {
    sql.lines().find_map(|line| {
        let (code, comment) = line.split_once("-- ")?;
        let code = code.trim().trim_end_matches(',');
        let first = code.split_whitespace().next()?;
        let last = code.rsplit([' ', '.']).next()?;
        (first == column || last == column).then_some(comment.trim_end())
    })
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema.md");

    #[tokio::test]
    async fn the_page_is_the_schema() {
        let page = reference().await.unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            std::fs::write(PAGE, &page).unwrap();
        }
        let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(committed == page, "docs/schema.md is out of date: run `make docs`");
    }

    #[tokio::test]
    async fn everything_is_explained() {
        let page = reference().await.unwrap();
        for name in PUBLIC {
            assert!(page.contains(&format!("\n### `{name}` (")), "{name} is not there");
        }
        let bare: Vec<&str> = page.lines().filter(|line| line.starts_with("| `") && line.ends_with("|  |")).collect();
        assert!(bare.is_empty(), "columns without a comment in migrations/: {bare:#?}");
    }

    #[tokio::test]
    async fn the_recipes_fit_the_schema() {
        let mut connection = Store::nowhere().reader().await.unwrap();
        let recipes: Vec<&str> =
            INTRODUCTION.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(recipes.len() >= 4);
        for recipe in recipes {
            let statement = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(recipe.to_owned()));
            assert!((&mut connection).prepare(statement).await.is_ok(), "{recipe}");
        }
    }
}
