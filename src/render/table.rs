//! Aligned columns, for people.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::{Kind, Style, Table, Value, visible};

/// Longer cells are cut, or one of them would make every line as long. The other formats keep all of it.
const CELL: usize = 500;

/// Below this many characters a column is not worth wrapping: the terminal's own line breaks read better.
const NARROWEST: usize = 9;

pub(super) fn write(table: &Table, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-')))
        .set_header(table.columns.iter().map(|column| visible(&column.name).into_owned()))
        .force_no_tty();
    match style.width {
        Some(width) if usize::from(width) >= NARROWEST * table.columns.len() => {
            drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        _ => {
            drawn.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    for row in &table.rows {
        drawn.add_row(table.columns.iter().zip(row).map(|(column, value)| cell(column.kind, value)));
    }
    for (column, declared) in drawn.column_iter_mut().zip(&table.columns) {
        column.set_padding((0, 2));
        if declared.kind == Kind::Integer {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in drawn.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cell(kind: Kind, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) => match text.char_indices().nth(CELL) {
            None => visible(text).into_owned(),
            Some((end, _)) => format!("{}…", visible(&text[..end])),
        },
        Value::Integer(value) if kind == Kind::Boolean => super::csv::truth(*value).to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        // Seconds are enough for a reader.
        Value::Time(time) => time.to_sql()[..19].to_owned(),
    }
}
