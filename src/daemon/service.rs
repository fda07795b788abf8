//! The loop: what is done at a tick, when a job has ended, and at a signal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_cron_scheduler::JobSchedulerError;
use xxhash_rust::xxh3::xxh3_64;

use super::agenda::{Action, Agenda, Ended, Skip};
use super::herald::Herald;
use super::jobs::{self, Task};
use super::lifecycle::{Notifier, Signal, patiently};
use super::pulse::Pulse;
use super::recorder::{Record, Recorder};
use super::run::{Outcome, Run, Stop};
use super::walk::{self, Given};
use super::{backup, export, housekeeping};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Loaded};
use crate::model::Timestamp;
use crate::store::{self, JobRow, Lock, SkippedRow, Store, StoreError};
use crate::sync::{self, Memory};

/// A tick that is so late is not waited for: the scheduler crate is silent while a clock that was set back catches up.
const LATE: Duration = Duration::from_secs(2);
/// The longest that anything but a walk may take.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);
/// How long after its limit a walk may take to notice.
const HANGING: Duration = Duration::from_secs(60);
/// How long jobs have to stop.
const STOPPING: Duration = Duration::from_secs(6);
/// How long it may take to write down what they did.
const RECORDING: Duration = Duration::from_secs(1);

/// How long it may take to tell what a process before this one died in: another may be writing for long.
const TELLING: Duration = Duration::from_secs(5);

/// Reads the configuration anew.
pub type Loader = Box<dyn Fn() -> Result<Loaded, ConfigError>>;

/// Why the service ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// There is nothing to do.
    #[error("the configuration has no site: add a [sites.ID] table, as 'rollbook init' writes it")]
    NoSite,
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database's group cannot be given.
    #[error("database.group: {path} cannot be shared with the group '{group}': {error}")]
    Group {
        /// The file.
        path: String,
        /// The group.
        group: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// There are no ticks.
    #[error("the scheduler does not start: {0}")]
    Scheduler(#[from] JobSchedulerError),
    /// A part of the service is not there any more, without which it would do its work no longer, or not remember it.
    #[error("{0} has died, and the service ends: see the lines above")]
    Died(&'static str),
}

/// The service, ready to run.
pub struct Service {
    config: Arc<Config>,
    load: Loader,
    store: Store,
    clock: Clock,
    seed: u64,
    pulse: Pulse,
    notifier: Notifier,
    agenda: Agenda,
    rows: HashMap<String, JobRow>,
    runs: Vec<Run>,
    /// By the jobs that walk.
    memories: HashMap<String, Memory>,
    /// Where runs tell how they ended, and where that is heard.
    ending: UnboundedSender<(String, Outcome)>,
    endings: UnboundedReceiver<(String, Outcome)>,
    /// There throughout, so that the write-ahead log stays in place for readers who may not write.
    _reader: SqliteConnection,
    /// One daemon a database.
    _lock: Lock,
}

impl Service {
    /// Opens the database, migrating it where need be, and plans the jobs of `config`; `load` reads it anew.
    ///
    /// # Errors
    /// There is no site, or the database cannot be used.
    pub async fn open(config: Config, load: Loader, clock: Clock, seed: u64) -> Result<Self, DaemonError> {
        if config.sites.is_empty() {
            return Err(DaemonError::NoSite);
        }
        let database = &config.database;
        let lock = store::lock_daemon(&database.path)?;
        let store = patiently(Store::open_or_create(&database.path)).await?;
        if let Some(group) = &database.group {
            store.share(group).map_err(|error| {
                let path = database.path.display().to_string();
                DaemonError::Group { path, group: group.clone(), error }
            })?;
        }
        let _ = timeout(TELLING, tell_died(&store, &clock)).await; // then the next walk tells it
        let mut reader = store.reader().await?;
        let rows = store::load_jobs(&mut reader).await.map_err(|error| store.sql(error))?;
        let walks = store::newest_walks(&mut reader).await.map_err(|error| store.sql(error))?;
        let now = clock.now();
        let (ending, endings) = unbounded_channel();
        let mut service = Self {
            pulse: Pulse::new(Arc::new(config.clone()), now),
            config: Arc::new(config),
            load,
            store,
            clock,
            seed,
            notifier: Notifier::new(),
            agenda: Agenda::new(seed, now),
            rows: rows.into_iter().map(|row| (row.job.clone(), jobs::told_died(row))).collect(),
            runs: Vec::new(),
            memories: HashMap::new(),
            ending,
            endings,
            _reader: reader,
            _lock: lock,
        };
        service.plan(&walks, now);
        Ok(service)
    }

    /// What others can see of it.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Runs until a signal stops it. `beside` ends when a part that runs beside it has died, with what that is called.
    ///
    /// # Errors
    /// [`DaemonError::Died`] when a part of it is not there any more.
    pub async fn run(
        mut self,
        mut ticks: Receiver<()>,
        mut signals: UnboundedReceiver<Signal>,
        beside: impl Future<Output = &'static str>,
    ) -> Result<(), DaemonError> {
        let mut beside = std::pin::pin!(beside);
        let mut recorder = Recorder::start(self.store.clone());
        let mut herald = Herald::start(self.store.clone(), self.clock.clone(), self.pulse.clone());
        self.notifier.ready();
        self.remember_all(&recorder);
        tracing::info!(sites = self.config.sites.len(), "rollbook {} runs", env!("CARGO_PKG_VERSION"));
        self.turn(&recorder);
        let died = loop {
            tokio::select! {
                biased;
                signal = signals.recv() => match signal {
                    Some(Signal::Stop) => break None,
                    Some(Signal::Reload) => self.reload(&recorder),
                    None => break Some("what listens for signals"),
                },
                Some((job, outcome)) = self.endings.recv() => {
                    self.ended(&job, outcome, &recorder);
                    herald.call.notify_one();
                }
                _ = &mut herald.task => break Some("what tells webhooks"),
                _ = &mut recorder.task => break Some("what remembers the schedule"),
                part = &mut beside => break Some(part),
                tick = timeout(LATE, ticks.recv()) => match tick {
                    Ok(None) => break Some("the scheduler"),
                    Ok(Some(())) | Err(_) if self.runs.iter().any(Run::hangs) => break Some("a job, in its thread,"),
                    Ok(Some(())) | Err(_) => self.turn(&recorder),
                },
            }
        };
        herald.task.abort();
        self.stop(recorder).await;
        died.map_or(Ok(()), |part| Err(DaemonError::Died(part)))
    }

    /// Plans what the configuration has.
    fn plan(&mut self, walks: &[(String, Timestamp)], now: Timestamp) {
        let plans = jobs::plans(&self.config);
        for site in self.config.sites.iter().filter(|site| site.schedule.is_none()) {
            tracing::warn!(site = %site.id, "the site has no schedule: only `rollbook sync` walks it");
        }
        let remembered = jobs::remembered(&self.rows, walks, &plans);
        self.memories.retain(|job, _| plans.iter().any(|plan| plan.job == *job));
        self.agenda.plan(plans, &remembered, now);
        self.pulse.turned(now, self.agenda.standings());
    }

    /// Remembers how every job is planned now; one that is configured no longer is not planned.
    fn remember_all(&mut self, recorder: &Recorder) {
        let standings = self.agenda.standings();
        for row in self.rows.values_mut().filter(|row| standings.iter().all(|standing| standing.job != row.job)) {
            row.next_at = None;
            let _ = recorder.records.send(Record::Job(row.clone())); // the loop sees that it has died
        }
        for standing in standings {
            self.remember(&standing.job, recorder);
        }
    }

    /// A tick.
    fn turn(&mut self, recorder: &Recorder) {
        let now = self.clock.now();
        for action in self.agenda.turn(now) {
            match action {
                Action::Start { job, due } => self.start(job, due, recorder),
                Action::Skip(skip) => {
                    // Left out is acted upon, too: the next process does not find it missed.
                    let (job, last) = (skip.job.clone(), skip.last);
                    self.row(&job, last).due_at = last;
                    self.remember(&job, recorder);
                    skipped(skip, now, recorder);
                }
            }
        }
        self.beat(now);
        self.notifier.feed();
    }

    fn beat(&mut self, now: Timestamp) {
        let standings = self.agenda.standings();
        let mut status = format!("{} sites", self.config.sites.len());
        let running: Vec<&str> = standings.iter().filter(|job| job.running).map(|job| job.job.as_str()).collect();
        if !running.is_empty() {
            status.push_str(&format!("; now {}", running.join(", ")));
        }
        if let Some((job, at)) =
            standings.iter().filter_map(|job| Some((&job.job, job.next_at?))).min_by_key(|next| next.1)
        {
            status.push_str(&format!("; next {job} at {} UTC", &at.to_sql()[..19]));
        }
        let failing: Vec<&str> = standings.iter().filter(|job| job.failures > 0).map(|job| job.job.as_str()).collect();
        if !failing.is_empty() {
            status.push_str(&format!("; failing {}", failing.join(", ")));
        }
        if let Some((at, _)) = self.pulse.beat().refused {
            status.push_str(&format!("; the configuration of {} UTC was refused", &at.to_sql()[..19]));
        }
        self.notifier.status(status);
        self.pulse.turned(now, standings);
    }

    fn start(&mut self, job: String, due: Timestamp, recorder: &Recorder) {
        let now = self.clock.now();
        let (config, store, clock) = (self.config.clone(), self.store.clone(), self.clock.clone());
        // Another for each run, or all would try again at the same moments.
        let seed = self.seed ^ now.millis() as u64 ^ xxh3_64(job.as_bytes());
        // The pages of the walk before: what comes again is not looked into.
        let memory = self.memories.entry(job.clone()).or_default().clone();
        let name = job.clone();
        let work = move |mut stop: Stop, unfinished| async move {
            match jobs::task(&config, &name) {
                Some(Task::Walk(site)) => {
                    walk::walk(site, &store, Given { clock: &clock, seed, memory: &memory }, stop).await
                }
                Some(Task::Export(of)) => {
                    stop.unless(export::export(of, &config, &store, clock.now(), &unfinished)).await
                }
                Some(Task::Housekeeping) => {
                    stop.unless(housekeeping::keep_house(&store, &config.retention, clock.now())).await
                }
                Some(Task::Backup) => match &config.backup {
                    Some(plan) => stop.unless(backup::backup(plan, &config.database, clock.now())).await,
                    None => Outcome::well("done"),
                },
                None => Outcome::failed("failed", "it is not in the configuration"),
            }
        };
        let limit = match jobs::task(&self.config, &job) {
            Some(Task::Walk(site)) => walk::limit(site) + HANGING,
            _ => LONGEST,
        };
        match Run::begin(job.clone(), Some(limit), self.ending.clone(), work) {
            Ok(run) => self.runs.push(run),
            Err(error) => {
                let _ = self.ending.send((job.clone(), Outcome::failed("failed", error))); // we listen ourselves
            }
        }
        tracing::debug!(job = %job, due = %due.to_rfc3339(), "begun");
        let row = self.row(&job, due);
        (row.due_at, row.started_at, row.finished_at, row.outcome, row.error) = (due, Some(now), None, None, None);
        self.remember(&job, recorder);
    }

    fn ended(&mut self, job: &str, outcome: Outcome, recorder: &Recorder) {
        let now = self.clock.now();
        self.runs.retain(|run| run.job != job);
        if let Some(how) = outcome.ended
            && let Some(skip) = self.agenda.ended(job, how, now)
        {
            skipped(skip, now, recorder);
        }
        if outcome.word == "panicked" {
            tracing::error!(job = %job, "the job ended by a defect of rollbook");
        }
        let did_its_work = outcome.ended == Some(Ended::Well);
        let row = self.row(job, now);
        if did_its_work {
            row.succeeded_at = Some(now);
        }
        (row.finished_at, row.outcome, row.error) = (Some(now), Some(outcome.word.to_owned()), outcome.error);
        self.remember(job, recorder);
        self.beat(now);
    }

    /// The row of a job; a new one for one that was never begun.
    fn row(&mut self, job: &str, due: Timestamp) -> &mut JobRow {
        self.rows.entry(job.to_owned()).or_insert_with(|| JobRow {
            job: job.to_owned(),
            schedule: String::new(),
            due_at: due,
            started_at: None,
            finished_at: None,
            outcome: None,
            error: None,
            failures: 0,
            next_at: None,
            succeeded_at: None,
        })
    }

    fn remember(&mut self, job: &str, recorder: &Recorder) {
        let standing = self.agenda.standings().into_iter().find(|standing| standing.job == job);
        let Some(row) = self.rows.get_mut(job) else { return };
        if let Some(standing) = standing {
            (row.schedule, row.failures, row.next_at) = (standing.schedule, standing.failures, standing.next_at);
        }
        let _ = recorder.records.send(Record::Job(row.clone())); // the loop sees that it has died
    }

    fn reload(&mut self, recorder: &Recorder) {
        self.notifier.reloading();
        let now = self.clock.now();
        match (self.load)() {
            Ok(loaded) if loaded.config.sites.is_empty() => self.keep(now, &DaemonError::NoSite),
            Ok(loaded) => {
                self.take(loaded, now);
                self.remember_all(recorder);
            }
            Err(error) => self.keep(now, &error),
        }
        self.notifier.ready();
        self.turn(recorder);
    }

    fn take(&mut self, loaded: Loaded, now: Timestamp) {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let (old, new) = (&self.config, &loaded.config);
        let changed = [
            ("database", old.database.path != new.database.path || old.database.group != new.database.group),
            ("http", old.http.listen != new.http.listen),
            ("log", old.log.format != new.log.format),
        ];
        for (table, _) in changed.iter().filter(|(_, changed)| *changed) {
            tracing::warn!("[{table}] is another now: it takes effect when the service is started anew");
        }
        // The database stays where it is, whatever the file says.
        self.config = Arc::new(Config { database: old.database.clone(), ..loaded.config });
        self.pulse.reloaded(now, Ok(self.config.clone()));
        self.plan(&[], now);
        self.agenda.retry_failed(now);
        tracing::info!(sites = self.config.sites.len(), "the configuration was read again");
    }

    fn keep(&mut self, now: Timestamp, error: &dyn std::error::Error) {
        tracing::error!("the configuration was not taken, and the one before stays in force: {error}");
        self.pulse.reloaded(now, Err(error.to_string()));
    }

    /// Stops in order: no tick is taken any more, what runs is stopped and awaited, what it did is written down.
    async fn stop(mut self, recorder: Recorder) {
        self.notifier.stopping();
        tracing::info!(running = self.runs.len(), "stopping");
        self.runs.iter().for_each(Run::stop);
        let until = Instant::now() + STOPPING;
        while !self.runs.is_empty() {
            match timeout_at(until, self.endings.recv()).await {
                Ok(Some((job, outcome))) => self.ended(&job, outcome, &recorder),
                Ok(None) | Err(_) => break,
            }
        }
        for run in std::mem::take(&mut self.runs) {
            tracing::warn!(job = %run.job, "the job did not stop in time; what it has not committed is undone");
            run.leave_behind();
        }
        let Recorder { records, task } = recorder;
        drop(records);
        // One that has died is not asked again.
        if !task.is_finished() && timeout(RECORDING, task).await.is_err() {
            tracing::warn!("what the schedule did could not be remembered in time");
        }
        tracing::info!("stopped");
    }
}

/// Walks whose process died have not ended, and will not: their rows say so.
async fn tell_died(store: &Store, clock: &Clock) -> Result<(), StoreError> {
    let mut reader = store.reader().await?;
    let running = store::running_walks(&mut reader).await.map_err(|error| store.sql(error))?;
    drop(reader);
    for site in running {
        sync::interrupted(&site, store, clock, sync::DIED).await?;
    }
    Ok(())
}

fn skipped(skip: Skip, now: Timestamp, recorder: &Recorder) {
    let Skip { job, first, last, firings, reason } = skip;
    tracing::info!(job = %job, firings, due = %first.to_rfc3339(), "left out: {}", reason.as_str());
    let (due_at, last_due_at, reason) = (first, last, reason.as_str());
    let row = SkippedRow { job, due_at, last_due_at, firings, at: now, reason };
    let _ = recorder.records.send(Record::Skipped(row)); // the loop sees that it has died
}
