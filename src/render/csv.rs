//! RFC 4180: a header, CRLF, quotes where needed; and nothing a spreadsheet would run.

use std::borrow::Cow;
use std::io::{self, Write};

use super::{Kind, Style, Table, Value};

pub(super) fn write(table: &Table, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out);
    let text = |text| if style.raw { Cow::Borrowed(text) } else { formula_safe(text) };
    // A column of somebody's own SQL may be named like a formula too.
    writer.write_record(table.columns.iter().map(|column| text(&column.name).into_owned())).map_err(io_error)?;
    for row in &table.rows {
        for (column, value) in table.columns.iter().zip(row) {
            let field = match value {
                Value::Null => Cow::Borrowed(""),
                Value::Text(value) => text(value),
                Value::Integer(value) if column.kind == Kind::Boolean => truth(*value).into(),
                Value::Integer(value) => value.to_string().into(),
                Value::Real(value) => value.to_string().into(),
                Value::Time(time) => time.to_rfc3339().into(),
            };
            writer.write_field(field.as_bytes()).map_err(io_error)?;
        }
        writer.write_record(None::<&[u8]>).map_err(io_error)?;
    }
    writer.flush()
}

pub(super) fn truth(value: i64) -> &'static str {
    if value == 0 { "false" } else { "true" }
}

/// A spreadsheet takes a cell that starts so for a formula, whoever chose the text.
fn formula_safe(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    if formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

// The kind must survive: a broken pipe is no failure.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
