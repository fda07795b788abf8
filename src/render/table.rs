//! Aligned columns, for people.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width};

use super::{
    Appendix, Cell, Column, Frame, INCOMPLETE, Kind, Out, Sink, Style, Value, duration, moment, truth, visible,
};

/// Longer cells are cut, or one of them would make every line as long. The other formats keep all of it.
const CELL: usize = 500;

/// Below this many characters a column is not worth wrapping: the terminal's own line breaks read better.
const NARROWEST: usize = 9;

/// The widths of the columns are those that this many rows need: a million rows are not kept to be measured.
const MEASURED: usize = 1000;

/// How wide a time is, and how much of what is between two columns belongs to the left one.
const TIME: u16 = 19;
const GAP: u16 = 2;

pub(super) struct Writer<'a> {
    out: &'a mut dyn Out,
    style: Style,
    columns: Vec<Column>,
    /// Rows not yet written, at most [`MEASURED`].
    waiting: Vec<Vec<String>>,
    /// Of each column, whether all of its values so far are numbers.
    numbers: Vec<bool>,
    /// How wide each column is, once some rows are written.
    widths: Option<Vec<u16>>,
    framed: bool,
    rows: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(
        style: Style,
        frame: Option<&Frame>,
        columns: &[Column],
        out: &'a mut dyn Out,
    ) -> io::Result<Self> {
        if let Some(frame) = frame {
            head(frame, out)?;
        }
        let (columns, waiting, numbers) = (columns.to_vec(), Vec::new(), vec![true; columns.len()]);
        Ok(Self { out, style, columns, waiting, numbers, widths: None, framed: frame.is_some(), rows: 0 })
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        if rows.is_empty() && (self.widths.is_some() || self.framed) {
            return Ok(());
        }
        if self.widths.is_none() && !rows.is_empty() {
            // Nobody declared them: they stand at the right where all of them are numbers.
            for (column, number) in self.columns.iter_mut().zip(&self.numbers) {
                if column.kind == Kind::Any && *number {
                    column.kind = Kind::Real;
                }
            }
        }
        let lines: Vec<String> = drawn(self.style, &self.columns, rows, self.widths.as_deref()).lines().collect();
        if self.widths.is_none() {
            self.widths = lines.iter().find_map(|line| widths(line, self.columns.len()));
        }
        write_lines(lines, self.out)
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &[Cell<'_>]) -> io::Result<()> {
        self.rows += 1;
        for (number, cell) in self.numbers.iter_mut().zip(row) {
            *number &= matches!(cell, Cell::Null | Cell::Integer(_) | Cell::Real(_));
        }
        self.waiting.push(self.columns.iter().zip(row).map(|(column, cell)| shown(column.kind, cell)).collect());
        if self.waiting.len() < MEASURED { Ok(()) } else { self.flush() }
    }

    fn finish(mut self: Box<Self>, appendices: &[Appendix]) -> io::Result<()> {
        self.flush()?;
        if self.framed {
            match self.rows {
                1 => writeln!(self.out, "1 row")?,
                count => writeln!(self.out, "{count} rows")?,
            }
            for Appendix { title, table, .. } in appendices.iter().filter(|appendix| !appendix.table.rows.is_empty()) {
                writeln!(self.out, "\n{title}")?;
                let rows = table.rows.iter().map(|row| texts(&table.columns, row)).collect();
                write_lines(drawn(self.style, &table.columns, rows, None).lines().collect(), self.out)?;
            }
        }
        self.out.flush()
    }
}

/// With the names of the columns above; without them, and in the same columns, where the `widths` are known.
fn drawn(style: Style, columns: &[Column], rows: Vec<Vec<String>>, widths: Option<&[u16]>) -> comfy_table::Table {
    let mut drawn = comfy_table::Table::new();
    drawn.load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction(JUNCTION))).force_no_tty();
    if widths.is_none() {
        drawn.set_header(columns.iter().map(|column| visible(&column.name).into_owned()));
    }
    let fitted = style.width.filter(|width| usize::from(*width) >= NARROWEST * columns.len());
    match fitted {
        Some(width) => drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => drawn.set_content_arrangement(ContentArrangement::Disabled),
    };
    // More rows are to come, and a column that is empty so far may hold times there.
    let measures = widths.is_none() && fitted.is_none() && rows.len() >= MEASURED;
    drawn.add_rows(rows);
    for (i, (column, declared)) in drawn.column_iter_mut().zip(columns).enumerate() {
        column.set_padding((0, GAP));
        if declared.kind.is_number() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if measures && declared.kind == Kind::Time {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(TIME + GAP)));
        }
        if let Some(widths) = widths {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(widths[i])));
        }
    }
    drawn
}

/// Stands between the columns in the line below their names, and is not shown: it tells how wide they are.
const JUNCTION: char = '+';

/// How wide the columns are, of the line below their names.
fn widths(line: &str, columns: usize) -> Option<Vec<u16>> {
    let is_ruler = line.chars().all(|c| c == '-' || c == JUNCTION);
    let widths: Vec<u16> = line.split(JUNCTION).map(|dashes| dashes.len() as u16).collect();
    (is_ruler && widths.len() == columns).then_some(widths)
}

fn write_lines(lines: Vec<String>, out: &mut dyn Write) -> io::Result<()> {
    for line in lines {
        match line.bytes().all(|byte| byte == b'-' || byte == JUNCTION as u8) {
            true => writeln!(out, "{}", line.replace(JUNCTION, "-"))?,
            false => writeln!(out, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

/// What stands above the rows: what they are, and what they rest on.
fn head(frame: &Frame, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}, as of {}", frame.title, moment(frame.as_of))?;
    for (name, value) in &frame.parameters {
        match value {
            Value::Null => {}
            Value::Time(time) => write!(out, ", {name} {}", moment(*time))?,
            other => write!(out, ", {name} {}", shown(Kind::Any, &other.cell()))?,
        }
    }
    writeln!(out)?;
    for row in &frame.walks.rows {
        let [id, site, status, at, _, age] = row.as_slice() else { continue };
        let text = |value: &Value| shown(Kind::Any, &value.cell());
        match (at, age) {
            (Value::Time(at), Value::Integer(age)) => writeln!(
                out,
                "{}: walk {} ({}) of {}, {} old",
                text(site),
                text(id),
                text(status),
                moment(*at),
                duration(*age)
            )?,
            _ => writeln!(out, "{}: no walk yet at that time", text(site))?,
        }
    }
    if frame.walks.rows.is_empty() {
        writeln!(out, "No site has been walked yet.")?;
    }
    if frame.incomplete {
        writeln!(out, "{INCOMPLETE}")?;
    }
    for note in &frame.notes {
        writeln!(out, "{note}")?;
    }
    writeln!(out)
}

fn texts(columns: &[Column], row: &[Value]) -> Vec<String> {
    columns.iter().zip(row).map(|(column, value)| shown(column.kind, &value.cell())).collect()
}

fn shown(kind: Kind, cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => match text.char_indices().nth(CELL) {
            None => visible(text).into_owned(),
            Some((end, _)) => format!("{}…", visible(&text[..end])),
        },
        Cell::Integer(value) if kind == Kind::Boolean => truth(*value).to_owned(),
        Cell::Integer(value) => value.to_string(),
        Cell::Real(value) => value.to_string(),
        // Seconds are enough for a reader.
        Cell::Time(time) => time.to_sql()[..19].to_owned(),
    }
}
