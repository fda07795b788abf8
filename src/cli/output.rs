//! Where results go: standard output, or a file that appears whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Failure;
use crate::render::{Format, Style};

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct FormatOptions {
    /// How the result is written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// Where a result is written.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct FileOptions {
    /// Write the result to this file, replacing it once it is whole [default: -, standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write CSV cells as they are, even those that a spreadsheet would take for a formula
    #[arg(long)]
    pub raw: bool,
}

impl FileOptions {
    /// Writes to the chosen file, or to `out`.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        write: impl FnOnce(Style, &mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        match self.output.as_deref().filter(|path| *path != Path::new("-")) {
            None => to_out(out, |out| write(Style { raw: self.raw, ..terminal() }, out)),
            Some(path) => {
                let style = Style { raw: self.raw, width: None };
                to_file(path, |out| write(style, out))
                    .with_context(|| format!("{} cannot be written", path.display()))?;
                Ok(())
            }
        }
    }
}

/// Writes to `out`. A reader that has seen enough (`| head`) is no failure.
pub(super) fn to_out(out: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(out);
    let written = write(&mut out).and_then(|()| out.flush());
    // Not to be tried again when the writer is dropped.
    let _ = out.into_parts();
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other.context("the result cannot be written")?),
    }
}

/// The style for standard output: as wide as the terminal; as wide as it takes when there is none.
pub(super) fn terminal() -> Style {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|width| *width > 0);
    let width = if io::stdout().is_terminal() { columns.or_else(|| comfy_table::Table::new().width()) } else { None };
    Style { width, raw: false }
}

/// Writes a file that appears whole, or not at all.
pub(super) fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    write(&mut file)?;
    file.finish()
}

/// A file being written under another name; unless it is finished, nothing of it stays.
pub(super) struct NewFile {
    file: BufWriter<File>,
    /// Where it is written, and where it goes; `None` for a device or a pipe, which is written to, not replaced.
    moves: Option<(PathBuf, PathBuf)>,
}

impl NewFile {
    /// Begins a file that is to appear at `path`.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Ok(Self { file: BufWriter::new(OpenOptions::new().write(true).open(path)?), moves: None });
        }
        let name = path.file_name().ok_or_else(|| io::Error::other("it is not the name of a file"))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(hidden);
        // What it holds is people: for its owner alone.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        Ok(Self { file: BufWriter::new(file), moves: Some((temporary, path.to_owned())) })
    }

    /// Puts it in its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        if let Some((temporary, path)) = &self.moves {
            self.file.get_ref().sync_all()?;
            fs::rename(temporary, path)?;
            self.moves = None;
        }
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.moves {
            let _ = fs::remove_file(temporary); // an earlier error is the one to tell
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_appears_whole_and_private_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        fs::write(&path, "old").unwrap();
        let options = FileOptions { output: Some(path.clone()), raw: false };
        let failed = options.write(&mut Vec::new(), |_, out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert!(options.write(&mut Vec::new(), |_, out| out.write_all(b"new")).is_ok());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
    }

    #[test]
    fn a_device_is_not_replaced() {
        let options = FileOptions { output: Some("/dev/null".into()), raw: false };
        assert!(options.write(&mut Vec::new(), |_, out| out.write_all(b"x")).is_ok());
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        struct Fails(io::ErrorKind);
        impl Write for Fails {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(to_out(&mut Fails(io::ErrorKind::BrokenPipe), |out| out.write_all(b"x")).is_ok());
        assert!(to_out(&mut Fails(io::ErrorKind::StorageFull), |out| out.write_all(b"x")).is_err());
    }
}
