//! The folder, the file and the process, with User Export on: a full disk, a read-only one, kills, signals, old readers.

use std::fs;

use rollbook::simulator::{Endpoint, Target};

use super::{Export, Site};
use crate::support::{Held, alone};

#[test]
fn a_disk_that_is_full_and_is_freed() {
    let site = Site::new(Export::On);
    let mut failed = 0;
    // From hardly more than SQLite needs to read a database with a log, to enough.
    for kib in [48, 120, 240, 1000] {
        let bytes = fs::metadata(site.world.file()).unwrap().len();
        let size = bytes / 1024 + kib;
        site.world.change(|site| {
            for n in 0..150 {
                let key = site.add(&format!("joiner.{kib}.{n}"));
                site.join(&key, &format!("joiners {kib}"));
            }
            site.look();
        });
        let script = format!(
            "mkdir -p small && mount -t tmpfs -o size={size}k tmpfs small && cp rollbook.db small && \
             \"$0\" --database small/rollbook.db sync >first 2>&1; echo $? >exits; \
             \"$0\" --database small/rollbook.db db verify >/dev/null 2>&1; echo $? >>exits; \
             \"$0\" --database small/rollbook.db report users --format csv >/dev/null 2>&1; echo $? >>exits; \
             mount -o remount,size=64m small; \"$0\" --database small/rollbook.db sync >again 2>&1; echo $? >>exits; \
             \"$0\" --database small/rollbook.db db backup after-{kib}.db >/dev/null"
        );
        let Some(ran) = alone(site.world.folder.path(), &script) else { return };
        ran.exits(0);
        let read = |name: &str| fs::read_to_string(site.world.path(name)).unwrap();
        let exits: Vec<i32> = read("exits").lines().map(|line| line.parse().unwrap()).collect();
        let told = format!("{kib} KiB: {exits:?}\n{}\n{}", read("first"), read("again"));
        assert!(!told.contains("panicked"), "{told}");
        if exits[0] != 0 {
            failed += 1;
            assert!(read("first").contains("rollbook.db"), "{told}");
        }
        assert_eq!(exits[1..], [0, 0, 0], "verify, report and the next walk: {told}");
        fs::rename(site.world.path(&format!("after-{kib}.db")), site.world.file()).unwrap();
        site.mirror().assert_is(&site.truth(), &told);
        assert_eq!(site.world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0", "{told}");
    }
    assert!(failed > 0, "the disk was never full");
}

#[test]
fn a_folder_that_is_read_only() {
    let site = Site::new(Export::Off);
    let before = fs::read(site.world.file()).unwrap();
    site.world.site.forget_requests();
    let script = "mkdir fixed && mount -t tmpfs tmpfs fixed && cp rollbook.db fixed && mount -o remount,ro fixed && \
                  \"$0\" --database fixed/rollbook.db sync; code=$?; cmp rollbook.db fixed/rollbook.db && exit $code";
    let Some(ran) = alone(site.world.folder.path(), script) else { return };
    ran.exits(78).says(&["fixed/rollbook.db"]);
    assert_eq!(site.world.site.requests().total(), 0, "the site was asked all the same");
    let script = "mkdir -p none && mount -t tmpfs -o ro tmpfs none && exec \"$0\" --database none/rollbook.db sync";
    alone(site.world.folder.path(), script).unwrap().exits(78).says(&["none/rollbook.db"]);
    assert_eq!(fs::read(site.world.file()).unwrap(), before);
}

#[test]
fn killed_and_stopped_while_user_export_is_read() {
    let mut site = Site::new(Export::On);
    let places = [Target::at(Endpoint::UserExportSearch), Target::at(Endpoint::UserExportSearch).from(3)];
    for (signals, place) in [(&["KILL"][..], &places[0]), (&["KILL"], &places[1]), (&["TERM", "TERM"], &places[1])] {
        let when = format!("{signals:?} at {place:?}");
        site.stir();
        let contents = site.world.database().contents(&["walks"]);
        let walk = Held::start(&site.world, place.clone());
        signals.iter().for_each(|signal| walk.signal(signal));
        let (exit, stderr) = walk.end();
        assert_ne!(exit, Some(0), "{when}: {stderr}");
        assert!(
            signals[0] == "KILL" || (exit == Some(1) && stderr.contains("stopped by")),
            "{when}: {exit:?} {stderr}"
        );
        assert_eq!(site.world.database().contents(&["walks"]), contents, "{when}: half a walk");
        site.is_sound(&when);
        site.next(&when);
        assert_eq!(site.world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0", "{when}");
    }
}

#[test]
fn a_reader_that_keeps_its_snapshot_for_long() {
    let site = Site::new(Export::On);
    let log = || fs::metadata(site.world.path("rollbook.db-wal")).map_or(0, |file| file.len());
    let mut reader = site.world.database();
    reader.rows("BEGIN");
    let before = reader.rows("SELECT count(*) FROM users");
    let mut sizes = Vec::new();
    for walk in 0..4 {
        site.world.change(|site| {
            for n in 0..20 {
                site.add(&format!("joiner.{walk}.{n}"));
            }
            site.look();
        });
        site.world.sync().exits(0);
        sizes.push(log());
        assert_eq!(reader.rows("SELECT count(*) FROM users"), before, "its snapshot stands");
    }
    assert!(sizes[0] > 0 && sizes[3] > sizes[0], "the log grows while the snapshot is held: {sizes:?}");
    reader.rows("COMMIT");
    drop(reader);
    site.heals("after the reader");
    assert_eq!(log(), 0, "the log is carried over, and gone");
}
