//! The pages in a real Chromium, driven from outside: `tests/browser/check.py` has what it looks at. `make browser` installs
//! both. What was seen last is in `target/browser/screenshots`.

#[path = "../cli/support/mod.rs"]
#[allow(dead_code, unused_imports)] // made for the tests of the commands
mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rollbook::simulator::{Endpoint, Fault, FaultKind, Target};
use support::World;

const ROLLBOOK: &str = env!("CARGO_BIN_EXE_rollbook");
const TOKEN: &str = "a token + of a test";

/// What `make browser` made, and what is made anew here.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser");
    assert!(folder.join("complete").exists(), "the browser is not installed: run `make browser`");
    folder
}

/// `rollbook serve` of the configuration in a folder, ended when dropped.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let mut command = support::rollbook(folder);
        command.env("ROLLBOOK__HTTP__TOKEN", TOKEN).args(["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = said.find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()));
        std::thread::spawn(move || said.for_each(drop));
        Self { process, address: address.expect("it listens") }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Looks at the pages of what is in `folder`.
fn look(what: &str, folder: &Path) {
    let served = Served::start(folder);
    let installed = installed();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/check.py");
    let mut python = Command::new(installed.join("bin/python"));
    python.arg("-I").env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(what);
    python.args([&served.address, TOKEN, ROLLBOOK]).arg(folder).arg(installed.join("screenshots"));
    if std::env::var_os("UPDATE_PICTURES").is_some_and(|value| value == "1") {
        python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures"));
    }
    let output = python.stdin(Stdio::null()).output().unwrap();
    let [said, why] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{said}\n{why}");
    print!("{said}");
}

#[test]
fn a_year_of_two_sites() {
    let folder = tempfile::tempdir().unwrap();
    let demo = ["demo", "--dir", "year", "--users", "120", "--days", "130", "--seed", "5"];
    let made = support::rollbook(folder.path()).args(demo).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    look("year", &folder.path().join("year"));
}

#[test]
fn a_walk_that_is_held() {
    let world = World::small();
    world.sync().exits(0);
    let members = Target::at(Endpoint::GroupMembers).of("confluence-users");
    world.site.add_fault(Fault::always(members, FaultKind::EmptyList));
    world.sync().exits(4);
    look("held", world.folder.path());
}
