//! Texts that may name somebody in passing: errors, reasons, the journal of what was written to a site.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::scan::SHORTEST;

/// Tables, their keys, and the columns with such texts.
const TEXTS: [(&str, &str, &[&str]); 5] = [
    ("walks", "id", &["error", "coverage"]),
    ("holds", "walk_id", &["reasons", "walk_error", "reason"]),
    ("actions", "id", &["target", "request", "outcome", "response"]),
    ("notifications", "id", &["body", "answer"]),
    ("jobs", "job", &["error"]),
];

/// What stands where somebody was named.
const NOBODY: &str = "forgotten";

/// A text that holds some value.
struct Text {
    table: &'static str,
    key: &'static str,
    column: &'static str,
    id: String,
    text: String,
}

/// Puts another word in the place of every value that is nobody else's, where it stands as a word of its own.
pub(super) async fn blank_texts(connection: &mut SqliteConnection, values: &[String]) -> Result<(), sqlx::Error> {
    let long: BTreeSet<String> =
        values.iter().filter(|value| value.len() >= SHORTEST).map(|value| value.to_ascii_lowercase()).collect();
    let json = serde_json::Value::from(long.into_iter().collect::<Vec<_>>()).to_string();
    let texts = texts_with(connection, &json).await?;
    if texts.is_empty() {
        return Ok(());
    }
    let own = own_values(connection, &json).await?;
    for Text { table, key, column, id, text } in texts {
        let blank = own.iter().fold(text.clone(), |text, value| without(&text, value));
        if blank != text {
            let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {key} = ?2");
            sqlx::query(AssertSqlSafe(sql)).bind(blank).bind(id).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// The texts that hold one of the values, which are a JSON array in lower case.
async fn texts_with(connection: &mut SqliteConnection, values: &str) -> Result<Vec<Text>, sqlx::Error> {
    let mut texts = Vec::new();
    for (table, key, columns) in TEXTS {
        for column in columns {
            let sql = format!(
                "SELECT CAST({key} AS TEXT), {column} FROM {table} WHERE {column} IS NOT NULL \
                 AND EXISTS (SELECT 1 FROM json_each(?1) v WHERE instr(lower({column}), v.value) > 0)"
            );
            let found: Vec<(String, String)> =
                sqlx::query_as(AssertSqlSafe(sql)).bind(values).fetch_all(&mut *connection).await?;
            texts.extend(found.into_iter().map(|(id, text)| Text { table, key, column, id, text }));
        }
    }
    Ok(texts)
}

/// The values, in lower case and the longest first, that no other user and no group bears, and that are no words of the
/// schema, which such texts are made of.
async fn own_values(connection: &mut SqliteConnection, values: &str) -> Result<Vec<String>, sqlx::Error> {
    let columns = ["name", "full_name", "email", "department", "position", "location", "phone", "im", "website"];
    let of = |table: &str, columns: &[&str]| {
        let select = |column: &&str| {
            format!("SELECT lower({column}) FROM {table} WHERE lower({column}) IN (SELECT value FROM json_each(?1))")
        };
        columns.iter().map(select).collect::<Vec<_>>().join(" UNION ")
    };
    let others = [
        of("accounts", &columns),
        of("accounts", &["key", "directory", "language", "time_zone"]),
        of("account_versions", &columns),
        of("groups", &["name"]),
        of("group_versions", &["name"]),
        of("sites", &["name"]),
    ]
    .join(" UNION ");
    let sql = format!(
        "SELECT v.value FROM json_each(?1) v WHERE v.value NOT IN ({others}) \
         AND NOT EXISTS (SELECT 1 FROM sqlite_schema s WHERE instr(lower(s.sql), v.value) > 0) \
         ORDER BY length(v.value) DESC, v.value"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(values).fetch_all(connection).await
}

/// The text with another word for each `word` (in lower case) that neither begins nor ends in the middle of one.
fn without(text: &str, word: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut blank = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in lower.match_indices(word) {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        if at >= done && !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric) {
            blank.push_str(&text[done..at]);
            blank.push_str(NOBODY);
            done = at + word.len();
        }
    }
    blank.push_str(&text[done..]);
    blank
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn whole_words_alone_are_replaced() {
        assert_eq!(
            without("user 'Anna': anna, Joanna and anna.b", "anna"),
            "user 'forgotten': forgotten, Joanna and forgotten.b"
        );
        assert_eq!(without("{\"to\":\"anna@example.com\"}", "anna@example.com"), "{\"to\":\"forgotten\"}");
        assert_eq!(without("Zoë ist zoë", "zoë"), "forgotten ist forgotten");
        assert_eq!(without("nobody", "anna"), "nobody");
        assert_eq!(without("", "anna"), "");
    }
}
