//! Any site, any trouble: random evolutions, faults, sources, limits and decisions, and what must hold of them all.
//!
//! Every story comes from one seed, which a failure names; `ROLLBOOK_SEED` tells that one again. (Requests that are under
//! way together may meet a fault in another order then.) `make soak` tells many more.

mod events;
mod judge;

use rand::rngs::ChaCha12Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rollbook::clock::Clock;
use rollbook::config::{Guard, UserExport};
use rollbook::confluence::Memory;
use rollbook::model::{Timestamp, WalkId};
use rollbook::simulator::{Endpoint, Fault, FaultKind, Settings, Target, UserExportApp};
use rollbook::store::{Decider, Decision};
use rollbook::sync::{self, WalkReport, WalkStatus};

use self::events::Names;
use self::judge::Past;
use crate::support::{Content, World, assert_invariants, assert_same_content, content};

/// How many times as much as in a normal run: `ROLLBOOK_SOAK`.
fn times() -> u64 {
    std::env::var("ROLLBOOK_SOAK").ok().map_or(1, |times| times.parse().expect("ROLLBOOK_SOAK is a number"))
}

/// What goes wrong at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Nothing, and everybody can be looked up: the mirror is the truth after every walk.
    None,
    /// Nothing, but look-ups are few.
    FewLookUps,
    /// Faults that can be noticed.
    Faults,
    /// Also answers that are wrong and look right.
    Lies,
}

/// Which walks read User Export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Export {
    Never,
    Always,
    Later,
    NoLonger,
    NowAndThen,
}

struct Story {
    world: World,
    rng: ChaCha12Rng,
    names: Names,
    past: Past,
    pictures: Vec<(Timestamp, Vec<String>)>,
    /// The whole database after each walk, where that is asked for.
    written: Option<Vec<Content>>,
    trouble: Trouble,
    export: Export,
    wanted: UserExport,
    guarded: bool,
    told: String,
}

const OPEN: Guard = Guard { users_percent: 100.0, memberships_percent: 100.0, ignore_below: 10 };
const DEFAULT: Guard = Guard { users_percent: 10.0, memberships_percent: 25.0, ignore_below: 10 };

impl Story {
    async fn begin(seed: u64, names_pass_on: bool) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let trouble =
            *[Trouble::None, Trouble::None, Trouble::FewLookUps, Trouble::Faults, Trouble::Faults, Trouble::Lies]
                .choose(&mut rng)
                .unwrap();
        let exports = [Export::Never, Export::Always, Export::Later, Export::NoLonger, Export::NowAndThen];
        let export = *exports.choose(&mut rng).unwrap();
        let wanted = *[UserExport::Auto, UserExport::On].choose(&mut rng).unwrap();
        let app = *[UserExportApp::WithLastLogin, UserExportApp::WithoutLastLogin].choose(&mut rng).unwrap();
        let page_cap = *[None, Some(1), Some(7), Some(50)].choose(&mut rng).unwrap();
        let users = if page_cap == Some(1) { 30 } else { rng.random_range(30..90) };
        let settings = Settings { users, seed, page_cap, user_export: app, ..Settings::default() };
        let mut world = World::new(settings).await;
        world.site.limits.concurrency = *[1, 1, 4].choose(&mut rng).unwrap();
        world.site.limits.retries = rng.random_range(0..2);
        let guarded = rng.random_bool(0.5);
        let told = format!(
            "seed {seed} ({trouble:?}, {users} users, pages of {page_cap:?}, User Export {export:?} {wanted:?} {app:?}, \
             guarded {guarded})"
        );
        let honest = matches!(trouble, Trouble::None | Trouble::FewLookUps);
        let names = Names::new(names_pass_on || honest);
        let (past, pictures) = (Past::default(), Vec::new());
        Self { world, rng, names, past, pictures, written: None, trouble, export, wanted, guarded, told }
    }

    async fn run(&mut self) {
        let walks = self.rng.random_range(5..11);
        for number in 1..=walks {
            let when = format!("{}, walk {number}", self.told);
            if number > 1 {
                self.evolve();
            }
            let reads = match self.export {
                Export::Never => false,
                Export::Always => true,
                Export::Later => number > walks / 2,
                Export::NoLonger => number <= walks / 2,
                Export::NowAndThen => self.rng.random_bool(0.5),
            };
            self.choose_limits();
            let disturbed = self.disturb(reads);
            self.walk(reads, disturbed, &when).await;
        }
        let reads = match self.export {
            Export::Never | Export::NoLonger => false,
            Export::Always | Export::Later => true,
            Export::NowAndThen => self.rng.random_bool(0.5),
        };
        self.end(reads).await;
    }

    fn evolve(&mut self) {
        let Self { world, rng, names, past, .. } = self;
        let days = if rng.random_bool(0.3) { rng.random_range(1..20) } else { 0 };
        let events = *[0, 1, 3, 12, 40].choose(rng).unwrap();
        let many = rng.random_bool(0.2);
        let now = world.clock.now();
        let today = world.sim.with_population(|site| {
            (0..events).for_each(|_| events::happen(site, names, rng, now));
            if many {
                events::happen_to_many(site, names, rng);
            }
            site.advance_days(days);
            events::name_apart(site, names);
            events::tell_apart(site, |name, key| past.was_anothers(name, key));
            site.look();
            site.end_of_day()
        });
        world.clock.set(today.max(now.plus_millis(60_000)));
    }

    fn choose_limits(&mut self) {
        let Self { world, rng, .. } = self;
        world.site.guard = if self.guarded { DEFAULT } else { OPEN };
        world.site.limits.page_size = *[3, 25, 1000].choose(rng).unwrap();
        world.site.limits.lookups_per_walk = match self.trouble {
            Trouble::None => 100_000,
            _ => *[1, 3, 20, 100_000].choose(rng).unwrap(),
        };
    }

    /// Puts faults in force; whether there are any.
    fn disturb(&mut self, reads: bool) -> bool {
        let Self { world, rng, .. } = self;
        world.sim.clear_faults();
        world.site.user_export = if reads { self.wanted } else { UserExport::Off };
        if !reads && rng.random_bool(0.5) {
            // Not read because the app is not there.
            world.site.user_export = UserExport::Auto;
            world.sim.add_fault(Fault::always(Target::at(Endpoint::UserExportSearch), FaultKind::status(404)));
        }
        if !matches!(self.trouble, Trouble::Faults | Trouble::Lies) || rng.random_bool(0.25) {
            return false;
        }
        let lies = self.trouble == Trouble::Lies;
        let count = *[1, 1, 2, 4].choose(rng).unwrap();
        let faults = Fault::schedule(rng.random(), 40).into_iter();
        faults.filter(|fault| lies || !fault.is_believable()).take(count).for_each(|fault| world.sim.add_fault(fault));
        true
    }

    async fn walk(&mut self, reads: bool, disturbed: bool, when: &str) {
        let walked = self.world.walk().await;
        let honest = self.trouble != Trouble::Lies;
        let mut reader = self.world.reader().await;
        assert_invariants(&mut reader).await;
        let report = match walked {
            Ok(report) => report,
            Err(error) => {
                assert!(disturbed, "{when}: {error}");
                self.past_stands(when).await;
                return;
            }
        };
        assert!(disturbed || report.status != WalkStatus::Partial, "{when}: {:?}", report.problems);
        let walk = report.walk.unwrap();
        let site = self.world.sim.with_population(|site| judge::Site::of(site));
        self.past.walked(&site, !disturbed, reads, self.trouble == Trouble::None);
        if honest {
            judge::assert_rightly_gone(&mut reader, walk.0, &site, reads, disturbed, when).await;
        }
        let at: String =
            sqlx::query_scalar("SELECT at FROM walks WHERE id = ?").bind(walk.0).fetch_one(&mut reader).await.unwrap();
        let at = Timestamp::parse_sql(&at).unwrap();
        let picture = judge::as_of(&mut reader, at).await;
        self.pictures.push((at, picture));
        // Whom User Export alone showed is looked up by the walk after the first without it.
        let settled = matches!(self.export, Export::Never | Export::Always | Export::Later);
        if self.trouble == Trouble::None && !self.guarded && settled {
            judge::assert_is_the_site(&mut reader, &site, reads, &self.past, when).await;
        }
        drop(reader);
        self.decide(walk, &report, when).await;
        self.past_stands(when).await;
    }

    /// Somebody decides about the hold, or nobody does.
    async fn decide(&mut self, walk: WalkId, report: &WalkReport, when: &str) {
        assert_eq!(report.status == WalkStatus::Held, report.hold.is_some(), "{when}");
        if report.hold.is_none() || self.rng.random_bool(0.3) {
            return;
        }
        let world = &self.world;
        world.clock.set(world.clock.now().plus_millis(1_000));
        let decision = if self.rng.random_bool(0.6) { Decision::Approved } else { Decision::Rejected };
        let decider = Decider { actor: Some("somebody"), reason: None };
        let decided = sync::decide(&world.store, walk, decision, decider, &world.clock).await;
        decided.unwrap_or_else(|error| panic!("{when}: {decision:?}: {error}"));
        assert_invariants(&mut world.reader().await).await;
    }

    /// The pictures of earlier walks are what they were: of some of them each time, of all at the end.
    async fn past_stands(&mut self, when: &str) {
        let mut reader = self.world.reader().await;
        for (at, then) in &self.pictures {
            let now = judge::as_of(&mut reader, *at).await;
            judge::assert_same(&now, then, &format!("{when}, as of {}", at.to_sql()));
        }
        if let Some(written) = &mut self.written {
            written.push(content(&mut reader).await);
        }
    }

    /// The site behaves, the guard is open, everybody can be looked up: one walk, and the mirror is the site.
    async fn end(&mut self, reads: bool) {
        let when = format!("{}, at the end", self.told);
        self.evolve();
        self.guarded = false;
        self.choose_limits();
        let world = &mut self.world;
        world.sim.clear_faults();
        world.site.limits.lookups_per_walk = 100_000;
        world.site.user_export = if reads { self.wanted } else { UserExport::Off };
        // Whom User Export alone showed is looked up by the walk after the first without it.
        let walks = if !reads && self.past.exported { 2 } else { 1 };
        for _ in 0..walks {
            let report = world.walk().await.unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(report.status, WalkStatus::Applied, "{when}: {:?}", report.problems);
        }
        let site = world.sim.with_population(|site| judge::Site::of(site));
        self.past.walked(&site, true, reads, true);
        self.past_stands(&when).await;
        let mut reader = self.world.reader().await;
        assert_invariants(&mut reader).await;
        if self.trouble == Trouble::Lies {
            return;
        }
        judge::assert_is_the_site(&mut reader, &site, reads, &self.past, &when).await;
        if self.trouble == Trouble::None {
            match self.export {
                Export::Never => judge::assert_is_the_truth(&mut reader, &site.truth, &when).await,
                Export::Always => judge::assert_is_the_truth(&mut reader, &site.truth_with_export, &when).await,
                _ => {}
            }
        }
    }
}

async fn tell(seed: u64) {
    Story::begin(seed, false).await.run().await;
}

#[tokio::test]
async fn any_story_ends_well() {
    if let Ok(seed) = std::env::var("ROLLBOOK_SEED") {
        return tell(seed.parse().expect("ROLLBOOK_SEED is a number")).await;
    }
    // A normal run tells the same stories every time, a soak others.
    let first = if times() > 1 { Clock::System.now().millis() as u64 } else { 1 };
    for seed in first..first + 12 * times() {
        println!("seed {seed}");
        tell(seed).await;
    }
}

/// A process that remembers the pages of its last walk writes, whatever happens, what one that does not writes.
#[tokio::test]
async fn what_is_remembered_of_pages_makes_no_difference() {
    for seed in 201..201 + 4 * times() {
        let mut written = Vec::new();
        for memory in [None, Some(Memory::default())] {
            let mut story = Story::begin(seed, false).await;
            // So that the same requests meet the same faults.
            story.world.site.limits.concurrency = 1;
            story.world.memory = memory.clone();
            story.written = Some(Vec::new());
            story.run().await;
            assert!(memory.is_none_or(|memory| !memory.is_empty()), "{}", story.told);
            written.push(story.written.unwrap());
        }
        assert_eq!(written[0].len(), written[1].len());
        for (number, (without, with)) in written[0].iter().zip(&written[1]).enumerate() {
            assert_same_content(with, without, &format!("seed {seed}, walk {}", number + 1));
        }
    }
}

/// Names pass from one to another while the user list or User Export arrives in part: who bore a name in the rows that did
/// not arrive is taken to bear it still, and gets the memberships, or the `active`, of another.
#[tokio::test]
async fn names_pass_on_while_lists_are_incomplete() {
    for seed in [57, 95, 108] {
        Story::begin(seed, true).await.run().await;
    }
}
