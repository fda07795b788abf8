//! Files and folders: who may read them, whether they can be written, what kind of disk they are on.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, Group, eaccess};

use super::check::{Check, Fault};

/// The folder of a file.
pub(super) fn folder(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The database and what is kept beside it, by the names.
pub(super) fn family(database: &Path) -> Vec<PathBuf> {
    let (folder, name) = (folder(database), database.file_name().unwrap_or_default().to_string_lossy());
    let ours = |file: &PathBuf| {
        let file = file.file_name().unwrap_or_default().to_string_lossy();
        let rest = file.strip_prefix(&*name);
        rest.is_some_and(|rest| {
            matches!(rest, "" | "-wal" | "-shm") || (rest.starts_with('.') && rest.ends_with(".lock"))
        })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(ours).collect();
    files.sort();
    files
}

/// Whether what a walk writes can be written: the folder, and every file of the database.
pub(super) fn writable(name: &'static str, database: &Path) -> Check {
    let folder = folder(database);
    let remedy = "give rollbook's user the folder and all that is in it: `chown -R`; a file that another user made is not \
                  its own";
    if let Err(error) = tempfile::tempfile_in(folder) {
        return Check::failed(
            name,
            Fault::Unusable,
            format!("{} cannot be written: {error}", folder.display()),
            remedy,
        );
    }
    for file in family(database) {
        // Not opened: to close it again would drop the locks that SQLite holds on it in this process.
        if let Err(error) = eaccess(&file, AccessFlags::R_OK | AccessFlags::W_OK) {
            let found = format!("{} cannot be written: {}", file.display(), error.desc());
            return Check::failed(name, Fault::Unusable, found, remedy);
        }
    }
    Check::ok(name, format!("{} can be written", folder.display()))
}

/// Whether files can be made in a folder, or in the one that it would be made in. The trial has no name and leaves nothing.
pub(super) fn can_make_files(folder: &Path) -> io::Result<()> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(there).map(drop)
}

/// Who may read the database and what holds the same beside it.
pub(super) fn private(name: &'static str, database: &Path, group: Option<&str>) -> Check {
    let known = group.map(|name| (name, Group::from_name(name).ok().flatten()));
    if let Some((group, None)) = known {
        let found = format!("database.group: this machine has no group '{group}'");
        return Check::failed(name, Fault::Unusable, found, "name another, create it, or remove the key");
    }
    let known = known.and_then(|(_, group)| group);
    for file in family(database).into_iter().filter(|file| !file.to_string_lossy().ends_with(".lock")) {
        let Ok(found) = fs::metadata(&file) else { continue };
        let gid = known.as_ref().map(|group| group.gid.as_raw());
        if let Some(who) = others(found.permissions().mode(), found.gid(), gid) {
            let found = format!("{} is open to {who}, and it holds personal data", file.display());
            let mode = if gid.is_some() { "640" } else { "600" };
            return Check::warning(name, found, format!("chmod {mode} {}", file.display()));
        }
    }
    Check::ok(
        name,
        match group {
            Some(group) => format!("its owner and the group '{group}' alone may read it"),
            None => "its owner alone may read it".to_owned(),
        },
    )
}

/// Who may read or write a file of this mode besides its owner and the group that may.
fn others(mode: u32, gid: u32, may: Option<u32>) -> Option<&'static str> {
    if mode & 0o007 != 0 {
        Some("every user of this machine")
    } else if mode & 0o070 != 0 && may != Some(gid) {
        Some("its group")
    } else {
        None
    }
}

/// The kind of a network file system that a folder is on; `None` for any other, and where nobody tells.
#[cfg(target_os = "linux")]
fn network(folder: &Path) -> Option<&'static str> {
    // As `statfs(2)` lists them.
    const KINDS: [(i64, &str); 11] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x564c, "NCP"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
        (0x7461_636f, "OCFS2"),
    ];
    let found = nix::sys::statfs::statfs(folder).ok()?.filesystem_type().0;
    // Of another width on other machines.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let found = found as i64 & 0xffff_ffff;
    KINDS.iter().find(|(kind, _)| *kind == found).map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn network(_: &Path) -> Option<&'static str> {
    None
}

/// SQLite's write-ahead log is shared memory: it needs a disk of this machine.
pub(super) fn local(name: &'static str, folder: &Path) -> Check {
    judge_disk(name, folder, network(folder))
}

fn judge_disk(name: &'static str, folder: &Path, network: Option<&str>) -> Check {
    match network {
        None => Check::ok(name, format!("{} is on no network file system that is known", folder.display())),
        Some(kind) => Check::warning(
            name,
            format!("{} is on a network file system ({kind})", folder.display()),
            "move the database (database.path) to a disk of this machine: SQLite's locks and its write-ahead log cannot be \
             relied on over a network",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn who_else_may_read() {
        assert_eq!(others(0o600, 7, None), None);
        assert_eq!(others(0o640, 7, None), Some("its group"));
        assert_eq!(others(0o640, 7, Some(7)), None);
        assert_eq!(others(0o660, 7, Some(8)), Some("its group"));
        assert_eq!(others(0o604, 7, Some(7)), Some("every user of this machine"));
    }

    #[test]
    fn the_family_of_a_database() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        for name in ["a.db", "a.db-wal", "a.db.walk-corp.lock", "a.db.bak", "b.db", "aa.db"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = family(&database).iter().map(|file| file.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.db", "a.db-wal", "a.db.walk-corp.lock"]);
    }

    #[test]
    fn a_folder_that_is_yet_to_be_made_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(can_make_files(&folder.path().join("not/yet/there")).is_ok());
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(can_make_files(&folder.path().join("file")).is_err());
        assert!(can_make_files(Path::new("/proc/none")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the trial left something");
    }

    #[test]
    fn a_network_file_system_is_warned_of() {
        assert_eq!(judge_disk("file-system", Path::new("/x"), Some("NFS")).verdict, Verdict::Warning);
        assert_eq!(local("file-system", Path::new("/")).verdict, Verdict::Ok);
    }

    #[test]
    fn a_group_that_is_not_there() {
        let check = private("permissions", Path::new("/x/a.db"), Some("no such group"));
        assert_eq!(check.verdict, Verdict::Failed(Fault::Unusable));
    }
}
