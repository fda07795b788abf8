//! `rollbook export users --from-site`: the users of a site, as its app Confluence User Export writes them to a file.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::output::NewFile;
use super::progress::Bar;
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::config::{Config, Site, SiteKind, UserExport as Asked};
use crate::confluence::{
    Client, DownloadError, FileFormat, Page, RequestError, Trouble, UserExport, read_listing, username_identity,
};
use crate::sync::Progress;

/// Readings of a list that keeps changing.
const PASSES: u32 = 3;

/// Options of `export users`.
#[derive(Clone, Debug, clap::Args)]
pub struct UserOptions {
    /// Have the site's app Confluence User Export write the file, from all users it has, active or not
    #[arg(long)]
    pub from_site: bool,
    /// The site [default: the only one of kind data-center]
    #[arg(long, value_name = "ID")]
    pub site: Option<String>,
    /// The kind of file, made by the site
    #[arg(long, value_name = "FORMAT", value_parser = ["json", "xml", "csv", "xlsx"], required_if_eq("from_site", "true"))]
    pub format: Option<String>,
    /// Write the result to this file, replacing it once it is whole [default: -, standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl UserOptions {
    /// Refuses what this release cannot do; asked before the configuration is read.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.from_site {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Usage,
            "'export users' has only --from-site in this release: \
             rollbook export users --from-site --format json|xml|csv|xlsx [--output FILE]; \
             for users of the mirror see 'rollbook report users'",
        ))
    }
}

/// Reads all pages of `search`, has the site convert them, and writes the file it made. Needs no database.
///
/// # Errors
/// [`Exit::Usage`] for a site that cannot be meant, [`Exit::Refused`] when the site refuses the account,
/// [`Exit::Unreachable`] when it does not answer, or changes its list all the time.
pub async fn users(options: UserOptions, config: &Config, clock: &Clock, quiet: bool, out: &mut impl Write) -> Outcome {
    let site = chosen(options.site.as_deref(), config)?;
    let format = match options.format.as_deref() {
        Some("json") => FileFormat::Json,
        Some("xml") => FileFormat::Xml,
        Some("csv") => FileFormat::Csv,
        _ => FileFormat::Xlsx,
    };
    let path = options.output.as_deref().filter(|path| *path != Path::new("-"));
    refuse_terminal(format, path.is_none() && io::stdout().is_terminal())?;
    let seed = clock.now().millis() as u64;
    let client = Client::of_site(site, clock.clone(), seed)?;
    let bar = Bar::new(&site.id, quiet);
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let export = async {
        match path {
            None => {
                export(&client, site, format, &bar, |bytes| out.write_all(bytes)).await?;
                Ok(out.flush().context("the result cannot be written")?)
            }
            Some(path) => {
                let unwritable = || format!("{} cannot be written", path.display());
                // Before the site is asked to leave a file behind for nothing.
                let mut file = NewFile::create(path).with_context(unwritable)?;
                export(&client, site, format, &bar, |bytes| file.write_all(bytes)).await?;
                Ok(file.finish().with_context(unwritable)?)
            }
        }
    };
    let signal = tokio::select! {
        result = export => return result.map(|()| Exit::Done),
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = terminated.recv() => "SIGTERM",
    };
    Err(Failure::new(Exit::Failure, format!("stopped by {signal}; no file was written")))
}

fn chosen<'a>(id: Option<&str>, config: &'a Config) -> Result<&'a Site, Failure> {
    let usage = |message: String| Err(Failure::new(Exit::Usage, message));
    let fitting: Vec<&Site> = config.sites.iter().filter(|site| site.kind == SiteKind::DataCenter).collect();
    let all = fitting.iter().map(|site| site.id.as_str()).collect::<Vec<_>>().join(", ");
    let site = match (id, fitting.as_slice()) {
        (Some(id), _) => match config.sites.iter().find(|site| site.id == id) {
            Some(site) if site.kind == SiteKind::DataCenter => site,
            Some(_) => {
                return usage(format!("site '{id}' is a Cloud site, and Confluence User Export is for Data Center"));
            }
            None => return usage(format!("there is no site '{id}' in the configuration: there are {all}")),
        },
        (None, [site]) => site,
        (None, []) => {
            return Err(Failure::new(
                Exit::Config,
                "the configuration has no site of kind data-center: add a [sites.ID] table, as 'rollbook init' writes it",
            ));
        }
        (None, _) => return usage(format!("name one site with --site: there are {all}")),
    };
    if site.user_export == Asked::Off {
        let id = &site.id;
        return usage(format!("site '{id}' has user_export = \"off\": set it to \"auto\" or \"on\" to have it asked"));
    }
    Ok(site)
}

fn refuse_terminal(format: FileFormat, terminal: bool) -> Result<(), Failure> {
    if terminal && format == FileFormat::Xlsx {
        return Err(Failure::new(
            Exit::Usage,
            "xlsx is not for a terminal: name a file with --output, or send standard output to one",
        ));
    }
    Ok(())
}

async fn export(
    client: &Client,
    site: &Site,
    format: FileFormat,
    bar: &Bar,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), Failure> {
    let failed = |error| failure(site, error);
    let export = UserExport::new(client);
    let records = read_all(export, site, bar).await?;
    let file = export.make_file(format, &records).await.map_err(failed)?;
    let written = export.download(&file, |bytes| write(bytes)).await;
    match written {
        Ok(_) => Ok(()),
        Err(DownloadError::Request(error)) => Err(failed(error)),
        Err(DownloadError::Write(error)) => Err(error).context("the result cannot be written")?,
    }
}

/// Every record of `search`, once each.
async fn read_all(export: UserExport<'_>, site: &Site, bar: &Bar) -> Result<Vec<Vec<u8>>, Failure> {
    let limits = &site.limits;
    let mut shortfall = String::new();
    for number in 1..=PASSES {
        let mut records = Vec::new();
        let mut seen = HashSet::new();
        let pass = read_listing(
            |start, size| export.search(start, size),
            None,
            u64::from(limits.page_size),
            limits.concurrency,
            username_identity,
            |page: Page, fresh| {
                for record in page.rows.iter().skip(fresh).filter(|record| seen.insert(username_identity(record))) {
                    records.push(record.to_vec());
                }
                bar.show(Progress::Users { read: records.len() as u64, total: None });
            },
        )
        .await
        .map_err(|error| failure(site, error))?;
        if pass.is_complete(records.len() as u64) && (!pass.disturbed || number > 1) {
            return Ok(records);
        }
        shortfall = pass.shortfall(records.len() as u64);
        if let Some(error) = pass.failures.into_iter().next() {
            return Err(failure(site, error));
        }
    }
    Err(Failure::new(
        Exit::Unreachable,
        format!("site {}: the users could not be read whole, so no file was written: {shortfall}", site.id),
    ))
}

fn failure(site: &Site, error: RequestError) -> Failure {
    let id = &site.id;
    match error.trouble {
        Trouble::Unauthorized { .. } | Trouble::Anonymous(_) | Trouble::NotPermitted | Trouble::Forbidden => {
            Failure::new(Exit::Refused, format!("site {id}: {error}"))
        }
        Trouble::NotFound => Failure::new(
            Exit::Unreachable,
            format!(
                "site {id}: {error}; check that base_url has the context path and that the app Confluence User Export \
                 is installed and licensed"
            ),
        ),
        _ => Failure::new(Exit::Unreachable, format!("site {id}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_is_not_for_a_terminal() {
        assert!(refuse_terminal(FileFormat::Xlsx, true).is_err());
        assert!(refuse_terminal(FileFormat::Xlsx, false).is_ok());
        assert!(refuse_terminal(FileFormat::Csv, true).is_ok());
    }
}
