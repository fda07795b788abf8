//! The configuration file: TOML to a layer of values, each with its line.

use std::collections::HashMap;
use std::fmt;

use config::{Map, Value, ValueKind};
use toml_edit::{Item, TableLike};

use super::keys::{self, Child, join};
use super::problem::{Origin, Problem};

/// What one source says: only known keys, each value with its origin.
#[derive(Clone, Default)]
pub(super) struct Layer {
    pub values: Map<String, Value>,
    /// Where each table begins, by path: the place of what is missing in it.
    pub tables: HashMap<String, Origin>,
}

/// Values may be secrets: not even a debug print shows them.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer")
    }
}

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.values.clone())
    }
}

/// Reads the text of the configuration file called `name`. Unknown keys and tables in the wrong place become problems
/// and are left out; a text that is not TOML is an `Err`.
pub(super) fn read(name: &str, text: &str, problems: &mut Vec<Problem>) -> Result<Layer, Problem> {
    let document = toml_edit::Document::parse(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        Problem {
            key: String::new(),
            value: None,
            place: Some(Origin::file(name, line)),
            // Only toml_edit's description: its Display prints the line, which may hold a secret.
            message: format!("line {line}, column {column}: not valid TOML: {}", error.message()),
        }
    })?;
    let mut reader = Reader { name, text, problems, tables: HashMap::new() };
    let values = reader.table(document.as_table(), "", "", 1);
    let tables = reader.tables;
    Ok(Layer { values, tables })
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    problems: &'a mut Vec<Problem>,
    tables: HashMap<String, Origin>,
}

impl Reader<'_> {
    fn table(&mut self, table: &dyn TableLike, pattern: &str, path: &str, line: usize) -> Map<String, Value> {
        let mut values = Map::new();
        for (name, item) in table.iter() {
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let line = span.map_or(line, |span| position(self.text, span.start).0);
            let origin = Origin::file(self.name, line);
            let whole = join(path, name);
            let value = match keys::child(pattern, name) {
                None => {
                    let message = format!("unknown key; {}", keys::suggest(pattern, path, name));
                    self.refuse(whole, origin, message);
                    continue;
                }
                Some(Child::Leaf(_)) => convert(item, &origin),
                Some(Child::Table(pattern)) => {
                    let Some(table) = item.as_table_like() else {
                        let message = format!("is a table: write [{whole}] and its keys below");
                        self.refuse(whole, origin, message);
                        continue;
                    };
                    self.tables.insert(whole.clone(), origin.clone());
                    Value::new(Some(origin.text()), self.table(table, &pattern, &whole, line))
                }
                Some(Child::Array(pattern)) => match self.elements(item, &pattern, &whole, line) {
                    Some(elements) => Value::new(Some(origin.text()), elements),
                    None => {
                        let message = format!("is a list of tables: write [[{whole}]] for each");
                        self.refuse(whole, origin, message);
                        continue;
                    }
                },
            };
            values.insert(name.to_owned(), value);
        }
        values
    }

    /// `[[name]]` tables, or an array of inline tables; `None` when it is something else.
    fn elements(&mut self, item: &Item, pattern: &str, path: &str, line: usize) -> Option<Vec<Value>> {
        let tables: Vec<(&dyn TableLike, Option<std::ops::Range<usize>>)> = match item {
            Item::ArrayOfTables(tables) => tables.iter().map(|table| (table as &dyn TableLike, table.span())).collect(),
            Item::Value(toml_edit::Value::Array(array)) => array
                .iter()
                .map(|value| value.as_inline_table().map(|table| (table as &dyn TableLike, value.span())))
                .collect::<Option<_>>()?,
            _ => return None,
        };
        let values = tables.into_iter().enumerate().map(|(index, (table, span))| {
            let line = span.map_or(line, |span| position(self.text, span.start).0);
            let values = self.table(table, pattern, &format!("{path}[{index}]"), line);
            Value::new(Some(Origin::file(self.name, line).text()), values)
        });
        Some(values.collect())
    }

    fn refuse(&mut self, key: String, place: Origin, message: String) {
        self.problems.push(Problem { key, value: None, place: Some(place), message });
    }
}

/// A value as it stands; whether it fits its key is decided after the merge.
fn convert(item: &Item, origin: &Origin) -> Value {
    let kind = match item {
        Item::None => ValueKind::Nil,
        Item::Value(value) => scalar(value, origin),
        Item::Table(table) => from_table(table, origin),
        Item::ArrayOfTables(tables) => {
            ValueKind::Array(tables.iter().map(|table| wrap(from_table(table, origin), origin)).collect())
        }
    };
    wrap(kind, origin)
}

fn scalar(value: &toml_edit::Value, origin: &Origin) -> ValueKind {
    match value {
        toml_edit::Value::String(text) => ValueKind::String(text.value().clone()),
        toml_edit::Value::Integer(number) => ValueKind::I64(*number.value()),
        toml_edit::Value::Float(number) => ValueKind::Float(*number.value()),
        toml_edit::Value::Boolean(truth) => ValueKind::Boolean(*truth.value()),
        toml_edit::Value::Datetime(time) => ValueKind::String(time.value().to_string()),
        toml_edit::Value::Array(array) => {
            ValueKind::Array(array.iter().map(|value| wrap(scalar(value, origin), origin)).collect())
        }
        toml_edit::Value::InlineTable(table) => from_table(table, origin),
    }
}

fn from_table(table: &dyn TableLike, origin: &Origin) -> ValueKind {
    ValueKind::Table(table.iter().map(|(name, item)| (name.to_owned(), convert(item, origin))).collect())
}

fn wrap(kind: ValueKind, origin: &Origin) -> Value {
    Value::new(Some(origin.text()), kind)
}
