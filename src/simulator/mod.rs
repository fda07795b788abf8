//! A simulated Confluence Data Center with REST API Extender, for `demo`, `simulate` and the tests.
//!
//! | question | file |
//! |---|---|
//! | who is there | [`population`](Population), `people`, `names` |
//! | what a day brings | `evolve` ([`Population::advance_day`]) |
//! | what a mirror should know | `truth` ([`Population::truth`]) |
//!

mod evolve;
mod names;
mod people;
mod population;
#[cfg(test)]
mod tests;
mod truth;

pub use evolve::Event;
pub use population::{LICENCE_GROUPS, Population, User, deleted_alias, is_addressable};
pub use truth::{GroupTruth, Truth, UserTruth};
