//! Where results go: standard output, or a file that appears whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tempfile::{NamedTempFile, SpooledTempFile};
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Failure};
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
                let mut file = NewFile::create(path).with_context(|| unwritable(path))?;
                file.remove_on_signal().with_context(|| unwritable(path))?;
                Whole::File(file)
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
    File(NewFile),
    Spooled(SpooledTempFile),
}

impl Target {
    /// What it is written to.
    pub(super) fn out(&mut self) -> &mut dyn Out {
        match &mut self.whole {
            Whole::File(file) => file,
            Whole::Spooled(spool) => spool,
        }
    }

    /// Reads back what was written, a piece at a time.
    pub(super) fn read_back(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut piece = vec![0; 64 << 10];
        let mut reader: Box<dyn Read + '_> = match &mut self.whole {
            Whole::File(file) => Box::new(file.reader()?),
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
            Whole::File(file) => {
                let path = file.path.clone();
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

/// Writes a file that appears whole, or not at all.
pub(super) fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    write(&mut file)?;
    file.finish()
}

/// A file being written under another name; unless it is finished, nothing of it stays.
pub(super) struct NewFile {
    /// The same file; what goes wrong with it is not told with a name that nobody knows.
    file: BufWriter<File>,
    temporary: NamedTempFile,
    /// Where it goes.
    path: PathBuf,
    /// A device or a pipe is written to at the end, not replaced.
    device: bool,
    /// While it is there, a signal removes the file and ends the process.
    watched: Option<Watched>,
}

/// Ends the watch when dropped.
struct Watched(Arc<AtomicBool>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl NewFile {
    /// Begins a file that is to appear at `path`.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        // What a link leads to is replaced, and not the link: it may be /dev/stdout.
        let link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        let path = if link { fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() };
        refuse_to_replace(&path)?;
        let device = fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        // What it holds is people: for its owner alone.
        let mut builder = tempfile::Builder::new();
        builder.permissions(Permissions::from_mode(0o600)).suffix(".tmp");
        let file = if device {
            builder.tempfile()?
        } else {
            let name = path.file_name().ok_or_else(|| io::Error::other("it is not the name of a file"))?;
            if path.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let prefix = format!(".{}.", name.to_string_lossy().chars().take(40).collect::<String>());
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            builder.prefix(&prefix).tempfile_in(folder).map_err(without_path)?
        };
        let writer = BufWriter::new(file.as_file().try_clone()?);
        Ok(Self { file: writer, temporary: file, path, device, watched: None })
    }

    /// Sees to it that Ctrl-C or SIGTERM leaves nothing behind, although SQLite has the thread.
    fn remove_on_signal(&mut self) -> io::Result<()> {
        let temporary = self.temporary.path().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let watched = Arc::new(AtomicBool::new(true));
        self.watched = Some(Watched(watched.clone()));
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
        Ok(())
    }

    /// Reads it from the beginning.
    fn reader(&mut self) -> io::Result<File> {
        self.file.flush()?;
        let mut file = self.file.get_ref().try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// Puts it in its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.device {
            let mut whole = self.reader()?;
            io::copy(&mut whole, &mut OpenOptions::new().write(true).open(&self.path)?)?;
            return Ok(());
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        self.temporary.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// A result is not written over a database, what belongs to one, or a configuration: a slip of the hand would cost more
/// than an answer.
fn refuse_to_replace(path: &Path) -> io::Result<()> {
    let refuse = |what: &str| {
        let why = format!("it is {what}, and a result is not written over that: name another file");
        Err(io::Error::new(io::ErrorKind::AlreadyExists, why))
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_database = |path: &Path| {
        let mut head = [0; 16];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
        read.is_ok() && &head == b"SQLite format 3\0"
    };
    if path.is_file() && is_database(path) {
        return refuse("a database");
    }
    let companion = ["-wal", "-shm", "-journal"].iter().find_map(|end| name.strip_suffix(end));
    if companion.is_some_and(|database| is_database(&path.with_file_name(database))) {
        return refuse("a part of a database");
    }
    if path.is_file() && path.extension().is_some_and(|extension| extension == "toml") {
        return refuse("a configuration");
    }
    Ok(())
}

/// What the system said, without the temporary name that nobody knows.
fn without_path(error: io::Error) -> io::Error {
    error
        .raw_os_error()
        .or_else(|| std::error::Error::source(&error)?.downcast_ref::<io::Error>()?.raw_os_error())
        .map_or(io::Error::from(error.kind()), io::Error::from_raw_os_error)
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for NewFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
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
