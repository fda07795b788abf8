//! The copies of the database that the configuration's `backup.path` has made.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

/// What stands for the day in the name.
const DATE: &str = "{date}";

/// The files whose names are the pattern with a day, with that day, oldest first. A folder that cannot be read has none.
pub(super) fn copies(pattern: &Path) -> Vec<(PathBuf, String)> {
    let name = pattern.file_name().and_then(|name| name.to_str());
    let Some((before, after)) = name.and_then(|name| name.split_once(DATE)) else {
        // One file, whatever the day.
        let day = |path: &Path| {
            let modified = path.metadata().and_then(|found| found.modified()).ok()?;
            let millis = modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
            Some(crate::model::Timestamp::from_millis_clamped(i64::try_from(millis).ok()?).to_sql()[..10].to_owned())
        };
        return day(pattern).map(|day| (pattern.to_owned(), day)).into_iter().collect();
    };
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(PathBuf, String)> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let day = name.to_str()?.strip_prefix(before)?.strip_suffix(after)?;
            NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
            Some((folder.join(&name), day.to_owned()))
        })
        .collect();
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_with_their_days() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["r-2026-02-01.db", "r-2026-01-31.db", "r-today.db", "r-2026-01-31.db.old", "other.db"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let days = |pattern: &str| -> Vec<String> {
            copies(&folder.path().join(pattern)).into_iter().map(|(_, day)| day).collect()
        };
        assert_eq!(days("r-{date}.db"), ["2026-01-31", "2026-02-01"]);
        assert_eq!(days("other.db").len(), 1);
        assert_eq!(days("nothing.db"), [""; 0]);
        assert_eq!(days("nowhere/r-{date}.db"), [""; 0]);
    }
}
