//! Where a value comes from, and how a mistake in the configuration is told.

use std::fmt;

/// Where a value comes from: `default`, `file rollbook.toml:12`, `environment ROLLBOOK__HTTP__LISTEN` or
/// `flag --database`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    pub(super) fn unset() -> Self {
        Self("default".into())
    }

    pub(super) fn file(name: &str, line: usize) -> Self {
        Self(format!("file {name}:{line}"))
    }

    pub(super) fn environment(variable: &str) -> Self {
        Self(format!("environment {variable}"))
    }

    pub(super) fn flag(flag: &str) -> Self {
        Self(format!("flag {flag}"))
    }

    /// The `config` crate carries an origin as text through the merge; this takes it back.
    pub(super) fn of(value: &config::Value) -> Self {
        value.origin().map_or_else(Self::unset, |text| Self(text.to_owned()))
    }

    pub(super) fn text(&self) -> &String {
        &self.0
    }

    /// Whether a relative path of this origin starts at the current directory, and not at the configuration file's.
    pub(super) fn is_outside_the_file(&self) -> bool {
        self.0.starts_with("environment ") || self.0.starts_with("flag ")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One effective key: what `check-config` prints. A secret's value is `[redacted]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The whole path: `sites.corp.limits.retries`.
    pub key: String,
    /// The value that counts; a path as it was resolved.
    pub value: serde_json::Value,
    /// Who said so.
    pub origin: Origin,
}

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The whole path of the key; empty when the file as a whole is meant.
    pub key: String,
    /// The offending value; never that of a secret or of an unknown key, which may be a misspelled secret.
    pub value: Option<String>,
    /// Where it stands: a file and line, an environment variable or a flag.
    pub place: Option<Origin>,
    /// What is wrong and what to do about it.
    pub message: String,
}

/// One line, whatever a quoted key or a file's name may hold.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        if let Some(place) = &self.place {
            // `rollbook.toml:12: …`, as compilers write it and editors read it.
            line.push_str(place.0.strip_prefix("file ").unwrap_or(&place.0));
            line.push_str(": ");
        }
        if !self.key.is_empty() {
            line.push_str(&self.key);
            if let Some(value) = &self.value {
                line.push_str(" = ");
                line.push_str(value);
            }
            line.push_str(": ");
        }
        line.push_str(&self.message);
        line.chars()
            .try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
    }
}

/// A configuration that cannot be used: everything that is wrong with it, one line each. Exit code 78.
#[derive(Clone, Debug)]
pub struct ConfigError {
    /// Never empty.
    pub problems: Vec<Problem>,
    pub(super) absent: bool,
}

impl ConfigError {
    pub(super) fn of_file(message: String) -> Self {
        Self { problems: vec![Problem { key: String::new(), value: None, place: None, message }], absent: false }
    }

    pub(super) fn absent(message: String) -> Self {
        Self { absent: true, ..Self::of_file(message) }
    }

    /// No file was named and none was found.
    pub fn is_absent(&self) -> bool {
        self.absent
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
