//! `rollbook access check EMAIL…`: who may use a Cloud site, by e-mail address.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::output::{FileOptions, FormatOptions};
use super::{Exit, Failure, Outcome};
use crate::clock::Clock;
use crate::config::{Config, Site, SiteKind};
use crate::confluence::{Access, Client, Cloud, EMAILS, RequestError, Trouble};
use crate::render::{self, Format, Kind, Style, Table};

/// Options of `access check`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct CheckOptions {
    /// The addresses
    #[arg(value_name = "EMAIL")]
    pub emails: Vec<String>,
    /// Further addresses, one a line; - is standard input. Blank lines, and those that begin with #, are passed over
    #[arg(long = "file", value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// The site [default: the only one of kind cloud]
    #[arg(long, value_name = "ID")]
    pub site: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub format: FormatOptions,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub file: FileOptions,
}

/// Asks the site about every address, and writes the answers when all are there. Needs no database.
///
/// # Errors
/// [`Exit::Usage`] for a site that cannot be meant, or without an address; [`Exit::Refused`] when the site refuses the
/// account, [`Exit::Unreachable`] when it does not answer.
pub async fn check(options: CheckOptions, config: &Config, clock: &Clock, out: &mut impl Write) -> Outcome {
    let site = chosen(options.site.as_deref(), config)?;
    let list = options.list.as_deref().map(read).transpose()?;
    let emails = addresses(&options.emails, list.as_deref().unwrap_or_default());
    if emails.is_empty() {
        return Err(Failure::new(Exit::Usage, "no address is given: name some, or a file of them with --file"));
    }
    let client = Client::of_site(site, clock.clone(), clock.now().millis() as u64)?;
    let mut table = Table::new(["email", "access"].map(|name| (name, Kind::Text)));
    for batch in emails.chunks(EMAILS) {
        let answers = Cloud::new(&client).check_access(batch).await.map_err(|error| failure(site, error))?;
        table.rows.extend(batch.iter().zip(answers).map(|(email, access)| vec![(*email).into(), told(access).into()]));
    }
    options
        .file
        .write(options.format.format, out, |style, out| write(&site.id, &table, options.format.format, style, out))?;
    Ok(Exit::Done)
}

fn chosen<'a>(id: Option<&str>, config: &'a Config) -> Result<&'a Site, Failure> {
    let listed = |sites: &[&Site]| sites.iter().map(|site| site.id.as_str()).collect::<Vec<_>>().join(", ");
    let (clouds, others): (Vec<&Site>, Vec<&Site>) = config.sites.iter().partition(|site| site.kind == SiteKind::Cloud);
    let there = match (clouds.as_slice(), others.as_slice()) {
        ([], []) => "the configuration has no site".to_owned(),
        ([], others) => format!("the configuration has no site of kind cloud, only {}", listed(others)),
        (clouds, _) => format!("of kind cloud there are {}", listed(clouds)),
    };
    let problem = match (id, clouds.as_slice()) {
        (Some(id), clouds) => match clouds.iter().find(|site| site.id == id) {
            Some(site) => return Ok(site),
            None if others.iter().any(|site| site.id == id) => {
                format!("site '{id}' is a Data Center, and only Cloud tells access by e-mail address; {there}")
            }
            None => format!("there is no site '{id}' in the configuration; {there}"),
        },
        (None, [site]) => return Ok(site),
        (None, []) => there,
        (None, _) => format!("name one site with --site: {there}"),
    };
    Err(Failure::new(Exit::Usage, problem))
}

/// The text of a file, or of standard input.
fn read(file: &Path) -> Result<String, Failure> {
    let (name, bytes) = match file == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            ("standard input".to_owned(), io::stdin().read_to_end(&mut bytes).map(|_| bytes))
        }
        false => (file.display().to_string(), fs::read(file)),
    };
    let usage = |why: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("{name} cannot be read: {why}"));
    let bytes = bytes.map_err(|error| usage(&error))?;
    String::from_utf8(bytes).map_err(|_| usage(&"it is not text in UTF-8"))
}

/// The addresses, as first spelled, in the order given.
fn addresses<'a>(given: &'a [String], list: &'a str) -> Vec<&'a str> {
    // The mark stands before the first line, and in the middle where files were put together.
    let tidy = |text: &'a str| text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let lines = list.split(['\n', '\r']).map(tidy).filter(|line| !line.starts_with('#'));
    let mut seen = HashSet::new();
    let all = given.iter().map(|email| tidy(email)).chain(lines);
    all.filter(|email| !email.is_empty() && seen.insert(email.to_lowercase())).collect()
}

fn told(access: Access) -> &'static str {
    match access {
        Access::Granted => "yes",
        Access::None => "no",
        Access::Invalid => "invalid",
    }
}

fn write(site: &str, table: &Table, format: Format, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if format != Format::Json {
        return render::write(table, format, style, out);
    }
    write!(out, "{{\"site\":{},\n\"checked\":{},\n\"rows\":", json!(site), table.rows.len())?;
    render::write_json_rows(table, out)?;
    out.write_all(b"}\n")
}

fn failure(site: &Site, error: RequestError) -> Failure {
    let lacks_right = matches!(error.trouble, Trouble::NotPermitted | Trouble::Forbidden | Trouble::Concealed);
    let exit = if lacks_right || error.trouble.is_refusal() { Exit::Refused } else { Exit::Unreachable };
    Failure::new(exit, format!("site {}: {error}", site.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_once_as_first_spelled() {
        let given = [" Ann@example.com ", "", "=1@example.com"].map(str::to_owned);
        let list = "\u{feff}# people\r\n\r\nbob@example.com\r\nANN@example.com\r\n  \t\n#x@example.com\n\u{feff}BOB@example.com\n#";
        let mut emails = addresses(&given, list);
        assert_eq!(emails, ["Ann@example.com", "=1@example.com", "bob@example.com"]);
        emails = addresses(&[], "a#b@example.com\rlast@example.com");
        assert_eq!(emails, ["a#b@example.com", "last@example.com"]);
        assert!(addresses(&given[1..2], "\n# nobody\n").is_empty());
    }
}
