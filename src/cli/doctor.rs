//! `rollbook doctor`: is everything there that the configuration needs?

use std::io::{self, Write};

use serde_json::{Value, json};

use super::output::{FormatOptions, terminal, to_out};
use super::sync::{chosen, worse};
use super::{Exit, Failure, Global, Outcome, check_config};
use crate::clock::Clock;
use crate::config::{ConfigError, Site};
use crate::doctor::{self, Check, Fault, Verdict};
use crate::render::{self, Format, Kind, Table, visible};

/// Options of `doctor`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Only this site (repeatable) [default: every site]
    #[arg(long = "site", value_name = "ID")]
    pub sites: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
}

/// Checks, and prints a line for each check. A warning is no failure; of the failures the most serious decides the exit
/// code: [`Exit::Config`] for what is wrong with the configuration or the database, [`Exit::Refused`],
/// [`Exit::Unreachable`], [`Exit::Failure`] for anything else.
///
/// # Errors
/// [`Exit::Usage`] for an unknown site.
pub async fn run(options: &Options, global: &Global, clock: &Clock, out: &mut impl Write) -> Outcome {
    let mut loaded = match global.load(clock) {
        Ok(loaded) => loaded,
        Err(failure) => match failure.error.downcast_ref::<ConfigError>() {
            Some(error) => return tell(&doctor::unusable(error), options.format.format, out),
            None => return Err(failure),
        },
    };
    global.start_logging(loaded.config.log.format);
    let reports = check_config::reports(&loaded).await?;
    loaded.warnings.extend(reports);
    let warnings = check_config::warnings(&loaded);
    let sites: Vec<&Site> = match loaded.config.sites.is_empty() && options.sites.is_empty() {
        true => Vec::new(),
        false => chosen(&options.sites, &loaded.config)?,
    };
    let checks = doctor::examine(&loaded, &sites, &warnings, clock).await;
    tell(&checks, options.format.format, out)
}

fn tell(checks: &[Check], format: Format, out: &mut impl Write) -> Outcome {
    let written: Result<(), Failure> = to_out(out, |out| match format {
        Format::Table => text(checks, out),
        Format::Json => {
            let ok = !checks.iter().any(|check| matches!(check.verdict, Verdict::Failed(_)));
            let checks: Vec<Value> = checks.iter().map(document).collect();
            serde_json::to_writer_pretty(&mut *out, &json!({ "ok": ok, "checks": checks }))?;
            out.write_all(b"\n")
        }
        Format::Ndjson => checks.iter().try_for_each(|check| writeln!(out, "{}", document(check))),
        format => render::write(&flat(checks), format, terminal(), out),
    });
    written?;
    Ok(checks.iter().map(|check| exit(check.verdict)).fold(Exit::Done, worse))
}

fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Ok | Verdict::Warning | Verdict::Skipped => Exit::Done,
        Verdict::Failed(Fault::Unusable) => Exit::Config,
        Verdict::Failed(Fault::Refused) => Exit::Refused,
        Verdict::Failed(Fault::Unreachable) => Exit::Unreachable,
        Verdict::Failed(Fault::Other) => Exit::Failure,
    }
}

fn text(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut before: Option<&Check> = None;
    for check in checks {
        if before.is_none_or(|before| before.site != check.site) {
            let gap = if before.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}{}", check.site.as_deref().unwrap_or("this machine"))?;
        }
        before = Some(check);
        let Check { name, verdict, found, remedy, .. } = check;
        writeln!(out, "  {name:width$}  {:<7}  {}", verdict.as_str(), visible(found))?;
        if let Some(remedy) = remedy {
            writeln!(out, "  {:width$}  {:7}  -> {}", "", "", visible(remedy))?;
        }
    }
    let count = |wanted: &str| checks.iter().filter(|check| check.verdict.as_str() == wanted).count();
    let [failed, warnings, skipped] = ["failed", "warning", "skipped"].map(count);
    writeln!(out, "\n{} checks: {failed} failed, {warnings} with a warning, {skipped} skipped", checks.len())
}

fn document(check: &Check) -> Value {
    let Check { site, name, verdict, found, remedy } = check;
    json!({ "site": site, "check": name, "verdict": verdict.as_str(), "found": found, "remedy": remedy })
}

fn flat(checks: &[Check]) -> Table {
    let mut table = Table::new(["site", "check", "verdict", "found", "remedy"].map(|name| (name, Kind::Text)));
    for Check { site, name, verdict, found, remedy } in checks {
        let cells =
            [site.clone(), Some((*name).into()), Some(verdict.as_str().into()), Some(found.clone()), remedy.clone()];
        table.rows.push(cells.into_iter().map(Into::into).collect());
    }
    table
}
