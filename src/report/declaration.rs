//! The declaration that a report's file begins with, in TOML, in a comment that SQL passes over.
//!
//! ```sql
//! /*
//! title = "Users of a department"
//! description = "Who was in the department at as-of."
//! users = true
//! parameters = [{ name = "department", type = "text", default = "Sales", meaning = "its name" }]
//! columns = [{ name = "position", type = "text", meaning = "profile field" }]
//! */
//! SELECT …
//! ```
//!
//! `users`: the columns begin with the six of every report about users. `parameters`: `type` is `days`, `integer`,
//! `time`, `group`, `names` or `text`; `default`, of `time` `days_before`; of `integer` also `min` and `max`. `columns`:
//! `type` is `text`, `integer`, `real`, `time`, `boolean` or `any`; `unit`. `chart`: `{ x = "month", y = ["active"] }`.
//! `exceptions`: accounts that `[[exceptions]]` names are told apart. `every_site`: `--site` chooses rows, but the answer
//! rests on all sites. `looks_back`: the parameter that says how far back the rows reach, or `always`. A file without a declaration is one whose columns and parameters are taken as they come.
//!
//! A line `-- include seat` stands for `sql/parts/seat.sql`, and for what that needs.
//! `-- include activity everywhere` stands for the same of every site, not of the chosen ones.

use std::path::PathBuf;

use serde::Deserialize;

use super::parameter::{DAYS_MAX, Parameter, ParameterKind};
use super::past::Reach;
use crate::render::{Chart, Column, Kind};

/// A report's declaration, and its statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What it is called on the command line.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// What it answers, and what it does not.
    pub description: String,
    /// What may be asked of it.
    pub parameters: Vec<Parameter>,
    /// What it answers with.
    pub columns: Vec<ReportColumn>,
    /// How its rows are drawn, when they are a series.
    pub chart: Option<Chart>,
    /// Accounts that the configuration excepts are told apart from the rows.
    pub exceptions: bool,
    /// The answer rests on every site, whichever are chosen.
    pub every_site: bool,
    /// How far back its rows reach.
    pub looks_back: Reach,
    /// One statement.
    pub sql: String,
    /// Where it is from.
    pub origin: Origin,
}

/// Where a report is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It comes with the program.
    BuiltIn,
    /// A whole table, for `rollbook export`.
    Export,
    /// Somebody's own, from this file.
    Own(PathBuf),
}

impl Origin {
    /// `report` or `export`.
    pub(super) fn what(&self) -> &'static str {
        if *self == Self::Export { "export" } else { "report" }
    }
}

/// A column of a report.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What a number counts, where its name does not say it.
    pub unit: Option<String>,
    /// What a value tells, and what an empty one does.
    #[serde(default)]
    pub meaning: String,
}

impl Report {
    /// Takes columns as they come where none are declared; refuses those that are not the declared ones.
    pub(super) fn take_columns(&mut self, found: &[String]) -> Result<(), String> {
        if self.columns.is_empty() {
            let column = |name: &String| ReportColumn {
                name: name.clone(),
                kind: Kind::Any,
                unit: None,
                meaning: String::new(),
            };
            self.columns = found.iter().map(column).collect();
        }
        self.has_columns(found)
    }

    /// Refuses columns that are not the declared ones.
    pub(super) fn has_columns(&self, found: &[String]) -> Result<(), String> {
        let declared: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        if found == declared {
            return Ok(());
        }
        Err(format!("its SQL answers {}; declared are {}", found.join(", "), declared.join(", ")))
    }
}

impl ReportColumn {
    /// As a column of a table.
    pub fn column(&self) -> Column {
        Column::new(&self.name, self.kind)
    }
}

/// What is wrong with a report's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1, where one can be named.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    users: bool,
    #[serde(default)]
    parameters: Vec<DeclaredParameter>,
    columns: Option<Vec<ReportColumn>>,
    chart: Option<Chart>,
    #[serde(default)]
    exceptions: bool,
    #[serde(default)]
    every_site: bool,
    looks_back: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredParameter {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    default: Option<Default>,
    days_before: Option<i64>,
    min: Option<i64>,
    max: Option<i64>,
    #[serde(default)]
    meaning: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Default {
    Number(i64),
    Text(String),
}

/// Instead of a parameter in `looks_back`.
const ALWAYS: &str = "always";

/// Names that a report's parameters may not have: the runner binds them.
pub(super) const BOUND: [&str; 3] = ["as_of", "sites", "licence_groups"];

/// Reads the text of a report's file. `columns` is empty, and so are the parameters, where there is no declaration.
pub(super) fn read(name: &str, text: &str, origin: Origin) -> Result<Report, Mistake> {
    let declared = match front(text)? {
        None => Declared {
            title: None,
            description: comment(text),
            users: false,
            parameters: vec![],
            columns: None,
            chart: None,
            exceptions: false,
            every_site: false,
            looks_back: None,
        },
        Some((front, line)) => toml_edit::de::from_str(front).map_err(|error| {
            let at = error.span().map(|span| span.start).unwrap_or_default();
            Mistake { line: Some(1 + line + front[..at].matches('\n').count()), reason: error.message().to_owned() }
        })?,
    };
    let Declared { title, description, users, parameters, columns, chart, exceptions, every_site, looks_back } =
        declared;
    let at = |mistake: Mistake, name: &str| Mistake { line: mistake.line.or_else(|| line_of(text, name)), ..mistake };
    let read = |declared: DeclaredParameter| {
        let name = declared.name.clone();
        parameter(declared).map_err(|mistake| at(mistake, &name))
    };
    let parameters: Vec<Parameter> = parameters.into_iter().map(read).collect::<Result<_, _>>()?;
    let mut columns = columns.unwrap_or_default();
    if users {
        columns.splice(0..0, user_columns());
    }
    let looks_back = match looks_back {
        Some(name) if name == ALWAYS => Reach::Always,
        Some(name) => Reach::Parameter(name),
        // Of somebody's own nobody knows.
        None if matches!(origin, Origin::Own(_)) => Reach::Always,
        None => Reach::Moment,
    };
    let report = Report {
        name: name.to_owned(),
        title: title.unwrap_or_else(|| name.to_owned()),
        description: description.unwrap_or_default(),
        parameters,
        columns,
        chart,
        exceptions,
        every_site,
        looks_back,
        sql: included(text)?,
        origin,
    };
    agrees(&report).map_err(|mistake| at(mistake, if report.chart.is_some() { "chart" } else { "columns" }))?;
    Ok(report)
}

/// The line at which the statement begins: behind the declaration, and behind comments.
pub(super) fn first_statement(text: &str) -> Option<usize> {
    let before = match front(text) {
        Ok(Some((front, line))) => line + front.matches('\n').count() + 1,
        _ => 0,
    };
    let is_code = |line: &str| !line.trim().is_empty() && !line.trim().starts_with("--");
    text.lines().enumerate().skip(before).find(|(_, line)| is_code(line)).map(|(i, _)| i + 1)
}

/// The first line that has this word.
pub(super) fn line_of(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.lines().position(|line| line.split(|c| !is_part(c)).any(|part| part == word)).map(|line| line + 1)
}

/// The declaration: the first thing in the file but for white space and lines of comment; and at which line it begins,
/// counted from 0.
fn front(text: &str) -> Result<Option<(&str, usize)>, Mistake> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix("--") {
            Some(comment) => rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
            None => break,
        }
    }
    let line = text[..text.len() - rest.len()].matches('\n').count();
    let Some(inside) = rest.strip_prefix("/*") else { return Ok(None) };
    let unended = || Mistake { line: Some(line + 1), reason: "the declaration is not ended by */".to_owned() };
    inside.split_once("*/").map(|(front, _)| Some((front, line))).ok_or_else(unended)
}

/// The lines of comment that a file without a declaration begins with.
fn comment(text: &str) -> Option<String> {
    let lines = text.lines().map_while(|line| line.strip_prefix("--")).map(str::trim);
    let text = lines.collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

fn parameter(declared: DeclaredParameter) -> Result<Parameter, Mistake> {
    let DeclaredParameter { name, kind, default, days_before, min, max, meaning } = declared;
    let wrong = |reason: &str| Err(Mistake { line: None, reason: format!("the parameter {name}: {reason}") });
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !plain || BOUND.contains(&name.as_str()) {
        return wrong("its name is to be of a to z, 0 to 9 and _, and not as_of, sites or licence_groups");
    }
    if (min.is_some() || max.is_some()) && kind != "integer" {
        return wrong("only an integer has min and max");
    }
    if days_before.is_some() && kind != "time" {
        return wrong("only a time has days_before");
    }
    let kind = match (kind.as_str(), default) {
        ("days", Some(Default::Number(default))) if (0..=DAYS_MAX).contains(&default) => {
            ParameterKind::Days { default }
        }
        ("days", _) => return wrong("days have a default, 0 to 36500"),
        ("integer", Some(Default::Text(_))) => return wrong("its default is no number"),
        ("integer", default) => {
            let default = default.and_then(|default| match default {
                Default::Number(number) => Some(number),
                Default::Text(_) => None,
            });
            let (min, max) = (min.unwrap_or(0), max.unwrap_or(i64::MAX));
            if min > max || default.is_some_and(|number| !(min..=max).contains(&number)) {
                return wrong("its default is not from min to max");
            }
            ParameterKind::Integer { default, min, max }
        }
        ("time", None) if days_before.is_none_or(|days| (0..=DAYS_MAX).contains(&days)) => {
            ParameterKind::Time { days_before }
        }
        ("time", _) => return wrong("instead of a default a time has days_before, 0 to 36500"),
        ("group", None) => ParameterKind::Group,
        ("group", Some(_)) => return wrong("a group has no default: it is every group"),
        ("names", Some(Default::Text(default))) => ParameterKind::Names { default },
        ("names", _) => return wrong("names have a default, a text"),
        ("text", Some(Default::Number(_))) => return wrong("its default is no text"),
        ("text", Some(Default::Text(default))) => ParameterKind::Text { default: Some(default) },
        ("text", None) => ParameterKind::Text { default: None },
        (other, _) => {
            return wrong(&format!("there is no type {other}: there are days, integer, time, group, names and text"));
        }
    };
    Ok(Parameter { name, kind, meaning })
}

/// Refuses a declaration that contradicts itself.
fn agrees(report: &Report) -> Result<(), Mistake> {
    let wrong = |reason: String| Err(Mistake { line: None, reason });
    let twice =
        |names: Vec<&str>| (1..names.len()).find(|&i| names[..i].contains(&names[i])).map(|i| names[i].to_owned());
    if let Some(name) = twice(report.parameters.iter().map(|parameter| parameter.name.as_str()).collect()) {
        return wrong(format!("the parameter {name} is declared twice"));
    }
    if let Some(name) = twice(report.columns.iter().map(|column| column.name.as_str()).collect()) {
        return wrong(format!("the column {name} is declared twice"));
    }
    let kind = |name: &String| report.columns.iter().find(|column| column.name == *name).map(|column| column.kind);
    if let Some(chart) = &report.chart {
        if kind(&chart.x) != Some(Kind::Time) {
            return wrong(format!("chart: x is to be a column of type time, and {} is none", chart.x));
        }
        let number = |name: &&String| !matches!(kind(name), Some(Kind::Integer | Kind::Real));
        if let Some(name) = chart.y.iter().find(number) {
            return wrong(format!("chart: y are to be columns with numbers, and {name} is none"));
        }
    }
    if let Reach::Parameter(name) = &report.looks_back
        && !report.may_look_back_by(name)
    {
        return wrong(format!("looks_back is \"{ALWAYS}\" or a parameter of type time or days, and {name} is none"));
    }
    let needed = ["site", "name", "email"].map(str::to_owned);
    if report.exceptions && needed.iter().any(|name| kind(name) != Some(Kind::Text)) {
        return wrong("exceptions need the columns of a report about users: users = true".to_owned());
    }
    Ok(())
}

const INCLUDE: &str = "-- include ";

/// Common table expressions that may be included: a name, what it needs, the text.
const PARTS: [(&str, &[&str], &str); 11] = [
    ("site", &[], include_str!("sql/parts/site.sql")),
    ("person", &["site"], include_str!("sql/parts/person.sql")),
    ("known", &["person"], include_str!("sql/parts/known.sql")),
    ("known_idle", &["person"], include_str!("sql/parts/known_idle.sql")),
    ("judgement", &[], include_str!("sql/parts/judgement.sql")),
    ("activity", &["known", "judgement"], ""),
    ("seat", &["activity"], include_str!("sql/parts/seat.sql")),
    ("idle", &["known_idle", "judgement"], include_str!("sql/parts/idle.sql")),
    ("user_then", &["site"], include_str!("sql/parts/user_then.sql")),
    ("member_then", &[], include_str!("sql/parts/member_then.sql")),
    ("seat_judged", &[], include_str!("sql/parts/seat_judged.sql")),
];

/// After the names of parts: as they are, but of every site, whichever are chosen.
const EVERYWHERE: &str = " everywhere";
const CHOSEN: &str = "json_each(:sites)";
const EVERY: &str = "(SELECT name AS value FROM sites)";

/// The text with its includes, each on one line, so that SQLite tells the lines of the file.
fn included(text: &str) -> Result<String, Mistake> {
    let mut whole = String::with_capacity(text.len());
    for (i, line) in text.lines().enumerate() {
        // Prose may begin so too; names of parts are one word each.
        let is_name = |name: &str| {
            let name = name.trim().trim_end_matches(EVERYWHERE);
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        };
        match line.trim().strip_prefix(INCLUDE).filter(|names| names.split(',').all(is_name)) {
            None => whole.push_str(line),
            Some(names) => {
                let everywhere = names.trim().strip_suffix(EVERYWHERE);
                let mut parts = Vec::new();
                for name in everywhere.unwrap_or(names).split(',') {
                    gather(name.trim(), &mut parts).map_err(|reason| Mistake { line: Some(i + 1), reason })?;
                }
                let code = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", ");
                whole.push_str(&if everywhere.is_some() { code.replace(CHOSEN, EVERY) } else { code });
            }
        }
        whole.push('\n');
    }
    Ok(whole)
}

/// Adds a part, and before it what it needs, each once.
fn gather(name: &str, parts: &mut Vec<(&'static str, String)>) -> Result<(), String> {
    let Some((name, needs, text)) = PARTS.iter().find(|(known, ..)| *known == name) else {
        return Err(format!("there is nothing to include by this name: {}", PARTS.map(|(name, ..)| name).join(", ")));
    };
    for need in *needs {
        gather(need, parts)?;
    }
    if !text.is_empty() && parts.iter().all(|(known, _)| known != name) {
        // In one line, a comment would end the statement.
        let code = text.lines().map(|line| line.split("--").next().unwrap_or_default().trim());
        parts.push((name, code.collect::<Vec<_>>().join(" ")));
    }
    Ok(())
}

/// The columns that every report about users begins with.
pub(super) fn user_columns() -> Vec<ReportColumn> {
    [
        ("site", "the site's id in the configuration"),
        ("key", "the permanent id at the site; empty while only User Export knows the user"),
        ("name", "the log-in name, at as-of"),
        ("full_name", "the display name, at as-of"),
        ("email", "the e-mail address, at as-of"),
        ("status", "active, no-access, deactivated, deleted, missing or unknown, at as-of"),
    ]
    .map(|(name, meaning)| ReportColumn {
        name: name.to_owned(),
        kind: Kind::Text,
        unit: None,
        meaning: meaning.to_owned(),
    })
    .to_vec()
}
