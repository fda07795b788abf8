//! Where results go: standard output, or a file that appears whole.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tempfile::SpooledTempFile;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Failure};
use crate::files::NewFile;
use crate::render::{Format, Out, Style};

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
    /// Write CSV cells as they are, even those that a spreadsheet would take for a formula; only NUL stays U+FFFD
    #[arg(long)]
    pub raw: bool,
}

impl FileOptions {
    /// The file that is named, unless that is standard output.
    pub(super) fn path(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Begins a result in this format.
    ///
    /// # Errors
    /// The file cannot be made; or it is none for a terminal.
    pub(super) fn begin(&self, format: Format) -> Result<Target, Failure> {
        let path = self.path();
        refuse_terminal(format, path.is_none() && io::stdout().is_terminal())?;
        let style = if path.is_some() { Style::default() } else { terminal() };
        let whole = match path {
            None => Whole::Spooled(SpooledTempFile::new(IN_MEMORY)),
            Some(path) => {
                let file = NewFile::create(path).with_context(|| unwritable(path))?;
                let watched = Watched::over(&file).with_context(|| unwritable(path))?;
                Whole::File(file, watched)
            }
        };
        Ok(Target { style: Style { raw: self.raw, ..style }, whole })
    }

    /// Names the file in a failure to write it.
    pub(super) fn naming(&self, failure: Failure) -> Failure {
        let written = failure.error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some());
        match self.path().filter(|_| written) {
            Some(path) => Failure { error: failure.error.context(path.display().to_string()), ..failure },
            None => failure,
        }
    }

    /// Begins a result that nobody is to see.
    pub(super) fn begin_hidden(&self) -> Target {
        Target { style: Style { raw: self.raw, width: None }, whole: Whole::Spooled(SpooledTempFile::new(IN_MEMORY)) }
    }

    /// Writes a result that is at hand.
    pub(super) fn write(
        &self,
        format: Format,
        out: &mut dyn Write,
        write: impl FnOnce(Style, &mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut target = self.begin(format)?;
        let written = write(target.style, target.out());
        match self.path() {
            Some(path) => written.with_context(|| unwritable(path))?,
            None => written.context("the result cannot be written")?,
        }
        target.finish(out)
    }
}

/// So many bytes of a result for standard output are kept in memory; the rest of it goes to a file without a name.
const IN_MEMORY: usize = 4 << 20;

/// A result on its way: nobody sees it before it is whole. So the statement behind it does not wait for a pager, and what
/// fails in the middle leaves neither half a file nor half an answer.
pub(super) struct Target {
    /// How it is to be written.
    pub style: Style,
    whole: Whole,
}

enum Whole {
    /// And the watch that removes it when a signal ends the process.
    File(NewFile, Watched),
    Spooled(SpooledTempFile),
}

impl Target {
    /// What it is written to.
    pub(super) fn out(&mut self) -> &mut dyn Out {
        match &mut self.whole {
            Whole::File(file, _) => file,
            Whole::Spooled(spool) => spool,
        }
    }

    /// Reads back what was written, a piece at a time.
    pub(super) fn read_back(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut piece = vec![0; 64 << 10];
        let mut reader: Box<dyn Read + '_> = match &mut self.whole {
            Whole::File(file, _) => Box::new(file.reader()?),
            Whole::Spooled(spool) => {
                spool.rewind()?;
                Box::new(spool)
            }
        };
        loop {
            match reader.read(&mut piece)? {
                0 => return Ok(()),
                length => take(&piece[..length]),
            }
        }
    }

    /// Puts the file in its place, or writes all of it to `out`.
    pub(super) fn finish(self, out: &mut dyn Write) -> Result<(), Failure> {
        match self.whole {
            Whole::File(file, _watched) => {
                let path = file.path().to_owned();
                Ok(file.finish().with_context(|| unwritable(&path))?)
            }
            Whole::Spooled(mut spool) => {
                spool.rewind().context("the result cannot be read back")?;
                to_out(out, |out| io::copy(&mut spool, out).map(drop))
            }
        }
    }
}

/// Names the file in what the system said.
pub(super) fn unwritable(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}

/// Refuses to write bytes to a terminal that are no text.
pub(super) fn refuse_terminal(format: Format, terminal: bool) -> Result<(), Failure> {
    if !terminal || !format.is_binary() {
        return Ok(());
    }
    let format = format.as_str();
    Err(Failure::new(
        Exit::Usage,
        format!("{format} is not for a terminal: name a file with --output, or send standard output to one"),
    ))
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

/// While it is there, Ctrl-C or SIGTERM removes a file that is not whole yet and ends the process, although SQLite has the
/// thread.
struct Watched(Arc<AtomicBool>);

impl Watched {
    fn over(file: &NewFile) -> io::Result<Self> {
        let temporary = file.temporary().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let watched = Arc::new(AtomicBool::new(true));
        let watch = Self(watched.clone());
        let wait = async {
            let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => 2,
                _ = terminated.recv() => 15,
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let number = runtime.block_on(wait);
            if watched.load(Ordering::Relaxed) {
                let _ = fs::remove_file(temporary); // the process ends, and has nobody to tell
                std::process::exit(128 + number);
            }
        })?;
        Ok(watch)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
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
        let failed = options.write(Format::Csv, &mut Vec::new(), |_, out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert!(options.write(Format::Csv, &mut Vec::new(), |_, out| out.write_all(b"new")).is_ok());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
    }

    #[test]
    fn a_device_is_not_replaced() {
        let options = FileOptions { output: Some("/dev/null".into()), raw: false };
        assert!(options.write(Format::Csv, &mut Vec::new(), |_, out| out.write_all(b"x")).is_ok());
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

    #[cfg(feature = "xlsx")]
    #[test]
    fn a_spreadsheet_is_not_for_a_terminal() {
        assert!(refuse_terminal(Format::Xlsx, true).is_err());
        assert!(refuse_terminal(Format::Xlsx, false).is_ok());
        assert!(refuse_terminal(Format::Csv, true).is_ok());
    }
}
