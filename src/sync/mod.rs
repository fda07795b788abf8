//! One walk of a site: fetch -> picture -> diff -> guard -> transaction -> the walk's row.

mod apply;
mod coverage;
mod diff;
mod error;
mod fetch;
mod guard;
mod members;
mod people;
mod resolve;
mod roll;
mod users;
mod walk;

pub use diff::{Diff, DiffChange, Edit, FieldChange, GroupDiff, GroupRef};
pub use error::WalkError;
pub use people::UserRef;
pub use walk::{Progress, WalkOptions, WalkReport, WalkStatus, dry_run, interrupted, walk};
