//! JSON, written as it goes; the fields of an object stand in the order of the columns.

use std::io::{self, Write};

use super::{Column, Kind, Table, Value};

/// Writes `rows` as an array, an object a line.
pub(super) fn write_rows(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let names = unique_names(&table.columns);
    out.write_all(b"[")?;
    for (i, row) in table.rows.iter().enumerate() {
        out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        write_row(&names, &table.columns, row, out)?;
    }
    out.write_all(if table.rows.is_empty() { b"]" } else { b"\n]" })
}

pub(super) fn write_lines(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let names = unique_names(&table.columns);
    for row in &table.rows {
        write_row(&names, &table.columns, row, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes one object of `columns` and `row`.
///
/// # Errors
/// Those of the writer.
pub fn write_object(columns: &[Column], row: &[Value], out: &mut dyn Write) -> io::Result<()> {
    write_row(&unique_names(columns), columns, row, out)
}

fn write_row(names: &[String], columns: &[Column], row: &[Value], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (i, ((name, column), value)) in names.iter().zip(columns).zip(row).enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        write_text(name, out)?;
        out.write_all(b":")?;
        match value {
            Value::Null => out.write_all(b"null")?,
            Value::Text(text) => write_text(text, out)?,
            Value::Integer(value) if column.kind == Kind::Boolean => {
                out.write_all(super::csv::truth(*value).as_bytes())?;
            }
            Value::Integer(value) => write!(out, "{value}")?,
            // JSON has no infinity; serde_json writes null for it.
            Value::Real(value) => serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?,
            Value::Time(time) => write!(out, "\"{}\"", time.to_rfc3339())?,
        }
    }
    out.write_all(b"}")
}

/// Writes `text` as a JSON string.
///
/// # Errors
/// Those of the writer.
pub fn write_text(text: &str, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}

/// The same name twice would lose a value in most readers: the later ones become `name_2`, `name_3`.
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
