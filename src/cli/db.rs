//! `rollbook db`: a copy of the database, whether one is sound, and what is taken out of it on purpose.

mod copies;
pub mod forget;
pub mod prune;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::output::{FormatOptions, terminal, to_out};
use super::{Exit, Failure, Outcome};
use crate::files::share;
use crate::render::{self, Format, Kind, Table, Value, visible};
use crate::store::{self, BackupError, StoreError, Verdict, Verification};

/// Options of `db backup`.
#[derive(Clone, Debug, clap::Args)]
pub struct BackupOptions {
    /// Where the copy goes
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace FILE, once the copy is whole and verified
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// Options of `db verify`.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyOptions {
    /// The database to verify [default: the configured one]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// Copies the database, and says what the copy holds.
///
/// # Errors
/// [`Exit::Usage`] for a name that is taken or cannot be, [`Exit::Config`] for a database that cannot be used.
pub async fn backup(options: BackupOptions, database: &Path, group: Option<&str>, out: &mut impl Write) -> Outcome {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let stopped = tokio::select! {
        made = store::backup(database, &options.file, options.force) => Ok(made.map_err(|error| refused(error, database))?),
        _ = tokio::signal::ctrl_c() => Err("Ctrl-C"),
        _ = terminated.recv() => Err("SIGTERM"),
    };
    let made =
        stopped.map_err(|signal| Failure::new(Exit::Failure, format!("stopped by {signal}; no backup was made")))?;
    if let Some(group) = group {
        share(&options.file, group).with_context(|| format!("{} cannot be shared", options.file.display()))?;
    }
    let path = options.file.display().to_string();
    let walk = made.newest_walk.as_ref();
    let at = walk.map(|walk| walk.finished_at.as_ref().unwrap_or(&walk.started_at).as_str());
    match options.format.format {
        Format::Table => {
            let newest = match (walk, at) {
                (Some(walk), Some(at)) => {
                    format!("newest walk {} of {}, {}, {at}", walk.id, visible(&walk.site), walk.status)
                }
                _ => "no walk yet".to_owned(),
            };
            to_out(out, |out| writeln!(out, "{}: {} bytes, {newest}", visible(&path), made.bytes))?;
        }
        Format::Json => {
            let walk = walk.map(|walk| {
                json!({ "id": walk.id, "site": walk.site, "status": walk.status,
                    "started_at": time(&walk.started_at), "finished_at": walk.finished_at.as_deref().map(time) })
            });
            let document = json!({ "path": path, "bytes": made.bytes, "newest_walk": walk });
            to_out(out, |out| writeln!(out, "{document:#}"))?;
        }
        format => {
            let mut table = Table::new([
                ("path", Kind::Text),
                ("bytes", Kind::Integer),
                ("newest_walk", Kind::Integer),
                ("site", Kind::Text),
                ("status", Kind::Text),
                ("at", Kind::Text),
            ]);
            let text = |value: Option<&str>| value.map(str::to_owned).into();
            table.rows.push(vec![
                path.into(),
                (made.bytes as i64).into(),
                walk.map(|walk| walk.id).into(),
                text(walk.map(|walk| walk.site.as_str())),
                text(walk.map(|walk| walk.status.as_str())),
                at.map(time).into(),
            ]);
            to_out(out, |out| render::write(&table, format, terminal(), out))?;
        }
    }
    Ok(Exit::Done)
}

/// A time of the database as results spell it; one that is none, as it is.
fn time(sql: &str) -> String {
    crate::model::Timestamp::parse_sql(sql).map_or_else(|_| sql.to_owned(), |time| time.to_rfc3339())
}

fn refused(error: BackupError, database: &Path) -> Failure {
    let exit = match error {
        BackupError::Store(error) => return unusable(error),
        BackupError::Wrong { found, .. } if found.is_damaged() => return damaged(database),
        BackupError::Exists(_) | BackupError::Name { .. } => Exit::Usage,
        BackupError::Busy(_)
        | BackupError::Full { .. }
        | BackupError::Unwritable { .. }
        | BackupError::Failed { .. }
        | BackupError::Wrong { .. } => Exit::Failure,
    };
    Failure { exit, error: error.into() }
}

/// A database that SQLite cannot use: with what to do about it.
fn unusable(error: StoreError) -> Failure {
    let remedy = error.is_unusable();
    let Failure { exit, error } = Failure::store(error);
    let error = if remedy { error.context("the database cannot be used; restore a backup") } else { error };
    Failure { exit, error }
}

fn damaged(database: &Path) -> Failure {
    Failure::new(Exit::Config, format!("{} is damaged; restore a backup", database.display()))
}

/// Verifies a database and says what each check found, a line each.
///
/// # Errors
/// [`Exit::Failure`] when an invariant is broken, [`Exit::Config`] for a file that is damaged or none of ours.
pub async fn verify(options: VerifyOptions, database: &Path, out: &mut impl Write) -> Outcome {
    let found = store::verify_file(database).await.map_err(unusable)?;
    let format = options.format.format;
    to_out(out, |out| match format {
        Format::Table => found.verdicts.iter().try_for_each(|verdict| writeln!(out, "{}", line(verdict))),
        Format::Json => writeln!(out, "{:#}", document(database, &found)),
        format => render::write(&table(&found), format, terminal(), out),
    })?;
    if found.is_damaged() {
        return Err(damaged(database));
    }
    let wrong = found.verdicts.iter().filter(|verdict| !verdict.is_ok()).count();
    if wrong > 0 {
        let of = found.verdicts.len();
        let sentence = format!(
            "{wrong} of {of} checks failed: what {} says about these cannot be relied on; restore a backup",
            database.display()
        );
        return Err(Failure::new(Exit::Failure, sentence));
    }
    Ok(Exit::Done)
}

fn line(verdict: &Verdict) -> String {
    let Verdict { check, wrong, of, first, means } = verdict;
    if verdict.is_ok() {
        return format!("{check:<26} ok");
    }
    let more = if *wrong > first.len() as u64 { ", …" } else { "" };
    format!("{check:<26} {wrong} wrong: {means}: {of} {}{more}", visible(&first.join(", ")))
}

fn document(database: &Path, found: &Verification) -> serde_json::Value {
    let checks: Vec<_> = found
        .verdicts
        .iter()
        .map(|verdict| {
            let Verdict { check, wrong, of, first, means } = verdict;
            json!({ "check": check, "ok": verdict.is_ok(), "wrong": wrong, "of": of, "first": first, "means": means })
        })
        .collect();
    json!({ "database": database.display().to_string(), "schema": found.schema, "ok": found.is_ok(), "checks": checks })
}

fn table(found: &Verification) -> Table {
    let mut table = Table::new([
        ("check", Kind::Text),
        ("ok", Kind::Boolean),
        ("wrong", Kind::Integer),
        ("of", Kind::Text),
        ("first", Kind::Text),
        ("means", Kind::Text),
    ]);
    table.rows.extend(found.verdicts.iter().map(|verdict| {
        let Verdict { check, wrong, of, first, means } = verdict;
        let named = if first.is_empty() { Value::Null } else { first.join(", ").into() };
        vec![
            (*check).into(),
            i64::from(verdict.is_ok()).into(),
            (*wrong as i64).into(),
            (*of).into(),
            named,
            (*means).into(),
        ]
    }));
    table
}

/// The file to verify: the one named, which must be there, or the configured database.
///
/// # Errors
/// [`Exit::Usage`] when there is no file of that name.
pub fn named(file: &Path) -> Result<PathBuf, Failure> {
    match file.try_exists().with_context(|| format!("{} cannot be read", file.display()))? {
        true => Ok(file.to_owned()),
        false => Err(Failure::new(Exit::Usage, format!("there is no file {}", file.display()))),
    }
}
