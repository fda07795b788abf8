//! Accounts that are left out of a report on purpose, and told apart from its rows.

use crate::config::Exception;
use crate::model::Timestamp;
use crate::render::{Appendix, Cell, Column, Kind, Table, Value};

/// The name of the table of the excepted accounts.
pub const EXCEPTED: &str = "excluded";
/// The name of the table of the exceptions.
pub const EXCEPTIONS: &str = "exceptions";

/// The column that `reason` becomes among the excepted accounts, where `reason` is that of the exception.
const OWN_REASON: &str = "inactive_reason";

/// The exceptions at one moment, and whom they have left out so far.
pub(super) struct Excepting<'a> {
    exceptions: &'a [Exception],
    as_of: Timestamp,
    name: usize,
    email: usize,
    /// How many accounts each exception has met, whether it holds or has expired.
    met: Vec<i64>,
    excepted: Table,
}

impl<'a> Excepting<'a> {
    /// For a report of these columns, which are those of a report about users.
    pub(super) fn new(exceptions: &'a [Exception], as_of: Timestamp, columns: &[Column]) -> Self {
        let place = |name: &str| columns.iter().position(|column| column.name == name).unwrap_or_default();
        let own = columns.iter().map(|column| match column.name.as_str() {
            "reason" => Column::new(OWN_REASON, column.kind),
            _ => column.clone(),
        });
        let why = ["match", "reason", "owner"].map(|name| Column::new(name, Kind::Text));
        let columns = own.chain(why).chain([Column::new("expires", Kind::Text)]).collect();
        let (name, email) = (place("name"), place("email"));
        let excepted = Table { columns, rows: Vec::new() };
        Self { exceptions, as_of, name, email, met: vec![0; exceptions.len()], excepted }
    }

    /// Whether the account of this row is excepted; then it is kept here.
    pub(super) fn takes(&mut self, row: &[Cell<'_>]) -> bool {
        let text =
            |cell: &'_ Cell<'_>| if let Cell::Text(text) = cell { text.clone().into_owned() } else { String::new() };
        let (name, email) = (text(&row[self.name]), text(&row[self.email]));
        let mut holding = None;
        for (exception, met) in self.exceptions.iter().zip(&mut self.met) {
            if exception.matches(&name, &email) {
                *met += 1;
                if !is_expired(exception, self.as_of) {
                    holding = holding.or(Some(exception));
                }
            }
        }
        let Some(exception) = holding else { return false };
        let mut kept: Vec<Value> = row.iter().map(Cell::to_value).collect();
        kept.extend([
            exception.text.as_str().into(),
            exception.reason.as_str().into(),
            exception.owner.as_deref().into(),
            expires(exception),
        ]);
        self.excepted.rows.push(kept);
        true
    }

    /// The excepted accounts, and the exceptions.
    pub(super) fn finish(self) -> Vec<Appendix> {
        let mut exceptions = Table::new([
            ("match", Kind::Text),
            ("reason", Kind::Text),
            ("owner", Kind::Text),
            ("expires", Kind::Text),
            ("expired", Kind::Boolean),
            ("accounts", Kind::Integer),
        ]);
        for (exception, met) in self.exceptions.iter().zip(self.met) {
            exceptions.rows.push(vec![
                exception.text.as_str().into(),
                exception.reason.as_str().into(),
                exception.owner.as_deref().into(),
                expires(exception),
                i64::from(is_expired(exception, self.as_of)).into(),
                met.into(),
            ]);
        }
        vec![
            Appendix { name: EXCEPTED, title: "Excepted accounts, not among the rows", table: self.excepted },
            Appendix { name: EXCEPTIONS, title: "Exceptions", table: exceptions },
        ]
    }
}

/// A sentence for each exception that does not hold any more.
pub(super) fn notes(exceptions: &[Exception], as_of: Timestamp) -> Vec<String> {
    let expired = exceptions.iter().filter(|exception| is_expired(exception, as_of));
    expired
        .filter_map(|exception| {
            let day = exception.expires?;
            let (text, reason) = (exception.text.as_str(), &exception.reason);
            Some(format!("The exception {text} ({reason}) expired on {day}: its accounts are among the rows again."))
        })
        .collect()
}

/// Its last day (UTC) is over.
fn is_expired(exception: &Exception, as_of: Timestamp) -> bool {
    exception.expires.is_some_and(|day| day < as_of.in_zone(&chrono::Utc).date_naive())
}

fn expires(exception: &Exception) -> Value {
    exception.expires.map(|day| day.to_string()).into()
}
