//! The pages, read as a browser reads them, against what the command line and SQL say.

mod changes;
mod downloads;
mod group;
mod markup;
mod overview;
mod read;
mod reports;
mod search;
mod user;
mod walks;
