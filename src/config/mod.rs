//! The configuration: layered, validated at start, every value with its origin.
//!
//! | question | file |
//! |---|---|
//! | which keys are there, what do they mean | `keys.rs`: the one table that drives everything else |
//! | what does the program see | `sections.rs`, `secret.rs`, `schedule.rs` |
//! | where do values come from | `load.rs` (search order, layers), `file.rs`, `environment.rs` |
//! | when is a value right | `scope.rs` (one key), `validate.rs` (keys that depend on each other) |
//! | how is a mistake told | `problem.rs` |
//! | the reference page | `reference.rs`, which writes `docs/configuration.md`; `man.rs`, the same as a man page |

mod duration;
mod environment;
mod file;
mod keys;
mod load;
mod man;
mod problem;
mod reference;
mod schedule;
mod scope;
mod secret;
mod sections;
mod validate;

#[cfg(test)]
mod tests;

pub use duration::parse_duration;
pub use environment::Environment;
pub use load::{LoadOptions, Loaded, SecretFiles, load};
pub use man::{inlines, man_page};
pub use problem::{ConfigError, Origin, Problem, Setting};
pub use reference::reference;
pub use schedule::Schedule;
pub use secret::Secret;
pub use sections::*;

/// The example that `rollbook init` writes.
pub const EXAMPLE: &str = include_str!("../../config/rollbook.toml");
