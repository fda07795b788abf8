//! What the process hears from outside, and what it tells systemd.

use std::io;
use std::process;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long the process has from the first signal to its end, whatever it was doing.
const STOPPING: Duration = Duration::from_secs(10);

/// What the process is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: stop in order.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Listens from now on, in a thread of its own: it hears a second signal even where everything else hangs. That one ends
/// the process at once, and so does time.
///
/// # Errors
/// The system gives no thread, or no signals.
pub fn listen() -> io::Result<UnboundedReceiver<Signal>> {
    let (send, signals) = unbounded_channel();
    let (ready, listening) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            if let Err(error) = hear(send, &ready).await {
                let _ = ready.send(Err(error));
            }
        });
    })?;
    listening.recv().unwrap_or_else(|_| Err(io::Error::other("nobody listens for signals")))?;
    Ok(signals)
}

async fn hear(send: UnboundedSender<Signal>, ready: &std::sync::mpsc::Sender<io::Result<()>>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let _ = ready.send(Ok(()));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                let _ = send.send(Signal::Reload); // nobody takes it: the process is ending
            }
        }
    }
    let _ = send.send(Signal::Stop);
    let why = tokio::select! {
        _ = terminate.recv() => "a second signal came",
        _ = interrupt.recv() => "a second signal came",
        () = tokio::time::sleep(STOPPING) => "stopping took too long",
    };
    // What was not committed is undone when the database is opened next.
    eprintln!("error: {why}: the process ends at once");
    process::exit(1);
}

/// What systemd is told. Everything is left out where nobody asked.
pub(super) struct Notifier {
    /// How often it wants to hear that the loop turns.
    every: Option<Duration>,
    fed: Option<Instant>,
    status: String,
}

impl Notifier {
    /// Asks the environment who wants to know what.
    pub(super) fn new() -> Self {
        // A third of the time: a tick may come late.
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 3);
        Self { every, fed: None, status: String::new() }
    }

    /// The service is there.
    pub(super) fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// It stops.
    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// It reads its configuration again; [`Notifier::ready`] says that it has.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// What it does now, in a line.
    pub(super) fn status(&mut self, status: String) {
        if status != self.status {
            tell(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// The loop turns.
    pub(super) fn feed(&mut self) {
        let Some(every) = self.every else { return };
        if self.fed.is_none_or(|fed| fed.elapsed() >= every) {
            tell(&[NotifyState::Watchdog]);
            self.fed = Some(Instant::now());
        }
    }
}

/// Asks for patience, again and again, while `work` is done: a migration may take longer than systemd waits.
pub(super) async fn patiently<T>(work: impl Future<Output = T>) -> T {
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut work = std::pin::pin!(work);
    let mut again = tokio::time::interval(PATIENCE / 6);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = again.tick() => tell(&[NotifyState::ExtendTimeoutUsec(PATIENCE.as_micros() as u32)]),
        }
    }
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
