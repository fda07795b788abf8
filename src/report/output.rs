//! A report's answer in each format.

use std::io::{self, Write};

use super::{ReportResult, WalkBasis};
use crate::model::Timestamp;
use crate::render::{self, Format, Kind, Style, Table, Value, duration, visible};

/// Writes `result` as `format`. CSV and NDJSON are the rows alone; JSON and the table say what they rest on.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::BrokenPipe`] is a reader that has seen enough.
pub fn write(result: &ReportResult, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Csv | Format::Ndjson => render::write(&result.table, format, style, out),
        Format::Json => json(result, out),
        Format::Table => text(result, style, out),
    }
}

fn json(result: &ReportResult, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "{{\"report\":\"{}\",\n\"as_of\":\"{}\",\n\"parameters\":",
        result.report.name,
        result.as_of.to_rfc3339()
    )?;
    let (names, values): (Vec<_>, Vec<_>) = result.parameters.iter().cloned().unzip();
    let columns = names.into_iter().map(|name| render::Column::new(name, Kind::Text)).collect::<Vec<_>>();
    render::write_json_object(&columns, &values, out)?;
    out.write_all(b",\n\"walks\":")?;
    render::write_json_rows(&walks(&result.walks), out)?;
    write!(out, ",\n\"incomplete\":{},\n\"rows\":", result.incomplete)?;
    render::write_json_rows(&result.table, out)?;
    out.write_all(b"}\n")
}

fn walks(walks: &[WalkBasis]) -> Table {
    let mut table = Table::new([
        ("id", Kind::Integer),
        ("site", Kind::Text),
        ("status", Kind::Text),
        ("at", Kind::Time),
        ("finished_at", Kind::Time),
        ("age_seconds", Kind::Integer),
    ]);
    for WalkBasis { site, walk } in walks {
        let walk = walk.as_ref();
        table.rows.push(vec![
            walk.map(|walk| walk.id).into(),
            site.as_str().into(),
            walk.map(|walk| walk.status.as_str()).into(),
            walk.map(|walk| walk.at).into(),
            walk.and_then(|walk| walk.finished_at).into(),
            walk.map(|walk| walk.age_seconds).into(),
        ]);
    }
    table
}

fn text(result: &ReportResult, style: Style, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}, as of {}", result.report.title, moment(result.as_of))?;
    for (name, value) in &result.parameters {
        match value {
            Value::Null => {}
            Value::Text(text) => write!(out, ", {name} {}", visible(text))?,
            Value::Integer(number) => write!(out, ", {name} {number}")?,
            Value::Real(number) => write!(out, ", {name} {number}")?,
            Value::Time(time) => write!(out, ", {name} {}", moment(*time))?,
        }
    }
    writeln!(out)?;
    for WalkBasis { site, walk } in &result.walks {
        match walk {
            None => writeln!(out, "{}: no walk yet at that time", visible(site))?,
            Some(walk) => writeln!(
                out,
                "{}: walk {} ({}) of {}, {} old",
                visible(site),
                walk.id,
                walk.status,
                moment(walk.at),
                duration(walk.age_seconds)
            )?,
        }
    }
    if result.walks.is_empty() {
        writeln!(out, "No site has been walked yet.")?;
    }
    if result.incomplete {
        writeln!(out, "INCOMPLETE: a walk was partial or held, or is missing, so rows may be missing or out of date.")?;
    }
    writeln!(out)?;
    if !result.table.rows.is_empty() {
        render::write(&result.table, Format::Table, style, out)?;
    }
    match result.table.rows.len() {
        1 => writeln!(out, "1 row"),
        count => writeln!(out, "{count} rows"),
    }
}

fn moment(time: Timestamp) -> String {
    format!("{} UTC", &time.to_sql()[..19])
}
