//! A table of values, written as one of the formats, a row at a time. Pure: no I/O but the file it is given, no clock.
//!
//! A format is a file here that implements [`Sink`], an arm of [`open()`], and an entry of [`Format`].

mod chart;
mod csv;
mod html;
mod json;
#[cfg(feature = "parquet")]
mod parquet;
mod table;
mod text;
pub mod user_export;
#[cfg(feature = "xlsx")]
mod xlsx;
mod xml;

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::io::{self, Seek, Write};

use crate::model::Timestamp;

pub use chart::chart;
pub use html::{Head as HtmlHead, head as html_head, marked, push_cell as push_html_cell};
pub use json::{write_object as write_json_object, write_text as write_json_text};
pub use text::{duration, quoted, visible};

/// What a column holds; decides alignment, spelling, and the type in formats that have types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Real,
    /// An instant.
    Time,
    /// 0 or 1, spelled `false` and `true`.
    Boolean,
    /// Values of any kind: nobody declared it.
    Any,
}

impl Kind {
    /// The spelling in declarations and in listings of columns.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Time => "time",
            Self::Boolean => "boolean",
            Self::Any => "any",
        }
    }

    /// Whether its values stand at the right of their column.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Real)
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

/// One value, kept.
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

/// One value on its way out; the text may be borrowed from where it was read.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // as in `Value`
pub enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
    Real(f64),
    Time(Timestamp),
}

impl Value {
    /// Lends the value.
    pub fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Text(text) => Cell::Text(Cow::Borrowed(text)),
            Self::Integer(number) => Cell::Integer(*number),
            Self::Real(number) => Cell::Real(*number),
            Self::Time(time) => Cell::Time(*time),
        }
    }
}

impl Cell<'_> {
    /// Bytes that are no text.
    pub fn hex(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
        Self::Text(bytes.iter().flat_map(digits).collect::<String>().into())
    }

    /// Keeps the value.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(text.clone().into_owned()),
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Time(time) => Value::Time(*time),
        }
    }
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
    /// XML 1.0, an element a row
    Xml,
    /// A workbook for Excel and LibreOffice
    #[cfg(feature = "xlsx")]
    Xlsx,
    /// Apache Parquet, with types
    #[cfg(feature = "parquet")]
    Parquet,
    /// One page that stands alone
    Html,
}

impl Format {
    /// The spelling on the command line and in the configuration; also the usual ending of such a file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Xml => "xml",
            #[cfg(feature = "xlsx")]
            Self::Xlsx => "xlsx",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
            Self::Html => "html",
        }
    }

    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        <Self as clap::ValueEnum>::from_str(name, false).ok()
    }

    /// Those of files, each of which is its file's ending.
    pub fn of_files() -> impl Iterator<Item = Self> {
        <Self as clap::ValueEnum>::value_variants().iter().copied().filter(|format| *format != Self::Table)
    }

    /// What such a file says that it is, in HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Table => "text/plain; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Xml => "application/xml",
            #[cfg(feature = "xlsx")]
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            #[cfg(feature = "parquet")]
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// Whether it is no text: nothing for a terminal.
    pub fn is_binary(self) -> bool {
        matches!(self.as_str(), "xlsx" | "parquet")
    }
}

/// How a table is written, where the format leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// How many columns of characters the reader has; `None` is as wide as it takes.
    pub width: Option<u16>,
    /// Write CSV cells as they are, even those a spreadsheet would take for a formula.
    pub raw: bool,
}

/// What a table is and what it rests on. Formats that have room for it tell it; CSV and NDJSON are the rows alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// `report` or `export`.
    pub what: &'static str,
    /// Its name: `inactive`.
    pub name: String,
    /// Its heading: `Inactive users`.
    pub title: String,
    /// What it answers, and what it does not.
    pub description: String,
    /// The moment it speaks of.
    pub as_of: Timestamp,
    /// Every parameter with its value.
    pub parameters: Vec<(String, Value)>,
    /// The walk that each site's part rests on: `id`, `site`, `status`, `at`, `finished_at`, `age_seconds`.
    pub walks: Table,
    /// A walk was partial or held, or a site had none yet: rows may be missing or out of date.
    pub incomplete: bool,
    /// What a reader should know besides, a sentence each.
    pub notes: Vec<String>,
    /// How the rows are drawn, when they are a series.
    pub chart: Option<Chart>,
}

/// How rows that are a series are drawn: lines over time, one of each column for each site.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// The column along the bottom, of [`Kind::Time`].
    pub x: String,
    /// The columns drawn, numbers.
    pub y: Vec<String>,
}

/// A smaller table that follows the rows: `excluded`.
#[derive(Clone, Debug, PartialEq)]
pub struct Appendix {
    /// Its name where the format has names.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its rows.
    pub table: Table,
}

/// A file being written: rows, one by one, then the end. Dropped without the end, what it wrote is not whole.
pub trait Sink {
    /// Writes a row, which has a cell for each column.
    ///
    /// # Errors
    /// Those of the file; [`io::ErrorKind::BrokenPipe`] is a reader that has seen enough.
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()>;

    /// Writes what follows the rows.
    ///
    /// # Errors
    /// Those of the file.
    fn finish(self: Box<Self>, appendices: &[Appendix]) -> io::Result<()>;
}

/// Where a table is written to. Some formats go back in it.
pub trait Out: Write + Seek + Send {}
impl<T: Write + Seek + Send> Out for T {}

/// Begins a table of `columns` as `format`; without a frame it is the bare table.
///
/// # Errors
/// Those of the file.
pub fn open<'a>(
    format: Format,
    style: Style,
    frame: Option<&Frame>,
    columns: &[Column],
    out: &'a mut dyn Out,
) -> io::Result<Box<dyn Sink + 'a>> {
    Ok(match format {
        Format::Table => Box::new(table::Writer::begin(style, frame, columns, out)?),
        Format::Csv => Box::new(csv::Writer::begin(style, columns, out)?),
        Format::Json => Box::new(json::Writer::begin(frame, columns, out)?),
        Format::Ndjson => Box::new(json::Lines::begin(columns, out)),
        Format::Xml => Box::new(xml::Writer::begin(frame, columns, out)?),
        #[cfg(feature = "xlsx")]
        Format::Xlsx => Box::new(xlsx::Writer::begin(frame, columns, out)?),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(parquet::Writer::begin(frame, columns, out)?),
        Format::Html => Box::new(html::Writer::begin(frame, columns, out)?),
    })
}

/// Writes the whole of a bare table. The JSON of it is an array of objects.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::BrokenPipe`] is a reader that has seen enough.
pub fn write(table: &Table, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut whole = io::Cursor::new(Vec::new());
    let mut sink = open(format, style, None, &table.columns, &mut whole)?;
    for row in &table.rows {
        sink.row(&row.iter().map(Value::cell).collect::<Vec<_>>())?;
    }
    sink.finish(&[])?;
    out.write_all(whole.get_ref())
}

/// Writes the rows as a JSON array of objects, to be a part of a larger document.
///
/// # Errors
/// Those of the writer.
pub fn write_json_rows(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    json::write_rows(table, out)
}

/// Each column under a name of its own: the same name twice would lose a value in most readers. The later ones become
/// `name_2`, `name_3`.
fn unique_names(columns: &[Column]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.name.clone();
        let mut next = 2;
        while names.contains(&name) {
            name = format!("{}_{next}", column.name);
            next += 1;
        }
        names.push(name);
    }
    names
}

/// `true` or `false`, of a value in a [`Kind::Boolean`] column.
fn truth(value: i64) -> &'static str {
    if value == 0 { "false" } else { "true" }
}

/// How an answer is marked whose walks were not whole.
pub const INCOMPLETE: &str =
    "INCOMPLETE: a walk was partial or held, or is missing, so rows may be missing or out of date.";

/// An instant for a reader: seconds are enough.
fn moment(time: Timestamp) -> String {
    format!("{} UTC", &time.to_sql()[..19])
}

/// `text` without what XML 1.0 cannot hold, not even escaped: most control characters, and U+FFFE and U+FFFF.
fn xml_text(text: &str) -> Cow<'_, str> {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(fits) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if fits(c) { c } else { '\u{fffd}' }).collect::<String>().into()
}

/// Every whole number up to here is a double too, which is what numbers in a workbook are: 2^53.
#[cfg(any(feature = "parquet", feature = "xlsx"))]
const EXACT: u64 = 1 << 53;
