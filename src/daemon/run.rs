//! One run of a job, in a thread of its own: whatever it does with its thread, and even if it panics, the loop turns on.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::agenda::Ended;

/// A run under way.
pub(super) struct Run {
    /// The job's name.
    pub job: String,
    /// Nothing that is sound takes longer: its thread hangs.
    until: Option<Instant>,
    stop: watch::Sender<bool>,
    unfinished: Unfinished,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// In a word, as in `jobs.outcome`.
    pub word: &'static str,
    /// Why, unless it is done.
    pub error: Option<String>,
    /// What that means to the schedule; `None`: it was stopped on purpose.
    pub ended: Option<Ended>,
}

impl Outcome {
    /// It did its work.
    pub(super) fn well(word: &'static str) -> Self {
        Self { word, error: None, ended: Some(Ended::Well) }
    }

    /// It failed.
    pub(super) fn failed(word: &'static str, error: impl ToString) -> Self {
        Self { word, error: Some(error.to_string()), ended: Some(Ended::Failed) }
    }

    /// It was stopped on purpose.
    pub(super) fn stopped() -> Self {
        Self { word: "stopped", error: None, ended: None }
    }
}

/// Files that are being written, to be removed if the run is left behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Unfinished(Arc<Mutex<Vec<PathBuf>>>);

impl Unfinished {
    /// This file is being written.
    pub(super) fn add(&self, path: &Path) {
        self.0.lock().expect("no panic while held").push(path.to_owned());
    }

    /// Whatever was being written is whole, or gone.
    pub(super) fn clear(&self) {
        self.0.lock().expect("no panic while held").clear();
    }

    fn remove(&self) {
        for path in self.0.lock().expect("no panic while held").drain(..) {
            let _ = std::fs::remove_file(path); // it may be gone
        }
    }
}

/// What a run is told from outside.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until it is to stop.
    pub(super) async fn asked(&mut self) {
        // The other end is dropped only after the run has ended.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Does `work`, or leaves it where it is when it is to stop.
    pub(super) async fn unless(&mut self, work: impl Future<Output = Outcome>) -> Outcome {
        tokio::select! {
            outcome = work => outcome,
            () = self.asked() => Outcome::stopped(),
        }
    }
}

impl Run {
    /// Begins `work`; how it ends is told to `ended` with the job's name.
    pub(super) fn begin<F>(
        job: String,
        limit: Option<Duration>,
        ended: UnboundedSender<(String, Outcome)>,
        work: impl FnOnce(Stop, Unfinished) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = Outcome>,
    {
        let (stop, asked) = watch::channel(false);
        let unfinished = Unfinished::default();
        let until = limit.map(|limit| Instant::now() + limit);
        let run = Self { job: job.clone(), until, stop, unfinished: unfinished.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name(job.chars().take(15).collect()).spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work(Stop(asked), unfinished))));
            let outcome =
                done.unwrap_or_else(|_| Outcome::failed("panicked", "a defect of rollbook: see the lines above"));
            let _ = ended.send((job, outcome)); // nobody listens: the process is ending
        })?;
        Ok(run)
    }

    /// It should have ended long ago, and does not even hear that.
    pub(super) fn hangs(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() > until)
    }

    /// Asks it to stop.
    pub(super) fn stop(&self) {
        let _ = self.stop.send(true); // it has ended
    }

    /// Removes what it was writing: it did not stop in time, and the process ends without it.
    pub(super) fn leave_behind(self) {
        self.unfinished.remove();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_outcome() {
        let (ended, mut outcomes) = unbounded_channel();
        let panics = |_, _| async {
            assert!(std::hint::black_box(false), "a defect");
            Outcome::well("done")
        };
        Run::begin("walk:corp".into(), None, ended, panics).unwrap();
        let (job, outcome) = outcomes.recv().await.unwrap();
        assert_eq!((job.as_str(), outcome.word, outcome.ended), ("walk:corp", "panicked", Some(Ended::Failed)));
    }

    #[tokio::test]
    async fn one_that_blocks_its_thread_is_found_out() {
        let (ended, mut outcomes) = unbounded_channel();
        let blocks = |_, _| async {
            std::thread::sleep(Duration::from_millis(200));
            Outcome::well("done")
        };
        let run = Run::begin("walk:corp".into(), Some(Duration::from_millis(50)), ended, blocks).unwrap();
        assert!(!run.hangs());
        outcomes.recv().await.unwrap();
        assert!(run.hangs());
    }

    #[tokio::test]
    async fn it_hears_that_it_is_to_stop() {
        let (ended, mut outcomes) = unbounded_channel();
        let waits = |mut stop: Stop, _| async move {
            stop.asked().await;
            Outcome::stopped()
        };
        let run = Run::begin("walk:corp".into(), None, ended, waits).unwrap();
        run.stop();
        assert_eq!(outcomes.recv().await.unwrap().1, Outcome::stopped());
    }
}
