//! Bodies that are far too large, in every list: stopped at the cap, in bounded memory.

use std::process::Command;

use super::Kept::{Deleted, Everything, Exported, Groups, Team, Unlisted};
use super::{Export, Row, Site};
use crate::support::Ran;

/// Far less than the bodies hold, and than one of them would take twice.
const MEBIBYTES: u64 = 320;

const TOO_LARGE: &[Row<'_>] = &[
    Row("a gzip bomb", &["gzip-bomb=1024@users"], 69, "failed", &[Everything]),
    Row("a gzip bomb, on a later page", &["gzip-bomb=1024@users:2"], 3, "partial", &[Unlisted]),
    Row("rows without end", &["endless-rows@groups"], 3, "partial", &[Groups]),
    Row("blanks without end", &["endless-blanks@members/team"], 3, "partial", &[Team]),
    Row("a gzip bomb", &["gzip-bomb=1024@export-search"], 3, "partial", &[Exported]),
    Row("rows without end", &["endless-rows@export-search:2"], 3, "partial", &[]),
];

/// With User Export a look-up that answers 404 has no body to be read.
const A_LOOK_UP: &[Row<'_>] = &[Row("rows without end", &["endless-rows@user"], 3, "partial", &[Unlisted, Deleted])];

#[test]
fn are_stopped_at_the_cap_in_bounded_memory() {
    stopped(Site::new(Export::On), TOO_LARGE);
    stopped(Site::new(Export::Off), A_LOOK_UP);
}

fn stopped(mut site: Site, table: &[Row<'_>]) {
    site.world = site.world.limit("request_timeout", "\"60s\"").limit("concurrency", 1);
    site.memory = Some(MEBIBYTES);
    for row in table {
        site.survives(row);
        let error = site.world.one("SELECT error FROM walks WHERE status <> 'applied' ORDER BY id DESC LIMIT 1");
        assert!(error.contains("64 MiB"), "{}: {error}", row.1[0]);
    }
}

/// The program may have so much memory and no more.
pub fn limited(site: &Site, mebibytes: u64) -> Ran {
    let script = format!("ulimit -d {}; exec \"$0\" sync", mebibytes * 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_rollbook")]).current_dir(site.world.folder.path());
    Ran::of(&mut command)
}

#[test]
fn the_limit_of_memory_is_one() {
    let site = Site::new(Export::Off);
    assert_ne!(limited(&site, 1).exit, 0);
}
