//! The configuration: layered, validated at start, every value with its origin.
//!
//! | question | file |
//! |---|---|
//! | which keys are there, what do they mean | `keys.rs`: the one table that drives everything else |
//! | what does the program see | `sections.rs`, `secret.rs`, `schedule.rs` |
//! | where do values come from | `load.rs` (search order, layers), `file.rs`, `environment.rs` |
//! | when is a value right | `scope.rs` (one key), `validate.rs` (keys that depend on each other) |
//! | how is a mistake told | `problem.rs` |
//! | the reference page | `reference.rs`, which writes `docs/configuration.md` |

mod duration;
mod schedule;
mod secret;
mod sections;

pub use duration::parse_duration;
pub use schedule::Schedule;
pub use secret::Secret;
pub use sections::*;
