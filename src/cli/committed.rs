//! Generated files that are committed: as they are generated now, or written anew with `UPDATE_DOCS=1`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Compares a folder with the files that belong into it, each a name and its text, and no others.
pub fn compare(folder: &str, files: &[(String, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
        }
    }
    let there = fs::read_dir(&path).map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect());
    let there: BTreeSet<_> = there.unwrap_or_default();
    let wanted: BTreeSet<_> = files.iter().map(|(name, _)| name.into()).collect();
    assert_eq!(there, wanted, "{folder} is out of date: run `make docs`");
    for (name, text) in files {
        let committed = fs::read_to_string(path.join(name)).unwrap();
        assert!(committed == *text, "{folder}/{name} is out of date: run `make docs`");
    }
}
