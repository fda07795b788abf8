//! `rollbook report [NAME]`: answers a named question, lists the questions, or verifies an answer given before.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use sqlx::SqliteConnection;

use super::manifest::{self, ManifestOptions};
use super::output::{FileOptions, FormatOptions};
use super::sql::seconds;
use super::{Exit, Failure, Outcome, as_of};
use crate::clock::Clock;
use crate::config::Config;
use crate::render::{self, Format, Kind, Style, Table};
use crate::report::registry::Broken;
use crate::report::{self, EXCEPTED, Origin, Registry, Report, ReportError, Request, Settings, Told, registry};

/// The longest that somebody's own report runs, unless `--timeout` says otherwise.
const OWN: Duration = Duration::from_secs(60);

/// Options of `report`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Which report; without it, lists them
    pub name: Option<String>,
    /// Only this site (repeatable)
    #[arg(long = "site", value_name = "ID", requires = "name")]
    pub sites: Vec<String>,
    /// The state as it was known at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]
    #[arg(long, value_name = "TIME", requires = "name")]
    pub as_of: Option<String>,
    /// A parameter of the report, as in days=180 (repeatable)
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "name")]
    pub parameters: Vec<String>,
    /// Stop after so long: 90s, 5m, or plain seconds [default: 60s for a report of your own, else none]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: FileOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestOptions,
    /// Check the file that this manifest is about, and whether the mirror still gives the same answer
    #[arg(long, value_name = "MANIFEST", conflicts_with_all = ["name", "sites", "as_of", "parameters", "manifest"])]
    pub verify: Option<PathBuf>,
}

/// Runs the report, or verifies an answer.
///
/// # Errors
/// [`Exit::Usage`] for an unknown report, site, parameter or group, or an unreadable time.
pub async fn run(
    options: Options,
    connection: &mut SqliteConnection,
    config: Option<&Config>,
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    // One that comes with the program needs no folder read.
    let own = options.name.as_deref().is_none_or(|name| registry::find(name).is_none());
    let registry = registry(config.filter(|_| own)).await?;
    let settings = settings(config, options.timeout);
    if let Some(path) = &options.verify {
        let written = (options.format.format, &options.file);
        return manifest::verify(path, connection, &registry, &settings, written, out).await;
    }
    let Some(name) = &options.name else { return list_all(&options, &registry, out) };
    let report = registry.find(name).map_err(|message| Failure::new(Exit::Usage, message))?;
    let (as_of, past) = as_of(options.as_of.as_deref(), clock)?;
    let Options { sites, parameters, format, file, manifest, .. } = options;
    let request = Request { sites, as_of, past, parameters, sift: None };
    answer(connection, Asked { report, request, settings, format: format.format, file, manifest }, out).await
}

/// A report that is asked for, and where its answer goes.
pub(super) struct Asked<'a> {
    pub report: &'a Report,
    pub request: Request,
    pub settings: Settings,
    pub format: Format,
    pub file: FileOptions,
    pub manifest: ManifestOptions,
}

/// Runs the report and writes its answer.
pub(super) async fn answer(connection: &mut SqliteConnection, asked: Asked<'_>, out: &mut impl Write) -> Outcome {
    let Asked { report, request, settings, format, file, manifest } = asked;
    let manifest = manifest.path(&file)?;
    let mut target = file.begin(format)?;
    let style = target.style;
    let told = tell(connection, report, &request, &settings, |frame, columns| {
        render::open(format, style, Some(frame), columns, target.out())
    })
    .await
    .map_err(|failure| file.naming(failure))?;
    match manifest {
        None => target.finish(out)?,
        Some(path) => manifest::finish(
            &path,
            target,
            manifest::Given { report, request: &request, settings: &settings, told: &told, format, style },
            out,
        )?,
    }
    left_unsaid(&told, format);
    Ok(Exit::Done)
}

/// Says on stderr what the format has no room for.
pub(super) fn left_unsaid(told: &Told, format: Format) {
    let bare = matches!(format.as_str(), "csv" | "ndjson");
    if bare && told.frame.incomplete {
        eprintln!("{}", render::INCOMPLETE);
    }
    if bare {
        told.frame.notes.iter().for_each(|note| eprintln!("{note}"));
    }
    if told.excepted > 0 && bare {
        let (count, format) = (told.excepted, format.as_str());
        eprintln!(
            "{count} accounts are left out by exceptions; {format} has no room for them, json has ('{EXCEPTED}')"
        );
    }
}

/// Runs the report; what cannot be asked is the asker's mistake.
pub(super) async fn tell<'o>(
    connection: &mut SqliteConnection,
    report: &Report,
    request: &Request,
    settings: &Settings,
    open: impl FnOnce(&render::Frame, &[render::Column]) -> io::Result<Box<dyn render::Sink + 'o>>,
) -> Result<Told, Failure> {
    let own = matches!(report.origin, Origin::Own(_));
    let settings = Settings { timeout: settings.timeout.or(own.then_some(OWN)), ..settings.clone() };
    report::run(connection, report, request, &settings, open).await.map_err(|error| match error {
        ReportError::Usage(_) => Failure::new(Exit::Usage, error),
        // That it is this is to be seen from outside.
        ReportError::Pruned { .. } => Failure { exit: Exit::Usage, error: error.into() },
        ReportError::Declaration { .. } if own => Failure::new(Exit::Usage, error),
        // That the file is damaged is to be seen from outside.
        ReportError::Sandbox(error) => Failure::from(error),
        _ => Failure::from(error),
    })
}

/// The reports that come with the program, and those of the configured folder.
pub(super) async fn registry(config: Option<&Config>) -> Result<Registry, Failure> {
    let folder = config.and_then(|config| config.reports.path.as_deref());
    Registry::load(folder).await.map_err(Failure::store)
}

/// What the configuration says to the reports.
pub(super) fn settings(config: Option<&Config>, timeout: Option<Duration>) -> Settings {
    config.map_or_else(|| Settings { timeout, ..Settings::default() }, |config| Settings::of(config, timeout))
}

/// Lists the reports. It needs no database.
///
/// # Errors
/// Those of the file.
pub fn list_all(options: &Options, registry: &Registry, out: &mut impl Write) -> Outcome {
    let format = options.format.format;
    options.file.write(format, out, |style, out| list(registry, format, style, out))?;
    for broken in registry.broken() {
        eprintln!("warning: {broken}");
    }
    Ok(Exit::Done)
}

fn list(registry: &Registry, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => text(registry.reports(), out),
        Format::Json => {
            let reports: Vec<_> = registry.reports().iter().map(described).collect();
            let broken: Vec<_> = registry.broken().iter().map(described_broken).collect();
            serde_json::to_writer_pretty(&mut *out, &json!({ "reports": reports, "broken": broken }))?;
            out.write_all(b"\n")
        }
        format => {
            let mut table = Table::new(["name", "title", "description", "parameters"].map(|name| (name, Kind::Text)));
            for report in registry.reports() {
                let names: Vec<_> = report.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                table.rows.push(vec![
                    report.name.as_str().into(),
                    report.title.as_str().into(),
                    report.description.as_str().into(),
                    names.join(" ").into(),
                ]);
            }
            render::write(&table, format, style, out)
        }
    }
}

fn text(reports: &[Report], out: &mut dyn Write) -> io::Result<()> {
    for report in reports {
        writeln!(out, "{}\n    {}", report.name, render::visible(&report.description))?;
        for parameter in &report.parameters {
            writeln!(
                out,
                "    --param {}=… {}; {}; default {}",
                parameter.name,
                render::visible(&parameter.meaning),
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
        .map(|column| {
            json!({
                "name": column.name,
                "kind": column.kind.as_str(),
                "unit": column.unit,
                "meaning": column.meaning,
            })
        })
        .collect();
    let path = if let Origin::Own(path) = &report.origin { Some(path.display().to_string()) } else { None };
    json!({
        "name": report.name,
        "title": report.title,
        "description": report.description,
        "path": path,
        "parameters": parameters,
        "columns": columns,
    })
}

fn described_broken(broken: &Broken) -> serde_json::Value {
    let Broken { name, path, line, reason } = broken;
    json!({ "name": name, "path": path.display().to_string(), "line": line, "reason": reason })
}
