//! `rollbook demo`
use super::Outcome;
use std::io::Write;
/// Options of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {}
/// Runs.
pub async fn run(_options: Options, _quiet: bool, _out: &mut impl Write) -> Outcome {
    Ok(super::Exit::Done)
}
