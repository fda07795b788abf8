//! One walk of a site: fetch -> picture -> diff -> guard -> transaction -> the walk's row.

mod apply;
mod cloud;
mod coverage;
mod decide;
mod departed;
mod diff;
mod error;
mod exports;
mod fetch;
mod groups;
mod guard;
mod hold;
mod identities;
mod log;
mod members;
mod merge;
mod outside;
mod people;
mod presence;
mod remember;
mod resolve;
mod roll;
mod users;
mod walk;

pub use crate::confluence::Memory;
pub use crate::store::{DIED, STOPPED};
pub use decide::{DecideError, Decided, decide};
pub use diff::{Diff, DiffChange, Edit, FieldChange, GroupDiff, GroupRef};
pub use error::{Failing, WalkError};
pub use guard::Reason;
pub use hold::Hold;
pub use people::UserRef;
pub use walk::{Progress, WalkOptions, WalkReport, WalkStatus, dry_run, interrupted, walk};
