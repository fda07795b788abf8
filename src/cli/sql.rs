//! `rollbook sql 'SELECT …'`: somebody's own question, in a sandbox.

use std::io::Write;
use std::time::Duration;

use sqlx::SqliteConnection;

use super::output::{FileOptions, FormatOptions};
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::render::{self, Kind, Table, Value};
use crate::store::sandbox::{self, Answer, Cell, Limits, SandboxError};

/// Options of `sql`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// One statement that reads, in SQLite's language
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Stop after so long: 90s, 5m, or plain seconds
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = seconds)]
    pub timeout: Duration,
    /// Write at most so many rows
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: FileOptions,
}

/// Runs the statement and writes its rows.
///
/// # Errors
/// [`Exit::Usage`] when SQLite or the sandbox refuses it, [`Exit::Failure`] when it takes too long.
pub async fn run(options: Options, connection: &mut SqliteConnection, _: &Clock, out: &mut impl Write) -> Outcome {
    let limits = Limits { timeout: options.timeout, rows: options.limit };
    let answer = sandbox::query(connection, &options.sql, limits).await.map_err(|error| match error {
        SandboxError::Refused(_) | SandboxError::Invalid(_) => Failure::new(Exit::Usage, error),
        other => Failure::from(other),
    })?;
    if answer.limited {
        eprintln!("only the first {} rows: --limit allows more", answer.rows.len());
    }
    let table = table(answer);
    options.file.write(out, |style, out| render::write(&table, options.format.format, style, out))?;
    Ok(Exit::Done)
}

fn table(answer: Answer) -> Table {
    let kinds: Vec<Kind> = (0..answer.columns.len())
        .map(|i| {
            // Nobody declared the columns: a number is aligned as one where the whole column is.
            let number = |row: &Vec<Cell>| matches!(row[i], Cell::Null | Cell::Integer(_) | Cell::Real(_));
            if answer.rows.iter().all(number) { Kind::Integer } else { Kind::Text }
        })
        .collect();
    let mut table = Table::new(answer.columns.into_iter().zip(kinds));
    table.rows = answer.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect();
    table
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => Value::Integer(number),
        Cell::Real(number) => Value::Real(number),
        Cell::Text(text) => Value::Text(text),
        Cell::Blob(bytes) => Value::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("'{unit}' is no unit: ms, s, m and h are")),
    };
    let number: f64 = number.trim().parse().map_err(|_| "it is written as in 90s or 5m".to_owned())?;
    Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())
}
