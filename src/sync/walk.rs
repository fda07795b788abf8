//! A walk from its first request to its row: fetch, diff, apply.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::apply::{Writing, apply};
use super::cloud::CloudReader;
use super::diff::{Diff, Moment, diff};
use super::error::WalkError;
use super::fetch::{Fetched, Reader};
use super::guard::{Known, Losses};
use super::hold::{Hold, set_aside};
use super::log::Line;
use super::remember::Listings;
use crate::clock::Clock;
use crate::config::{Guard, Site, SiteKind};
use crate::confluence::{Client, Cloud, Extender, Memory, OrganizationApi, UserList};
use crate::model::{ChangeKind, SiteId, Timestamp, UserId, WalkId};
use crate::store::{self, Before, Figures, Store, StoreError, WalkEnd, WalkStart};

/// How far a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Rows of the user list.
    Users {
        /// Read so far.
        read: u64,
        /// Declared by the site.
        total: Option<u64>,
    },
    /// Groups whose members are read.
    Groups {
        /// Read so far.
        read: u64,
        /// Listed.
        total: u64,
    },
    /// The changes are being written.
    Applying,
}

/// What a walk is given besides its site.
#[derive(Clone, Copy)]
pub struct WalkOptions<'a> {
    /// The time.
    pub clock: &'a Clock,
    /// Spreads the pauses between retries.
    pub seed: u64,
    /// Told how far the walk is.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// The site's pages of the walk before, where the process walked it already. It finds the same with them and without.
    pub memory: Option<&'a Memory>,
}

/// How a walk that applied something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkStatus {
    /// Everything was read and applied.
    Applied,
    /// Something could not be read; the rest was applied.
    Partial,
    /// Its removals are set aside; the rest was applied.
    Held,
}

impl WalkStatus {
    /// The spelling in `walks.status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Partial => "partial",
            Self::Held => "held",
        }
    }
}

/// What a walk did, or would do.
#[derive(Debug)]
pub struct WalkReport {
    /// Its row; `None` for a dry run.
    pub walk: Option<WalkId>,
    /// How it ended.
    pub status: WalkStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The figures of its row.
    pub figures: Figures,
    /// What is missing, when it is partial.
    pub problems: Vec<String>,
    /// Groups whose names cannot stand in a request.
    pub not_addressable: Vec<String>,
    /// What of the walk deserves a word although nothing is missing.
    pub notes: Vec<String>,
    /// What changed.
    pub diff: Diff,
    /// What is set aside, when it is held.
    pub hold: Option<Hold>,
}

impl WalkReport {
    /// How many rows of the change feed there are of each kind.
    pub fn counts(&self) -> Vec<(ChangeKind, u64)> {
        self.diff.counts()
    }
}

/// Walks `site` and applies what changed. Takes the site's lock, so that one process walks it at a time.
///
/// On an error the walk's row says `failed` and why, wherever the database can still be written. However it ends, it is
/// logged here, in one line: nobody else needs to.
pub async fn walk(site: &Site, store: &Store, options: WalkOptions<'_>) -> Result<WalkReport, WalkError> {
    let began = options.clock.now();
    match walk_once(site, store, options).await {
        Ok(report) => {
            Line::of(&site.id, &report).write();
            Ok(report)
        }
        Err(Failed { error, asked }) => {
            Line::failed(&site.id, &error, asked.as_ref(), (began, options.clock.now())).write();
            Err(error)
        }
    }
}

/// A walk that failed, and what it asked before.
struct Failed {
    error: WalkError,
    asked: Option<(WalkId, Figures)>,
}

impl<E: Into<WalkError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), asked: None }
    }
}

async fn walk_once(site: &Site, store: &Store, options: WalkOptions<'_>) -> Result<WalkReport, Failed> {
    let _lock = store::lock_walk(store.path(), &site.id)?;
    let client = Client::of_site(site, options.clock.clone(), options.seed)?.with_memory(options.memory);
    // There throughout, so that the write-ahead log stays in place while nobody writes.
    let mut reader = store.reader().await?;
    check_kind(&mut reader, store, site).await?;
    let start = begin(site, store, options.clock.now()).await?;
    let ended = read_and_apply(site, reader, store, &client, &start, options).await;
    let Err(error) = ended else { return Ok(ended?) };
    let end = failed(&start, &client, options.clock, &error.to_string());
    if let Err(error) = end_failed(store, &start, &end).await {
        let walk = start.walk.0;
        tracing::error!(site = %site.id, walk, %error, "how walk {walk} of {} ended could not be written down", site.id);
    }
    Err(Failed { error, asked: Some((start.walk, end.figures)) })
}

/// Tells a walk that was stopped in the middle as failed; `false` when there was none any more: it had been applied.
/// The caller holds the site's lock no longer. `why` is told in the walk's row.
pub async fn interrupted(site: &str, store: &Store, clock: &Clock, why: &str) -> Result<bool, StoreError> {
    let Ok(_lock) = store::lock_walk(store.path(), site) else { return Ok(false) };
    let mut writer = store.writer().await?;
    let result = store::fail_running(&mut writer, site, clock.now(), why).await;
    let failed = result.map_err(|error| store.sql(error))?;
    writer.close().await.map_err(|error| store.sql(error))?;
    let stopped = !failed.is_empty();
    for (walk, began) in failed {
        Line::stopped(site, walk, why, (began, clock.now())).write();
    }
    Ok(stopped)
}

/// A migrated site is another site: its accounts have other keys, so that all of the old one would be missing.
async fn check_kind(connection: &mut SqliteConnection, store: &Store, site: &Site) -> Result<(), WalkError> {
    let configured = site.kind.as_str();
    let known = store::kind_of_users(connection, &site.id).await.map_err(|error| store.sql(error))?;
    match known.filter(|known| known != configured) {
        Some(known) => Err(WalkError::OtherKind { site: site.id.clone(), known, configured }),
        None => Ok(()),
    }
}

async fn begin(site: &Site, store: &Store, now: Timestamp) -> Result<WalkStart, StoreError> {
    let mut writer = store.writer().await?;
    let begun = store::begin_walk(&mut writer, &site.id, site.kind.as_str(), site.base_url.as_str(), now).await;
    let start = begun.map_err(|error| store.sql(error))?;
    writer.close().await.map_err(|error| store.sql(error))?;
    Ok(start)
}

async fn read_and_apply(
    site: &Site,
    mut known: SqliteConnection,
    store: &Store,
    client: &Client,
    start: &WalkStart,
    options: WalkOptions<'_>,
) -> Result<WalkReport, WalkError> {
    let fetched = fetch((site, client), (&mut known, store), (start.site, &start.before), options).await?;
    let at = options.clock.now().max(start.started_at);
    let moment = Moment { at, not_before: start.before.applied_at, zone: site.timezone };
    let (report, mut rest) = compare(fetched, client, moment);
    let mut report = WalkReport { walk: Some(start.walk), started_at: start.started_at, ..report };
    hold_back(&mut report, (&mut known, store), start.site, &site.guard).await?;
    if let Some(hold) = &report.hold {
        rest.listings.hold_back(&hold.removals);
    }
    (options.progress)(Progress::Applying);
    let end = WalkEnd {
        status: report.status.as_str(),
        error: (!report.problems.is_empty()).then(|| summary(&report.problems)),
        at: Some(at),
        finished_at: options.clock.now().max(at),
        figures: report.figures.clone(),
    };
    report.finished_at = end.finished_at;
    let user_list = rest.user_list.map(UserList::as_str);
    let writing = Writing {
        diff: &report.diff,
        at,
        evidence: &rest.evidence,
        hold: report.hold.as_ref(),
        listings: rest.listings,
        user_list: user_list.filter(|list| start.before.user_list.as_deref() != Some(*list)),
        cloud_id: rest.cloud_id.as_deref(),
        forgets_activity: rest.forgets_activity,
    };
    known.close().await.map_err(|error| store.sql(error))?;
    let mut writer = store.writer().await?;
    apply(&mut writer, start, writing, end).await.map_err(|error| store.sql(error))?;
    checkpoint(&mut writer).await;
    if let Err(error) = writer.close().await {
        tracing::warn!(%error, "the database could not be closed in order");
    }
    Ok(report)
}

/// Reads `site` and says what a walk would change; writes nothing. `store` is `None` while there is no database.
pub async fn dry_run(site: &Site, store: Option<&Store>, options: WalkOptions<'_>) -> Result<WalkReport, WalkError> {
    let empty;
    let store = match store {
        Some(store) => store,
        None => {
            empty = Store::nowhere();
            &empty
        }
    };
    let mut reader = store.reader().await?;
    check_kind(&mut reader, store, site).await?;
    let (row, before) = store::find_site(&mut reader, &site.id)
        .await
        .map_err(|error| store.sql(error))?
        .unwrap_or((SiteId(0), Before::default()));
    let client = Client::of_site(site, options.clock.clone(), options.seed)?.with_memory(options.memory);
    let started_at = options.clock.now();
    let fetched = fetch((site, &client), (&mut reader, store), (row, &before), options).await?;
    let at = options.clock.now();
    let moment = Moment { at, not_before: before.applied_at, zone: site.timezone };
    let (report, _) = compare(fetched, &client, moment);
    let mut report = WalkReport { started_at, finished_at: at, ..report };
    hold_back(&mut report, (&mut reader, store), row, &site.guard).await?;
    Ok(report)
}

/// Reads a site of either kind. `row` and `before` are the site's row and what its earlier walks left.
async fn fetch(
    (site, client): (&Site, &Client),
    (connection, store): (&mut SqliteConnection, &Store),
    (row, before): (SiteId, &Before),
    options: WalkOptions<'_>,
) -> Result<Fetched, WalkError> {
    let progress = options.progress;
    let fetched = match site.kind {
        SiteKind::DataCenter => {
            let (extender, user_export) = (Extender::new(client), site.user_export);
            Reader { extender, user_export, connection, store, site: row, before, progress }.fetch().await
        }
        SiteKind::Cloud => {
            let client_of =
                |organization| Client::of_organization(organization, &site.limits, options.clock.clone(), options.seed);
            let asked = site.organization.as_ref().map(client_of).transpose()?;
            let asked = asked.map(|client| client.with_memory(options.memory));
            let organization = site.organization.as_ref().zip(asked.as_ref());
            let organization = organization.map(|(configured, client)| OrganizationApi::new(client, &configured.id));
            let cloud = Cloud::new(client);
            CloudReader { site, cloud, organization, connection, store, row, before, progress }.fetch().await
        }
    };
    if let (Some(memory), Ok(_)) = (options.memory, &fetched) {
        memory.settle();
    }
    fetched
}

/// Sets aside what the walk takes away, where that is an implausible share of what is known.
async fn hold_back(
    report: &mut WalkReport,
    (connection, store): (&mut SqliteConnection, &Store),
    site: SiteId,
    limits: &Guard,
) -> Result<(), WalkError> {
    let losses = Losses::of(&report.diff);
    if losses.are_small(limits) {
        return Ok(());
    }
    let fields: Vec<&'static str> = losses.emptied.keys().copied().collect();
    let counted = store::count_known(connection, site, &fields).await.map_err(|error| store.sql(error))?;
    let (users, memberships, filled) = counted;
    let reasons = losses.judge(&Known { users, memberships, filled }, limits);
    if !reasons.is_empty() {
        report.hold = Some(set_aside(&mut report.diff, reasons));
        report.status = WalkStatus::Held;
        report.figures.changes = report.diff.changes().count() as u64;
    }
    Ok(())
}

/// What of a fetch is no part of the report.
struct Rest {
    evidence: Vec<(UserId, String)>,
    user_list: Option<UserList>,
    cloud_id: Option<String>,
    forgets_activity: bool,
    listings: Listings,
}

fn compare(fetched: Fetched, client: &Client, moment: Moment) -> (WalkReport, Rest) {
    let Fetched { picture, mut figures, problems, notes, evidence, not_addressable, .. } = fetched;
    let Fetched { user_list, cloud_id, forgets_activity, listings, .. } = fetched;
    let diff = diff(picture, moment);
    let sent = client.figures();
    figures.requests += sent.requests;
    figures.retries += sent.retries;
    figures.rate_limited += sent.rate_limited;
    figures.changes = diff.counts().iter().map(|(_, rows)| rows).sum();
    let status = if problems.is_empty() { WalkStatus::Applied } else { WalkStatus::Partial };
    let (at, hold) = (moment.at, None);
    let report = WalkReport {
        walk: None,
        status,
        started_at: at,
        finished_at: at,
        figures,
        problems,
        not_addressable,
        notes,
        diff,
        hold,
    };
    (report, Rest { evidence, user_list, cloud_id, forgets_activity, listings })
}

fn summary(problems: &[String]) -> String {
    const TOLD: usize = 10;
    let mut text = problems.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("\n");
    if problems.len() > TOLD {
        text.push_str(&format!("\n… and {} more", problems.len() - TOLD));
    }
    text
}

fn failed(start: &WalkStart, client: &Client, clock: &Clock, error: &str) -> WalkEnd {
    let sent = client.figures();
    WalkEnd {
        status: "failed",
        error: Some(error.to_owned()),
        at: None,
        finished_at: clock.now().max(start.started_at),
        figures: Figures {
            requests: sent.requests,
            retries: sent.retries,
            rate_limited: sent.rate_limited,
            lookup_cursor: start.before.lookup_cursor,
            activity_cursor: start.before.activity_cursor,
            ..Figures::default()
        },
    }
}

async fn end_failed(store: &Store, start: &WalkStart, end: &WalkEnd) -> Result<(), StoreError> {
    let mut writer = store.writer().await?;
    store::end_walk(&mut writer, start, end).await.map_err(|error| store.sql(error))?;
    writer.close().await.map_err(|error| store.sql(error))
}

/// Keeps the WAL small. A reader that holds an old snapshot only puts it off.
async fn checkpoint(writer: &mut SqliteConnection) {
    if let Err(error) = sqlx::raw_sql("PRAGMA wal_checkpoint(PASSIVE)").execute(writer).await {
        tracing::warn!(%error, "the write-ahead log could not be carried over into the database");
    }
}
