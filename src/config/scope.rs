//! Reading one key of the merged layers: its type, its range, its place, as the table of keys has them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use serde_json::json;

use super::keys::{self, ALWAYS, Key, Kind, join};
use super::problem::{Origin, Problem, Setting};
use super::{Schedule, Secret, SecretFiles, parse_duration, secret};

/// What every key is read with, and what reading found.
#[derive(Default)]
pub(super) struct Context {
    pub file_name: String,
    pub file: PathBuf,
    pub current_folder: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`, where systemd puts what `LoadCredential=` names.
    pub credentials: Option<PathBuf>,
    /// Which secret files are read.
    pub secret_files: SecretFiles,
    /// Where tables begin.
    pub tables: HashMap<String, Origin>,
    pub problems: RefCell<Vec<Problem>>,
    pub warnings: RefCell<Vec<String>>,
    pub settings: RefCell<Vec<Setting>>,
}

impl Context {
    pub fn warn(&self, warning: String) {
        self.warnings.borrow_mut().push(warning);
    }
}

/// One table of the merged configuration.
pub(super) struct Scope<'a> {
    context: &'a Context,
    table: Option<&'a Map<String, Value>>,
    pattern: String,
    pub path: String,
    place: Origin,
}

impl<'a> Scope<'a> {
    pub fn root(context: &'a Context, table: &'a Map<String, Value>) -> Self {
        let place = Origin::file(&context.file_name, 1);
        Self { context, table: Some(table), pattern: String::new(), path: String::new(), place }
    }

    /// A table in this one; without content when nobody gives it.
    pub fn child(&self, name: &str) -> Self {
        let pattern = if self.pattern == "sites" { "sites.*".into() } else { join(&self.pattern, name) };
        let path = join(&self.path, name);
        let table = match self.table.and_then(|table| table.get(name)).map(|value| &value.kind) {
            Some(ValueKind::Table(table)) => Some(table),
            _ => None,
        };
        let place = self.context.tables.get(&path).unwrap_or(&self.place).clone();
        Self { context: self.context, table, pattern, path, place }
    }

    /// The tables of an array of tables.
    pub fn elements(&self, name: &str) -> Vec<Self> {
        let Some(ValueKind::Array(elements)) = self.table.and_then(|t| t.get(name)).map(|value| &value.kind) else {
            return Vec::new();
        };
        let scope = |(index, value): (usize, &'a Value)| {
            let ValueKind::Table(table) = &value.kind else { return None };
            let (pattern, path) =
                (format!("{}[]", join(&self.pattern, name)), format!("{}[{index}]", self.path_of(name)));
            Some(Self { context: self.context, table: Some(table), pattern, path, place: Origin::of(value) })
        };
        elements.iter().enumerate().filter_map(scope).collect()
    }

    /// The names in this table, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.table.into_iter().flat_map(|table| table.keys().cloned()).collect();
        names.sort();
        names
    }

    pub fn is_given(&self) -> bool {
        self.table.is_some()
    }

    pub fn has(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    pub fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    fn given(&self, name: &str) -> Option<&'a Value> {
        self.table.and_then(|table| table.get(name))
    }

    /// Where the key is given, else where its table begins.
    pub fn place_of(&self, name: &str) -> Origin {
        self.given(name).map_or_else(|| self.place.clone(), Origin::of)
    }

    /// Notes a mistake in a key; the value is shown when its kind allows it.
    pub fn problem(&self, name: &str, message: impl Into<String>) {
        let key = keys::child(&self.pattern, name);
        let value = match key {
            Some(keys::Child::Leaf(key)) => self.given(name).and_then(|value| shown(key.kind, &value.kind)),
            _ => None,
        };
        let place = Some(self.place_of(name));
        self.context.problems.borrow_mut().push(Problem {
            key: self.path_of(name),
            value,
            place,
            message: message.into(),
        });
    }

    /// Notes that this table itself is a mistake.
    pub fn refuse_table(&self, message: &str) {
        let (key, place) = (self.path.clone(), Some(self.place.clone()));
        self.context.problems.borrow_mut().push(Problem { key, value: None, place, message: message.to_owned() });
    }

    /// Reads a key with `parse`, which gives the value and how `check-config` shows it. `None`: nobody gives it, or a
    /// problem was noted.
    fn read<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&Key, &Value) -> Result<(T, serde_json::Value), String>,
    ) -> Option<T> {
        let key = keys::find(&join(&self.pattern, name));
        let default = key.default.map(Value::from);
        let Some(value) = self.given(name).or(default.as_ref()) else {
            if key.required == Some(ALWAYS) {
                self.problem(name, format!("is required and missing. {}", key.doc));
            }
            return None;
        };
        match parse(key, value) {
            Ok((parsed, shown)) => {
                let setting = Setting { key: self.path_of(name), value: shown, origin: Origin::of(value) };
                self.context.settings.borrow_mut().push(setting);
                Some(parsed)
            }
            Err(message) => {
                self.problem(name, message);
                None
            }
        }
    }

    /// Reads a key that is written as text.
    pub fn parsed<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.read(name, |_, value| {
            let text = text_of(value)?;
            parse(text).map(|parsed| (parsed, json!(text)))
        })
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.parsed(name, |text| match text.trim() {
            "" => Err("is empty: write it, or leave the key out".into()),
            _ if text.chars().any(char::is_control) => Err("holds a control character: write it on one line".into()),
            _ => Ok(text.to_owned()),
        })
    }

    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.read(name, |_, value| {
            let truth = match &value.kind {
                ValueKind::Boolean(truth) => Some(*truth),
                ValueKind::String(text) => text.parse().ok(),
                _ => None,
            };
            truth.map(|truth| (truth, json!(truth))).ok_or_else(|| "must be true or false".into())
        })
    }

    pub fn integer<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.read(name, |key, value| {
            let number = match &value.kind {
                ValueKind::I64(number) => Some(*number),
                ValueKind::String(text) => text.parse().ok(),
                _ => None,
            };
            let (min, max) = if let Kind::Integer { min, max } = key.kind { (min, max) } else { (i64::MIN, i64::MAX) };
            let fitting = number.filter(|number| (min..=max).contains(number));
            let parsed = fitting.and_then(|number| Some((T::try_from(number).ok()?, json!(number))));
            parsed.ok_or_else(|| match max {
                i64::MAX => format!("must be a whole number, {min} or more"),
                _ => format!("must be a whole number from {min} to {max}"),
            })
        })
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.read(name, |key, value| {
            let number = match &value.kind {
                ValueKind::I64(number) => Some(*number as f64),
                ValueKind::Float(number) => Some(*number),
                ValueKind::String(text) => text.parse().ok(),
                _ => None,
            };
            let (min, max) = if let Kind::Number { min, max } = key.kind { (min, max) } else { (f64::MIN, f64::MAX) };
            let fitting = number.filter(|number| (min..=max).contains(number));
            fitting.map(|number| (number, json!(number))).ok_or_else(|| format!("must be a number from {min} to {max}"))
        })
    }

    /// A duration; longer than nothing unless the key is a pause.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.read(name, |key, value| {
            let text = match &value.kind {
                ValueKind::I64(number) => number.to_string(), // refused, with the advice to add a unit
                _ => text_of(value)?.to_owned(),
            };
            match parse_duration(&text)? {
                Duration::ZERO if key.kind != Kind::Pause => Err("must be longer than 0s".into()),
                duration => Ok((duration, json!(text))),
            }
        })
    }

    pub fn choice(&self, name: &str) -> Option<&'static str> {
        self.read(name, |key, value| {
            let Kind::Choice(choices) = key.kind else { unreachable!("{} is not a choice", key.path) };
            let chosen = text_of(value).ok().and_then(|text| choices.iter().find(|choice| **choice == text));
            chosen.map(|choice| (*choice, json!(choice))).ok_or_else(|| {
                let quoted: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
                format!("must be one of {}", quoted.join(", "))
            })
        })
    }

    /// Address and port; `Some(None)` switches the server off.
    pub fn address(&self, name: &str) -> Option<Option<SocketAddr>> {
        self.parsed(name, |text| match text {
            "" => Ok(None),
            _ => text.parse().map(Some).map_err(|_| {
                "is not an IP address and a port: write it like \"127.0.0.1:8642\", or \"\" for no server".into()
            }),
        })
    }

    /// A base URL, without its trailing slash (but for the root path, which a URL cannot be without).
    pub fn url(&self, name: &str) -> Option<url::Url> {
        self.read(name, |_, value| {
            let url = base_url(text_of(value)?)?;
            let shown = json!(url.as_str().trim_end_matches('/'));
            Ok((url, shown))
        })
    }

    pub fn schedule(&self, name: &str) -> Option<Schedule> {
        self.parsed(name, Schedule::parse)
    }

    /// The parameters of a report, in the order of their names, as text.
    pub fn parameters(&self, name: &str) -> Vec<(String, String)> {
        let read = self.read(name, |_, value| {
            let ValueKind::Table(table) = &value.kind else {
                return Err("must be a table, as in { days = 180 }".into());
            };
            let mut parameters = Vec::new();
            for (name, value) in table {
                match &value.kind {
                    ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => {
                        return Err(format!("{name} must be a single value: text, a number, true or false"));
                    }
                    scalar => parameters.push((name.clone(), scalar.to_string())),
                }
            }
            parameters.sort();
            let shown = parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            Ok((parameters, serde_json::Value::Object(shown)))
        });
        read.unwrap_or_default()
    }

    /// A path, made absolute from the folder of whoever names it.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.read(name, |_, value| {
            let path = self.resolve(value)?;
            let shown = json!(path.to_string_lossy());
            Ok((path, shown))
        })
    }

    /// The secret in the one of `names` that is given, each the secret itself or (`…_file`) its file. More than one is
    /// a problem, none is not.
    pub fn secret(&self, names: &[&'static str]) -> Option<(&'static str, Secret)> {
        let given: Vec<&str> = names.iter().copied().filter(|name| self.has(name)).collect();
        if let [first, second, ..] = given.as_slice() {
            let message = format!("cannot stand beside {first} ({}): keep exactly one of them", self.place_of(first));
            self.problem(second, message);
            return None;
        }
        let name = names.iter().copied().find(|name| self.has(name))?;
        let secret = if name.ends_with("_file") { self.secret_file(name) } else { self.secret_text(name) };
        secret.map(|secret| (name, secret))
    }

    fn secret_text(&self, name: &str) -> Option<Secret> {
        let secret = self.read(name, |_, value| {
            let secret = secret::check(text_of(value)?.to_owned())?;
            Ok((secret, json!("[redacted]")))
        })?;
        let origin = self.place_of(name);
        if !origin.is_outside_the_file() && secret::has_mode(&self.context.file, 0o044) {
            self.context.warn(format!(
                "{} holds the secret {} and others may read it: chmod 600 {}, or use {name}_file",
                self.context.file_name,
                self.path_of(name),
                self.context.file.display()
            ));
        }
        Some(secret)
    }

    fn secret_file(&self, name: &str) -> Option<Secret> {
        self.read(name, |_, value| {
            let named = text_of(value)?;
            let credential = self.credential(named);
            let is_credential = credential.is_some();
            let file = credential.map_or_else(|| self.resolve(value), Ok)?;
            let is_read = match self.context.secret_files {
                SecretFiles::All => true,
                SecretFiles::OfHttp => self.path_of(name).starts_with("http."),
                SecretFiles::None => false,
            };
            if !is_read {
                return Ok((Secret::new(String::new()), json!(file.to_string_lossy())));
            }
            let secret = secret::read_file(&file)?;
            if !is_credential && secret::has_mode(&file, 0o004) {
                let (key, file) = (self.path_of(name), file.display());
                self.context.warn(format!("{key}: every user of this machine may read {file}: chmod 600 {file}"));
            }
            Ok((secret, json!(file.to_string_lossy())))
        })
    }

    /// Where systemd put the secret file with this bare name: `LoadCredential=NAME:FILE` by the name, and
    /// `LoadCredential=rollbook:FOLDER`, which takes every file of a folder, by the name behind `rollbook_`.
    fn credential(&self, name: &str) -> Option<PathBuf> {
        let folder = self.context.credentials.as_ref().filter(|_| !name.is_empty() && !name.contains('/'))?;
        [folder.join(name), folder.join(format!("rollbook_{name}"))].into_iter().find(|file| file.exists())
    }

    /// Whether secret files are read, all of them.
    pub fn reads_secret_files(&self) -> bool {
        self.context.secret_files == SecretFiles::All
    }

    fn resolve(&self, value: &Value) -> Result<PathBuf, String> {
        let text = text_of(value)?;
        if text.is_empty() {
            return Err("is empty: write a path, or leave the key out".into());
        }
        let outside = Origin::of(value).is_outside_the_file();
        let file_folder = self.context.file.parent().unwrap_or(&self.context.file);
        let folder = if outside { &self.context.current_folder } else { file_folder };
        Ok(folder.join(text).components().collect())
    }
}

fn text_of(value: &Value) -> Result<&str, String> {
    match &value.kind {
        ValueKind::String(text) => Ok(text),
        _ => Err("must be text: put it in quotes".into()),
    }
}

fn base_url(text: &str) -> Result<url::Url, String> {
    let remedy = "write scheme, host and path, as in \"https://confluence.example.com/confluence\"";
    let mut url = url::Url::parse(text).map_err(|why| format!("is not a URL ({why}): {remedy}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("is neither http nor https: {remedy}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds credentials, which belong in username and password_file or token_file: remove them".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("has a query or a fragment: {remedy}"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The value for a message, unless it is a secret or might hold one.
fn shown(kind: Kind, value: &ValueKind) -> Option<String> {
    match (kind, value) {
        (Kind::Secret, _) => None,
        // A number here is no path, and may be the secret itself in the wrong key.
        (Kind::SecretFile, value) if !matches!(value, ValueKind::String(_)) => None,
        (Kind::Url, ValueKind::String(text)) if text.contains(['@', '?', '#']) => None,
        (_, ValueKind::String(text)) => Some(format!("{text:?}")),
        (_, ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_)) => None,
        (_, scalar) => Some(scalar.to_string()),
    }
}
