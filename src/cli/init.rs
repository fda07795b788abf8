//! `rollbook init`: writes a commented configuration file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{Exit, Failure, Global, Outcome};
use crate::clock::Clock;
use crate::config::EXAMPLE;

/// Writes a commented configuration file (to --config FILE, else ./rollbook.toml); refuses to overwrite
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {}

/// Writes the example, readable by its owner alone: it is made to be filled with names and perhaps secrets.
pub fn run(_options: &Options, global: &Global, _clock: &Clock, out: &mut impl Write) -> Outcome {
    let path = global.config.clone().unwrap_or_else(|| PathBuf::from("rollbook.toml"));
    let shown = path.display();
    create(&path).map_err(|error| {
        let sentence = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{shown} exists already and was left as it is: move it away, or name another with --config")
            }
            io::ErrorKind::NotFound => format!("cannot write {shown}: its folder does not exist; create it first"),
            _ => format!("cannot write {shown} ({error}): name another place with --config"),
        };
        Failure::new(Exit::Failure, sentence)
    })?;
    writeln!(out, "wrote {shown}: fill in the first site, then run `rollbook check-config`")?;
    Ok(Exit::Done)
}

fn create(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(EXAMPLE.as_bytes()).and_then(|()| file.sync_all()).inspect_err(|_| {
        // Half an example would stand in the way of the next attempt.
        let _ = std::fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::model::Timestamp;

    fn init(path: &Path) -> (Result<Exit, (Exit, String)>, String) {
        let global = Global { config: Some(path.to_owned()), ..Global::default() };
        let mut out = Vec::new();
        let clock = Clock::manual(Timestamp::from_millis_clamped(0));
        let outcome = run(&Options::default(), &global, &clock, &mut out);
        (outcome.map_err(|failure| (failure.exit, failure.error.to_string())), String::from_utf8(out).unwrap())
    }

    #[test]
    fn writes_the_example_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.toml");
        let (outcome, out) = init(&path);
        assert_eq!(outcome, Ok(Exit::Done));
        assert!(out.contains("my.toml") && out.contains("check-config"), "{out}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), EXAMPLE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn never_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.toml");
        std::fs::write(&path, "mine").unwrap();
        let (outcome, out) = init(&path);
        let (exit, sentence) = outcome.unwrap_err();
        assert_eq!((exit, out.as_str()), (Exit::Failure, ""));
        assert!(sentence.contains("my.toml exists already"), "{sentence}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        // A link is not followed either.
        let link = dir.path().join("link.toml");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        assert!(init(&link).0.unwrap_err().1.contains("exists already"));
    }

    #[test]
    fn says_that_the_folder_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let (exit, sentence) = init(&dir.path().join("none/my.toml")).0.unwrap_err();
        assert_eq!(exit, Exit::Failure);
        assert!(sentence.contains("folder does not exist"), "{sentence}");
    }
}
