//! Files that appear whole, or not at all, readable by their owner alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Writes a file that appears whole, or not at all.
pub fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    write(&mut file)?;
    file.finish()
}

/// A file being written under another name; unless it is finished, nothing of it stays.
pub struct NewFile {
    /// The same file; what goes wrong with it is not told with a name that nobody knows.
    file: BufWriter<File>,
    temporary: NamedTempFile,
    /// Where it goes.
    path: PathBuf,
    /// A device or a pipe is written to at the end, not replaced.
    device: bool,
}

impl NewFile {
    /// Begins a file that is to appear at `path`.
    pub fn create(path: &Path) -> io::Result<Self> {
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
        Ok(Self { file: writer, temporary: file, path, device })
    }

    /// The name that it has meanwhile.
    pub fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Where it goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it from the beginning.
    pub fn reader(&mut self) -> io::Result<File> {
        self.file.flush()?;
        let mut file = self.file.get_ref().try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// Puts it in its place.
    pub fn finish(mut self) -> io::Result<()> {
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

/// Lets the members of a group of this machine read a file.
///
/// # Errors
/// There is no such group, or the process is not in it.
pub fn share(path: &Path, group: &str) -> io::Result<()> {
    give(path, group_id(group)?, Permissions::from_mode(0o640))
}

/// Lets the members of a group of this machine into a folder.
///
/// # Errors
/// As [`share`].
pub fn share_folder(path: &Path, group: &str) -> io::Result<()> {
    give(path, group_id(group)?, Permissions::from_mode(0o750))
}

fn group_id(group: &str) -> io::Result<u32> {
    let found = nix::unistd::Group::from_name(group)?;
    let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no group '{group}'")))?;
    Ok(found.gid.as_raw())
}

/// Gives a file to a group. One that has it already is not given again: a hardened service may not call chown at all.
pub fn give(path: &Path, group: u32, permissions: Permissions) -> io::Result<()> {
    if fs::metadata(path)?.gid() != group {
        std::os::unix::fs::chown(path, None, Some(group))?;
    }
    fs::set_permissions(path, permissions)
}
