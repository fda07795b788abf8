//! Answers that are kept while the database stays as it is. Of many who ask for the same at one time one finds it out, and
//! the others wait for that. What is not asked for any more makes room; so does what was true of an earlier generation.

use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use tokio::time::{Duration, timeout};

use super::mirror::{Generation, MirrorError};

/// What an answer is kept under: the state of the database, and what was asked.
type Key = (Generation, String);

/// How much memory what is kept takes, bytes.
pub(super) trait Weight {
    fn weight(&self) -> usize;
}

#[derive(Clone, Debug)]
struct Weigh;

impl<T: Weight> Weighter<Key, Arc<T>> for Weigh {
    fn weight(&self, key: &Key, kept: &Arc<T>) -> u64 {
        (size_of::<Key>() + key.1.len() + kept.weight()) as u64
    }
}

/// A shelf for answers of one kind.
#[derive(Debug)]
pub(super) struct Shelf<T: Weight>(Cache<Key, Arc<T>, Weigh>);

impl<T: Weight> Shelf<T> {
    /// For about so many answers, and so many bytes at most.
    pub fn new(answers: usize, bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(answers)
            .weight_capacity(bytes)
            // One: an answer may take much of the room.
            .shards(1)
            .build()
            .expect("both are given");
        Self(Cache::with_options(options, Weigh, Default::default(), Default::default()))
    }

    /// What is kept of this question, or else what `find` finds; waited for no longer than `limit`.
    ///
    /// # Errors
    /// Those of `find`, which are not kept; and that it took too long.
    pub async fn get<E: From<MirrorError>>(
        &self,
        generation: Generation,
        question: impl Into<String>,
        limit: Duration,
        find: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let find = async { find.await.map(Arc::new) };
        let key = (generation, question.into());
        let got = timeout(limit, self.0.get_or_insert_async(&key, find)).await;
        got.unwrap_or_else(|_| Err(MirrorError::Late(limit).into()))
    }
}

impl<T: Weight> Default for Shelf<T> {
    /// 64 answers, 64 MiB.
    fn default() -> Self {
        Self::new(64, 64 << 20)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    impl Weight for u64 {
        fn weight(&self) -> usize {
            8
        }
    }

    /// More than anything here takes.
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn whoever_waits_for_anothers_answer_waits_no_longer() {
        let (shelf, first) = (Shelf::<u64>::default(), Generation::of_test(1));
        let never = || std::future::pending::<Result<u64, MirrorError>>();
        let short = Duration::from_millis(50);
        let (a, b) = tokio::join!(shelf.get(first, "x", short, never()), shelf.get(first, "x", short, never()));
        assert!(matches!((a, b), (Err(MirrorError::Late(_)), Err(MirrorError::Late(_)))));
    }

    #[tokio::test]
    async fn an_answer_is_found_once_for_each_state_of_the_database() {
        let (shelf, found) = (Shelf::<u64>::default(), AtomicUsize::new(0));
        let [first, second] = [1, 2].map(Generation::of_test);
        let find = || async {
            tokio::task::yield_now().await;
            Ok::<_, MirrorError>(found.fetch_add(1, Ordering::Relaxed) as u64)
        };
        let (a, b) = tokio::join!(shelf.get(first, "x", LONG, find()), shelf.get(first, "x", LONG, find()));
        assert_eq!((*a.unwrap(), *b.unwrap()), (0, 0), "whoever asks meanwhile waits");
        assert_eq!(*shelf.get(first, "y", LONG, find()).await.unwrap(), 1);
        assert_eq!(*shelf.get(second, "x", LONG, find()).await.unwrap(), 2);
        assert_eq!(*shelf.get(second, "x", LONG, find()).await.unwrap(), 2);
        let failed = shelf.get(second, "z", LONG, async { Err(MirrorError::Defect) }).await;
        assert!(matches!(failed, Err(MirrorError::Defect)));
        assert_eq!(*shelf.get(second, "z", LONG, find()).await.unwrap(), 3, "a failure is not kept");
    }
}
