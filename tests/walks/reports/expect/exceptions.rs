//! Accounts that the configuration leaves out.

use chrono::{NaiveDate, Utc};
use rollbook::model::Timestamp;
use rollbook::render::Value;

use crate::reports::then::{Row, bit, count, with};

/// An exception, as somebody wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Excepted {
    pub pattern: &'static str,
    pub reason: &'static str,
    pub owner: Option<&'static str>,
    pub expires: Option<NaiveDate>,
}

impl Excepted {
    fn matches(&self, row: &Row) -> bool {
        ["name", "email"].iter().any(|column| match &row[column] {
            Value::Text(text) => fits(self.pattern, text),
            _ => false,
        })
    }

    fn is_over(&self, at: Timestamp) -> bool {
        self.expires.is_some_and(|day| at.in_zone(&Utc).date_naive() > day)
    }

    fn columns(&self) -> [(&'static str, Value); 4] {
        [
            ("match", self.pattern.into()),
            ("reason", self.reason.into()),
            ("owner", self.owner.into()),
            ("expires", self.expires.map(|day| day.to_string()).into()),
        ]
    }
}

/// Whether `text` is what `pattern` says, whatever the case of ASCII letters; `*` stands for any text and `?` for one character.
pub fn fits(pattern: &str, text: &str) -> bool {
    fn rest(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', pattern @ ..], _) => (0..=text.len()).any(|skip| rest(pattern, &text[skip..])),
            (['?', pattern @ ..], [_, text @ ..]) => rest(pattern, text),
            ([one, pattern @ ..], [other, text @ ..]) => one == other && rest(pattern, text),
            _ => false,
        }
    }
    let [pattern, text] = [pattern, text].map(|text| text.to_ascii_lowercase().chars().collect::<Vec<_>>());
    rest(&pattern, &text)
}

/// The rows of a report without the excepted accounts, those, and the exceptions with how many accounts each met.
pub struct Told {
    pub rows: Vec<Row>,
    pub excepted: Vec<Row>,
    pub exceptions: Vec<Row>,
}

pub fn except(rows: Vec<Row>, exceptions: &[Excepted], at: Timestamp) -> Told {
    let told = exceptions.iter().map(|exception| {
        let accounts = rows.iter().filter(|row| exception.matches(row)).count();
        let columns = [("expired", bit(exception.is_over(at))), ("accounts", count(accounts))];
        with(Row::from(exception.columns()), columns)
    });
    let exceptions_told = told.collect();
    let (mut kept, mut excepted) = (Vec::new(), Vec::new());
    for mut row in rows {
        match exceptions.iter().find(|exception| !exception.is_over(at) && exception.matches(&row)) {
            None => kept.push(row),
            Some(exception) => {
                if let Some(reason) = row.remove("reason") {
                    row.insert("inactive_reason", reason);
                }
                excepted.push(with(row, exception.columns()));
            }
        }
    }
    Told { rows: kept, excepted, exceptions: exceptions_told }
}
