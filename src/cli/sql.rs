//! `rollbook sql 'SELECT …'`: somebody's own question, in a sandbox.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use sqlx::SqliteConnection;

use super::output::{FileOptions, FormatOptions, Target};
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::render::{self, Cell, Column, Format, Kind, Out, Sink, Style};
use crate::store::sandbox::{self, Described, Limits, Question, Raw, Read, Reader, Row, SandboxError};

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
    pub limit: Option<u64>,
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
    let limits = Limits { timeout: Some(options.timeout), rows: options.limit };
    let mut target = options.file.begin(options.format.format)?;
    let question = Question { sql: &options.sql, parameters: &[], limits };
    let read = write(connection, question, options.format.format, &mut target).await;
    let read = read.map_err(|failure| options.file.naming(failure))?;
    target.finish(out)?;
    if read.limited {
        eprintln!("only the first {} rows: --limit allows more", read.rows);
    }
    Ok(Exit::Done)
}

async fn write(
    connection: &mut SqliteConnection,
    question: Question<'_>,
    format: Format,
    target: &mut Target,
) -> Result<Read, Failure> {
    let style = target.style;
    let mut rows = Rows { format, style, whole: Some(target.out()), sink: None };
    let read = sandbox::read(connection, question, &mut rows).await.map_err(mistaken)?;
    rows.sink.map_or(Ok(()), |sink| sink.finish(&[])).context("the result cannot be written")?;
    Ok(read)
}

/// Gives the rows on as they are stored.
struct Rows<'o> {
    format: Format,
    style: Style,
    /// Until the columns are known.
    whole: Option<&'o mut dyn Out>,
    sink: Option<Box<dyn Sink + 'o>>,
}

impl Reader for Rows<'_> {
    type Error = Failure;

    fn begin(&mut self, columns: &[Described]) -> Result<(), Failure> {
        let columns: Vec<Column> = columns.iter().map(|column| Column::new(&column.name, kind(column))).collect();
        let whole = self.whole.take();
        let sink = whole.map(|whole| render::open(self.format, self.style, None, &columns, whole)).transpose();
        self.sink = sink.context("the result cannot be written")?;
        Ok(())
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), Failure> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        let cells: Vec<Cell<'_>> = (0..row.len()).map(|i| cell(row.get(i))).collect();
        Ok(sink.row(&cells).context("the result cannot be written")?)
    }
}

/// What SQLite refuses is the asker's mistake.
fn mistaken(failure: Failure) -> Failure {
    match failure.error.downcast_ref() {
        Some(SandboxError::Refused(_) | SandboxError::Invalid { .. }) => Failure { exit: Exit::Usage, ..failure },
        _ => failure,
    }
}

/// A column of a table is of its kind; whatever is computed may be anything.
fn kind(column: &Described) -> Kind {
    match column.declared.as_deref() {
        Some("INTEGER") => Kind::Integer,
        Some("REAL") => Kind::Real,
        Some("TEXT") => Kind::Text,
        _ => Kind::Any,
    }
}

fn cell(raw: Raw<'_>) -> Cell<'_> {
    match raw {
        Raw::Null => Cell::Null,
        Raw::Integer(number) => Cell::Integer(number),
        Raw::Real(number) => Cell::Real(number),
        Raw::Text(text) => Cell::Text(text),
        Raw::Blob(bytes) => Cell::hex(bytes),
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("'{unit}' is no unit: ms, s, m and h are")),
    };
    let number: f64 = number.trim().parse().map_err(|_| "it is written as in 90s or 5m".to_owned())?;
    let time = Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("it is to be longer than nothing".to_owned()) } else { Ok(time) }
}
