//! JSON, written as it goes; the fields of an object stand in the order of the columns.

use std::io::{self, Write};

use super::{Appendix, Cell, Column, Frame, Kind, Out, Sink, Table, Value, truth, unique_names};

/// The fields of an object for each row.
struct Fields {
    /// As they stand before the values: `"name":`.
    names: Vec<String>,
    kinds: Vec<Kind>,
}

impl Fields {
    fn of(columns: &[Column]) -> Self {
        let before =
            |(i, name): (usize, String)| format!("{}{}:", if i == 0 { "" } else { "," }, serde_json::Value::from(name));
        let names = unique_names(columns).into_iter().enumerate().map(before).collect();
        Self { names, kinds: columns.iter().map(|column| column.kind).collect() }
    }

    fn write<'c>(&self, row: impl Iterator<Item = Cell<'c>>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{")?;
        for ((name, kind), cell) in self.names.iter().zip(&self.kinds).zip(row) {
            out.write_all(name.as_bytes())?;
            match cell {
                Cell::Null => out.write_all(b"null")?,
                Cell::Text(text) => write_text(&text, out)?,
                Cell::Integer(value) if *kind == Kind::Boolean => out.write_all(truth(value).as_bytes())?,
                Cell::Integer(value) => write!(out, "{value}")?,
                // JSON has no infinity; serde_json writes null for it.
                Cell::Real(value) => serde_json::to_writer(&mut *out, &value).map_err(io::Error::from)?,
                Cell::Time(time) => {
                    out.write_all(b"\"")?;
                    out.write_all(&time.rfc3339())?;
                    out.write_all(b"\"")?;
                }
            }
        }
        out.write_all(b"}")
    }
}

/// One document: of a framed table an object with its `rows`, of a bare one the array of them.
pub(super) struct Writer<'a> {
    out: &'a mut dyn Out,
    fields: Fields,
    framed: bool,
    rows: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(frame: Option<&Frame>, columns: &[Column], out: &'a mut dyn Out) -> io::Result<Self> {
        if let Some(frame) = frame {
            write!(out, "{{\"{}\":", frame.what)?;
            write_text(&frame.name, out)?;
            write!(out, ",\n\"as_of\":\"{}\",\n\"parameters\":", frame.as_of.to_rfc3339())?;
            let (names, values): (Vec<_>, Vec<_>) = frame.parameters.iter().cloned().unzip();
            let parameters: Vec<_> = names.into_iter().map(|name| Column::new(name, Kind::Any)).collect();
            write_object(&parameters, &values, out)?;
            out.write_all(b",\n\"walks\":")?;
            write_rows(&frame.walks, out)?;
            let notes = serde_json::to_string(&frame.notes)?;
            write!(out, ",\n\"incomplete\":{},\n\"notes\":{notes},\n\"rows\":", frame.incomplete)?;
        }
        out.write_all(b"[")?;
        Ok(Self { out, fields: Fields::of(columns), framed: frame.is_some(), rows: 0 })
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        self.out.write_all(if self.rows == 0 { b"\n" } else { b",\n" })?;
        self.rows += 1;
        self.fields.write(row.iter().cloned(), self.out)
    }

    fn finish(self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
        self.out.write_all(if self.rows == 0 { b"]" } else { b"\n]" })?;
        if self.framed {
            for Appendix { name, table, .. } in appendices {
                write!(self.out, ",\n\"{name}\":")?;
                write_rows(table, self.out)?;
            }
            self.out.write_all(b"}")?;
        }
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

/// An object a line.
pub(super) struct Lines<'a> {
    out: &'a mut dyn Out,
    fields: Fields,
}

impl<'a> Lines<'a> {
    pub(super) fn begin(columns: &[Column], out: &'a mut dyn Out) -> Self {
        Self { out, fields: Fields::of(columns) }
    }
}

impl Sink for Lines<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        self.fields.write(row.iter().cloned(), self.out)?;
        self.out.write_all(b"\n")
    }

    fn finish(self: Box<Self>, _: &[Appendix]) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes `table` as an array, an object a line.
pub(super) fn write_rows(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let fields = Fields::of(&table.columns);
    out.write_all(b"[")?;
    for (i, row) in table.rows.iter().enumerate() {
        out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        fields.write(row.iter().map(Value::cell), out)?;
    }
    out.write_all(if table.rows.is_empty() { b"]" } else { b"\n]" })
}

/// Writes one object of `columns` and `row`.
///
/// # Errors
/// Those of the writer.
pub fn write_object(columns: &[Column], row: &[Value], out: &mut dyn Write) -> io::Result<()> {
    Fields::of(columns).write(row.iter().map(Value::cell), out)
}

/// Writes `text` as a JSON string.
///
/// # Errors
/// Those of the writer.
pub fn write_text(text: &str, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)
}
