//! What each report is to answer, worked out from the pictures: a function a report.

pub mod exceptions;
pub mod gone;
pub mod groups;
pub mod people;
pub mod seats;
pub mod series;

use super::then::Row;

/// The rows that a report is to answer.
pub struct Expected {
    pub rows: Vec<Row>,
    /// Their order is that of these columns, and within it one that the pictures do not tell; empty: it is this one.
    pub order: &'static [&'static str],
}

impl From<Vec<Row>> for Expected {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, order: &[] }
    }
}
