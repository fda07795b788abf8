//! Signals at random moments of a walk, two hundred times.

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

use super::{scheduled, until_rows};
use crate::support::{Service, World, soak};

#[test]
fn signals_at_random_moments_leave_a_sound_mirror() {
    let mut rng = ChaCha12Rng::seed_from_u64(6);
    let world = scheduled(World::small().unguarded(), "* * * * * *", "");
    let mut ends = [0; 3];
    for round in 0..200 * soak() {
        world.site.advance_day();
        let service = Service::spawn(&mut world.command(&["daemon"]));
        // From before it listens until after its walk.
        std::thread::sleep(std::time::Duration::from_millis(rng.random_range(0..400)));
        let signal = [libc::SIGTERM, libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGKILL][rng.random_range(0..5)];
        let listens = service.said().contains(" runs");
        service.signal(signal);
        if signal == libc::SIGHUP {
            std::thread::sleep(std::time::Duration::from_millis(rng.random_range(0..200)));
            service.signal(libc::SIGTERM);
        }
        let ran = service.wait();
        let when = format!("round {round}, signal {signal}: {ran:?}");
        match ran.exit {
            0 => ends[0] += 1,
            // Killed; or hit before it listened.
            -1 => ends[1] += 1,
            _ => panic!("{when}"),
        }
        assert!(!listens || signal == libc::SIGKILL || ran.exit == 0, "{when}");
        if !world.file().exists() {
            continue;
        }
        // Whoever ran and ended in order leaves nothing running. One that was stopped before it ran leaves what one that
        // was killed before it had left: the next that runs tells it.
        if ran.exit == 0 && ran.stderr.contains(" runs") {
            assert_eq!(world.one("SELECT count(*) FROM walks WHERE status = 'running'"), "0", "{when}");
            assert_eq!(
                world.one(
                    "SELECT count(*) FROM jobs WHERE started_at > '' AND finished_at IS NULL AND outcome IS NOT 'died'"
                ),
                "0",
                "{when}"
            );
        }
        assert_eq!(world.one("PRAGMA integrity_check"), "ok", "{when}");
        let half =
            "SELECT count(*) FROM walks WHERE status IN ('failed', 'running') AND (at IS NOT NULL OR changes > 0)";
        assert_eq!(world.one(half), "0", "{when}");
        if round % 20 == 19 {
            world.run(&["db", "verify"]).exits(0);
            ends[2] += 1;
        }
    }
    assert!(ends.iter().all(|times| *times > 0), "{ends:?}");
    let before: i64 = world.one("SELECT count(*) FROM walks WHERE status = 'applied'").parse().unwrap();
    let service = Service::start(&world);
    until_rows(&world, "walks WHERE status = 'applied'", before + 1);
    service.stop();
    world.agrees();
    world.run(&["db", "verify"]).exits(0);
}
