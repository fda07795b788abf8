//! Tells webhooks what needs a person. What there is to tell is read from the mirror, so that it does not matter which
//! process made a walk; that it was told is written there, so that nobody is told twice, and nothing is forgotten.

mod events;
mod post;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::events::News;
use self::post::Post;
use super::pulse::Pulse;
use crate::clock::Clock;
use crate::config::{Config, Event, Site, Webhook};
use crate::model::Timestamp;
use crate::store::{self, Attempt, NewNotification, Store, StoreError};
use crate::sync::{DIED, STOPPED};

/// How often it looks without being called.
const ROUND: Duration = Duration::from_secs(30);
/// The pause before it is tried again, after the first attempt; then twice as long each time.
const AGAIN: i64 = 30_000;
/// The longest pause.
const LONGEST: i64 = 3_600_000;
/// After so many attempts, some 24 hours, it is given up.
const GIVEN_UP: u32 = 30;

/// Tells webhooks, until it is dropped.
pub(super) struct Herald {
    /// A walk has ended: look at once.
    pub call: Arc<Notify>,
    /// Ends only by a defect.
    pub task: JoinHandle<()>,
}

impl Herald {
    /// Starts looking.
    pub(super) fn start(store: Store, clock: Clock, pulse: Pulse) -> Self {
        let call = Arc::new(Notify::new());
        let called = call.clone();
        let task = tokio::spawn(async move {
            let mut post = None;
            let mut told = HashSet::new();
            loop {
                let beat = pulse.beat();
                let config = beat.config;
                if !config.webhooks.is_empty() {
                    let round = Round { store: &store, clock: &clock, config: &config, began_at: beat.began_at };
                    if let Err(error) = round.make(&mut told, &mut post).await {
                        tracing::error!("webhooks could not be told: {error}");
                    }
                }
                tokio::select! {
                    () = called.notified() => {}
                    () = tokio::time::sleep(ROUND) => {}
                }
            }
        });
        Self { call, task }
    }
}

/// One look at everything.
struct Round<'a> {
    store: &'a Store,
    clock: &'a Clock,
    config: &'a Config,
    began_at: Timestamp,
}

impl Round<'_> {
    /// Finds what there is to tell, and tells it. `told` has what was told and could not be written down as told.
    async fn make(&self, told: &mut HashSet<i64>, post: &mut Option<Post>) -> Result<(), StoreError> {
        let mut reader = self.store.reader().await?;
        let before = store::walks_told(&mut reader).await.map_err(|error| self.store.sql(error))?;
        let (mut found, mut looked) = (Vec::new(), before.clone());
        for site in &self.config.sites {
            self.look(&mut reader, site, &mut looked, &mut found).await.map_err(|error| self.store.sql(error))?;
        }
        let new: Vec<NewNotification> = found.iter().flat_map(|news| self.addressed(news)).collect();
        let now = self.clock.now();
        if !new.is_empty() || looked != before {
            self.store.add_notifications(&new, &looked, now).await?;
        }
        let due = store::due_notifications(&mut reader, now).await.map_err(|error| self.store.sql(error))?;
        for due in due {
            let attempt = match told.contains(&due.id) {
                true => self.told(due.id, "told before".to_owned()),
                false => self.attempt(&due, post).await,
            };
            if attempt.delivered_at.is_some() {
                told.insert(due.id);
            }
            self.store.add_attempt(&attempt).await?;
            told.remove(&due.id);
        }
        Ok(())
    }

    async fn look(
        &self,
        reader: &mut SqliteConnection,
        site: &Site,
        looked: &mut HashMap<String, i64>,
        found: &mut Vec<News>,
    ) -> Result<(), sqlx::Error> {
        let after = looked.get(&site.id).copied();
        for walk in store::ended_walks(reader, &site.id, after, [STOPPED, DIED]).await? {
            found.extend(events::failed(&site.id, &walk));
            found.extend(events::held(&site.id, &walk));
            if matches!(walk.status.as_str(), "applied" | "partial" | "held") {
                let moves = store::moves(reader, walk.id).await?;
                found.extend(events::admins(&site.id, &walk, &moves, &site.admin_groups));
                if let Some(seats) = site.seats
                    && let Some(id) = store::site_id(reader, &site.id).await?
                {
                    let (_, taken) = store::count_users(reader, id).await?;
                    let before = match walk.not_before.filter(|_| u64::try_from(taken).is_ok_and(|taken| taken > seats))
                    {
                        Some(before) => Some(store::seats_taken_at(reader, &site.id, before).await?),
                        None => None,
                    };
                    found.extend(events::seats(&site.id, &walk, taken, before, seats));
                }
            }
            looked.insert(site.id.clone(), walk.id);
        }
        let applied = store::last_applied(reader, &site.id).await?;
        let (now, limit) = (self.clock.now(), site.freshness.as_secs());
        // A site that was never walked has as long from the start of the service.
        let since = applied.map_or(self.began_at, |(_, at)| at);
        if now.millis() - since.millis() > i64::try_from(site.freshness.as_millis()).unwrap_or(i64::MAX) {
            found.push(events::stale(&site.id, applied, since, limit, now));
        }
        Ok(())
    }

    /// The news to each webhook that wants it.
    fn addressed(&self, news: &News) -> Vec<NewNotification> {
        let wants = |webhook: &&Webhook| webhook.events.contains(&news.event);
        let to = |webhook: &Webhook| NewNotification {
            at: news.at,
            event: Event::as_str(news.event),
            site: news.site.clone(),
            walk_id: news.walk_id,
            target: post::target(webhook),
            body: news.body(),
        };
        self.config.webhooks.iter().filter(wants).map(to).collect()
    }

    async fn attempt(&self, due: &store::DueNotification, post: &mut Option<Post>) -> Attempt {
        let now = self.clock.now();
        let gone = |answer: &str| Attempt { id: due.id, next_at: None, delivered_at: None, answer: answer.to_owned() };
        let wants = |webhook: &&Webhook| {
            post::target(webhook) == due.target && webhook.events.iter().any(|event| event.as_str() == due.event)
        };
        let Some(webhook) = self.config.webhooks.iter().find(wants) else {
            return gone("given up: it is configured no longer");
        };
        let sender = match post {
            Some(post) => post,
            None => match Post::new() {
                Ok(new) => post.insert(new),
                Err(error) => return self.again(due, now, format!("no HTTP client: {error}")),
            },
        };
        let (well, answer) = sender.send(webhook, due, now).await;
        if well {
            tracing::info!(event = %due.event, target = %due.target, "webhook told");
            return self.told(due.id, answer);
        }
        self.again(due, now, answer)
    }

    fn told(&self, id: i64, answer: String) -> Attempt {
        Attempt { id, next_at: None, delivered_at: Some(self.clock.now()), answer }
    }

    fn again(&self, due: &store::DueNotification, now: Timestamp, answer: String) -> Attempt {
        let given_up = due.attempts + 1 >= GIVEN_UP;
        let pause = AGAIN.saturating_mul(1 << due.attempts.min(20)).min(LONGEST);
        let next_at = (!given_up).then(|| now.plus_millis(pause));
        let goes_on = if given_up { "given up" } else { "it is tried again" };
        tracing::warn!(event = %due.event, target = %due.target, attempts = due.attempts + 1, "webhook not told ({answer}); {goes_on}");
        Attempt { id: due.id, next_at, delivered_at: None, answer }
    }
}
