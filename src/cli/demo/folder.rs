//! The folder of the demo: made, or taken over from an earlier demo, and nobody else's.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{CONFIG, DATABASE, SAMPLES};
use crate::cli::{Exit, Failure};

/// Says that the rest of the folder is a demo's.
const MARKER: &str = ".rollbook-demo";

/// A folder that this demo has for itself until it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked, so that no second demo takes it away.
    _marker: File,
}

impl Folder {
    /// Makes the folder, or empties it of what an earlier demo made. Files of other names stay as they are.
    ///
    /// # Errors
    /// [`Exit::Failure`] for a folder with other things in it and no demo's marker, of which nothing is touched;
    /// [`Exit::Busy`] while another demo uses it.
    pub(super) fn prepare(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let marker = path.join(MARKER);
        match fs::read_dir(path).map(|mut entries| entries.next().is_some()) {
            Ok(full) if full && !marker.is_file() => {
                return Err(Failure::new(
                    Exit::Failure,
                    format!(
                        "{shown} is not empty and no demo made it, so nothing in it was touched: name another folder \
                         with --dir"
                    ),
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("{shown}"))?;
            }
            Err(error) => return Err(Failure::new(Exit::Failure, format!("{shown} cannot be used: {error}"))),
        }
        let cannot = || format!("{shown} cannot be written");
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&marker).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("another demo uses {shown}: stop it, or name another folder with --dir");
                return Err(Failure::new(Exit::Busy, message));
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot)?,
        }
        if file.metadata()?.len() == 0 {
            (&file).write_all(b"The next `rollbook demo` in this folder replaces what this one made.\n")?;
        }
        let folder = Self { path: path.to_owned(), _marker: file };
        folder.clear().with_context(cannot)?;
        Ok(folder)
    }

    /// A file of the demo.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn clear(&self) -> io::Result<()> {
        let beside = ["", "-wal", "-shm"].map(|suffix| format!("{DATABASE}{suffix}"));
        let samples = SAMPLES.iter().map(|sample| sample.file.to_owned());
        for name in beside.into_iter().chain(samples).chain([CONFIG.to_owned()]) {
            match fs::remove_file(self.file(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> (Exit, String) {
        let failure = Folder::prepare(path).expect_err("a refusal");
        (failure.exit, format!("{:#}", failure.error))
    }

    #[test]
    fn a_new_or_empty_folder_is_taken_and_taken_again() {
        let parent = tempfile::tempdir().unwrap();
        assert!(Folder::prepare(parent.path()).is_ok(), "empty");
        let path = parent.path().join("a/b");
        drop(Folder::prepare(&path).ok().expect("a new folder"));
        for name in [DATABASE, "rollbook.db-wal", CONFIG, "inactive.csv", "mine.txt"] {
            fs::write(path.join(name), "x").unwrap();
        }
        let folder = Folder::prepare(&path).ok().expect("a demo's folder");
        let mut left: Vec<_> =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, [MARKER, "mine.txt"]);
        assert_eq!(refusal(&path).0, Exit::Busy);
        drop(folder);
        assert!(Folder::prepare(&path).is_ok());
    }

    #[test]
    fn what_is_not_a_demos_stays_untouched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(DATABASE), "precious").unwrap();
        let (exit, sentence) = refusal(folder.path());
        assert_eq!(exit, Exit::Failure);
        assert!(sentence.contains("--dir"), "{sentence}");
        assert_eq!(fs::read(folder.path().join(DATABASE)).unwrap(), b"precious");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(refusal(&folder.path().join(DATABASE)).0, Exit::Failure, "not a folder");
    }
}
