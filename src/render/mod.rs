//! A table of values, written as one of the formats. Pure: no I/O but the writer it is given, no clock.
//!
//! A new format is a new file here and an arm of [`write()`].

mod csv;
mod json;
mod table;
mod text;

#[cfg(test)]
pub(crate) mod tests;

use std::io::{self, Write};

use crate::model::Timestamp;

pub use json::{write_object as write_json_object, write_text as write_json_text};
pub use text::{duration, visible};

/// What a column holds; decides alignment and spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, or values of any kind that nobody declared.
    Text,
    /// A number.
    Integer,
    /// An instant.
    Time,
    /// 0 or 1, spelled `false` and `true`.
    Boolean,
}

impl Kind {
    /// The spelling in listings of columns.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Time => "time",
            Self::Boolean => "boolean",
        }
    }
}

/// A column's name and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, as in SQL and in every output.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not known, or never.
    Null,
    /// Text.
    Text(String),
    /// A number, or a truth value in a [`Kind::Boolean`] column.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// An instant, written as RFC 3339.
    Time(Timestamp),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Columns and rows. Every row has as many values as there are columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The rows, in order.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// A table without rows.
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, Kind)>) -> Self {
        let columns = columns.into_iter().map(|(name, kind)| Column::new(name, kind)).collect();
        Self { columns, rows: Vec::new() }
    }
}

/// The formats a table can be written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: aligned columns
    #[default]
    Table,
    /// RFC 4180 with a header
    Csv,
    /// One JSON document
    Json,
    /// One JSON object a line
    Ndjson,
}

/// How a table is written, where the format leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// How many columns of characters the reader has; `None` is as wide as it takes.
    pub width: Option<u16>,
    /// Write CSV cells as they are, even those a spreadsheet would take for a formula.
    pub raw: bool,
}

/// Writes `table` as `format`. The JSON of a bare table is an array of objects.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::BrokenPipe`] is a reader that has seen enough.
pub fn write(table: &Table, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => table::write(table, style, out),
        Format::Csv => csv::write(table, style, out),
        Format::Json => {
            json::write_rows(table, out)?;
            out.write_all(b"\n")
        }
        Format::Ndjson => json::write_lines(table, out),
    }
}

/// Writes the rows as a JSON array of objects, to be a part of a larger document.
///
/// # Errors
/// Those of the writer.
pub fn write_json_rows(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    json::write_rows(table, out)
}
