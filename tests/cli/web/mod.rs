//! The web server of the daemon: the real process, asked over HTTP while it walks the simulated site.

mod clients;
mod compat;
mod dashboard;
mod health;
mod metrics;
mod page;
mod pages;
mod promtool;
mod rules;
mod serve;
mod served;
mod signing_in;

pub use page::Page;
pub use served::{Served, listening};
