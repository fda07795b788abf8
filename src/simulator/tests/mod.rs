//! The simulator is what the other tests stand on, so it is tested first.

mod cloud;
mod faults;
mod http;
mod story;
mod user_export;
mod visitor;
