//! The job of writing a report to a file.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::dated;
use super::run::{Outcome, Unfinished};
use crate::config::{Config, Export};
use crate::files::{NewFile, share, share_folder};
use crate::model::Timestamp;
use crate::render::{self, Format, Style};
use crate::report::{self, Registry, Request, Settings};
use crate::store::Store;

/// The longest that a report may run.
const LIMIT: Duration = Duration::from_secs(3_600);
const SITE: &str = "{site}";

/// Writes the report: one file, or with `{site}` in its name one for each site.
pub(super) async fn export(
    export: &Export,
    config: &Config,
    store: &Store,
    now: Timestamp,
    unfinished: &Unfinished,
) -> Outcome {
    match write_all(export, config, store, now, unfinished).await {
        Ok((files, rows)) => {
            tracing::info!(report = %export.report, files, rows, "export written");
            Outcome::well("done")
        }
        Err(error) => {
            tracing::error!(report = %export.report, "the export was not written: {error:#}");
            Outcome::failed("failed", format!("{error:#}"))
        }
    }
}

async fn write_all(
    export: &Export,
    config: &Config,
    store: &Store,
    now: Timestamp,
    unfinished: &Unfinished,
) -> anyhow::Result<(usize, u64)> {
    let registry = Registry::load(config.reports.path.as_deref()).await?;
    let report = registry.find(&export.report).map_err(anyhow::Error::msg)?;
    let format = Format::named(&export.format).with_context(|| format!("there is no format {}", export.format))?;
    let settings = Settings::of(config, Some(LIMIT));
    let parameters: Vec<String> = export.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let files = files(export, config);
    let mut rows = 0;
    for (pattern, sites) in &files {
        let path = dated::at(pattern, now);
        make_folder(&path, config.database.group.as_deref())
            .with_context(|| format!("the folder of {} cannot be made", path.display()))?;
        let unwritable = || format!("{} cannot be written", path.display());
        let mut file = NewFile::create(&path).with_context(unwritable)?;
        unfinished.add(file.temporary());
        let request =
            Request { sites: sites.clone(), as_of: now, past: false, parameters: parameters.clone(), sift: None };
        let mut reader = store.reader().await?;
        let told = report::run(&mut reader, report, &request, &settings, |frame, columns| {
            render::open(format, Style::default(), Some(frame), columns, &mut file)
        });
        rows += told.await.with_context(unwritable)?.rows;
        if let Some(group) = &config.database.group {
            share(file.temporary(), group).with_context(|| format!("{} cannot be shared", path.display()))?;
        }
        file.finish().with_context(unwritable)?;
        unfinished.clear();
        // The file is there: that older ones stay makes it no failure.
        if let Some(Err(error)) = export.keep.map(|keep| dated::rotate(pattern, keep, now)) {
            tracing::warn!(report = %export.report, "older files beside {} cannot be removed: {error}", path.display());
        }
    }
    Ok((files.len(), rows))
}

/// The files, still with `{date}`, and the sites that each is about; none is all.
fn files(export: &Export, config: &Config) -> Vec<(PathBuf, Vec<String>)> {
    let pattern = export.path.to_string_lossy();
    if !pattern.contains(SITE) {
        return vec![(export.path.clone(), Vec::new())];
    }
    let file = |site: &str| (PathBuf::from(pattern.replace(SITE, site)), vec![site.to_owned()]);
    config.sites.iter().map(|site| file(&site.id)).collect()
}

/// Makes the folder of a file where there is none, for its owner alone, and the group that may read what is in it.
pub(super) fn make_folder(path: &Path, group: Option<&str>) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    group.map_or(Ok(()), |group| share_folder(folder, group))
}
