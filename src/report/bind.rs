//! Parameters of a report's SQL, by name.
//!
//! A report says `:as_of` and `:days`, which any SQLite shell understands too; sqlx knows numbers only (`?1`).

/// `sql` with each `:name` replaced by `?N`, N counted from 1 in `names`.
///
/// # Errors
/// The name that is not among `names`.
pub(super) fn numbered(sql: &str, names: &[&str]) -> Result<String, String> {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '\'' | '"' | '`' => quoted(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            ':' => {
                let name: &str = &rest[1..];
                let name = &name[..name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len())];
                let number = names.iter().position(|known| *known == name).ok_or_else(|| name.to_owned())?;
                out.push_str(&format!("?{}", number + 1));
                rest = &rest[1 + name.len()..];
                continue;
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    Ok(out)
}

/// The end of the quoted text that `rest` starts with. A doubled quote reads as two texts, which comes to the same.
fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_numbers_outside_text_and_comments() {
        let sql =
            "-- at :as_of\nSELECT ':no', \"a:b\", 'it''s :no' /* :no */ WHERE x <= :as_of AND y > :days OR z = :as_of";
        assert_eq!(
            numbered(sql, &["as_of", "sites", "days"]).unwrap(),
            "-- at :as_of\nSELECT ':no', \"a:b\", 'it''s :no' /* :no */ WHERE x <= ?1 AND y > ?3 OR z = ?1"
        );
        assert_eq!(numbered("SELECT :day", &["days"]).unwrap_err(), "day");
    }
}
