//! The local web server: what it answers, to whom, and within which limits. It only reads: the mirror, and what the
//! service shows of itself.
//!
//! | question | file |
//! |---|---|
//! | where does it listen, on which threads, how does it end | `server.rs` |
//! | how many clients, and how long do they have | `connection.rs` |
//! | who may ask | `guard.rs` |
//! | which address answers what | `routes.rs` |
//! | how is the database asked without waiting for it | `mirror.rs` |
//! | `/healthz`, `/readyz`, `/metrics` | `ops.rs` |
//! | which metrics there are, and where their values come from | `metrics/` |

mod connection;
mod guard;
mod metrics;
mod mirror;
mod ops;
mod reference;
mod routes;
mod server;

pub use reference::reference;
pub use server::{BindError, Server, bind};
