//! A Data Center from which people move to Cloud: a year in which everything happens that reports tell of.

use std::collections::BTreeSet;

use rollbook::config::{Guard, UserExport};
use rollbook::model::Timestamp;
use rollbook::simulator::{
    CloudSettings, Endpoint, Fault, FaultKind, LICENCE_GROUPS, Population, Settings, Simulator, Target, User,
    UserExportApp, account_id,
};
use rollbook::store::{Decider, Decision};
use rollbook::sync::{self, WalkStatus};

use super::recorder::Record;
use super::then::DAY;
use crate::cloud::{self, Door};
use crate::support::World;

pub const HERE: &str = "corp";
pub const THERE: &str = "cloud";

const WALKS: usize = 15;
/// The walk of the Data Center after which Cloud is walked too.
const OPENS: usize = 5;
/// So many days pass between two walks, again and again.
const PAUSES: [u32; 5] = [24, 17, 36, 8, 33];

/// Two mirrored sites, and what their walks saw.
pub struct Story {
    here: World,
    there: Option<World>,
    seed: u64,
    pub records: Vec<Record>,
}

impl Story {
    async fn begin(seed: u64) -> Self {
        let settings = Settings { users: 60, seed, user_export: UserExportApp::WithLastLogin, ..Settings::default() };
        let mut here = World::new(settings).await;
        here.site.user_export = UserExport::On;
        Self { here, there: None, seed, records: vec![Record::new(HERE, false)] }
    }

    pub async fn tell(seed: u64) -> Self {
        let mut story = Self::begin(seed).await;
        for number in 1..=WALKS {
            if number % 6 == 0 {
                story.fail().await;
            }
            story.walk().await;
            if number < WALKS {
                story.pass(number).await;
            }
        }
        story
    }

    /// Of the Data Center alone: somebody looks at what a walk was held for, and approves it.
    pub async fn tell_of_a_hold(seed: u64) -> Self {
        let mut story = Self::begin(seed).await;
        for number in 1..4 {
            story.walk().await;
            story.pass(number).await;
        }
        story.walk().await;
        let Self { here: world, records, .. } = &mut story;
        let later = |world: &World| world.clock.set(world.clock.now().plus_millis(DAY));
        world.change(|site| {
            let people: Vec<String> =
                site.licensed().iter().filter(|user| !user.serves()).map(|user| user.key.clone()).collect();
            for (nth, key) in people.iter().enumerate().take(30) {
                match nth % 3 {
                    0 => site.leave_all(key),
                    1 => LICENCE_GROUPS.iter().for_each(|group| site.leave(key, group)),
                    _ => site.users.get_mut(key).unwrap().enabled = false,
                }
            }
        });
        later(world);
        let guard = Guard { users_percent: 10.0, memberships_percent: 25.0, ignore_below: 10 };
        let open = std::mem::replace(&mut world.site.guard, guard);
        let looked_at = world.clock.now();
        let report = world.walk().await.unwrap();
        assert_eq!(report.status, WalkStatus::Held);
        later(world);
        let (walk, at) = (report.walk.unwrap(), world.clock.now());
        let decider = Decider { actor: Some("somebody"), reason: None };
        sync::decide(&world.store, walk, Decision::Approved, decider, &world.clock).await.unwrap();
        world.site.guard = open;
        // What the walk was held for is dated by the approval.
        world.sim.with_population(|site| records[0].keep(walk.0, looked_at, at, site));
        later(world);
        story.pass(4).await;
        story.walk().await;
        story
    }

    /// The database that both sites are mirrored in.
    pub fn world(&self) -> &World {
        &self.here
    }

    /// A while after the last walk.
    pub fn now(&self) -> Timestamp {
        self.here.clock.now().plus_millis(3 * 3_600_000)
    }

    /// The sites live on, and are walked.
    pub async fn pass_and_walk(&mut self, number: usize) {
        self.pass(number).await;
        for world in std::iter::once(&self.here).chain(&self.there) {
            let at = world.clock.now();
            let report = world.walk().await.unwrap();
            assert_eq!(report.status, WalkStatus::Applied, "{:?}", report.problems);
            world.clock.set(at.plus_millis(600_000));
        }
    }

    /// The keys of all accounts that some site shows.
    pub fn shown(&self) -> BTreeSet<String> {
        let here = self.here.sim.with_population(|site| site.users.keys().cloned().collect::<Vec<_>>());
        let there = self.there.iter().flat_map(|world| {
            world.sim.with_population(|site| site.users.keys().map(|key| account_id(key)).collect::<Vec<_>>())
        });
        here.into_iter().chain(there).collect()
    }

    async fn walk(&mut self) {
        for (world, record) in std::iter::once(&self.here).chain(&self.there).zip(&mut self.records) {
            let at = world.clock.now();
            let report = world.walk().await.unwrap();
            assert_eq!(report.status, WalkStatus::Applied, "{}: {:?}", record.site, report.problems);
            world.sim.with_population(|site| record.keep(report.walk.unwrap().0, at, at, site));
            world.clock.set(at.plus_millis(600_000));
        }
    }

    /// Walks that bring nothing: no report rests on them.
    async fn fail(&self) {
        let targets = [Target::at(Endpoint::GroupList), Target::at(Endpoint::CloudGroups)];
        for (world, target) in std::iter::once(&self.here).chain(&self.there).zip(targets) {
            world.sim.add_fault(Fault::always(target, FaultKind::status(401)));
            assert!(world.walk().await.is_err());
            world.sim.clear_faults();
            world.clock.set(world.clock.now().plus_millis(60_000));
        }
    }

    async fn pass(&mut self, number: usize) {
        let turn = number * 7 + self.seed as usize;
        let now = self.here.clock.now();
        self.here.sim.with_population(|site| live_here(site, number, turn, now));
        let days = PAUSES[number % PAUSES.len()];
        self.here.pass_days(days);
        match &self.there {
            None if number < OPENS => {}
            None => self.open().await,
            Some(there) => {
                there.sim.with_population(|site| live_there(site, number, turn));
                let now = self.here.clock.now();
                there.pass_days(days);
                there.clock.set(now);
            }
        }
        if let Some(there) = &self.there {
            self.here.sim.with_population(|here| {
                there.sim.with_population(|there| {
                    there.take_over(here, 6);
                    there.look();
                });
                here.look();
            });
        }
    }

    async fn open(&mut self) {
        let first_day = self.here.sim.with_population(|site| site.today);
        let settings = Settings { users: 0, seed: !self.seed, first_day, ..Settings::cloud() };
        let mut there = cloud::of(Simulator::start(settings).await.unwrap(), Door::Site).await;
        there.site.id = THERE.to_owned();
        (there.store, there.clock) = (self.here.store.clone(), self.here.clock.clone());
        self.here.sim.with_population(|here| {
            there.sim.with_population(|there| {
                there.open(here);
                // Nobody has looked yet.
                there.on_cloud(&CloudSettings::default());
            });
        });
        self.there = Some(there);
        self.records.push(Record::new(THERE, true));
    }
}

/// One of those of whom `which` is true, another in each turn.
fn somebody(site: &Population, turn: usize, which: impl Fn(&Population, &User) -> bool) -> Option<String> {
    let people = site.users.values().filter(|user| !user.serves() && which(site, user));
    let keys: Vec<&String> = people.map(|user| &user.key).collect();
    keys.get(turn % keys.len().max(1)).map(|key| (*key).clone())
}

fn edit(site: &mut Population, key: Option<String>, edit: impl FnOnce(&mut User)) {
    if let Some(user) = key.and_then(|key| site.users.get_mut(&key)) {
        edit(user);
    }
}

/// Whether nobody else bears the name of this account by now.
fn keeps_its_name(site: &Population, user: &User) -> bool {
    let borne = |other: &User| other.exists() && other.name.to_lowercase() == user.name.to_lowercase();
    !site.users.values().any(borne)
}

fn shares_a_mailbox(site: &Population, user: &User) -> bool {
    site.users.values().any(|other| other.key != user.key && other.email.eq_ignore_ascii_case(&user.email))
}

/// What happens on both sites: people are shut out, go, and are back some walks later.
fn come_and_go(site: &mut Population, number: usize, turn: usize) {
    let licensed = |site: &Population, user: &User| site.has_access(user);
    match number % 5 {
        0 => edit(site, somebody(site, turn, licensed), |user| user.enabled = false),
        1 => {
            // Rather one who shares a mailbox: who is gone is nobody's duplicate.
            let key = somebody(site, turn, |site, user| licensed(site, user) && shares_a_mailbox(site, user));
            edit(site, key.or_else(|| somebody(site, turn, licensed)), |user| user.unsynced = true);
        }
        2 => {
            let key = somebody(site, turn, |_, user| user.exists() && !user.enabled);
            key.iter().for_each(|key| site.join(key, LICENCE_GROUPS[0]));
            edit(site, key, |user| user.enabled = true);
        }
        3 => {
            let key = somebody(site, turn, |site, user| user.unsynced && !user.deleted && keeps_its_name(site, user));
            edit(site, key, |user| user.unsynced = false);
        }
        _ => somebody(site, turn, licensed).iter().for_each(|key| site.delete(key)),
    }
    // A mailbox is shared, however it is spelled.
    if number % 3 == 1
        && let Some(other) = somebody(site, turn + 1, licensed)
    {
        let email = site.users[&other].email.to_uppercase();
        edit(site, somebody(site, turn + 2, licensed), |user| user.email = email);
    }
    let projects: Vec<String> = site.groups.keys().filter(|name| name.starts_with("proj-")).cloned().collect();
    match number % 4 {
        0 => drop(projects.get(turn % projects.len().max(1)).map(|project| site.groups.remove(project))),
        // A group of a name that there was, or a new one.
        2 => {
            for step in 0..3 {
                if let Some(key) = somebody(site, turn + step, licensed) {
                    site.join(&key, "proj-second-life");
                    site.join(&key, "Site-Admins of all");
                    site.join(&key, "Équipe d'Administration");
                }
            }
        }
        3 => drop(site.groups.remove("proj-second-life")),
        _ => drop(site.groups.insert("deserted".to_owned(), Default::default())),
    }
}

fn live_here(site: &mut Population, number: usize, turn: usize, now: Timestamp) {
    come_and_go(site, number, turn);
    match number % 4 {
        1 => {
            if let Some(key) = somebody(site, turn + 3, |site, user| site.has_access(user)) {
                LICENCE_GROUPS.iter().for_each(|group| site.leave(&key, group));
            }
        }
        3 => {
            let shut_out = |site: &Population, user: &User| user.enabled && user.exists() && !site.has_access(user);
            if let Some(key) = somebody(site, turn + 3, shut_out) {
                site.join(&key, LICENCE_GROUPS[0]);
            }
        }
        // One who may use Confluence as an administrator alone.
        _ => {
            if let Some(key) = somebody(site, turn + 4, |site, user| site.has_access(user)) {
                site.join(&key, LICENCE_GROUPS[1]);
                site.leave(&key, LICENCE_GROUPS[0]);
            }
        }
    }
    edit(site, somebody(site, turn + 5, |site, user| site.has_access(user)), |user| {
        user.last_failed_login_at = Some(now);
    });
}

fn live_there(site: &mut Population, number: usize, turn: usize) {
    come_and_go(site, number, turn);
    if number % 4 == 2 {
        site.invite_guests(2);
        site.hide_addresses(1);
    }
    // Of a guest nobody knows, until one may use Confluence.
    if number % 4 == 3 {
        let guest = somebody(site, turn, |site, user| user.exists() && site.traits_of(user).is_external);
        guest.iter().for_each(|key| site.join(key, LICENCE_GROUPS[0]));
    }
    match number % 6 {
        0 => site.rename_a_project(),
        3 => {
            let teams = site.groups.keys().filter(|name| name.starts_with("team-")).cloned().collect::<Vec<_>>();
            teams.iter().for_each(|team| site.rename_group(team, &format!("former {team}")));
        }
        _ => {}
    }
    // Names are shown alone on Cloud: several may have one.
    let there = |_: &Population, user: &User| user.exists();
    if let Some(other) = somebody(site, turn + 1, there) {
        let name = site.users[&other].name.to_uppercase();
        edit(site, somebody(site, turn + 5, there), |user| user.name = name);
    }
    let words = [Some("suspended"), None, Some("on-holiday"), None];
    for (step, key) in [6, 7].map(|step| (step, somebody(site, turn + step, there))) {
        let Some(key) = key else { continue };
        match step {
            6 => site.traits_mut(&key).account_status = words[number % words.len()].map(str::to_owned),
            _ => site.traits_mut(&key).account_type = [None, Some("customer")][number % 2].map(str::to_owned),
        }
    }
    // Whose word was odd is in order again.
    for traits in site.cloud.values_mut().skip(number % 2).step_by(2) {
        traits.account_status = None;
    }
}
