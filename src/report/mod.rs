//! Reports: named, parameterised questions with a fixed set of columns.
//!
//! A report is one `.sql` file that begins with its declaration ([`declaration`]), in `sql/` or in the folder that
//! `reports.path` names. [`registry`] reads them. The SQL is one statement over the public tables; it may name `:as_of`
//! (a time in SQLite's format), `:sites` (a JSON array of site names), `:licence_groups` and its own parameters
//! (`:days`), and orders its rows completely. [`run()`] binds these, refuses a report whose columns are not the declared
//! ones, says which walks the answer rests on, and hands the rows to a format one by one.

pub mod declaration;
mod exceptions;
pub mod history;
pub mod parameter;
mod past;
mod reference;
pub mod registry;
pub mod rows;
mod run;
mod sift;
mod window;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use declaration::{Origin, Report, ReportColumn};
pub use exceptions::{EXCEPTED, EXCEPTIONS};
pub use parameter::{Parameter, ParameterKind};
pub use past::{Reach, moment};
pub use reference::reference;
pub use registry::Registry;
pub use run::{Answer, ReportError, Request, Settings, Told, collect, run};
pub use sift::Sift;
pub use window::{Order, View, Window, view};

/// Milliseconds in a day.
pub(crate) const DAY: i64 = 86_400_000;
