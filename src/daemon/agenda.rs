//! Which scheduled job is due. Pure: told the time at every tick, it says what to begin and what is left out.
//!
//! - A job runs once at a time: a firing that comes meanwhile is left out, and recorded.
//! - Whatever was missed while nobody was there (the process, the machine, or a clock that jumped ahead) is made up for
//!   once; the rest of it is recorded as left out.
//! - A clock that is set back makes nobody wait for the time that was: everything is planned anew.
//! - After failures a job rests, longer each time. Where the site did not answer it is tried again when it has rested;
//!   where it refused the credentials, each trial could lock the account: the schedule alone decides.
//! - Every start is put off by a random part of the jitter.

use std::collections::HashMap;
use std::time::Duration;

use chrono_tz::Tz;
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

use crate::config::Schedule;
use crate::model::Timestamp;

/// Firings that are counted one by one; of more it is told that there were at least so many.
const COUNTED: u64 = 1_000;
/// The longest first rest after a failure.
const REST: Duration = Duration::from_secs(60);
/// The longest rest after failures.
const LONGEST_REST: Duration = Duration::from_secs(3_600);
/// The first rest after a refusal.
const REFUSED_REST: Duration = Duration::from_secs(15 * 60);
/// The longest rest after refusals.
const LONGEST_REFUSED_REST: Duration = Duration::from_secs(86_400);
/// A clock set back by less is waited for, so that nothing is done twice.
const SET_BACK: i64 = 5 * 60_000;

/// A job as the configuration has it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name, as in `jobs.job`.
    pub job: String,
    /// When.
    pub schedule: Schedule,
    /// The zone that cron is read in.
    pub zone: Tz,
    /// How much later than the schedule says it may begin.
    pub jitter: Duration,
    /// Done at once where it was never done before.
    pub eager: bool,
}

/// What an earlier process left of a job.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// The schedule of then.
    pub schedule: String,
    /// The last firing that was acted upon.
    pub due_at: Timestamp,
    /// When it was last begun, by whomever.
    pub began_at: Option<Timestamp>,
    /// How that went on.
    pub last: Last,
    /// Failed so often in a row.
    pub failures: u32,
}

/// How the last run of a job went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// There was none, or it did its work.
    Well,
    /// It was stopped in the middle, on purpose.
    Stopped,
    /// The process died in it.
    Died,
    /// It failed.
    Failed(Timestamp),
    /// The credentials were refused.
    Refused(Timestamp),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did its work, or what could be done of it.
    Well,
    /// It failed for a reason that may pass.
    Failed,
    /// The credentials were refused.
    Refused,
    /// Another process does the same.
    Locked,
}

/// What a tick brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin this job.
    Start {
        /// Its name.
        job: String,
        /// The firing that it is begun for.
        due: Timestamp,
    },
    /// Firings are left out.
    Skip(Skip),
}

/// Firings that are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The job's name.
    pub job: String,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// How many; of very many, at least so many.
    pub firings: u64,
    /// Why.
    pub reason: Reason,
}

/// Why firings are left out, as in `skipped_runs.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The run before had not ended.
    Running,
    /// Nobody was there to begin it.
    Asleep,
    /// It rests after failures.
    BackingOff,
    /// Another process does the same.
    Locked,
}

impl Reason {
    /// The spelling in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Asleep => "asleep",
            Self::BackingOff => "backing off",
            Self::Locked => "locked",
        }
    }
}

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub job: String,
    /// Its schedule, as written.
    pub schedule: String,
    /// It runs.
    pub running: bool,
    /// When it begins next; `None`: not again.
    pub next_at: Option<Timestamp>,
    /// Failed so often in a row.
    pub failures: u32,
}

/// All jobs, and when each is due.
#[derive(Debug)]
pub struct Agenda {
    jobs: Vec<Job>,
    rng: ChaCha12Rng,
    turned_at: Timestamp,
}

#[derive(Debug)]
struct Job {
    plan: Plan,
    next: Option<Next>,
    /// The firing that it was begun for, while it runs.
    running: Option<Timestamp>,
    failures: u32,
    refused: bool,
    rests_until: Option<Timestamp>,
    /// No longer configured; kept until it has ended.
    retired: bool,
}

#[derive(Clone, Copy, Debug)]
struct Next {
    due: Timestamp,
    at: Timestamp,
    /// No firing of the schedule.
    again: bool,
}

impl Agenda {
    /// Nothing planned. `seed` decides what is random.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        Self { jobs: Vec::new(), rng: ChaCha12Rng::seed_from_u64(seed), turned_at: now }
    }

    /// Plans these jobs and no others. What is planned already goes on as it is, unless its schedule is another; what is
    /// new goes on from what is remembered.
    pub fn plan(&mut self, plans: Vec<Plan>, remembered: &HashMap<String, Remembered>, now: Timestamp) {
        for job in &mut self.jobs {
            job.retired = true;
            if !plans.iter().any(|plan| plan.job == job.plan.job) {
                job.next = None;
            }
        }
        for plan in plans {
            let Some(job) = self.jobs.iter_mut().find(|job| job.plan.job == plan.job) else {
                let job = Job::new(plan, remembered, now, &mut self.rng);
                self.jobs.push(job);
                continue;
            };
            let same = job.plan.schedule.to_string() == plan.schedule.to_string() && job.plan.zone == plan.zone;
            (job.plan, job.retired) = (plan, false);
            if !same || job.next.is_none() {
                job.plan_after(now, now, &mut self.rng);
            }
        }
        self.jobs.retain(|job| !job.retired || job.running.is_some());
    }

    /// Tries what failed again, now: somebody may have mended it.
    pub fn retry_failed(&mut self, now: Timestamp) {
        for job in self.jobs.iter_mut().filter(|job| job.failures > 0 && job.running.is_none() && !job.retired) {
            job.rests_until = None;
            job.next = Some(Next { due: now, at: now, again: true });
        }
    }

    /// What is to be done at a tick.
    pub fn turn(&mut self, now: Timestamp) -> Vec<Action> {
        if now.plus_millis(SET_BACK) <= self.turned_at {
            self.jobs.iter_mut().for_each(|job| job.clock_set_back(now, &mut self.rng));
        }
        self.turned_at = now;
        let mut actions = Vec::new();
        for job in &mut self.jobs {
            job.turn(now, &mut self.rng, &mut actions);
        }
        actions
    }

    /// A run has ended. Says what is left out by that.
    pub fn ended(&mut self, job: &str, how: Ended, now: Timestamp) -> Option<Skip> {
        let place = self.jobs.iter().position(|known| known.plan.job == job)?;
        let known = &mut self.jobs[place];
        let due = known.running.take();
        known.ended(how, now, &mut self.rng);
        if known.retired {
            self.jobs.remove(place);
        }
        let due = due.filter(|_| how == Ended::Locked)?;
        Some(Skip { job: job.to_owned(), first: due, last: due, firings: 1, reason: Reason::Locked })
    }

    /// How every job stands, in the order of the configuration.
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |job: &Job| Standing {
            job: job.plan.job.clone(),
            schedule: job.plan.schedule.to_string(),
            running: job.running.is_some(),
            next_at: job.next.map(|next| next.at),
            failures: job.failures,
        };
        self.jobs.iter().map(standing).collect()
    }
}

impl Job {
    fn new(plan: Plan, remembered: &HashMap<String, Remembered>, now: Timestamp, rng: &mut ChaCha12Rng) -> Self {
        let known = remembered.get(&plan.job);
        let mut job = Self {
            next: None,
            running: None,
            failures: known.map_or(0, |known| known.failures),
            refused: false,
            rests_until: None,
            retired: false,
            plan,
        };
        match known {
            None if job.plan.eager => job.next = Some(Next { due: now, at: now, again: true }),
            None => job.plan_after(now, now, rng),
            Some(known) => job.resume(known, now, rng),
        }
        job
    }

    /// Goes on from what an earlier process left.
    fn resume(&mut self, known: &Remembered, now: Timestamp, rng: &mut ChaCha12Rng) {
        let cron = matches!(self.plan.schedule, Schedule::Cron(..));
        // A walk that somebody made after the firing counts as well.
        let acted = known.due_at.max(known.began_at.unwrap_or(known.due_at)).min(now);
        let changed = known.schedule != self.plan.schedule.to_string();
        self.plan_after(if cron && changed { now } else { acted }, now, rng);
        // Whoever starts the process anew may have mended what was wrong, and is not made to wait long.
        let rested =
            |since: Timestamp, rest: Duration| since.plus_millis(millis(rest)).min(now.plus_millis(millis(rest)));
        let again = match known.last {
            Last::Well => return,
            Last::Stopped => now,
            Last::Died => rested(known.began_at.unwrap_or(now), self.rest()),
            Last::Failed(at) => rested(at, self.first_rest()),
            Last::Refused(at) => rested(at, REST),
        };
        self.refused = matches!(known.last, Last::Refused(_));
        if again > now {
            self.rests_until = Some(again);
        }
        if self.next.is_none_or(|next| again < next.at) {
            self.next = Some(Next { due: again.max(now), at: again.max(now), again: true });
        }
    }

    fn turn(&mut self, now: Timestamp, rng: &mut ChaCha12Rng, actions: &mut Vec<Action>) {
        let Some(next) = self.next.filter(|next| next.at <= now) else { return };
        let job = &self.plan.job;
        let (last, firings) = if next.again { (next.due, 1) } else { self.firings(next.due, now) };
        let rests = self.rests_until.is_some_and(|until| now < until);
        let skip =
            |reason, last, firings| Action::Skip(Skip { job: job.clone(), first: next.due, last, firings, reason });
        if self.running.is_some() {
            actions.push(skip(Reason::Running, last, firings));
        } else if rests && !next.again {
            actions.push(skip(Reason::BackingOff, last, firings));
        } else {
            if firings > 1 {
                let before = self.firing_before(next.due, last, firings);
                actions.push(skip(Reason::Asleep, before, firings - 1));
            }
            actions.push(Action::Start { job: job.clone(), due: last });
            self.running = Some(last);
        }
        // A fixed pause is counted from the firing, or from now where that was missed.
        let on_time = !next.again && firings == 1 && matches!(self.plan.schedule, Schedule::Every(..));
        self.plan_after(if on_time { next.due } else { now }, now, rng);
        // What is left out since the job rests does not take the place of the trial after the rest.
        if let Some(until) = self.rests_until.filter(|until| now < *until && !self.refused && self.running.is_none()) {
            self.try_again_at(until);
        }
    }

    fn ended(&mut self, how: Ended, now: Timestamp, rng: &mut ChaCha12Rng) {
        match how {
            Ended::Well => (self.failures, self.refused, self.rests_until) = (0, false, None),
            Ended::Locked => {}
            Ended::Failed | Ended::Refused => {
                self.failures = self.failures.saturating_add(1);
                self.refused = how == Ended::Refused;
                let rest = millis(self.rest());
                self.rests_until = Some(now.plus_millis(rest));
                if how == Ended::Failed && !self.retired {
                    self.try_again_at(now.plus_millis(rest + rng.random_range(0..=rest / 10)));
                }
            }
        }
    }

    /// Tries again then, unless the schedule is earlier.
    fn try_again_at(&mut self, at: Timestamp) {
        if self.next.is_none_or(|next| at < next.at) {
            self.next = Some(Next { due: at, at, again: true });
        }
    }

    fn clock_set_back(&mut self, now: Timestamp, rng: &mut ChaCha12Rng) {
        let rested = now.plus_millis(millis(self.rest()));
        self.rests_until = self.rests_until.map(|until| until.min(rested));
        match self.next {
            Some(next) if next.again => {
                let at = next.at.min(rested);
                self.next = Some(Next { due: at, at, again: true });
            }
            Some(_) => self.plan_after(now, now, rng),
            None => {}
        }
    }

    /// The first rest after a failure: no longer than the schedule's own pause.
    fn first_rest(&self) -> Duration {
        let next = self.plan.schedule.next_firings(Timestamp::from_millis_clamped(0), self.plan.zone, 2);
        let gap = next.get(1).map_or(REST, |second| between(next[0], *second));
        gap.clamp(Duration::from_secs(1), REST)
    }

    /// How long it rests after so many failures.
    fn rest(&self) -> Duration {
        let (first, longest) =
            if self.refused { (REFUSED_REST, LONGEST_REFUSED_REST) } else { (self.first_rest(), LONGEST_REST) };
        first.saturating_mul(1 << self.failures.saturating_sub(1).min(20)).min(longest)
    }

    /// Plans the next firing after `after`; one that is past already begins now.
    fn plan_after(&mut self, after: Timestamp, now: Timestamp, rng: &mut ChaCha12Rng) {
        let firings = self.plan.schedule.next_firings(after, self.plan.zone, 2);
        let gap = match firings.as_slice() {
            [first, second] => between(*first, *second),
            _ => Duration::MAX,
        };
        let jitter = millis(self.plan.jitter.min(gap / 10));
        let jitter = if jitter > 0 { rng.random_range(0..=jitter) } else { 0 };
        self.next =
            firings.first().map(|due| Next { due: *due, at: (*due).max(now).plus_millis(jitter), again: false });
    }

    /// The last firing from `first` to `now`, and how many there are.
    fn firings(&self, first: Timestamp, now: Timestamp) -> (Timestamp, u64) {
        if let Schedule::Every(pause, _) = &self.plan.schedule {
            let pause = millis(*pause).max(1);
            let more = (now.millis() - first.millis()).max(0) / pause;
            return (first.plus_millis(more * pause), more as u64 + 1);
        }
        let (mut last, mut firings) = (first, 1);
        while let Some(next) =
            self.plan.schedule.next_firings(last, self.plan.zone, 1).pop().filter(|next| *next <= now)
        {
            if firings == COUNTED {
                return (now, firings);
            }
            (last, firings) = (next, firings + 1);
        }
        (last, firings)
    }

    /// The firing before the last of so many from `first` on.
    fn firing_before(&self, first: Timestamp, last: Timestamp, firings: u64) -> Timestamp {
        match &self.plan.schedule {
            Schedule::Every(pause, _) => last.plus_millis(-millis(*pause)),
            Schedule::Cron(..) => {
                let between = self.plan.schedule.next_firings(first, self.plan.zone, (firings - 1) as usize);
                between.into_iter().rfind(|firing| *firing < last).unwrap_or(first)
            }
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(to.millis().saturating_sub(from.millis()).max(0) as u64)
}

#[cfg(test)]
mod tests;
