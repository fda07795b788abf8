//! Files whose names hold their day: `{date}` in a path, and how many of them are kept.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::model::Timestamp;

const DATE: &str = "{date}";

/// The path at this moment, its day in UTC.
pub(super) fn at(pattern: &Path, now: Timestamp) -> PathBuf {
    let day = now.in_zone(&Tz::UTC).format("%Y-%m-%d").to_string();
    PathBuf::from(pattern.to_string_lossy().replace(DATE, &day))
}

/// What is written under another name for longer than this is written no more.
const LEFT_BEHIND: Duration = Duration::from_secs(86_400);

/// Removes all but the newest `keep` files of this pattern, and what a process that died left of one. Only names that
/// are the pattern with a day are touched, and no day after today: a clock may have been wrong. Says what was removed.
pub(super) fn rotate(pattern: &Path, keep: usize, now: Timestamp) -> io::Result<Vec<PathBuf>> {
    let Some((folder, before, after)) = parts(pattern) else { return Ok(Vec::new()) };
    let today = now.in_zone(&Tz::UTC).date_naive();
    let mut days: Vec<(NaiveDate, OsString)> = Vec::new();
    let mut removed = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(found) = entry.metadata().ok().filter(std::fs::Metadata::is_file) else { continue };
        let Some(text) = name.to_str() else { continue };
        let day = |text: &str| {
            let day = text.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
            let parsed = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
            (parsed.to_string() == day).then_some(parsed)
        };
        if let Some(day) = day(text) {
            if day <= today {
                days.push((day, name));
            }
        } else if let Some(whole) = text.strip_prefix('.').and_then(|text| text.strip_suffix(".tmp"))
            && whole.rsplit_once('.').is_some_and(|(whole, _)| day(whole).is_some())
            && found.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT_BEHIND))
        {
            removed.push(folder.join(name));
        }
    }
    days.sort_unstable_by(|a, b| b.cmp(a));
    removed.extend(days.into_iter().skip(keep).map(|(_, name)| folder.join(name)));
    for path in &removed {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(removed)
}

/// The folder, and what stands before and after the day in the name; `None` without a day in it.
fn parts(pattern: &Path) -> Option<(PathBuf, String, String)> {
    let name = pattern.file_name()?.to_str()?;
    let (before, after) = name.split_once(DATE)?;
    Some((pattern.parent()?.to_owned(), before.to_owned(), after.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_days_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = folder.path().join("inactive-{date}.csv");
        let now = Timestamp::parse_human("2026-01-31T23:30:00-02:00").unwrap();
        assert_eq!(at(&pattern, now), folder.path().join("inactive-2026-02-01.csv"));
        let others =
            ["inactive-2026-01-28.csv.bak", "inactive-2026-1-2.csv", "inactive-all.csv", "active-2026-01-01.csv"];
        let days = [
            "inactive-2026-01-28.csv",
            "inactive-2026-01-30.csv",
            "inactive-2026-01-31.csv",
            "inactive-2025-12-31.csv",
        ];
        let future = ["inactive-2031-01-01.csv"];
        let leftovers = [".inactive-2026-01-29.csv.Xy12.tmp", ".other.tmp"];
        for name in others.iter().chain(&days).chain(&future).chain(&leftovers) {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        // One that is being written, and one that was left behind two days ago.
        std::fs::write(folder.path().join(".inactive-2026-02-01.csv.Zz99.tmp"), "x").unwrap();
        let ago = std::process::Command::new("touch")
            .args(["-d", "2 days ago"])
            .arg(folder.path().join(leftovers[0]))
            .status();
        assert!(ago.unwrap().success());
        let mut removed = rotate(&pattern, 2, now).unwrap();
        removed.sort();
        let expected = [".inactive-2026-01-29.csv.Xy12.tmp", "inactive-2025-12-31.csv", "inactive-2026-01-28.csv"];
        assert_eq!(removed, expected.map(|name| folder.path().join(name)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), others.len() + 2 + 1 + 1 + 1);
    }
}
