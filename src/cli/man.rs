//! `rollbook man`: the man pages, one a command from the commands themselves, and that of the configuration file.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Command, Exit, Failure, Outcome, reference};
use crate::config;
use crate::render::quoted;

/// Prints a man page, to be read with `rollbook man PAGE | man -l -`, or writes all of them into a folder
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The page, as in rollbook-sync, rollbook-walks-approve or rollbook.toml
    #[arg(value_name = "PAGE", default_value = "rollbook", conflicts_with = "output")]
    pub page: String,
    /// Write every page into this folder, which is made where it is not there
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// A man page: the name of its file, as in `rollbook-sync.1`, and its text.
type Page = (String, String);

/// Prints one page or writes all.
pub fn run(options: &Options, out: &mut impl Write) -> Outcome {
    let pages = pages()?;
    let Some(folder) = &options.output else {
        let is_it = |(name, _): &&Page| name.rsplit_once('.').is_some_and(|(name, _)| name == options.page);
        let (_, text) = pages.iter().find(is_it).ok_or_else(|| unknown(&options.page, &pages))?;
        out.write_all(text.as_bytes())?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (name, text) in &pages {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    writeln!(out, "wrote {} man pages into {}", pages.len(), folder.display())?;
    Ok(Exit::Done)
}

fn unknown(page: &str, pages: &[Page]) -> Failure {
    let names: Vec<&str> = pages.iter().filter_map(|(name, _)| Some(name.rsplit_once('.')?.0)).collect();
    Failure::new(Exit::Usage, format!("there is no man page {}; there are {}", quoted(page), names.join(", ")))
}

fn pages() -> io::Result<Vec<Page>> {
    let mut root = Command::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    let mut text = render(root.clone())?;
    ending().to_writer(&mut text)?;
    pages.push(page("rollbook.1", text)?);
    for command in root.get_subcommands() {
        collect(command, &mut pages)?;
    }
    pages.push(("rollbook.toml.5".into(), config::man_page()));
    Ok(pages)
}

fn page(name: &str, text: Vec<u8>) -> io::Result<Page> {
    Ok((name.to_owned(), String::from_utf8(text).map_err(io::Error::other)?))
}

/// The page of a command, and those of the commands below it.
fn collect(command: &clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
    // What every command takes is told once, in rollbook(1).
    let own = |arg: clap::Arg| {
        let everywhere = arg.is_global_set() || ["help", "version"].contains(&arg.get_id().as_str());
        arg.hide(everywhere)
    };
    let mut text = render(command.clone().mut_args(own))?;
    let mut see = Roff::new();
    see.control("SH", ["SEE ALSO"]);
    see.text([
        bold("rollbook"),
        roman("(1), for the options of every command and the exit codes; "),
        bold("rollbook.toml"),
        roman("(5)"),
    ]);
    see.to_writer(&mut text)?;
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push(page(&format!("{name}.1"), text)?);
    command.get_subcommands().try_for_each(|below| collect(below, pages))
}

/// Undated, so that the same commands give the same page; an empty date would be left out, and the other words shift.
fn render(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let command = command.version(None).subcommand_value_name("command");
    let source = concat!("rollbook ", env!("CARGO_PKG_VERSION"));
    Man::new(command).date(" ").source(source).manual("Rollbook").render(&mut text)?;
    Ok(text)
}

/// What rollbook(1) tells of every command.
fn ending() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for exit in reference::EXITS {
        roff.control("TP", []);
        roff.text([bold((exit as u8).to_string())]);
        roff.text(config::inlines(reference::meaning(exit)));
    }
    roff.control("SH", ["FILES"]);
    for (file, what) in FILES {
        roff.control("TP", []);
        roff.text([bold(*file)]);
        roff.text(config::inlines(what));
    }
    roff.control("SH", ["ENVIRONMENT"]);
    for (variable, what) in ENVIRONMENT {
        roff.control("TP", []);
        roff.text([bold(*variable)]);
        roff.text(config::inlines(what));
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("rollbook.toml"), roman("(5), and the pages of the commands")]);
    roff
}

const FILES: &[(&str, &str)] = &[
    ("./rollbook.toml", "The configuration, where no other is named."),
    ("/etc/rollbook/rollbook.toml", "The configuration, where there is none in the current folder."),
    ("/var/lib/rollbook/rollbook.db", "The database of the packaged service."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("ROLLBOOK_CONFIG", "The configuration file, unless `--config` names it."),
    (
        "ROLLBOOK__SECTION__KEY",
        "The value of a key of the configuration, before that of the file; `rollbook.toml`(5) says how it is spelled.",
    ),
    ("CREDENTIALS_DIRECTORY", "Where secret files named without a `/` are looked for first; systemd sets it."),
    ("NO_COLOR", "No colour, whatever its value."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::committed;

    #[test]
    fn the_committed_reference_is_what_the_commands_say() {
        committed::compare("packaging/man", &pages().unwrap());
    }

    fn man(page: &str, output: Option<PathBuf>) -> (Result<Exit, (Exit, String)>, String) {
        let mut out = Vec::new();
        let outcome = run(&Options { page: page.into(), output }, &mut out);
        (outcome.map_err(|failure| (failure.exit, failure.error.to_string())), String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_page_is_printed_by_its_name() {
        let (outcome, text) = man("rollbook-walks-approve", None);
        assert_eq!(outcome, Ok(Exit::Done));
        assert!(text.contains(".TH rollbook-walks-approve 1") && text.contains("rollbook walks approve"), "{text}");
        assert!(man("rollbook.toml", None).1.contains(".TH rollbook.toml 5"));
        let (exit, sentence) = man("walks", None).0.unwrap_err();
        assert_eq!(exit, Exit::Usage);
        assert!(sentence.contains("no man page 'walks'") && sentence.contains("rollbook-walks-diff"), "{sentence}");
    }

    #[test]
    fn all_pages_go_into_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("share/man1");
        let (outcome, told) = man("rollbook", Some(folder.clone()));
        assert_eq!(outcome, Ok(Exit::Done));
        let there = std::fs::read_dir(&folder).unwrap().count();
        assert!(told.contains(&format!("wrote {there} man pages")) && there > 20, "{told}");
    }

    #[test]
    fn the_page_of_the_program_tells_what_holds_for_every_command() {
        let text = man("rollbook", None).1;
        for word in ["EXIT STATUS", "fB78", "ROLLBOOK_CONFIG", "rollbook\\-sync(1)"] {
            assert!(text.contains(word), "{word} in {text}");
        }
        assert!(!man("rollbook-sync", None).1.contains("log\\-format"), "told once, in rollbook(1)");
    }
}
