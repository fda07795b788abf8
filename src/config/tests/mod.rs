//! The whole way from files, variables and flags to a configuration or to its mistakes.

mod example;
mod layers;
mod secrets;
mod values;

use std::path::PathBuf;

use super::*;
use crate::model::Timestamp;

/// A folder to load from, with an environment of its own.
struct Place {
    folder: tempfile::TempDir,
    options: LoadOptions,
    variables: Vec<(String, String)>,
}

/// A site that needs nothing beside it but `corp.token`.
const SITE: &str =
    "[sites.corp]\nkind = \"data-center\"\nbase_url = \"https://c.example.com/wiki\"\ntoken = \"t0ken\"\n";

impl Place {
    /// An empty folder; it is also the current directory.
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::parse_human("2026-01-31T08:15:00Z").unwrap();
        let mut options = LoadOptions::new(Environment::default(), folder.path().to_owned(), now);
        options.system_file = folder.path().join("etc/rollbook.toml");
        Self { folder, options, variables: Vec::new() }
    }

    /// A folder with this `rollbook.toml`, for its owner alone.
    fn with(text: &str) -> Self {
        Self::empty().file("rollbook.toml", text)
    }

    /// [`SITE`] and these further lines.
    fn site(lines: &str) -> Self {
        Self::with(&format!("{SITE}{lines}"))
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.mode(name, 0o600)
    }

    fn mode(self, name: &str, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn try_load(&self) -> Result<Loaded, ConfigError> {
        let environment = self.variables.iter().cloned().collect();
        load(&LoadOptions { environment, ..self.options.clone() })
    }

    fn load(&self) -> Loaded {
        self.try_load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The mistakes, one a line.
    fn refused(&self) -> String {
        let error = self.try_load().expect_err("this configuration must be refused");
        let text = error.to_string();
        assert_eq!(text.lines().count(), error.problems.len(), "one line each:\n{text}");
        text
    }
}

/// The setting of a key, as `value # origin`.
fn setting(loaded: &Loaded, key: &str) -> String {
    let found = loaded.settings.iter().find(|setting| setting.key == key);
    found.map_or_else(|| "unset".into(), |setting| format!("{} # {}", setting.value, setting.origin))
}

/// Every part of `parts` occurs in `text`.
#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}
