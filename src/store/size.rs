//! How large the database is, and how much room its disk has left.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::open::beside;

/// Bytes of a database. The disk may hang: not for a thread that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The file itself.
    pub database: u64,
    /// The write-ahead log beside it.
    pub wal: u64,
    /// What its disk has left for this user.
    pub available: u64,
}

/// How large the database at `path` is.
///
/// # Errors
/// What the system says, of a file that is not there too.
pub fn size(path: &Path) -> io::Result<Size> {
    let database = fs::metadata(path)?.len();
    let wal = fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len());
    let disk = statvfs(path)?;
    Ok(Size { database, wal, available: disk.blocks_available() as u64 * disk.fragment_size() as u64 })
}
