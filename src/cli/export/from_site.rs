//! `rollbook export users --from-site`: the users of a site, as its app Confluence User Export writes them to a file.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

use super::super::output::unwritable;
use super::super::progress::Bar;
use super::super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::config::{Config, Site, SiteKind, UserExport as Configured};
use crate::confluence::{
    Client, DownloadError, FileFormat, Page, RequestError, Trouble, UserExport, read_listing, username_identity,
};
use crate::files::NewFile;
use crate::sync::Progress;

/// Readings of a list that keeps changing.
const PASSES: u32 = 3;

/// What is asked of the site.
pub(super) struct Asked<'a> {
    pub site: Option<&'a str>,
    pub format: FileFormat,
    pub output: Option<&'a Path>,
}

/// Reads all pages of `search`, has the site convert them, and writes the file it made. Needs no database.
///
/// # Errors
/// [`Exit::Usage`] for a site that cannot be meant, [`Exit::Refused`] when the site refuses the account,
/// [`Exit::Unreachable`] when it does not answer, or changes its list all the time.
pub(super) async fn users(
    asked: Asked<'_>,
    config: &Config,
    clock: &Clock,
    quiet: bool,
    out: &mut impl Write,
) -> Outcome {
    let Asked { site, format, output: path } = asked;
    let site = chosen(site, config)?;
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
                // Before the site is asked to leave a file behind for nothing.
                let mut file = NewFile::create(path).with_context(|| unwritable(path))?;
                export(&client, site, format, &bar, |bytes| file.write_all(bytes)).await?;
                Ok(file.finish().with_context(|| unwritable(path))?)
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
    if site.user_export == Configured::Off {
        let id = &site.id;
        return usage(format!("site '{id}' has user_export = \"off\": set it to \"auto\" or \"on\" to have it asked"));
    }
    Ok(site)
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
