//! `rollbook report [NAME]`: answers a named question, or lists the questions.

use std::io::{self, Write};

use serde_json::json;
use sqlx::SqliteConnection;

use super::output::{FileOptions, FormatOptions};
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::model::{TimeError, Timestamp};
use crate::render::{self, Format, Kind, Style, Table};
use crate::report::{self, Report, ReportError, Request, registry};

/// Options of `report`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Which report; without it, lists them
    pub name: Option<String>,
    /// Only this site (repeatable)
    #[arg(long = "site", value_name = "ID")]
    pub sites: Vec<String>,
    /// The state as it was known at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// A parameter of the report, as in days=180 (repeatable)
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: FileOptions,
}

/// Runs the report, or lists them all.
///
/// # Errors
/// [`Exit::Usage`] for an unknown report, site, parameter or group, or an unreadable time.
pub async fn run(options: Options, connection: &mut SqliteConnection, clock: &Clock, out: &mut impl Write) -> Outcome {
    let format = options.format.format;
    let Some(name) = &options.name else { return list_all(&options, out) };
    let report = report::find(name).ok_or_else(|| {
        let names: Vec<_> = registry::ALL.iter().map(|report| report.name).collect();
        Failure::new(Exit::Usage, format!("there is no report '{name}': there are {}", names.join(", ")))
    })?;
    let as_of = match &options.as_of {
        None => clock.now(),
        Some(text) => {
            as_of(text, clock.now()).map_err(|error| Failure::new(Exit::Usage, format!("--as-of: {error}")))?
        }
    };
    let request = Request { sites: options.sites.clone(), as_of, parameters: options.parameters.clone() };
    let result = report::run(connection, report, &request).await.map_err(|error| match error {
        ReportError::Usage(message) => Failure::new(Exit::Usage, message),
        other => Failure::from(other),
    })?;
    options.file.write(out, |style, out| report::write(&result, format, style, out))?;
    Ok(Exit::Done)
}

/// The moment a person means. Today's date is now: the day is not over.
fn as_of(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let time = Timestamp::parse_human(text)?;
    let is_today = !text.contains(':') && now < time && time.plus_millis(-report::DAY) < now;
    Ok(if is_today { now } else { time })
}

/// Lists the reports. It needs no database.
pub fn list_all(options: &Options, out: &mut impl Write) -> Outcome {
    options.file.write(out, |style, out| list(options.format.format, style, out))?;
    Ok(Exit::Done)
}

/// Writes the registry. It needs no database.
///
/// # Errors
/// Those of the writer.
pub fn list(format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => text(registry::ALL, out),
        Format::Json => {
            let reports: Vec<_> = registry::ALL.iter().map(described).collect();
            serde_json::to_writer_pretty(&mut *out, &json!({ "reports": reports }))?;
            out.write_all(b"\n")
        }
        Format::Csv | Format::Ndjson => {
            let mut table = Table::new(["name", "title", "description", "parameters"].map(|name| (name, Kind::Text)));
            for report in registry::ALL {
                let names: Vec<_> = report.parameters.iter().map(|parameter| parameter.name).collect();
                table.rows.push(vec![
                    report.name.into(),
                    report.title.into(),
                    report.description.into(),
                    names.join(" ").into(),
                ]);
            }
            render::write(&table, format, style, out)
        }
    }
}

fn text(reports: &[Report], out: &mut dyn Write) -> io::Result<()> {
    for report in reports {
        writeln!(out, "{}\n    {}", report.name, report.description)?;
        for parameter in report.parameters {
            writeln!(
                out,
                "    --param {}=… {}; {}; default {}",
                parameter.name,
                parameter.meaning,
                parameter.takes(),
                parameter.default_text()
            )?;
        }
    }
    Ok(())
}

fn described(report: &Report) -> serde_json::Value {
    let parameters: Vec<_> = report
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "takes": parameter.takes(),
                "default": parameter.default_text(),
                "meaning": parameter.meaning,
            })
        })
        .collect();
    let columns: Vec<_> = report
        .columns
        .iter()
        .map(|column| json!({ "name": column.name, "kind": column.kind.as_str(), "meaning": column.meaning }))
        .collect();
    json!({
        "name": report.name,
        "title": report.title,
        "description": report.description,
        "parameters": parameters,
        "columns": columns,
    })
}
