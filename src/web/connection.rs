//! Connections: how many there may be, and how long a client may take. Whoever sends nothing, or a byte now and then, or
//! reads nothing, is gone after a while; so the seats are never all taken for long.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at one time; others wait to be accepted.
const SEATS: usize = 256;

/// How long a client has for its request, and for each stretch of the answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a connection is busy with. While a request of it is worked on nothing is expected of the client.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<AtomicUsize>);

impl Line {
    /// A request of it is worked on, until this is dropped.
    pub fn work(&self) -> Work {
        self.0.fetch_add(1, Ordering::Relaxed);
        Work(self.clone())
    }

    fn is_worked_on(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A request is worked on.
#[derive(Debug)]
pub(super) struct Work(Line);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().line.clone()
    }
}

/// Accepts connections while there are seats.
pub(super) struct Door {
    listener: TcpListener,
    seats: Arc<Semaphore>,
    patience: Duration,
}

impl Door {
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, seats: Arc::new(Semaphore::new(SEATS)), patience: PATIENCE }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        let seat = self.seats.clone().acquire_owned().await.expect("the seats are never closed");
        // What fails is tried again in there.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Without it every small answer waits for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let timer = Box::pin(sleep(self.patience));
        (Guest { stream, line: Line::default(), timer, patience: self.patience, _seat: seat }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection whose client is not waited for without end.
pub(super) struct Guest {
    stream: TcpStream,
    line: Line,
    timer: Pin<Box<Sleep>>,
    patience: Duration,
    _seat: OwnedSemaphorePermit,
}

impl Guest {
    fn begin_anew(&mut self) {
        self.timer.as_mut().reset(Instant::now() + self.patience);
    }

    /// Whether the client has had its time. Looked at again when that is over, also while it is worked for: hyper does not
    /// ask to read anew when the answer is written.
    fn is_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if !self.line.is_worked_on() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.begin_anew();
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Reading gives no more time: a byte now and then is no request.
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.is_late(cx).map(Err),
            done => done,
        }
    }
}

impl Guest {
    fn written(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Pending => self.is_late(cx).map(Err),
            Poll::Ready(Ok(bytes)) if bytes > 0 => {
                self.begin_anew();
                Poll::Ready(Ok(bytes))
            }
            done => done,
        }
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::ConnectInfo;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// A server of one seat and little patience; its answer takes longer than that.
    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_millis(200);
        let door = Door { listener, seats: Arc::new(Semaphore::new(1)), patience };
        let answer = async |ConnectInfo(line): ConnectInfo<Line>| {
            let _work = line.work();
            sleep(Duration::from_millis(500)).await;
            "answered"
        };
        let service = Router::new().route("/", get(answer)).into_make_service_with_connect_info::<Line>();
        tokio::spawn(async move { axum::serve(door, service).await.unwrap() });
        address
    }

    async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await; // reset where it was cut off
        String::from_utf8(answer).unwrap()
    }

    const WHOLE: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn whoever_sends_nothing_loses_the_seat_and_whoever_is_worked_for_does_not() {
        let address = server().await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut asking = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut asking, WHOLE).await.ends_with("answered"), "the seat was given on");
        assert_eq!(ask(&mut silent, b"").await, "");
    }

    #[tokio::test]
    async fn a_byte_now_and_then_is_no_request() {
        let address = server().await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        let mut asking = TcpStream::connect(address).await.unwrap();
        let dripping = async {
            for byte in WHOLE.iter().cycle() {
                if slow.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let (answer, ()) = tokio::join!(ask(&mut asking, WHOLE), dripping);
        assert!(answer.ends_with("answered"));
    }

    #[tokio::test]
    async fn a_connection_that_is_kept_is_closed_when_nothing_follows() {
        let address = server().await;
        let mut kept = TcpStream::connect(address).await.unwrap();
        let answer = ask(&mut kept, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.ends_with("answered"), "{answer}");
    }
}
