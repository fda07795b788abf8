//! The server: on threads of its own, so that it answers whatever the loop of the service does, and the loop turns
//! whatever is asked.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::connection::{Door, Line};
use super::guard::Guard;
use super::mirror::Mirror;
use super::routes::{Shared, router};
use super::{pages, warm};
use crate::clock::Clock;
use crate::config::Http;
use crate::daemon::Pulse;
use crate::store::Store;

/// Threads that answer.
const THREADS: usize = 2;

/// How long requests have to be answered when the server is to end.
const STOPPING: Duration = Duration::from_millis(500);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("http.listen = \"{address}\": {}", remedy(.error))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

impl BindError {
    /// It will not pass by itself: the configuration must be another.
    pub fn is_permanent(&self) -> bool {
        self.error.kind() == io::ErrorKind::PermissionDenied
    }
}

fn remedy(error: &io::Error) -> String {
    let server = "or \"\" for no server";
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another program listens there already (another rollbook?): stop it, or set another port, {server}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("it is no address of this machine: set one that is, 127.0.0.1 or 0.0.0.0 say, {server}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("this user may not listen there: set a port from 1024 on, {server}")
        }
        _ => format!("cannot be listened on ({error}): set another address, {server}"),
    }
}

/// Takes the address, before anything is answered there.
///
/// # Errors
/// It is taken, is not this machine's, or may not be used.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listener = TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|error| BindError { address, error })
}

/// A running server. It ends when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    /// Its other end is dropped with the thread.
    ended: oneshot::Receiver<Infallible>,
}

impl Server {
    /// Answers from now on.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(listener: TcpListener, http: &Http, pulse: Pulse, store: &Store, clock: Clock) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Shared {
            pulse,
            mirror: Mirror::new(store.clone()),
            clock,
            guard: Guard::new(address, http),
            ledger: Arc::default(),
            wrong: Arc::default(),
            recent: Arc::default(),
            pages: Arc::default(),
            compat: Arc::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("web")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (alive, ended) = oneshot::channel();
        std::thread::Builder::new().name("web".to_owned()).spawn(move || {
            let _alive = alive;
            let served = runtime.block_on(serve(listener, shared, stopped));
            // What hangs is left behind.
            runtime.shutdown_background();
            if let Err(error) = served {
                tracing::error!("the web server ended: {error}");
            }
        })?;
        tracing::info!("listening on http://{address}");
        Ok(Self { address, stop: Some(stop), ended })
    }

    /// Where it listens: with the port that the system chose, where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) {
        // Asked again after it has ended, a channel panics.
        if !self.ended.is_terminated() {
            let _ = (&mut self.ended).await; // nothing is ever sent
        }
    }

    /// Stops it: nothing is accepted any more, and what was asked is answered, within some time.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        let _ = timeout(2 * STOPPING, self.ended()).await; // the process ends
    }
}

/// Makes this thread, and those that it starts, wait for the others of the process: who looks waits for the walk, and not
/// the walk for who looks.
fn give_way() {
    const LOWER: i32 = 5;
    if let Err(error) = rustix::process::setpriority_process(None, LOWER) {
        tracing::debug!(%error, "the web server's threads are as important as the others");
    }
}

async fn serve(listener: TcpListener, shared: Shared, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let door = Door::new(tokio::net::TcpListener::from_std(listener)?);
    tokio::spawn(warm::keep(shared.clone(), pages::router().with_state(shared.clone())));
    let service = router(shared).into_make_service_with_connect_info::<Line>();
    let (soft, softly) = oneshot::channel::<()>();
    let server = axum::serve(door, service).with_graceful_shutdown(async {
        let _ = softly.await; // dropped is told too
    });
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        ended = &mut server => return ended,
        _ = stopped => drop(soft),
    }
    timeout(STOPPING, server).await.unwrap_or(Ok(()))
}
