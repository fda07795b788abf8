//! `rollbook completions`: what a shell needs to complete the command line, from the commands themselves.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Command, Exit, Outcome};

/// Prints the completions for a shell; docs/install.md says where each looks for them
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints the completions.
pub fn run(options: Options, out: &mut impl Write) -> Outcome {
    out.write_all(&completions(options.shell))?;
    Ok(Exit::Done)
}

/// Written into memory first: clap_complete panics where its writer fails, as a closed pipe does.
fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Command::command(), "rollbook", &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::committed;

    #[test]
    fn the_committed_reference_is_what_the_commands_say() {
        let files = [("rollbook.bash", Shell::Bash), ("_rollbook", Shell::Zsh), ("rollbook.fish", Shell::Fish)];
        let files = files.map(|(name, shell)| (name.to_owned(), String::from_utf8(completions(shell)).unwrap()));
        committed::compare("packaging/completions", &files);
    }
}
