//! Asking the database without waiting for it: a few at a time, and none for long. A disk that hangs takes these few, and
//! nobody else; a question that takes long takes a lane of its own.
//!
//! What is answered may be kept until the database changes ([`Mirror::generation`]).

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::SqliteConnection;
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::time::timeout;

use crate::store::{SCHEMA, Store, StoreError};

/// Instructions of a statement between two looks at the clock: well under a millisecond.
const LOOK_EVERY: i32 = 1000;

/// Connections that are kept open while nobody asks.
const IDLE: usize = 6;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum MirrorError {
    /// It took too long.
    #[error("the database did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// Another release is at it, or will be.
    #[error(
        "the database has the schema {found}, and this process knows {known}: it is being migrated, or was by a newer release"
    )]
    Migrating {
        /// Its schema.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A statement failed.
    #[error("the database cannot be read: {0}")]
    Sql(#[from] sqlx::Error),
    /// A defect.
    #[error("the question ended by a defect of rollbook")]
    Defect,
}

/// Who waits for whom: questions of one lane for each other, and for no other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane {
    /// Health and metrics.
    Watch,
    /// What is found by an index, or kept.
    Quick,
    /// Pages that count, search or look far back.
    Slow,
    /// Reports, as pages.
    Report,
    /// Reports, as files.
    File,
}

/// The database, for whoever asks from outside. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    store: Store,
    lanes: [Arc<Semaphore>; 5],
    idle: Arc<Mutex<Vec<Kept>>>,
    sentinel: Arc<tokio::sync::Mutex<Option<Sentinel>>>,
    /// How often the sentinel was opened: what one of them counts means nothing to the next.
    sentinels: Arc<AtomicU64>,
    /// What was known when the sentinel looked last, and how often that has changed.
    known: Arc<Mutex<Known>>,
}

/// A state of the database: two answers of one generation are the same, unless they depend on the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Generation(u64, i64);

#[cfg(test)]
impl Generation {
    /// One of many.
    pub fn of_test(number: i64) -> Self {
        Self(0, number)
    }
}

/// Which file it is: one that was put in its place is another.
type FileId = (u64, u64);

/// What tells two states of what is known of the sites apart: every walk that brings something, every decision, and what
/// was pruned or forgotten leaves one of these. A walk that begins, or a job that ends, does not.
const STAMP: &str = "\
    SELECT printf('%s %s %s %s %s %s %s', \
        (SELECT max(id) FROM change_log), \
        (SELECT group_concat(w.id || w.status) FROM sites s JOIN walks w \
            ON w.id = (SELECT n.id FROM walks n WHERE n.site_id = s.id AND n.at IS NOT NULL ORDER BY n.at DESC LIMIT 1)), \
        (SELECT group_concat(name || ' ' || base_url) FROM sites), \
        (SELECT count(*) FROM holds), (SELECT count(*) FROM holds WHERE decision IS NOT NULL), \
        (SELECT max(id) FROM forgotten), \
        (SELECT sum(1 + finished + versions + memberships + group_names + logins + changes + evidence + held) FROM pruned))";

/// How what is known was found when it was looked last.
#[derive(Debug, Default)]
struct Known {
    looked: Option<Generation>,
    file: FileId,
    stamp: String,
    changes: i64,
}

/// A connection, and the file that it reads.
#[derive(Debug)]
struct Kept {
    connection: SqliteConnection,
    file: FileId,
}

/// The connection that sees whether others write, and the how-many-eth it is.
#[derive(Debug)]
struct Sentinel(Kept, u64);

/// Whether whoever asked is still there: a statement that nobody waits for ends.
#[derive(Debug, Default)]
struct Asker(Arc<AtomicBool>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection that only reads, and whose statements are stopped at the deadline. Goes back where it came from.
pub(super) struct Reader {
    kept: Option<Kept>,
    idle: Arc<Mutex<Vec<Kept>>>,
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.kept.as_ref().expect("taken when dropped").connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.kept.as_mut().expect("taken when dropped").connection
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(kept) = self.kept.take().filter(|_| !std::thread::panicking()) else { return };
        let mut idle = self.idle.lock().expect("no panic while held");
        if idle.len() < IDLE {
            idle.push(kept);
        }
    }
}

impl Mirror {
    pub fn new(store: Store) -> Self {
        let lane = |seats| Arc::new(Semaphore::new(seats));
        Self {
            store,
            lanes: [lane(2), lane(4), lane(2), lane(2), lane(2)],
            idle: Arc::default(),
            sentinel: Arc::default(),
            sentinels: Arc::default(),
            known: Arc::default(),
        }
    }

    /// The database itself.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Does `work` with a connection that only reads and whose statements are stopped after `limit`, on a thread of its
    /// own. Where it does not end by then it is left behind, and keeps its seat until it does.
    pub async fn ask<T, E, F>(
        &self,
        lane: Lane,
        limit: Duration,
        work: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<MirrorError> + Send + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let (mirror, seats, deadline) = (self.clone(), self.lanes[lane as usize].clone(), Instant::now() + limit);
        let asker = Asker::default();
        let gone = asker.0.clone();
        let asked = async {
            let seat = seats.acquire_owned().await.expect("the seats are never closed");
            // A statement that is read row by row keeps its thread.
            let handle = Handle::current();
            let work = move || {
                let _seat = seat;
                let answer = async {
                    let reader = mirror.reader(deadline, gone).await?;
                    work(reader).await
                };
                let answer = handle.block_on(timeout(limit, answer));
                answer.unwrap_or_else(|_| Err(MirrorError::Late(limit).into()))
            };
            tokio::task::spawn_blocking(work).await
        };
        let answer = timeout(limit, asked).await;
        drop(asker);
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(MirrorError::Defect.into()),
            Err(_) => Err(MirrorError::Late(limit).into()),
        }
    }

    /// The state that the database is in; what was read before it was asked for may be of an earlier one, what is read
    /// afterwards may be of a later one.
    pub async fn generation(&self, limit: Duration) -> Result<Generation, MirrorError> {
        Ok(self.generations(limit).await?.0)
    }

    /// The same of what is known of the sites alone: it lasts while a walk is under way, from one that brought something to
    /// the next.
    pub async fn contents(&self, limit: Duration) -> Result<Generation, MirrorError> {
        Ok(self.generations(limit).await?.1)
    }

    async fn generations(&self, limit: Duration) -> Result<(Generation, Generation), MirrorError> {
        let looked = async {
            let sentinel = self.sentinel.clone().lock_owned().await;
            let (mirror, handle) = (self.clone(), Handle::current());
            // On a thread of its own, and to its end: a disk may hang, and whoever asks may go away.
            tokio::task::spawn_blocking(move || handle.block_on(mirror.look(sentinel))).await
        };
        match timeout(limit, looked).await {
            Ok(Ok(generations)) => generations,
            Ok(Err(_)) => Err(MirrorError::Defect),
            Err(_) => Err(MirrorError::Late(limit)),
        }
    }

    async fn look(
        &self,
        mut sentinel: OwnedMutexGuard<Option<Sentinel>>,
    ) -> Result<(Generation, Generation), MirrorError> {
        let Sentinel(mut kept, nth) = match sentinel.take() {
            Some(Sentinel(kept, nth)) if Some(kept.file) == self.file() => Sentinel(kept, nth),
            _ => Sentinel(self.open().await?, self.sentinels.fetch_add(1, Ordering::Relaxed)),
        };
        let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut kept.connection).await?;
        let generation = Generation(nth, version);
        let is_seen = self.known.lock().expect("no panic while held").looked == Some(generation);
        let stamp: Option<String> = match is_seen {
            true => None,
            false => Some(sqlx::query_scalar(STAMP).fetch_one(&mut kept.connection).await?),
        };
        let mut known = self.known.lock().expect("no panic while held");
        if let Some(stamp) = stamp {
            known.looked = Some(generation);
            if (known.file, &known.stamp) != (kept.file, &stamp) {
                (known.file, known.stamp, known.changes) = (kept.file, stamp, known.changes + 1);
            }
        }
        let contents = Generation(u64::MAX, known.changes);
        drop(known);
        *sentinel = Some(Sentinel(kept, nth));
        Ok((generation, contents))
    }

    async fn reader(&self, deadline: Instant, gone: Arc<AtomicBool>) -> Result<Reader, MirrorError> {
        let file = self.file();
        let idle = || self.idle.lock().expect("no panic while held").pop();
        let kept = loop {
            match idle() {
                Some(kept) if Some(kept.file) == file => break Some(kept),
                Some(_) => {} // of a file that is there no more
                None => break None,
            }
        };
        let mut kept = match kept {
            Some(kept) => kept,
            None => self.open().await?,
        };
        let sql = |error| MirrorError::Store(self.store.sql(error));
        let mut locked = kept.connection.lock_handle().await.map_err(sql)?;
        locked.set_progress_handler(LOOK_EVERY, move || Instant::now() < deadline && !gone.load(Ordering::Relaxed));
        drop(locked);
        let found: i32 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut kept.connection).await.map_err(sql)?;
        if found != SCHEMA {
            return Err(MirrorError::Migrating { found, known: SCHEMA });
        }
        Ok(Reader { kept: Some(kept), idle: self.idle.clone() })
    }

    async fn open(&self) -> Result<Kept, MirrorError> {
        // Before it is opened: one that is put in its place meanwhile is found out by the next.
        let file = self.file().unwrap_or_default();
        Ok(Kept { connection: self.store.reader().await?, file })
    }

    fn file(&self) -> Option<FileId> {
        fs::metadata(self.store.path()).ok().map(|found| (found.dev(), found.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    /// More than anything here takes.
    const LONG: Duration = Duration::from_secs(60);

    async fn mirror() -> (tempfile::TempDir, Mirror) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
        (folder, Mirror::new(store))
    }

    const SEATS: usize = 4;

    async fn count(mirror: &Mirror, limit: Duration) -> Result<i64, MirrorError> {
        let count = async |mut reader: Reader| {
            Ok(sqlx::query_scalar("SELECT count(*) FROM sites").fetch_one(&mut *reader).await?)
        };
        mirror.ask(Lane::Quick, limit, count).await
    }

    #[tokio::test]
    async fn what_takes_too_long_is_stopped() {
        let (_folder, mirror) = mirror().await;
        const ENDLESS: &str = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i FROM n) SELECT count(*) FROM n";
        for _ in 0..2 * SEATS {
            let endless =
                async |mut reader: Reader| Ok(sqlx::query(ENDLESS).fetch_one(&mut *reader).await.map(drop)?);
            let ask = mirror.ask(Lane::Quick, SHORT, endless);
            assert!(matches!(ask.await, Err(MirrorError::Late(_) | MirrorError::Sql(_))));
        }
        // Each was stopped and gave its seat back.
        assert_eq!(count(&mirror, LONG).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_hangs_keeps_no_more_than_its_seats() {
        let (_folder, mirror) = mirror().await;
        // As a disk does.
        let hangs = || {
            mirror.ask(Lane::Quick, SHORT, async |_| {
                std::thread::sleep(10 * SHORT);
                Ok::<_, MirrorError>(())
            })
        };
        for _ in 0..SEATS {
            assert!(matches!(hangs().await, Err(MirrorError::Late(_))));
        }
        assert!(matches!(count(&mirror, SHORT).await, Err(MirrorError::Late(_))), "no seat is left");
        let other = mirror.ask(Lane::Slow, LONG, async |_| Ok::<_, MirrorError>(7));
        assert_eq!(other.await.unwrap(), 7, "another lane has its own");
    }

    #[tokio::test]
    async fn a_defect_is_told_and_the_next_is_answered() {
        let (_folder, mirror) = mirror().await;
        let ask = mirror.ask(Lane::Quick, LONG, async |_| -> Result<(), MirrorError> { panic!("a defect") });
        assert!(matches!(ask.await, Err(MirrorError::Defect)));
        assert_eq!(count(&mirror, LONG).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_generation_lasts_until_somebody_writes() {
        let (folder, mirror) = mirror().await;
        let generation = async || mirror.generation(LONG).await.unwrap();
        let first = generation().await;
        count(&mirror, LONG).await.unwrap();
        assert_eq!(generation().await, first);
        let contents = async || mirror.contents(LONG).await.unwrap();
        let known = contents().await;
        assert_ne!(known, first);
        let mut writer = mirror.store().writer().await.unwrap();
        let site = "INSERT INTO sites (name, kind, base_url) VALUES ('corp', 'cloud', 'https://example.com/wiki')";
        sqlx::query(site).execute(&mut *writer).await.unwrap();
        let second = generation().await;
        assert_ne!(second, first);
        assert_ne!(contents().await, known);
        let known = contents().await;
        let walk = "INSERT INTO walks (site_id, started_at, status) VALUES (1, '2026-01-01 00:00:00.000', 'running')";
        sqlx::query(walk).execute(&mut *writer).await.unwrap();
        assert_eq!(contents().await, known, "a walk has begun, and nothing is known of it yet");
        let second = {
            assert_ne!(generation().await, second);
            generation().await
        };
        let ended = "UPDATE walks SET status = 'applied', at = '2026-01-01 00:00:01.000'";
        sqlx::query(ended).execute(&mut *writer).await.unwrap();
        assert_ne!(contents().await, known);
        assert_ne!(generation().await, second);
        let second = generation().await;
        assert_eq!(count(&mirror, LONG).await.unwrap(), 1, "a connection that was kept sees it");
        writer.close().await.unwrap();
        // One that is lost makes no earlier state of it.
        *mirror.sentinel.lock().await = None;
        let third = generation().await;
        assert!(third != first && third != second);
        let second = third;
        // Another file in its place: one that was restored.
        let (file, other) = (folder.path().join("rollbook.db"), folder.path().join("other.db"));
        Store::open_or_create(&other).await.unwrap();
        for beside in ["-wal", "-shm"] {
            std::fs::remove_file(folder.path().join(format!("rollbook.db{beside}"))).unwrap();
        }
        std::fs::rename(&other, &file).unwrap();
        assert_ne!(generation().await, second);
        assert_eq!(count(&mirror, LONG).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn another_schema_is_told() {
        let (_folder, mirror) = mirror().await;
        count(&mirror, LONG).await.unwrap();
        let mut writer = mirror.store().writer().await.unwrap();
        sqlx::query("PRAGMA user_version = 1").execute(&mut *writer).await.unwrap();
        assert!(matches!(count(&mirror, LONG).await, Err(MirrorError::Migrating { found: 1, .. })));
    }
}
