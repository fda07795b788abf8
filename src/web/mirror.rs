//! Asking the database without waiting for it: a few at a time, and none for long. A disk that hangs takes these few, and
//! nobody else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::SqliteConnection;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::store::{Store, StoreError};

/// Questions at one time.
const AT_ONCE: usize = 4;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum MirrorError {
    /// It took too long.
    #[error("the database did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect.
    #[error("the question ended by a defect of rollbook")]
    Defect,
}

/// The database, for whoever asks from outside.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    store: Store,
    seats: Arc<Semaphore>,
}

impl Mirror {
    pub fn new(store: Store) -> Self {
        Self { store, seats: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The database itself.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Does `work` with a connection that only reads and whose statements are stopped after `limit`. Where it does not end
    /// by then it is left behind, and keeps its seat until it does.
    pub async fn ask<T, F>(
        &self,
        limit: Duration,
        work: impl FnOnce(SqliteConnection) -> F + Send + 'static,
    ) -> Result<T, MirrorError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        let (store, deadline) = (self.store.clone(), Instant::now() + limit);
        let asked = async {
            let seat = self.seats.clone().acquire_owned().await.expect("the seats are never closed");
            tokio::spawn(async move {
                let _seat = seat;
                let reader = store.reader_until(deadline).await?;
                work(reader).await.map_err(|error| MirrorError::Store(store.sql(error)))
            })
            .await
        };
        match timeout(limit, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(MirrorError::Defect),
            Err(_) => Err(MirrorError::Late(limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    async fn mirror() -> (tempfile::TempDir, Mirror) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("rollbook.db")).await.unwrap();
        (folder, Mirror::new(store))
    }

    async fn count(mirror: &Mirror) -> Result<i64, MirrorError> {
        let count = async |mut reader| sqlx::query_scalar("SELECT count(*) FROM sites").fetch_one(&mut reader).await;
        mirror.ask(SHORT, count).await
    }

    #[tokio::test]
    async fn what_takes_too_long_is_stopped() {
        let (_folder, mirror) = mirror().await;
        const ENDLESS: &str = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i FROM n) SELECT count(*) FROM n";
        for _ in 0..2 * AT_ONCE {
            let ask = mirror.ask(SHORT, async |mut reader| sqlx::query(ENDLESS).fetch_one(&mut reader).await.map(drop));
            assert!(matches!(ask.await, Err(MirrorError::Late(_) | MirrorError::Store(_))));
        }
        // Each was stopped and gave its seat back.
        assert_eq!(count(&mirror).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_hangs_keeps_no_more_than_its_seats() {
        let (_folder, mirror) = mirror().await;
        let hangs = || mirror.ask(SHORT, async |_| std::future::pending::<Result<(), sqlx::Error>>().await);
        for _ in 0..AT_ONCE {
            assert!(matches!(hangs().await, Err(MirrorError::Late(_))));
        }
        assert!(matches!(count(&mirror).await, Err(MirrorError::Late(_))), "no seat is left");
    }

    #[tokio::test]
    async fn a_defect_is_told_and_the_next_is_answered() {
        let (_folder, mirror) = mirror().await;
        let ask = mirror.ask(SHORT, async |_| -> Result<(), sqlx::Error> { panic!("a defect") });
        assert!(matches!(ask.await, Err(MirrorError::Defect)));
        assert_eq!(count(&mirror).await.unwrap(), 0);
    }
}
