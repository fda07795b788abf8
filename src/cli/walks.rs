//! `rollbook walks list|show`: the walks, and what one of them brought.

use std::io::{self, Write};

use serde_json::{Map, json};
use sqlx::{Connection, SqliteConnection};

use super::holds::{describe_hold, hold_document};
use super::output::{FormatOptions, terminal, to_out};
use super::{Exit, Failure, Outcome, known_site};
use crate::clock::Clock;
use crate::model::WalkId;
use crate::render::{self, Column, Format, Kind, Style, Table, Value, visible};
use crate::report::rows;
use crate::store::{HoldRow, find_hold};

/// Options of `walks list`.
#[derive(Clone, Debug, clap::Args)]
pub struct ListOptions {
    /// Only this site
    #[arg(long, value_name = "ID")]
    pub site: Option<String>,
    /// The newest so many
    #[arg(long, default_value_t = 20, value_name = "WALKS")]
    pub limit: u32,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// Options of `walks show`.
#[derive(Clone, Debug, clap::Args)]
pub struct ShowOptions {
    /// Which walk
    #[arg(value_name = "ID")]
    pub id: i64,
    /// Show every change, not the first 50
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

const CHANGES_SHOWN: u32 = 50;

const COLUMNS: &[(&str, Kind)] = &[
    ("id", Kind::Integer),
    ("site", Kind::Text),
    ("status", Kind::Text),
    ("started_at", Kind::Time),
    ("finished_at", Kind::Time),
    ("at", Kind::Time),
    ("not_before", Kind::Time),
    ("users_declared", Kind::Integer),
    ("users_seen", Kind::Integer),
    ("groups_seen", Kind::Integer),
    ("memberships_seen", Kind::Integer),
    ("changes", Kind::Integer),
    ("requests", Kind::Integer),
    ("retries", Kind::Integer),
    ("rate_limited", Kind::Integer),
    ("error", Kind::Text),
];

const SELECT: &str = "SELECT w.id, s.name AS site, w.status, w.started_at, w.finished_at, w.at, w.not_before, \
    w.users_declared, w.users_seen, w.groups_seen, w.memberships_seen, w.changes, w.requests, w.retries, w.rate_limited, \
    w.error FROM walks w JOIN sites s ON s.id = w.site_id";

/// Writes the newest walks, newest first.
///
/// # Errors
/// [`Exit::Usage`] for an unknown site.
pub async fn list(options: ListOptions, connection: &mut SqliteConnection, _: &Clock, out: &mut impl Write) -> Outcome {
    known_site(connection, options.site.as_deref()).await?;
    let sql = selecting(" WHERE ?1 IS NULL OR s.name = ?1 ORDER BY w.id DESC LIMIT ?2");
    let found =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&options.site).bind(options.limit).fetch_all(connection).await?;
    let mut table = rows::table(columns(COLUMNS), &found)?;
    if options.format.format == Format::Table {
        // What a reader looks for first; `walks show` tells the rest.
        let shown = [
            "id",
            "site",
            "status",
            "finished_at",
            "users_seen",
            "groups_seen",
            "memberships_seen",
            "changes",
            "error",
        ];
        table = pick(table, &shown);
    }
    to_out(out, |out| render::write(&table, options.format.format, terminal(), out))?;
    Ok(Exit::Done)
}

/// Writes one walk: its row, what it covered, and its changes.
///
/// # Errors
/// [`Exit::Usage`] for an unknown walk.
pub async fn show(options: ShowOptions, connection: &mut SqliteConnection, _: &Clock, out: &mut impl Write) -> Outcome {
    let mut snapshot = connection.begin().await?;
    let shown = load(&options, &mut snapshot).await?;
    snapshot.rollback().await?;
    let format = options.format.format;
    to_out(out, |out| match format {
        Format::Table => shown.text(terminal(), out),
        Format::Json => shown.json(out),
        format => render::write(&shown.changes, format, terminal(), out),
    })?;
    Ok(Exit::Done)
}

struct Shown {
    walk: Table,
    hold: Option<HoldRow>,
    coverage: Option<serde_json::Value>,
    kinds: Vec<(String, i64)>,
    changes: Table,
    /// Of its changes so many were pruned.
    removed: i64,
}

async fn load(options: &ShowOptions, connection: &mut SqliteConnection) -> Result<Shown, Failure> {
    let found = sqlx::query(sqlx::AssertSqlSafe(selecting(" WHERE w.id = ?1")))
        .bind(options.id)
        .fetch_all(&mut *connection)
        .await?;
    let walk = rows::table(columns(COLUMNS), &found)?;
    if walk.rows.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            format!("there is no walk {}: `rollbook walks list` lists them", options.id),
        ));
    }
    let hold = find_hold(connection, WalkId(options.id)).await?;
    let coverage: Option<String> = sqlx::query_scalar("SELECT coverage FROM walks WHERE id = ?1")
        .bind(options.id)
        .fetch_one(&mut *connection)
        .await?;
    // Not of our making any more once it is stored: shown as it is when it is no JSON.
    let coverage = coverage.map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)));
    let kinds = sqlx::query_as("SELECT kind, count(*) FROM change_log WHERE walk_id = ?1 GROUP BY kind ORDER BY kind")
        .bind(options.id)
        .fetch_all(&mut *connection)
        .await?;
    let limit = if options.all { -1 } else { i64::from(CHANGES_SHOWN) };
    let changes = sqlx::query(
        "SELECT c.id, c.kind, a.key, a.name AS user, g.name AS \"group\", c.field, c.before, c.after \
         FROM change_log c LEFT JOIN accounts a ON a.id = c.user_id LEFT JOIN groups g ON g.id = c.group_id \
         WHERE c.walk_id = ?1 ORDER BY c.id LIMIT ?2",
    )
    .bind(options.id)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let names = ["kind", "key", "user", "group", "field", "before", "after"].map(|name| (name, Kind::Text));
    let columns = columns(&[&[("id", Kind::Integer)], &names[..]].concat());
    let kept: i64 = kinds.iter().map(|(_, count): &(String, i64)| count).sum();
    let place = walk.columns.iter().position(|column| column.name == "changes");
    let counted =
        place.and_then(|place| if let Value::Integer(count) = walk.rows[0][place] { Some(count) } else { None });
    let removed = counted.map_or(0, |counted| (counted - kept).max(0));
    Ok(Shown { walk, hold, coverage, kinds, changes: rows::table(columns, &changes)?, removed })
}

impl Shown {
    fn text(&self, style: Style, out: &mut dyn Write) -> io::Result<()> {
        for (column, value) in self.walk.columns.iter().zip(&self.walk.rows[0]) {
            match value {
                Value::Null => {}
                Value::Text(text) => writeln!(out, "{:<17} {}", column.name, visible(text))?,
                Value::Integer(number) => writeln!(out, "{:<17} {number}", column.name)?,
                Value::Real(number) => writeln!(out, "{:<17} {number}", column.name)?,
                Value::Time(time) => writeln!(out, "{:<17} {}", column.name, time.to_sql())?,
            }
        }
        if let Some(hold) = &self.hold {
            describe_hold(hold, out)?;
        }
        match &self.coverage {
            None => {}
            Some(serde_json::Value::String(text)) => writeln!(out, "{:<17} {}", "coverage", visible(text))?,
            Some(coverage) => {
                writeln!(out)?;
                render::write(&parts(coverage), Format::Table, style, out)?;
            }
        }
        match (self.kinds.is_empty(), self.removed) {
            (true, 0) => return writeln!(out, "\nNo changes."),
            (true, removed) => return writeln!(out, "\nIts {removed} changes were removed (rollbook db prune)."),
            (false, 0) => {}
            (false, removed) => writeln!(out, "\n{removed} of its changes were removed (rollbook db prune).")?,
        }
        let mut kinds = Table::new([("kind", Kind::Text), ("changes", Kind::Integer)]);
        kinds.rows = self.kinds.iter().map(|(kind, count)| vec![kind.as_str().into(), (*count).into()]).collect();
        writeln!(out)?;
        render::write(&kinds, Format::Table, style, out)?;
        writeln!(out)?;
        render::write(&self.changes, Format::Table, style, out)?;
        let count: i64 = self.kinds.iter().map(|(_, count)| count).sum();
        if self.changes.rows.len() as i64 != count {
            writeln!(out, "The first {} of {count} changes: --all shows them.", self.changes.rows.len())?;
        }
        Ok(())
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{\"walk\":")?;
        render::write_json_object(&self.walk.columns, &self.walk.rows[0], out)?;
        let kinds: Map<_, _> = self.kinds.iter().map(|(kind, count)| (kind.clone(), json!(count))).collect();
        write!(out, ",\n\"hold\":{}", self.hold.as_ref().map_or(serde_json::Value::Null, hold_document))?;
        write!(out, ",\n\"coverage\":{},\n", self.coverage.as_ref().unwrap_or(&serde_json::Value::Null))?;
        write!(
            out,
            "\"changes_by_kind\":{},\n\"changes_removed\":{},\n\"changes\":",
            serde_json::Value::Object(kinds),
            self.removed
        )?;
        render::write_json_rows(&self.changes, out)?;
        out.write_all(b"}\n")
    }
}

/// The parts a walk covered, a row each, whatever each of them tells.
fn parts(coverage: &serde_json::Value) -> Table {
    let parts: Vec<(String, &serde_json::Value)> = match coverage {
        serde_json::Value::Object(parts) => parts.iter().map(|(name, part)| (name.clone(), part)).collect(),
        serde_json::Value::Array(parts) => parts.iter().map(|part| (String::new(), part)).collect(),
        other => vec![(String::new(), other)],
    };
    let mut names = vec!["part", "asked", "received", "declared", "repeated", "rewalked", "retried", "rate_limited"];
    for (_, part) in &parts {
        for name in part.as_object().into_iter().flat_map(Map::keys) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let mut table = Table::new(names.iter().map(|name| (*name, Kind::Text)));
    for (name, part) in parts {
        let cells = names.iter().map(|field| match part.get(field) {
            Some(serde_json::Value::String(text)) => text.as_str().into(),
            Some(serde_json::Value::Null) => Value::Null,
            Some(value) => value.to_string().into(),
            None if *field == "part" && !name.is_empty() => name.as_str().into(),
            None if *field == "received" && !part.is_object() => part.to_string().into(),
            None => Value::Null,
        });
        table.rows.push(cells.collect());
    }
    table
}

fn selecting(rest: &str) -> String {
    format!("{SELECT}{rest}")
}

fn columns(of: &[(&str, Kind)]) -> Vec<Column> {
    of.iter().map(|(name, kind)| Column::new(*name, *kind)).collect()
}

fn pick(table: Table, names: &[&str]) -> Table {
    let places: Vec<usize> =
        names.iter().filter_map(|name| table.columns.iter().position(|column| column.name == *name)).collect();
    let rows = table.rows.iter().map(|row| places.iter().map(|i| row[*i].clone()).collect()).collect();
    Table { columns: places.iter().map(|i| table.columns[*i].clone()).collect(), rows }
}
