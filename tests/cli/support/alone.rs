//! A shell that may mount.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Ran, rollbook};

/// Runs a script in a namespace of its own, where it may mount; `$0` is the program. `None`, and a note, where that is
/// not permitted.
pub fn alone(folder: &Path, script: &str) -> Option<Ran> {
    let permitted = Command::new("unshare").args(["-Urm", "true"]).stderr(Stdio::null()).status();
    if !permitted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: unshare is not permitted here");
        return None;
    }
    let program = rollbook(folder).get_program().to_owned();
    let mut shell = Command::new("unshare");
    shell.args(["-Urm", "sh", "-c", script]).arg(program).current_dir(folder);
    Some(Ran::of(&mut shell))
}
