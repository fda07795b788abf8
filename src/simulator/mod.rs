//! A simulated Confluence, for `demo`, `simulate` and the tests: a Data Center with REST API Extender and Confluence User
//! Export, or a Cloud site with its organization.
//!
//! | question | file |
//! |---|---|
//! | who is there | [`population`](Population), `people`, `names` |
//! | who moves from one site to another | `migration` ([`Population::take_over`]) |
//! | what a day brings | `evolve` ([`Population::advance_day`]) |
//! | what a mirror should know | `truth` ([`Population::truth`]) |
//! | how it is asked and answered | `settings`, `server`, `call`, `extender`, `user_export`, `tokens`, `auth`, `requests` |
//! | the same site on Cloud | `cloud` ([`Settings::cloud`]) |
//! | what can go wrong | `faults` ([`Fault`]), `deliver`, `connection` |
//! | a hundred thousand users, fast | `bulk` ([`Simulator::start_bulk`]) |
//!
//! ```no_run
//! # use rollbook::simulator::{Settings, Simulator};
//! # async fn example() -> std::io::Result<()> {
//! let site = Simulator::start(Settings { users: 60, seed: 7, page_cap: Some(7), ..Settings::default() }).await?;
//! site.advance_day();
//! let truth = site.with_population(|population| population.truth());
//! # Ok(())
//! # }
//! ```

mod auth;
mod bulk;
mod call;
mod cloud;
mod connection;
mod deliver;
mod evolve;
mod extender;
mod faults;
mod migration;
mod names;
mod people;
mod population;
mod requests;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod tokens;
mod truth;
mod user_export;

pub use call::{Detail, Endpoint};
pub use cloud::{
    CloudGroupTruth, CloudSettings, CloudTraits, CloudTruth, CloudUserTruth, OrganizationSettings, TokenKind,
    account_id,
};
pub use evolve::Event;
pub use faults::{Endless, Fault, FaultKind, RowBend, SPELLINGS, Target, Total};
pub use population::{LICENCE_GROUPS, Population, User, deleted_alias, is_addressable};
pub use requests::Requests;
pub use server::Simulator;
pub use settings::{Settings, UserExportApp, UserLists, WrongToken};
pub use truth::{ExportTruth, GroupTruth, Truth, UserTruth};
