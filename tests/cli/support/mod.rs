//! A world per test: a simulated site, a folder with a configuration and a database, and the binary to run there.

mod agree;
mod alone;
mod database;
mod held;
mod picture;
mod servers;
mod service;
mod world;

pub use alone::alone;
pub use database::Database;
pub use held::Held;
pub use picture::Picture;
pub use servers::{Gauge, Scripted};
pub use service::Service;
pub use world::{Ran, World, rollbook};

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};

/// How many times as much as in a normal run: `ROLLBOOK_SOAK`.
pub fn soak() -> u64 {
    std::env::var("ROLLBOOK_SOAK").ok().map_or(1, |times| times.parse().expect("ROLLBOOK_SOAK is a number"))
}

/// A change to the body of every right answer of an endpoint.
pub fn rewritten(endpoint: Endpoint, change: impl FnMut(String) -> String + Send + 'static) -> Fault {
    Fault::always(Target::at(endpoint), FaultKind::rewrite(change))
}

/// An endpoint that always answers this status.
pub fn always(endpoint: Endpoint, status: u16) -> Fault {
    Fault::always(Target::at(endpoint), FaultKind::status(status))
}

/// A status with headers.
pub fn with_headers(code: u16, headers: &[(&str, &str)]) -> FaultKind {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    FaultKind::Status { code, headers, body: r#"{"message":"simulated"}"#.to_owned() }
}

/// The right answer, cut in the middle, with a `Content-Length` that agrees: JSON that is none.
pub fn garbled() -> FaultKind {
    FaultKind::rewrite(|body| body.chars().take(body.chars().count() / 2).collect())
}
