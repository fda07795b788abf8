//! Prometheus' own program for checking rules and metrics.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A file that is shipped.
pub fn shipped(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "monitoring", name].iter().collect()
}

/// Runs it with this input; what it complains about fails the test.
#[track_caller]
pub fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("promtool ({error}): install it, as .ci/run does: it is in Debian's package prometheus")
    });
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{}{}\n{input}", text(&output.stdout), text(&output.stderr));
}
