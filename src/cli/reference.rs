//! The reference page of the command line, `docs/commands.md`, from the commands themselves.

use std::fmt::Write;

use clap::{Arg, CommandFactory};

use super::{Command, Exit};

const INTRODUCTION: &str = include_str!("reference.md");

/// Every exit code.
pub(super) const EXITS: [Exit; 10] = [
    Exit::Done,
    Exit::Failure,
    Exit::Usage,
    Exit::Partial,
    Exit::Held,
    Exit::Stale,
    Exit::Busy,
    Exit::Unreachable,
    Exit::Refused,
    Exit::Config,
];

/// The text of `docs/commands.md`.
pub fn reference() -> String {
    let mut root = Command::command();
    root.build();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Options of every command\n");
    options(&mut page, root.get_arguments());
    for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
        describe(&mut page, command, 2);
    }
    page.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for exit in EXITS {
        let _ = writeln!(page, "| {} | {} |", exit as u8, meaning(exit));
    }
    page.push_str(
        "\nWith several sites in one `sync` the most serious code counts: 78, 77, 69, 6, 1, 4, 3.\n\n\
         What each report answers is in [reports.md](reports.md).\n",
    );
    page
}

fn describe(page: &mut String, command: &clap::Command, level: usize) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let _ = write!(page, "\n{} `{name}`\n\n", "#".repeat(level));
    if let Some(about) = command.get_about() {
        let _ = writeln!(page, "{}.", about.to_string().trim_end_matches('.'));
    }
    let mut below = command.get_subcommands().filter(|command| command.get_name() != "help").peekable();
    if below.peek().is_none() {
        let _ = write!(page, "\n```text\n{usage}\n```\n");
        options(page, command.get_arguments().filter(|arg| !arg.is_global_set()));
    }
    for command in below {
        describe(page, command, level + 1);
    }
}

fn options<'a>(page: &mut String, args: impl Iterator<Item = &'a Arg>) {
    let mut rows = String::new();
    for arg in args.filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()) && !arg.is_hide_set()) {
        let _ = writeln!(rows, "| {} | {} | {} |", spelling(arg), default(arg), help(arg));
    }
    if !rows.is_empty() {
        let _ = write!(page, "\n| option | default | meaning |\n|---|---|---|\n{rows}");
    }
}

fn spelling(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str());
    if arg.is_positional() {
        return format!("`{value}`");
    }
    let takes = if arg.get_action().takes_values() { format!(" {value}") } else { String::new() };
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("{short}`--{}{takes}`", arg.get_long().unwrap_or_default())
}

fn default(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if values.is_empty() { String::new() } else { format!("`{}`", values.join(" ")) }
}

fn help(arg: &Arg) -> String {
    let mut text = arg.get_help().map(|help| help.to_string()).unwrap_or_default();
    let choices: Vec<_> = arg.get_possible_values().iter().map(|choice| format!("`{}`", choice.get_name())).collect();
    if arg.get_action().takes_values() && !choices.is_empty() {
        let _ = write!(text, ": {}", choices.join(", "));
    }
    // What looks like an element of HTML or a boundary of the table is neither.
    text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}

/// What an exit code says, in Markdown.
pub(super) fn meaning(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Failure => "an unexpected failure, or a walk stopped by a signal",
        Exit::Usage => {
            "not called as it should be: an unknown option, site, report or user, or an unreadable `--as-of`"
        }
        Exit::Partial => {
            "`sync`: some of a walk could not be read; the rest was applied, and nothing was ended on the strength of what is missing"
        }
        Exit::Held => "`sync`: the walk is held, the rest of it was applied; `status`: a walk is held for a decision",
        Exit::Stale => "`status`: a site's last applied walk is older than its freshness limit, or there is none",
        Exit::Busy => "another process is walking the same site, or making or migrating the database",
        Exit::Unreachable => {
            "a site is not reachable, or its user list cannot be read: `sync` applied nothing, `export` wrote no file, `access` told nothing"
        }
        Exit::Refused => {
            "credentials or permission refused: `sync` applied nothing, `export` wrote no file, `access` told nothing"
        }
        Exit::Config => "the configuration is invalid or missing, or the database cannot be used",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_command_line() {
        const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
        let page = reference();
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            std::fs::write(PAGE, &page).unwrap();
        }
        let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(committed == page, "docs/commands.md is out of date: run `make docs`");
    }

    #[test]
    fn every_command_says_what_it_does() {
        let page = reference();
        assert!(page.contains("## `rollbook walks show`") && page.contains("## `rollbook sync`"), "{page}");
        let bare: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && line.ends_with("|  |")).collect();
        assert!(bare.is_empty(), "options without help: {bare:#?}");
    }
}
