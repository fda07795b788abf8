//! The reference page of the configuration, `docs/configuration.md`, from the table of keys.

use std::fmt::Write;

use super::keys::{ALWAYS, KEYS, Key, Kind, TABLES};

pub(super) const INTRODUCTION: &str = include_str!("reference.md");

/// The text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (table, doc) in TABLES {
        let heading = heading(table);
        let _ = write!(page, "\n## `{heading}`\n\n{doc}\n\n| key | type | default | meaning |\n|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.path.rsplit_once('.').is_some_and(|(above, _)| above == *table)) {
            let name = key.path.rsplit('.').next().unwrap_or(key.path);
            let _ = writeln!(page, "| `{name}` | {} | {} | {} |", type_of(key.kind), default_of(key), key.doc);
        }
    }
    page
}

/// A table as the file has it.
pub(super) fn heading(table: &str) -> String {
    match table.strip_suffix("[]") {
        Some(name) => format!("[[{name}]]"),
        None => format!("[{}]", table.replace('*', "ID")),
    }
}

pub(super) fn type_of(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Secret => "secret".into(),
        Kind::SecretFile => "file with a secret".into(),
        Kind::Path => "path".into(),
        Kind::Address => "address and port".into(),
        Kind::Url => "http(s) URL".into(),
        Kind::Boolean => "`true` or `false`".into(),
        Kind::Integer { min, max: i64::MAX } => format!("whole number, {min} or more"),
        Kind::Integer { min, max } => format!("whole number, {min} to {max}"),
        Kind::Number { min, max } => format!("number, {min} to {max}"),
        Kind::Duration | Kind::Pause => "duration".into(),
        Kind::Choice(choices) => choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", "),
        Kind::Zone => "time zone".into(),
        Kind::Schedule => "schedule".into(),
        Kind::Date => "date".into(),
        Kind::Glob => "pattern".into(),
        Kind::Parameters => "table".into(),
    }
}

pub(super) fn default_of(key: &Key) -> String {
    let bare = matches!(key.kind, Kind::Boolean | Kind::Integer { .. } | Kind::Number { .. });
    match (key.default, key.required) {
        (Some(value), _) if bare => format!("`{value}`"),
        (Some(value), _) => format!("`\"{value}\"`"),
        (None, Some(ALWAYS)) => "required".into(),
        (None, Some(when)) => format!("required {when}"),
        (None, None) => "none".into(),
    }
}
