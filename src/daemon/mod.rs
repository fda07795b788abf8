//! The service: walks the sites when their schedules say so, writes exports, keeps house, and stops in order.
//!
//! | question | file |
//! |---|---|
//! | when is a job due, and when not | `agenda.rs` (pure) |
//! | where do ticks come from | `ticker.rs`, the only file that knows the scheduler crate |
//! | what does the process hear, and tell systemd | `lifecycle.rs` |
//! | what is done at a tick, at the end of a job, at a signal | `service.rs`: the loop |
//! | which jobs does the configuration have | `jobs.rs` |
//! | what does a job do | `walk.rs`, `export.rs`, `housekeeping.rs`, `backup.rs` |
//! | who is told of what needs a person | `herald/` |
//! | what is left for the next process | `recorder.rs` |
//! | what can others see of it | `pulse.rs` |

mod agenda;
mod backup;
mod dated;
mod export;
mod herald;
mod housekeeping;
mod jobs;
mod lifecycle;
mod pulse;
mod recorder;
mod run;
mod service;
mod ticker;
mod walk;

pub use agenda::Standing;
pub use lifecycle::{Signal, listen};
pub use pulse::{Beat, Pulse};
pub use service::{DaemonError, Loader, Service};
pub use ticker::Ticker;
