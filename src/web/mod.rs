//! The local web server: what it answers, to whom, and within which limits. It only reads: the mirror, and what the
//! service shows of itself.
//!
//! | question | file |
//! |---|---|
//! | where does it listen, on which threads, how does it end | `server.rs` |
//! | how many clients, and how long do they have | `connection.rs` |
//! | who may ask | `guard.rs`; with a browser, `session.rs` |
//! | which address answers what | `routes.rs` |
//! | how is the database asked without waiting for it, and what is kept of its answers | `mirror.rs`, `shelf.rs`; made before it is asked for, `warm.rs` |
//! | what does a request ask for, and why is it refused | `asked.rs`, `refusal.rs` |
//! | the pages | `pages/`, and `templates/web/` |
//! | the interfaces of Extender, User Export and Cloud | `compat/` |
//! | `/healthz`, `/readyz`, `/metrics` | `ops.rs` |
//! | which metrics there are, and where their values come from | `metrics/` |

mod asked;
mod compat;
mod connection;
mod guard;
mod metrics;
mod mirror;
mod ops;
mod pages;
mod reference;
mod refusal;
mod routes;
mod server;
mod session;
mod shelf;
mod warm;

pub use reference::reference;
pub use server::{BindError, Server, bind};
