//! What was asked, beside the file with the answer, so that both can be verified later.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;

use super::output::{FileOptions, Target, unwritable};
use super::report::tell;
use super::{Exit, Failure, Outcome};
use crate::config::Exception;
use crate::files::to_file;
use crate::model::Timestamp;
use crate::render::{self, Format, Style, Value};
use crate::report::{Registry, Report, ReportError, Request, Settings, Sift, Told, registry};

/// Whether a manifest is written.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ManifestOptions {
    /// Also write FILE.manifest.json: what was asked, the walks it rests on, the number of rows, the SHA-256 of the file
    #[arg(long, requires = "output")]
    pub manifest: bool,
}

impl ManifestOptions {
    /// Where it is written.
    ///
    /// # Errors
    /// [`Exit::Usage`] when there is no file to be beside.
    pub(super) fn path(self, file: &FileOptions) -> Result<Option<PathBuf>, Failure> {
        if !self.manifest {
            return Ok(None);
        }
        let path = file.path().ok_or_else(|| {
            Failure::new(Exit::Usage, "--manifest is written beside the file: name that with --output")
        })?;
        let mut name = path.as_os_str().to_owned();
        name.push(".manifest.json");
        Ok(Some(name.into()))
    }
}

/// An answer that was given.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub report: &'a Report,
    pub request: &'a Request,
    pub settings: &'a Settings,
    pub told: &'a Told,
    pub format: Format,
    pub style: Style,
}

/// The document. Fields are added, never renamed.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// The program's version: another may write the same rows in other bytes.
    rollbook: String,
    /// The report's name; of a whole table `export` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<String>,
    as_of: String,
    /// The moment was asked for, and was not simply now.
    past: bool,
    /// Those chosen; none is all.
    sites: Vec<String>,
    /// Each with its value, defaults included.
    parameters: BTreeMap<String, serde_json::Value>,
    format: String,
    raw: bool,
    walks: Vec<Walk>,
    incomplete: bool,
    rows: u64,
    excluded: u64,
    /// The exceptions that held or had expired then: the answer rests on them too.
    exceptions: Vec<Excepted>,
    licence_groups: Vec<(String, String)>,
    /// Of the report's statement.
    sql_sha256: String,
    file: String,
    bytes: u64,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Walk {
    id: Option<i64>,
    site: String,
    status: Option<String>,
    at: Option<String>,
    /// How old it was allowed to be; `None` where the site was not configured.
    max_age_seconds: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Excepted {
    #[serde(rename = "match")]
    pattern: String,
    reason: String,
    owner: Option<String>,
    expires: Option<chrono::NaiveDate>,
}

/// Puts the answer in its place, and its manifest beside it.
pub(super) fn finish(path: &Path, mut target: Target, given: Given<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let (bytes, sha256) = digest(&mut target).context("the result cannot be read back")?;
    let manifest = given.manifest(path, bytes, sha256);
    // An older manifest must not stand beside the new file, not even for a moment.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::new(Exit::Failure, format!("{} cannot be replaced: {error}", path.display())));
        }
        _ => {}
    }
    target.finish(out)?;
    let written = to_file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &manifest)?;
        out.write_all(b"\n")
    });
    Ok(written.with_context(|| unwritable(path))?)
}

impl Given<'_> {
    fn manifest(self, path: &Path, bytes: u64, sha256: String) -> Manifest {
        let Given { report, request, settings, told, format, style } = self;
        let json = |value: &Value| match value {
            Value::Null => serde_json::Value::Null,
            Value::Text(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Real(number) => (*number).into(),
            Value::Time(time) => time.to_rfc3339().into(),
        };
        let text = |value: &Value| json(value).as_str().map(str::to_owned);
        let walk = |row: &Vec<Value>| Walk {
            id: if let Value::Integer(id) = row[0] { Some(id) } else { None },
            site: text(&row[1]).unwrap_or_default(),
            status: text(&row[2]),
            at: text(&row[3]),
            max_age_seconds: settings
                .sites
                .iter()
                .find(|(site, _)| Value::from(site.as_str()) == row[1])
                .map(|(_, limit)| limit.as_secs()),
        };
        let excepted = |exception: &Exception| Excepted {
            pattern: exception.text.as_str().to_owned(),
            reason: exception.reason.clone(),
            owner: exception.owner.clone(),
            expires: exception.expires,
        };
        let exceptions = if report.exceptions { &settings.exceptions[..] } else { &[] };
        let frame = &told.frame;
        let parameters = frame.parameters.iter();
        let file = path.file_stem().unwrap_or_default().to_string_lossy();
        Manifest {
            rollbook: env!("CARGO_PKG_VERSION").to_owned(),
            report: (frame.what == "report").then(|| report.name.clone()),
            export: (frame.what == "export").then(|| report.name.clone()),
            as_of: request.as_of.to_rfc3339(),
            past: request.past,
            sites: request.sites.clone(),
            parameters: parameters.map(|(name, value)| (name.clone(), json(value))).collect(),
            format: format.as_str().to_owned(),
            raw: style.raw,
            walks: frame.walks.rows.iter().map(walk).collect(),
            incomplete: frame.incomplete,
            rows: told.rows,
            excluded: told.excepted,
            exceptions: exceptions.iter().map(excepted).collect(),
            licence_groups: settings.licence_groups.clone(),
            sql_sha256: hex(Sha256::digest(&report.sql)),
            file: file.strip_suffix(".manifest").unwrap_or(&file).to_owned(),
            bytes,
            sha256,
        }
    }
}

/// Checks the file that a manifest is about, and asks the mirror again.
///
/// # Errors
/// [`Exit::Usage`] for what is no manifest. When something differs the exit is [`Exit::Failure`], after the verdicts, or
/// [`Exit::Usage`] when the mirror does not know that moment any more.
pub(super) async fn verify(
    path: &Path,
    connection: &mut SqliteConnection,
    registry: &Registry,
    settings: &Settings,
    (format, output): (Format, &FileOptions),
    out: &mut impl Write,
) -> Outcome {
    let usage = |why: String| Failure::new(Exit::Usage, format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| usage(format!("cannot be read: {error}")))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| usage(format!("is no manifest of a report: {error}")))?;
    let file = match Path::new(&manifest.file).file_name() {
        Some(name) => path.with_file_name(name),
        None => return Err(usage("names no file".to_owned())),
    };
    let mut exit = Exit::Failure;
    let mirror = match again(&manifest, connection, registry, settings).await {
        Err(failure) if matches!(failure.error.downcast_ref(), Some(ReportError::Pruned { .. })) => {
            exit = failure.exit;
            Err(failure.error.to_string())
        }
        asked => asked?,
    };
    let verdicts = [("file", check_file(&manifest, &file)), ("mirror", mirror)];
    let mut table = render::Table::new([
        ("what", render::Kind::Text),
        ("same", render::Kind::Boolean),
        ("found", render::Kind::Text),
    ]);
    let mut same = true;
    for (what, verdict) in verdicts {
        same &= verdict.is_ok();
        let found = match &verdict {
            Ok(found) | Err(found) => found.as_str(),
        };
        table.rows.push(vec![what.into(), i64::from(verdict.is_ok()).into(), found.into()]);
    }
    output.write(format, out, |style, out| render::write(&table, format, style, out))?;
    Ok(if same { Exit::Done } else { exit })
}

/// The verdict on the file: what is right, or what is not.
fn check_file(manifest: &Manifest, path: &Path) -> Result<String, String> {
    let told = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let mut file = fs::File::open(path).map_err(told)?;
    let mut sha = Sha256::new();
    let bytes = io::copy(&mut file, &mut sha).map_err(told)?;
    let sha256 = hex(sha.finalize());
    if sha256 == manifest.sha256 && bytes == manifest.bytes {
        return Ok(format!("{} is as it was written: {bytes} bytes, {} rows", path.display(), manifest.rows));
    }
    let (path, then) = (path.display(), (manifest.bytes, &manifest.sha256));
    Err(format!("{path} has been changed: {bytes} bytes, SHA-256 {sha256}; of the manifest {}, {}", then.0, then.1))
}

/// The verdict on the mirror: the same question, with the exceptions that held then, as the same bytes.
async fn again(
    manifest: &Manifest,
    connection: &mut SqliteConnection,
    registry: &Registry,
    settings: &Settings,
) -> Result<Result<String, String>, Failure> {
    let usage = |why: String| Failure::new(Exit::Usage, format!("the manifest: {why}"));
    let report = match (&manifest.report, &manifest.export) {
        (Some(name), None) => registry.find(name).map_err(usage)?,
        (None, Some(name)) => registry::export(name).ok_or_else(|| usage(format!("there is no export {name}")))?,
        _ => return Err(usage("names neither a report nor an export".to_owned())),
    };
    let format = <Format as clap::ValueEnum>::from_str(&manifest.format, false)
        .map_err(|_| usage(format!("this rollbook cannot write {}", manifest.format)))?;
    let as_of = Timestamp::parse_human(&manifest.as_of).map_err(|error| usage(error.to_string()))?;
    if hex(Sha256::digest(&report.sql)) != manifest.sql_sha256 {
        return Ok(Err(format!(
            "the report {} has been changed since: what it tells now says nothing of the file",
            report.name
        )));
    }
    let exception = |excepted: &Excepted| {
        let Excepted { pattern, reason, owner, expires } = excepted;
        Exception::new(pattern, reason, owner.as_deref(), *expires)
    };
    let settings = Settings {
        exceptions: manifest.exceptions.iter().map(exception).collect::<Result<_, _>>().map_err(usage)?,
        sites: manifest
            .walks
            .iter()
            .filter_map(|walk| Some((walk.site.clone(), Duration::from_secs(walk.max_age_seconds?))))
            .collect(),
        licence_groups: manifest.licence_groups.clone(),
        timeout: settings.timeout,
    };
    let parameter = |(name, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(format!("{name}={text}")),
        other => Some(format!("{name}={other}")),
    };
    let sift = Sift::of(|name| manifest.parameters.get(name).cloned());
    let own = |name: &str| report.parameters.iter().any(|parameter| parameter.name == name);
    let parameters = manifest.parameters.iter().filter(|(name, _)| sift.is_none() || own(name)).filter_map(parameter);
    let request =
        Request { sites: manifest.sites.clone(), as_of, past: manifest.past, parameters: parameters.collect(), sift };
    let style = Style { raw: manifest.raw, width: None };
    let mut target = FileOptions::default().begin_hidden();
    let told = tell(connection, report, &request, &settings, |frame, columns| {
        render::open(format, style, Some(frame), columns, target.out())
    })
    .await?;
    let (_, sha256) = digest(&mut target).context("the result cannot be read back")?;
    let forgotten: i64 = sqlx::query_scalar("SELECT count(*) FROM forgotten WHERE at > ?")
        .bind(as_of.to_sql())
        .fetch_one(connection)
        .await?;
    let walks: Vec<_> = told.frame.walks.rows.iter().map(|row| row[0].clone()).collect();
    let then: Vec<Value> = manifest.walks.iter().map(|walk| walk.id.into()).collect();
    let same = sha256 == manifest.sha256;
    let told_so = (manifest.rows, manifest.excluded, manifest.incomplete, &then)
        == (told.rows, told.excepted, told.frame.incomplete, &walks);
    Ok(match (same, walks == then) {
        (true, _) if !told_so => Err(format!(
            "the mirror gives the same file, but not the manifest's word for it: {} rows, {} excluded, {}, from the walks {}",
            told.rows,
            told.excepted,
            if told.frame.incomplete { "incomplete" } else { "whole" },
            numbers(&walks)
        )),
        (true, _) => Ok(format!("the mirror gives the same answer: {} rows", told.rows)),
        (false, false) => Err(format!(
            "the mirror answers from other walks: a walk that was running or held when the file was written counts now; \
             {} rows, and {} then",
            told.rows, manifest.rows
        )),
        (false, true) if forgotten > 0 => Err(format!(
            "other bytes: {} rows, and {} then; since that moment {forgotten} users were forgotten (rollbook db forget), \
             whom the mirror counts without naming them",
            told.rows, manifest.rows
        )),
        (false, true) if manifest.rollbook != env!("CARGO_PKG_VERSION") => Err(format!(
            "other bytes: {} rows, and {} then; the file was written by rollbook {}, which may only have spelled them \
             otherwise",
            told.rows, manifest.rows, manifest.rollbook
        )),
        (false, true) => Err(format!(
            "the mirror gives another answer: {} rows, and {} then; what it keeps no history of may have changed since \
             (docs/reports.md tells which)",
            told.rows, manifest.rows
        )),
    })
}

fn numbers(walks: &[Value]) -> String {
    let number = |walk: &Value| if let Value::Integer(id) = walk { id.to_string() } else { "none".to_owned() };
    walks.iter().map(number).collect::<Vec<_>>().join(", ")
}

fn digest(target: &mut Target) -> io::Result<(u64, String)> {
    let mut sha = Sha256::new();
    let mut bytes = 0;
    target.read_back(|piece| {
        sha.update(piece);
        bytes += piece.len() as u64;
    })?;
    Ok((bytes, hex(sha.finalize())))
}

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
