//! Tells webhooks what needs a person. What there is to tell is read from the mirror, so that it does not matter which
//! process made a walk; that it was told is written there, so that nobody is told twice, and nothing is forgotten.

mod events;
mod post;

use std::collections::HashMap;
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
use crate::sync::STOPPED;

/// How often it looks without being called.
const ROUND: Duration = Duration::from_secs(30);
/// The pause before it is tried again, after the first attempt; then twice as long each time.
const AGAIN: i64 = 30_000;
/// The longest pause.
const LONGEST: i64 = 3_600_000;
/// What could not be told for so long is given up.
const GIVEN_UP: i64 = 86_400_000;

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
            let mut looked = HashMap::new();
            loop {
                let beat = pulse.beat();
                let config = beat.config;
                if !config.webhooks.is_empty() {
                    let round = Round { store: &store, clock: &clock, config: &config, began_at: beat.began_at };
                    if let Err(error) = round.make(&mut looked, &mut post).await {
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
    /// Finds what there is to tell, and tells it. `looked` has the last walk of each site that was looked at.
    async fn make(&self, looked: &mut HashMap<String, i64>, post: &mut Option<Post>) -> Result<(), StoreError> {
        let mut reader = self.store.reader().await?;
        let mut found = Vec::new();
        for site in &self.config.sites {
            self.look(&mut reader, site, looked, &mut found).await.map_err(|error| self.store.sql(error))?;
        }
        let new: Vec<NewNotification> = found.iter().flat_map(|news| self.addressed(news)).collect();
        if !new.is_empty() {
            self.store.add_notifications(&new).await?;
        }
        let now = self.clock.now();
        let due = store::due_notifications(&mut reader, now).await.map_err(|error| self.store.sql(error))?;
        let mut attempts = Vec::new();
        for due in due {
            attempts.push(self.attempt(&due, post).await);
        }
        if !attempts.is_empty() {
            self.store.add_attempts(&attempts).await?;
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
        for walk in store::ended_walks(reader, &site.id, after, STOPPED).await? {
            found.extend(events::failed(&site.id, &walk));
            found.extend(events::held(&site.id, &walk));
            if matches!(walk.status.as_str(), "applied" | "partial" | "held") {
                let moves = store::moves(reader, walk.id).await?;
                found.extend(events::admins(&site.id, &walk, &moves, &site.admin_groups));
                if let Some(seats) = site.seats {
                    let taken = store::seats_taken(reader, &site.id, None).await?;
                    let before = match walk.not_before.filter(|_| taken > 0) {
                        Some(before) => Some(store::seats_taken(reader, &site.id, Some(before)).await?),
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
        let Some(webhook) = self.config.webhooks.iter().find(|webhook| post::target(webhook) == due.target) else {
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
            return Attempt { id: due.id, next_at: None, delivered_at: Some(self.clock.now()), answer };
        }
        self.again(due, now, answer)
    }

    fn again(&self, due: &store::DueNotification, now: Timestamp, answer: String) -> Attempt {
        let given_up = now.millis() - due.at.millis() >= GIVEN_UP;
        let pause = AGAIN.saturating_mul(1 << due.attempts.min(20)).min(LONGEST);
        let next_at = (!given_up).then(|| now.plus_millis(pause));
        let goes_on = if given_up { "given up" } else { "it is tried again" };
        tracing::warn!(event = %due.event, target = %due.target, attempts = due.attempts + 1, "webhook not told ({answer}); {goes_on}");
        Attempt { id: due.id, next_at, delivered_at: None, answer }
    }
}
