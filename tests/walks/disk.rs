//! A disk that is full at the N-th page, N = 0, 1, 2 … until the walk passes, and is freed: in one process, which lives on.
//!
//! The disk is a small file system in memory, mounted in a namespace of its own, in which this test runs itself again.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rollbook::clock::Clock;
use rollbook::config::Guard;
use rollbook::model::WalkId;
use rollbook::simulator::{Settings, Simulator};
use rollbook::store::{self, Decider, Decision, Store};
use rollbook::sync::{self, WalkOptions, WalkStatus};

use crate::schema_1;
use crate::support::{Picture, assert_invariants, content_but_walks, site};

const FOLDER: &str = "ROLLBOOK_TEST_DISK";
const PAGE: usize = 4096;

/// Runs the test `name` again on a small disk; true in the run that is there, where it is to go on.
fn on_a_small_disk(name: &str) -> Option<Disk> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(Disk { folder: folder.into() });
    }
    let permitted = Command::new("unshare").args(["-Urm", "true"]).stderr(Stdio::null()).status();
    if !permitted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: unshare is not permitted here");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o size=16m tmpfs \"${FOLDER}\" && exec \"$0\" --exact {name} --nocapture");
    let status = Command::new("unshare")
        .args(["-Urm", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "on the small disk");
    None
}

struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn database(&self) -> PathBuf {
        self.folder.join("rollbook.db")
    }

    /// Leaves so many pages free.
    fn fill_up_to(&self, free: usize) {
        let mut filler = File::create(self.filler()).unwrap();
        let mut pages = 0;
        while filler.write_all(&[1; PAGE]).is_ok() {
            pages += 1;
        }
        assert!(pages >= free, "the disk is too small");
        filler.set_len(((pages - free) * PAGE) as u64).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

/// What is there can be read, whole.
async fn assert_readable(store: &Store, expected: Option<&Picture>, when: &str) {
    let mut reader = store.reader().await.unwrap();
    if let Some(expected) = expected {
        Picture::of_mirror(&mut reader, None).await.assert_is(expected, when);
    }
    let found = store::verify(&mut reader).await.unwrap();
    assert!(found.is_ok(), "{when}: {found:#?}");
}

async fn picture(store: &Store) -> Picture {
    Picture::of_mirror(&mut store.reader().await.unwrap(), None).await
}

/// Leaves more and more room, until `work` passes; how often it did not. `free_pages` goes by `step`.
macro_rules! until_it_passes {
    ($disk:expr, $step:expr, |$free:ident| $work:expr, $failed:expr) => {{
        let mut failures = 0;
        let mut $free = 0;
        loop {
            $disk.fill_up_to($free);
            let done = $work;
            let passed = done.is_ok();
            if !passed {
                failures += 1;
                let _ = $failed;
            }
            $disk.free();
            if passed {
                break failures;
            }
            $free += $step;
            assert!($free < 3_000, "it never passes");
        }
    }};
}

#[tokio::test]
async fn it_is_full_and_freed() {
    let Some(disk) = on_a_small_disk("disk::it_is_full_and_freed") else { return };
    let sim = Simulator::start(Settings { users: 40, seed: 41, ..Settings::default() }).await.unwrap();
    let clock = Clock::manual(sim.with_population(|site| site.end_of_day()));
    let mut site = site(sim.base_url());
    let path = disk.database();

    // The database is made.
    let failures = until_it_passes!(disk, 1, |free| Store::open_or_create(&path).await, ());
    assert!(failures > 0);
    let store = Store::open(&path).await.unwrap();

    let options = || {
        clock.set(clock.now().plus_millis(60_000));
        WalkOptions { clock: &clock, seed: 1, progress: &|_| {}, memory: None }
    };
    // The first walk, and later ones.
    for number in 0..3 {
        let before = picture(&store).await;
        let failures = until_it_passes!(
            disk,
            1,
            |free| sync::walk(&site, &store, options()).await,
            assert_readable(&store, Some(&before), &format!("walk {number}, {free} pages free")).await
        );
        println!("walk {number}: {failures} failures");
        assert!(failures > 0, "walk {number}: the disk was never full");
        let truth = Picture::of_truth(sim.with_population(|site| site.truth()));
        picture(&store).await.assert_is(&truth, "after the disk was freed");
        assert_invariants(&mut store.reader().await.unwrap()).await;
        // Failed, freed, and the very next walk passes.
        sim.with_population(|site| site.advance_days(15));
        disk.fill_up_to(2);
        assert!(sync::walk(&site, &store, options()).await.is_err());
        disk.free();
        sync::walk(&site, &store, options()).await.unwrap();
        sim.with_population(|site| site.advance_days(15));
    }

    // An approval.
    sync::walk(&site, &store, options()).await.unwrap();
    sim.with_population(|site| {
        let keys: Vec<String> = site.licensed().iter().take(20).map(|user| user.key.clone()).collect();
        keys.iter().filter(|key| !site.users[*key].serves()).cloned().collect::<Vec<_>>().iter().for_each(|key| {
            site.leave_all(key);
        });
        site.look();
    });
    site.guard = Guard { users_percent: 10.0, memberships_percent: 25.0, ignore_below: 10 };
    let report = sync::walk(&site, &store, options()).await.unwrap();
    assert_eq!(report.status, WalkStatus::Held);
    let WalkId(walk) = report.walk.unwrap();
    let before = picture(&store).await;
    let decider = || Decider { actor: Some("somebody"), reason: None };
    let failures = until_it_passes!(
        disk,
        1,
        |free| sync::decide(&store, WalkId(walk), Decision::Approved, decider(), &clock).await,
        assert_readable(&store, Some(&before), &format!("approval, {free} pages free")).await
    );
    assert!(failures > 0, "the approval: the disk was never full");
    assert_ne!(picture(&store).await, before);
    assert_invariants(&mut store.reader().await.unwrap()).await;

    // A backup.
    let copy = disk.folder.join("copy.db");
    let whole = content_but_walks(&mut store.reader().await.unwrap()).await;
    let failures = until_it_passes!(
        disk,
        7,
        |free| store::backup(&path, &copy, false).await,
        assert!(!copy.exists() && names(&disk.folder).iter().all(|name| !name.contains("copy")), "{free} pages free")
    );
    assert!(failures > 0, "the backup: the disk was never full");
    let copied = Store::open(&copy).await.unwrap();
    assert_eq!(content_but_walks(&mut copied.reader().await.unwrap()).await, whole);
}

#[tokio::test]
async fn it_is_full_while_an_older_database_is_migrated() {
    let Some(disk) = on_a_small_disk("disk::it_is_full_while_an_older_database_is_migrated") else { return };
    let sim = Simulator::start(Settings { users: 40, seed: 42, ..Settings::default() }).await.unwrap();
    let clock = Clock::manual(sim.with_population(|site| site.end_of_day()));
    let site = site(sim.base_url());
    let newer = Store::open_or_create(&disk.folder.join("newer.db")).await.unwrap();
    sync::walk(&site, &newer, WalkOptions { clock: &clock, seed: 1, progress: &|_| {}, memory: None }).await.unwrap();
    let path = disk.database();
    schema_1::write(newer.path(), &path).await;
    let old = || async {
        let found = store::verify_file(&path).await.unwrap();
        assert_eq!((found.schema, found.is_ok()), (1, true), "{found:#?}");
    };
    let failures = until_it_passes!(disk, 1, |free| Store::open(&path).await, {
        disk.free();
        old().await;
        File::create(disk.filler()).unwrap();
    });
    assert!(failures > 0, "the disk was never full");
    let store = Store::open(&path).await.unwrap();
    let before = content_but_walks(&mut newer.reader().await.unwrap()).await;
    assert_eq!(content_but_walks(&mut store.reader().await.unwrap()).await, before);
    assert_readable(&store, None, "migrated").await;
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}
