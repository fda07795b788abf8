//! Apache Parquet: a typed column for each column. Rows are gathered by column and written a row group at a time.

use std::io;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};
use bytes::Bytes;

use super::{Appendix, Cell, Column, EXACT, Frame, Kind, Out, Sink, json, unique_names, visible};
use crate::model::Timestamp;

/// How many rows a row group has at most.
const ROWS: usize = 50_000;

/// Where a row group ends earlier, in bytes of values: wide rows must not take all of the memory.
const BYTES: usize = 24 * 1024 * 1024;

pub(super) struct Writer<'a> {
    /// Until the first row group is full: what type an undeclared column has is not known before.
    out: Option<&'a mut dyn Out>,
    file: Option<SerializedFileWriter<&'a mut dyn Out>>,
    told: Vec<KeyValue>,
    columns: Vec<Gathered>,
    /// Of the row group being gathered.
    rows: usize,
    bytes: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(frame: Option<&Frame>, columns: &[Column], out: &'a mut dyn Out) -> io::Result<Self> {
        let told = frame.map(told).transpose()?.unwrap_or_default();
        let gathered = |(name, column): (String, &Column)| Gathered::new(name, column.kind);
        let columns = unique_names(columns).into_iter().zip(columns).map(gathered).collect();
        Ok(Self { out: Some(out), file: None, told, columns, rows: 0, bytes: 0 })
    }

    /// The file, begun if it is not yet.
    fn file(&mut self) -> io::Result<&mut SerializedFileWriter<&'a mut dyn Out>> {
        if let Some(out) = self.out.take() {
            let fields = self.columns.iter_mut().map(Gathered::decide).collect::<Result<_, _>>().map_err(io_error)?;
            let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(io_error)?;
            let properties = WriterProperties::builder()
                .set_created_by(concat!("rollbook ", env!("CARGO_PKG_VERSION")).to_owned())
                .set_compression(Compression::SNAPPY)
                .set_statistics_enabled(EnabledStatistics::Chunk)
                .set_key_value_metadata((!self.told.is_empty()).then(|| std::mem::take(&mut self.told)))
                .build();
            let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(io_error)?;
            self.file = Some(file);
        }
        // Without one, beginning it has failed before.
        self.file.as_mut().ok_or_else(|| io::Error::other("the file could not be begun"))
    }

    /// Writes the rows gathered as a row group.
    fn flush(&mut self) -> io::Result<()> {
        self.file()?;
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut group = file.next_row_group().map_err(io_error)?;
        for gathered in &mut self.columns {
            let mut column = group.next_column().map_err(io_error)?.expect("the schema has every column");
            let levels = Some(gathered.levels.as_slice());
            match &mut gathered.values {
                Values::Nothing => unreachable!("decided when the file was begun"),
                Values::Booleans(values) => column.typed::<BoolType>().write_batch(values, levels, None),
                Values::Integers(values) | Values::Times(values) => {
                    column.typed::<Int64Type>().write_batch(values, levels, None)
                }
                Values::Reals(values) => column.typed::<DoubleType>().write_batch(values, levels, None),
                Values::Texts { bytes, ends } => {
                    let bytes = Bytes::from(std::mem::take(bytes));
                    let mut from = 0;
                    let text = |&to: &usize| ByteArray::from(bytes.slice(std::mem::replace(&mut from, to)..to));
                    let values: Vec<_> = ends.iter().map(text).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, levels, None)
                }
            }
            .map_err(io_error)?;
            column.close().map_err(io_error)?;
            gathered.clear();
        }
        group.close().map_err(io_error)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(row) {
            self.bytes += column.push(cell)?;
        }
        self.rows += 1;
        if self.rows < ROWS && self.bytes < BYTES { Ok(()) } else { self.flush() }
    }

    fn finish(mut self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
        if self.rows > 0 {
            self.flush()?;
        }
        let file = self.file()?;
        for Appendix { name, table, .. } in appendices {
            let mut rows = Vec::new();
            super::json::write_rows(table, &mut rows)?;
            let rows = String::from_utf8(rows).map_err(io::Error::other)?;
            file.append_key_value_metadata(KeyValue::new(format!("rollbook.{name}"), rows));
        }
        file.finish().map_err(io_error)?;
        Ok(())
    }
}

/// The values of a column that wait for their row group.
struct Gathered {
    name: String,
    /// Its type is fixed: it was declared, or the file has begun.
    decided: bool,
    /// 0 for NULL, 1 for a value.
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    /// All NULL so far.
    Nothing,
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    /// In milliseconds.
    Times(Vec<i64>),
    /// One after the other, and where each ends.
    Texts {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
}

impl Gathered {
    fn new(name: String, kind: Kind) -> Self {
        let values = match kind {
            Kind::Text => Values::texts(),
            Kind::Integer => Values::Integers(Vec::new()),
            Kind::Real => Values::Reals(Vec::new()),
            Kind::Time => Values::Times(Vec::new()),
            Kind::Boolean => Values::Booleans(Vec::new()),
            Kind::Any => Values::Nothing,
        };
        Self { name, decided: kind != Kind::Any, levels: Vec::new(), values }
    }

    /// Takes a value; tells about how many bytes it needs.
    fn push(&mut self, cell: &Cell<'_>) -> io::Result<usize> {
        if *cell == Cell::Null {
            self.levels.push(0);
            return Ok(2);
        }
        if !self.values.takes(cell) {
            if self.decided {
                let name = visible(&self.name);
                let (holds, found) = (self.values.what(), what(cell));
                let sentence =
                    format!("column \"{name}\" holds {holds}, and then {found}: CAST it to one type in the SQL");
                return Err(io::Error::new(io::ErrorKind::InvalidData, sentence));
            }
            self.values.widen(cell);
        }
        self.levels.push(1);
        match (&mut self.values, cell) {
            (Values::Booleans(values), Cell::Integer(value)) => values.push(*value != 0),
            (Values::Integers(values), Cell::Integer(value)) => values.push(*value),
            (Values::Reals(values), Cell::Real(value)) => values.push(*value),
            (Values::Reals(values), Cell::Integer(value)) => values.push(*value as f64),
            (Values::Times(values), Cell::Time(time)) => values.push(time.millis()),
            (values, Cell::Text(text)) => return Ok(40 + values.push_text(text)),
            (values, Cell::Integer(value)) => return Ok(40 + values.push_text(&value.to_string())),
            (values, Cell::Real(value)) => return Ok(40 + values.push_text(&value.to_string())),
            (values, Cell::Time(time)) => return Ok(40 + values.push_text(&time.to_rfc3339())),
            (_, Cell::Null) => {}
        }
        Ok(10)
    }

    /// Fixes its type: nothing but NULL is text.
    fn decide(&mut self) -> Result<TypePtr, ParquetError> {
        if matches!(self.values, Values::Nothing) {
            self.values = Values::texts();
        }
        self.decided = true;
        let (physical, logical) = match &self.values {
            Values::Nothing | Values::Texts { .. } => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Booleans(_) => (Physical::BOOLEAN, None),
            Values::Integers(_) => (Physical::INT64, None),
            Values::Reals(_) => (Physical::DOUBLE, None),
            Values::Times(_) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        };
        let builder = Type::primitive_type_builder(&self.name, physical);
        builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    }

    fn clear(&mut self) {
        self.levels.clear();
        match &mut self.values {
            Values::Nothing => {}
            Values::Booleans(values) => values.clear(),
            Values::Integers(values) | Values::Times(values) => values.clear(),
            Values::Reals(values) => values.clear(),
            Values::Texts { bytes, ends } => {
                bytes.clear();
                ends.clear();
            }
        }
    }
}

impl Values {
    fn texts() -> Self {
        Self::Texts { bytes: Vec::new(), ends: Vec::new() }
    }

    /// Whether `cell` can stand beside these without a loss. Text takes everything, spelled.
    fn takes(&self, cell: &Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Reals(_), Cell::Integer(value)) => value.unsigned_abs() <= EXACT,
            (Self::Texts { .. }, _)
            | (Self::Booleans(_) | Self::Integers(_), Cell::Integer(_))
            | (Self::Reals(_), Cell::Real(_))
            | (Self::Times(_), Cell::Time(_)) => true,
            _ => false,
        }
    }

    /// Becomes what takes `cell` too.
    fn widen(&mut self, cell: &Cell<'_>) {
        let exact = |values: &[i64]| values.iter().all(|value| value.unsigned_abs() <= EXACT);
        *self = match (std::mem::replace(self, Self::Nothing), cell) {
            (Self::Nothing, Cell::Integer(_)) => Self::Integers(Vec::new()),
            (Self::Nothing, Cell::Real(_)) => Self::Reals(Vec::new()),
            (Self::Nothing, Cell::Time(_)) => Self::Times(Vec::new()),
            (Self::Integers(values), Cell::Real(_)) if exact(&values) => {
                Self::Reals(values.into_iter().map(|value| value as f64).collect())
            }
            (before, _) => before.spelled(),
        };
    }

    /// As text.
    fn spelled(self) -> Self {
        let mut texts = Self::texts();
        match self {
            Self::Integers(values) => values.iter().for_each(|value| _ = texts.push_text(&value.to_string())),
            Self::Reals(values) => values.iter().for_each(|value| _ = texts.push_text(&value.to_string())),
            Self::Times(values) => values.iter().for_each(|&millis| {
                texts.push_text(&Timestamp::from_millis_clamped(millis).to_rfc3339());
            }),
            // Nobody but a declaration says boolean, and text has no need.
            Self::Nothing | Self::Booleans(_) | Self::Texts { .. } => {}
        }
        texts
    }

    /// Takes a text, if it is texts; tells how long it is.
    fn push_text(&mut self, text: &str) -> usize {
        if let Self::Texts { bytes, ends } = self {
            bytes.extend_from_slice(text.as_bytes());
            ends.push(bytes.len());
        }
        text.len()
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Booleans(_) => "truth values",
            Self::Integers(_) => "whole numbers",
            Self::Reals(_) => "numbers with a fraction",
            Self::Times(_) => "times",
            Self::Texts { .. } => "text",
        }
    }
}

fn what(cell: &Cell<'_>) -> &'static str {
    match cell {
        Cell::Null => "nothing",
        Cell::Text(_) => "text",
        Cell::Integer(value) if value.unsigned_abs() > EXACT => "a whole number of more than 15 digits",
        Cell::Integer(_) => "a whole number",
        Cell::Real(_) => "a number with a fraction",
        Cell::Time(_) => "a time",
    }
}

/// What the rows are and what they rest on, for the metadata of the file.
fn told(frame: &Frame) -> io::Result<Vec<KeyValue>> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(io::Error::other);
    let (mut parameters, mut walks) = (Vec::new(), Vec::new());
    let (names, values): (Vec<_>, Vec<_>) = frame.parameters.iter().cloned().unzip();
    let names: Vec<_> = names.into_iter().map(|name| Column::new(name, Kind::Any)).collect();
    json::write_object(&names, &values, &mut parameters)?;
    json::write_rows(&frame.walks, &mut walks)?;
    let told = [
        (frame.what, frame.name.clone()),
        ("as_of", frame.as_of.to_rfc3339()),
        ("parameters", text(parameters)?),
        ("walks", text(walks)?),
        ("incomplete", frame.incomplete.to_string()),
        ("notes", serde_json::to_string(&frame.notes)?),
    ];
    Ok(told.into_iter().map(|(key, value)| KeyValue::new(format!("rollbook.{key}"), value)).collect())
}

// The kind must survive: a broken pipe is no failure.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    use super::super::tests::{Full, HOSTILE};
    use super::super::{Format, Style, Table, Value, open, write};
    use super::*;

    fn written(table: &Table) -> SerializedFileReader<Bytes> {
        let mut out = Vec::new();
        write(table, Format::Parquet, Style::default(), &mut out).unwrap();
        SerializedFileReader::new(out.into()).unwrap()
    }

    fn rows(file: &SerializedFileReader<Bytes>) -> Vec<String> {
        file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
    }

    fn types(file: &SerializedFileReader<Bytes>) -> Vec<Physical> {
        let columns = file.metadata().file_metadata().schema_descr().columns();
        columns.iter().map(|column| column.physical_type()).collect()
    }

    #[test]
    fn columns_have_the_types_that_were_declared() {
        let kinds = [Kind::Text, Kind::Text, Kind::Integer, Kind::Real, Kind::Time, Kind::Boolean];
        let mut table = Table::new(kinds.map(|kind| ("a", kind)));
        let time = Timestamp::parse_human("1969-12-31").unwrap().into();
        table.rows.push(vec![HOSTILE.into(), "".into(), i64::MIN.into(), Value::Real(1.5), time, 1_i64.into()]);
        table.rows.push(vec![Value::Null, 7_i64.into(), Value::Null, 7_i64.into(), Value::Null, 0_i64.into()]);
        let file = written(&table);
        let row = format!(
            "{{a: \"{HOSTILE}\", a_2: \"\", a_3: {}, a_4: 1.5, a_5: 1969-12-31 23:59:59.999 +00:00, a_6: true}}",
            i64::MIN
        );
        assert_eq!(rows(&file), [&row, "{a: null, a_2: \"7\", a_3: null, a_4: 7.0, a_5: null, a_6: false}"]);
        let of = file.metadata().file_metadata();
        assert_eq!(of.created_by(), Some(concat!("rollbook ", env!("CARGO_PKG_VERSION"))));
        assert_eq!(
            of.schema_descr().column(4).logical_type_ref(),
            Some(&LogicalType::timestamp(true, TimeUnit::MILLIS))
        );
    }

    #[test]
    fn an_undeclared_column_is_what_its_first_values_are() {
        let mut table = Table::new(["i", "r", "t", "huge", "none"].map(|name| (name, Kind::Any)));
        let row = |i: i64, r: Value, t: Value, huge: Value| vec![i.into(), r, t, huge, Value::Null];
        table.rows.push(row(1, 1_i64.into(), 1_i64.into(), i64::MAX.into()));
        table.rows.push(row(2, Value::Real(0.5), "x".into(), Value::Real(0.5)));
        let file = written(&table);
        let text = Physical::BYTE_ARRAY;
        assert_eq!(types(&file), [Physical::INT64, Physical::DOUBLE, text, text, text]);
        assert_eq!(
            rows(&file),
            [
                "{i: 1, r: 1.0, t: \"1\", huge: \"9223372036854775807\", none: null}",
                "{i: 2, r: 0.5, t: \"x\", huge: \"0.5\", none: null}",
            ]
        );
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_and_not_bent() {
        let mut out = Cursor::new(Vec::new());
        let columns = [Column::new("days", Kind::Any), Column::new("at", Kind::Time)];
        let mut sink = Writer::begin(None, &columns, &mut out).unwrap();
        for n in 0..ROWS as i64 {
            sink.row(&[Cell::Integer(n), Cell::Null]).unwrap();
        }
        let error = sink.row(&[Cell::Text("never".into()), Cell::Null]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let sentence = "column \"days\" holds whole numbers, and then text: CAST it to one type in the SQL";
        assert_eq!(error.to_string(), sentence);
        assert!(sink.row(&[Cell::Null, Cell::Integer(1)]).unwrap_err().to_string().contains("\"at\" holds times"));
    }

    #[test]
    fn no_rows_are_a_file_too_and_many_are_some_row_groups() {
        let mut table = Table::new([("a", Kind::Any), ("b", Kind::Text)]);
        assert_eq!(written(&table).metadata().file_metadata().num_rows(), 0);
        table.rows = (0..ROWS as i64 + 1).map(|n| vec![n.into(), "x".into()]).collect();
        let file = written(&table);
        assert_eq!((file.num_row_groups(), rows(&file).len()), (2, ROWS + 1));
        assert_eq!(rows(&file)[ROWS], format!("{{a: {ROWS}, b: \"x\"}}"));
    }

    #[test]
    fn the_error_of_the_file_is_kept() {
        // More than is gathered before it is written.
        let text = "x".repeat(BYTES);
        for room in [0, 10, 100] {
            let mut out = Full(room);
            let columns = [Column::new("n", Kind::Text)];
            let mut sink = open(Format::Parquet, Style::default(), None, &columns, &mut out).unwrap();
            let result = sink.row(&[Cell::Text(text.as_str().into())]).and_then(|()| sink.finish(&[]));
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull, "{room}");
        }
    }
}
