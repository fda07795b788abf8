//! How much room there is.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::check::{Check, Fault};

const NAME: &str = "disk";
const MIB: u64 = 1 << 20;
/// A walk needs room for its write-ahead log.
const LEAST: u64 = 100 * MIB;
/// What is comfortable, unless the database is larger: a copy of it must fit.
const COMFORTABLE: u64 = 1 << 30;

/// Judges the room in the folder of a database of so many bytes.
pub(super) fn check(folder: &Path, database: u64) -> Check {
    match free(folder) {
        Ok(free) => judge(folder, free, database),
        Err(error) => Check::skipped(NAME, format!("the free space of {} cannot be told: {error}", folder.display())),
    }
}

/// Bytes that a user who is no administrator may still write.
fn free(folder: &Path) -> io::Result<u64> {
    let found = statvfs(folder)?;
    // Of another width on other machines.
    #[allow(clippy::useless_conversion)]
    let blocks = u64::from(found.blocks_available());
    #[allow(clippy::useless_conversion)]
    let block = u64::from(found.fragment_size());
    Ok(blocks.saturating_mul(block))
}

fn judge(folder: &Path, free: u64, database: u64) -> Check {
    let found = format!("{} are free in {}, the database has {}", size(free), folder.display(), size(database));
    let remedy = "make room, or move the database (database.path) to a larger disk";
    if free < LEAST {
        Check::failed(NAME, Fault::Other, found, remedy)
    } else if free < COMFORTABLE.max(database) {
        Check::warning(NAME, found, remedy)
    } else {
        Check::ok(NAME, found)
    }
}

/// `1.5 GiB`, for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while size >= 1024.0
        && let Some(next) = units.next()
    {
        size /= 1024.0;
        unit = Some(next);
    }
    format!("{size:.1} {}", unit.unwrap_or(&"KiB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn room_is_judged_by_what_a_walk_and_a_copy_need() {
        const GIB: u64 = 1 << 30;
        for (free, database, verdict) in [
            (0, 0, Verdict::Failed(Fault::Other)),
            (LEAST - 1, 10 * GIB, Verdict::Failed(Fault::Other)),
            (LEAST, 0, Verdict::Warning),
            (GIB - 1, 0, Verdict::Warning),
            (GIB, 0, Verdict::Ok),
            (GIB, GIB, Verdict::Ok),
            (3 * GIB, 3 * GIB + 1, Verdict::Warning),
            (u64::MAX, 3 * GIB, Verdict::Ok),
        ] {
            let check = judge(Path::new("/var/lib/rollbook"), free, database);
            assert_eq!(check.verdict, verdict, "{}", check.found);
            assert_eq!(check.remedy.is_some(), verdict != Verdict::Ok);
        }
    }

    #[test]
    fn this_disk_can_be_asked() {
        assert!(free(Path::new("/")).is_ok());
        assert!(free(Path::new("/no such folder")).is_err());
    }

    #[test]
    fn sizes_for_people() {
        let told = [0, 1536, MIB, 5 * (1 << 30) / 2, u64::MAX].map(size);
        assert_eq!(told, ["0.0 KiB", "1.5 KiB", "1.0 MiB", "2.5 GiB", "16384.0 PiB"]);
    }
}
