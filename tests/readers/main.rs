//! What Rollbook writes, read by programs that are none of ours: Python's, lxml, openpyxl, pyarrow, html5lib, DuckDB,
//! the shell of SQLite. `make readers` installs them.

mod formats;
mod recipes;

#[path = "../cli/support/mod.rs"]
#[allow(dead_code, unused_imports)] // made for the tests of the commands
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the Python programs.
fn readers() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/readers");
    assert!(folder.join("complete").exists(), "the readers are not installed: run `make readers`");
    folder.join("bin")
}

/// Python with the readers, which asks nothing of the environment.
fn python() -> Command {
    let mut command = Command::new(readers().join("python"));
    command.arg("-I").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
