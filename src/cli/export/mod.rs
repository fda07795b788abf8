//! `rollbook export`: whole tables of the mirror; or users as the app Confluence User Export writes them, from the mirror
//! or by the app itself.

mod from_site;

use std::io::{self, IsTerminal, Write};

use sqlx::SqliteConnection;

use super::manifest::ManifestOptions;
use super::output::{FileOptions, FormatOptions, refuse_terminal};
use super::report::{Asked, answer, settings, tell};
use super::{Exit, Failure, Outcome, as_of};
use crate::clock::Clock;
use crate::config::Config;
use crate::confluence::FileFormat;
use crate::render;
use crate::report::{Request, Sift, registry};

/// Options of `export groups`, `memberships` and `changes`, and of `export users` among others.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Only this site (repeatable)
    #[arg(long = "site", value_name = "ID")]
    pub sites: Vec<String>,
    /// The table as it stood at this moment: RFC 3339, or a date for the end of that day, UTC [default: now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: FileOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub manifest: ManifestOptions,
}

/// Options of `export users`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct UserOptions {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub table: Options,
    /// Instead of the table, the fields, names and dates of Confluence User Export, of one site; json, xml, csv or xlsx
    #[arg(long, value_enum, value_name = "LAYOUT")]
    pub layout: Option<Layout>,
    /// Only users with this in the name, the full name or the e-mail address
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Only users whose account is active; with --inactive both, as without either
    #[arg(long)]
    pub active: bool,
    /// Only users whose account is not active; whom no source says it of belongs to both
    #[arg(long)]
    pub inactive: bool,
    /// Pass over so many of the users found
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub offset: Option<u64>,
    /// Write at most so many users
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub page_size: Option<u64>,
    /// Have the site's app Confluence User Export write the file (json, xml, csv, xlsx), from all users it has, active or not
    #[arg(long, conflicts_with_all = ["as_of", "raw", "manifest", "layout", "search", "active", "inactive", "offset", "page_size"])]
    pub from_site: bool,
}

/// The fields of a file of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// Those of the app Confluence User Export
    UserExport,
}

impl UserOptions {
    /// Some of the users alone, when that is asked.
    fn sift(&self) -> Option<Sift> {
        let Self { search, active, inactive, offset, page_size, .. } = self;
        let both = active == inactive;
        let sift = Sift {
            search: search.clone().unwrap_or_default(),
            active: both || *active,
            inactive: both || *inactive,
            offset: offset.unwrap_or(0),
            page_size: *page_size,
        };
        (sift != Sift::all()).then_some(sift)
    }
}

/// Writes the table `name`.
///
/// # Errors
/// [`Exit::Usage`] for an unknown site, or an unreadable time.
pub async fn table(
    name: &str,
    options: Options,
    sift: Option<Sift>,
    connection: &mut SqliteConnection,
    config: Option<&Config>,
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    let Options { sites, as_of: moment, format, file, manifest } = options;
    let (as_of, past) = as_of(moment.as_deref(), clock)?;
    let report =
        registry::export(name).ok_or_else(|| Failure::new(Exit::Usage, format!("there is no table {name}")))?;
    let request = Request { sites, as_of, past, parameters: vec![], sift };
    let settings = settings(config, None);
    answer(connection, Asked { report, request, settings, format: format.format, file, manifest }, out).await
}

/// Writes the users, as the table or in another layout.
///
/// # Errors
/// As [`table`].
pub async fn users(
    options: UserOptions,
    connection: &mut SqliteConnection,
    config: Option<&Config>,
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    let sift = options.sift();
    match options.layout {
        None => table("users", options.table, sift, connection, config, clock, out).await,
        Some(Layout::UserExport) => as_user_export(options.table, sift, connection, config, clock, out).await,
    }
}

async fn as_user_export(
    options: Options,
    sift: Option<Sift>,
    connection: &mut SqliteConnection,
    config: Option<&Config>,
    clock: &Clock,
    out: &mut impl Write,
) -> Outcome {
    let Options { sites, as_of: moment, format, file, manifest } = options;
    let format = format.format;
    let usage = |message: String| Failure::new(Exit::Usage, message);
    if !render::user_export::FORMATS.contains(&format.as_str()) {
        let formats = render::user_export::FORMATS.join(", ");
        return Err(usage(format!("--layout user-export is written as {formats}, and not as {}", format.as_str())));
    }
    if manifest.manifest {
        return Err(usage(
            "--layout user-export has no manifest: it is the app's file, and no answer of a report".into(),
        ));
    }
    let (as_of, past) = as_of(moment.as_deref(), clock)?;
    let site = only_site(connection, sites).await?;
    // The app writes the times of its server.
    let zone = config.and_then(|config| config.sites.iter().find(|known| known.id == site)).map(|site| site.timezone);
    if zone.is_none() {
        eprintln!("the configuration has no site '{site}', whose time zone is to be used: times are written in UTC");
    }
    let request = Request { sites: vec![site], as_of, past, parameters: vec![], sift };
    let report = registry::export("user-export").ok_or_else(|| usage("there is no such layout".to_owned()))?;
    let mut target = file.begin(format)?;
    let style = target.style;
    let told = tell(connection, report, &request, &settings(config, None), |_, _| {
        render::user_export::open(format, style, zone.unwrap_or(chrono_tz::Tz::UTC), target.out())
    })
    .await?;
    target.finish(out)?;
    if told.frame.incomplete {
        eprintln!("{}", render::INCOMPLETE);
    }
    Ok(Exit::Done)
}

/// The site that is named, or the only one: the layout has no place for a site's name.
async fn only_site(connection: &mut SqliteConnection, named: Vec<String>) -> Result<String, Failure> {
    let known: Vec<String> = sqlx::query_scalar("SELECT name FROM sites ORDER BY name").fetch_all(connection).await?;
    let chosen = if named.is_empty() { known.clone() } else { named };
    let all = if known.is_empty() { "it has none yet".to_owned() } else { format!("it has {}", known.join(", ")) };
    match <[String; 1]>::try_from(chosen) {
        Ok([site]) => Ok(site),
        Err(_) => Err(Failure::new(
            Exit::Usage,
            format!("this layout has the users of one site: name it with --site ({all})"),
        )),
    }
}

/// Has the site's app write the file. Needs no database.
///
/// # Errors
/// [`Exit::Usage`] for a site that cannot be meant, or a format that the app does not write.
pub async fn from_site(
    options: UserOptions,
    config: &Config,
    clock: &Clock,
    quiet: bool,
    out: &mut impl Write,
) -> Outcome {
    let Options { sites, format, file, .. } = options.table;
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let kind = match format.format.as_str() {
        "json" => FileFormat::Json,
        "xml" => FileFormat::Xml,
        "csv" => FileFormat::Csv,
        "xlsx" => FileFormat::Xlsx,
        other => return Err(usage(format!("the app writes json, xml, csv or xlsx, and not {other}: say --format"))),
    };
    let site = match sites.as_slice() {
        [] => None,
        [site] => Some(site.as_str()),
        _ => return Err(usage("--from-site asks one site: name one with --site".to_owned())),
    };
    refuse_terminal(format.format, file.path().is_none() && io::stdout().is_terminal())?;
    from_site::users(from_site::Asked { site, format: kind, output: file.path() }, config, clock, quiet, out).await
}
