//! The simulator is what the other tests stand on, so it is tested first.

mod http;
mod story;
