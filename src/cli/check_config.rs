//! `rollbook check-config`: what the configuration comes to, without asking any site.

use std::io::Write;

use chrono_tz::Tz;
use serde_json::json;

use super::{Exit, Failure, Global, Outcome};
use crate::clock::Clock;
use crate::config::{Loaded, Schedule};
use crate::model::Timestamp;
use crate::report::Registry;

/// Checks the configuration, offline: the effective values with their origins, and when each schedule fires next
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How the result is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One `key = value   # origin` line a key, then warnings and firing times
    Text,
    /// One object: config, warnings, schedules
    Json,
}

/// Prints the effective configuration; a configuration that cannot be used is exit code 78.
pub async fn run(options: &Options, global: &Global, clock: &Clock, out: &mut impl Write) -> Outcome {
    let mut loaded = global.load(clock)?;
    let reports = reports(&loaded).await?;
    loaded.warnings.extend(reports);
    match options.format {
        Format::Text => print_text(&loaded, clock.now(), out)?,
        Format::Json => print_json(&loaded, clock.now(), out)?,
    }
    Ok(Exit::Done)
}

fn print_text(loaded: &Loaded, now: Timestamp, out: &mut impl Write) -> std::io::Result<()> {
    let lines: Vec<String> = loaded.settings.iter().map(|s| format!("{} = {}", s.key, spelled(&s.value))).collect();
    // Origins in one column, but for values so long that the column would be out of sight.
    let width = lines.iter().map(|line| line.chars().count()).filter(|length| *length <= 72).max().unwrap_or(0);
    for (line, setting) in lines.iter().zip(&loaded.settings) {
        writeln!(out, "{line:width$}   # {}", setting.origin)?;
    }
    for warning in warnings(loaded) {
        writeln!(out, "\nwarning: {warning}")?;
    }
    for Planned { key, schedule, zone, next } in planned(loaded, now) {
        writeln!(out, "\n{key}: {schedule} ({zone}) fires next")?;
        for time in next {
            writeln!(out, "  {}", time.in_zone(&zone).format("%a %Y-%m-%d %H:%M:%S %:z"))?;
        }
    }
    Ok(())
}

fn print_json(loaded: &Loaded, now: Timestamp, out: &mut impl Write) -> std::io::Result<()> {
    let config: Vec<_> = loaded
        .settings
        .iter()
        .map(|s| json!({"key": s.key, "value": s.value, "origin": s.origin.to_string()}))
        .collect();
    let schedules: Vec<_> = planned(loaded, now)
        .into_iter()
        .map(|planned| {
            let next: Vec<String> = planned.next.iter().map(|time| time.to_rfc3339()).collect();
            json!({"key": planned.key, "schedule": planned.schedule.to_string(), "next": next})
        })
        .collect();
    let report = json!({"config": config, "warnings": warnings(loaded), "schedules": schedules});
    writeln!(out, "{report:#}")
}

/// A value as TOML has it.
fn spelled(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(table) => {
            let pairs: Vec<String> = table.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// What is unwise about a configuration.
pub(super) fn warnings(loaded: &Loaded) -> Vec<String> {
    let mut warnings = loaded.warnings.clone();
    if loaded.config.sites.is_empty() {
        let file = loaded.file.display();
        warnings
            .push(format!("there is no site, so that there is nothing to mirror: add a [sites.ID] table to {file}"));
    }
    warnings
}

/// What is wrong with somebody's own reports, and with the reports that are to be exported.
pub(super) async fn reports(loaded: &Loaded) -> Result<Vec<String>, Failure> {
    let config = &loaded.config;
    // That the folder is not there has been said.
    let folder = config.reports.path.as_deref().filter(|path| path.is_dir());
    let registry = Registry::load(folder).await.map_err(Failure::store)?;
    let mut warnings: Vec<String> = registry.broken().iter().map(ToString::to_string).collect();
    for (i, export) in config.exports.iter().enumerate() {
        let report = match registry.find(&export.report) {
            Ok(report) => report,
            Err(problem) => {
                warnings.push(format!("exports[{i}].report: {problem}"));
                continue;
            }
        };
        let given: Vec<String> = export.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if let Err(problem) = report.check(&given) {
            warnings.push(format!("exports[{i}].params: {problem}"));
        }
    }
    Ok(warnings)
}

struct Planned<'a> {
    key: String,
    schedule: &'a Schedule,
    zone: Tz,
    next: Vec<Timestamp>,
}

fn planned(loaded: &Loaded, now: Timestamp) -> Vec<Planned<'_>> {
    fn plan(now: Timestamp, key: String, schedule: &Schedule, zone: Tz) -> Planned<'_> {
        Planned { key, schedule, zone, next: schedule.next_firings(now, zone, 3) }
    }
    let sites = loaded.config.sites.iter().filter_map(|site| {
        let schedule = site.schedule.as_ref()?;
        Some(plan(now, format!("sites.{}.schedule", site.id), schedule, site.timezone))
    });
    let exports = loaded.config.exports.iter().enumerate();
    let exports =
        exports.map(|(index, export)| plan(now, format!("exports[{index}].schedule"), &export.schedule, Tz::UTC));
    let housekeeping = plan(now, "housekeeping.schedule".into(), &loaded.config.housekeeping.schedule, Tz::UTC);
    let backup = loaded.config.backup.as_ref();
    let backup = backup.map(|backup| plan(now, "backup.schedule".into(), &backup.schedule, Tz::UTC));
    sites.chain(exports).chain([housekeeping]).chain(backup).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    /// The example with a schedule, an inline token that others may read, and an export.
    async fn check(format: Format) -> String {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rollbook.toml");
        let text = EXAMPLE
            .replace("password_file = \"corp.password\"", "token = \"hunter2\"")
            .replace("#schedule = \"0 0 */6", "schedule = \"0 0 */6")
            .replace("#timezone", "timezone");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let global = Global { config: Some(path), database: Some("/tmp/mirror.db".into()), ..Global::default() };
        let clock = Clock::manual(Timestamp::parse_human("2026-01-31T08:15:00Z").unwrap());
        let mut out = Vec::new();
        let exit = run(&Options { format }, &global, &clock, &mut out).await;
        assert!(matches!(exit, Ok(Exit::Done)));
        String::from_utf8(out).unwrap().replace(&dir.path().display().to_string(), "DIR")
    }

    #[tokio::test]
    async fn text_has_a_line_a_key_then_warnings_and_firings() {
        let text = check(Format::Text).await;
        for part in [
            "database.path = \"/tmp/mirror.db\" ",
            "# flag --database\n",
            "sites.corp.token = \"[redacted]\" ",
            "# file DIR/rollbook.toml:11\n",
            "sites.corp.limits.retries = 5 ",
            "# default\n",
            "\nwarning: DIR/rollbook.toml holds the secret sites.corp.token",
            "\nsites.corp.schedule: 0 0 */6 * * * (Europe/Berlin) fires next\n  Sat 2026-01-31 12:00:00 +01:00\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        assert!(!text.contains("hunter2"));
    }

    #[tokio::test]
    async fn json_has_the_same() {
        let text = check(Format::Json).await;
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let config = report["config"].as_array().unwrap();
        let token = config.iter().find(|setting| setting["key"] == "sites.corp.token").unwrap();
        assert_eq!(token["value"], "[redacted]");
        assert_eq!(token["origin"], "file DIR/rollbook.toml:11");
        assert_eq!(report["schedules"][0]["key"], "sites.corp.schedule");
        assert_eq!(report["schedules"][0]["next"][0], "2026-01-31T11:00:00.000Z");
        assert_eq!(report["schedules"][0]["next"].as_array().unwrap().len(), 3);
        assert_eq!(report["warnings"].as_array().unwrap().len(), 1);
        assert!(!text.contains("hunter2"));
    }

    #[tokio::test]
    async fn a_configuration_that_cannot_be_used_is_exit_78() {
        let global = Global { config: Some("/nonexistent/rollbook.toml".into()), ..Global::default() };
        let mut out = Vec::new();
        let failure = run(&Options { format: Format::Text }, &global, &Clock::System, &mut out).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.error.to_string().contains("/nonexistent/rollbook.toml") && out.is_empty());
    }

    #[tokio::test]
    async fn no_site_is_warned_of() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rollbook.toml");
        std::fs::write(&path, "").unwrap();
        let global = Global { config: Some(path), ..Global::default() };
        let mut out = Vec::new();
        let clock = Clock::manual(Timestamp::from_millis_clamped(0));
        assert!(matches!(run(&Options { format: Format::Text }, &global, &clock, &mut out).await, Ok(Exit::Done)));
        assert!(String::from_utf8(out).unwrap().contains("warning: there is no site"));
    }
}
