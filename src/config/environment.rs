//! The environment: `ROLLBOOK__SITES__CORP__TOKEN_FILE` and its like, to a layer of values.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;

use config::{Map, Value, ValueKind};

use super::file::Layer;
use super::keys::{self, Child, join};
use super::problem::{Origin, Problem};

const PREFIX: &str = "ROLLBOOK__";

/// The environment a configuration is loaded in; injected, so that tests leave the process's own alone.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The process's environment.
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Only the names: the values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads the variables that name keys; `file_sites` are the ids in the file, which a variable may spell in capitals
/// and with `_` for `-`.
pub(super) fn read(environment: &Environment, file_sites: &BTreeSet<String>, problems: &mut Vec<Problem>) -> Layer {
    let mut reader = Reader { layer: Layer::default(), sites: file_sites.clone() };
    for (name, value) in &environment.0 {
        let name = name.to_string_lossy();
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if let Err((key, message)) = reader.variable(&name, rest, value) {
            problems.push(Problem { key, value: None, place: Some(Origin::environment(&name)), message });
        }
    }
    reader.layer
}

struct Reader {
    layer: Layer,
    sites: BTreeSet<String>,
}

impl Reader {
    fn variable(&mut self, variable: &str, rest: &str, value: &OsStr) -> Result<(), (String, String)> {
        let (mut pattern, mut path) = (String::new(), Vec::new());
        let mut segments = rest.split("__");
        // Down to the key, one table a segment.
        let key = loop {
            let Some(segment) = segments.next() else {
                let whole = path.join(".");
                let remedy = format!("names a table; add a key, as in {variable}__{}", example(&pattern));
                return Err((whole, remedy));
            };
            let name = match pattern.as_str() {
                "sites" if segment.is_empty() => {
                    return Err(("sites".into(), "lacks the site's id between two underscores and two".into()));
                }
                "sites" => self.site(segment).map_err(|message| (join("sites", segment), message))?,
                _ => segment.to_lowercase(),
            };
            let above = path.join(".");
            match keys::child(&pattern, &name) {
                Some(Child::Leaf(key)) => {
                    path.push(name);
                    break key;
                }
                Some(Child::Table(deeper)) => {
                    pattern = deeper;
                    path.push(name);
                    self.layer.tables.entry(path.join(".")).or_insert_with(|| Origin::environment(variable));
                }
                Some(Child::Array(_)) => {
                    let remedy = format!("is a list of tables and can only be set in the file: write [[{name}]]");
                    return Err((name, remedy));
                }
                None => {
                    let message = format!("unknown key; {}", keys::suggest(&pattern, &above, &name));
                    return Err((join(&above, &name), message));
                }
            }
        };
        let whole = path.join(".");
        if segments.next().is_some() {
            return Err((whole, format!("is a single value ({}); end the variable's name there", key.path)));
        }
        let Some(text) = value.to_str() else {
            return Err((whole, "is not valid UTF-8: set the variable to UTF-8 text".into()));
        };
        let value = Value::new(Some(Origin::environment(variable).text()), ValueKind::String(text.to_owned()));
        insert(&mut self.layer.values, &path, value)
            .map_err(|other| (whole, format!("is set a second time; {other} sets it too: unset one of them")))
    }

    /// The id that a segment means: a known one, or its own in lower case.
    fn site(&mut self, segment: &str) -> Result<String, String> {
        let plain = |id: &str| id.to_lowercase().replace('-', "_");
        let fitting: Vec<&String> = self.sites.iter().filter(|id| plain(id) == plain(segment)).collect();
        match fitting.as_slice() {
            [] => {
                let id = segment.to_lowercase();
                self.sites.insert(id.clone());
                Ok(id)
            }
            [id] => Ok((*id).clone()),
            several => {
                let exact = several.iter().find(|id| id.to_lowercase() == segment.to_lowercase());
                exact.map(|id| (*id).clone()).ok_or_else(|| {
                    let ids: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
                    format!("may mean any of the sites {}: set the key in the file", ids.join(", "))
                })
            }
        }
    }
}

/// A valid segment to go on with in the table `pattern`.
fn example(pattern: &str) -> String {
    let name = keys::names(pattern).first().copied().unwrap_or("corp__kind");
    name.to_uppercase()
}

/// Puts a value where its path says; the error is the origin of what is there already.
fn insert(table: &mut Map<String, Value>, path: &[String], value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    if rest.is_empty() {
        return match table.insert(first.clone(), value) {
            None => Ok(()),
            Some(earlier) => Err(Origin::of(&earlier).to_string()),
        };
    }
    let child = table.entry(first.clone()).or_insert_with(|| Value::new(None, ValueKind::Table(Map::new())));
    match &mut child.kind {
        ValueKind::Table(table) => insert(table, rest, value),
        _ => Err(Origin::of(child).to_string()), // the table of keys has no key that is a value and a table
    }
}
