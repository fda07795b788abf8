//! How a reply gets to the client, or does not.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Version, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use futures_util::{Stream, StreamExt, future, stream};
use tokio::sync::watch;

use super::call::Reply;
use super::connection::Line;
use super::faults::Endless;

/// How the body arrives.
#[derive(Clone, Copy, Default)]
pub(super) enum Delivery {
    #[default]
    Whole,
    Hang,
    Reset,
    Half(Cut),
    Trickle {
        pause: Duration,
        forever: bool,
    },
    Endless(Endless),
    /// In MiB.
    GzipBomb(u64),
}

/// What would give away that half a body is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Length,
    Chunked,
    /// Nothing.
    Close,
}

/// Notices that the server is asked to stop.
pub(super) struct Stop(pub watch::Receiver<()>);

impl Stop {
    /// Ends when the sender is dropped; nothing is ever sent.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.0.clone();
        async move { while receiver.changed().await.is_ok() {} }
    }
}

/// Makes a response of a reply.
pub(super) async fn deliver(mut reply: Reply, delivery: Delivery, line: Option<&Line>, stop: &Stop) -> Response {
    let body = std::mem::take(&mut reply.body);
    let mut length = Some(body.len());
    let body = match delivery {
        Delivery::Whole => Body::from(body),
        Delivery::Hang => {
            stop.stopped().await;
            Body::from_stream(stream::once(aborted()))
        }
        Delivery::Reset => {
            if let Some(line) = line {
                line.reset();
            }
            // An error at once overtakes the headers in hyper's buffer, so that nothing is sent in any case.
            Body::from_stream(stream::once(aborted()))
        }
        Delivery::Half(cut) => {
            length = length.filter(|_| cut == Cut::Length);
            half(body, cut)
        }
        Delivery::Trickle { pause, forever } => {
            length = length.filter(|_| !forever);
            Body::from_stream(trickle(body, pause, forever).take_until(stop.stopped()).map(Ok::<_, io::Error>))
        }
        Delivery::Endless(with) => {
            length = None;
            Body::from_stream(endless(&body, with).take_until(stop.stopped()).map(Ok::<_, io::Error>))
        }
        Delivery::GzipBomb(mebibytes) => {
            length = None;
            reply = reply.with_header("Content-Encoding", "gzip");
            Body::from_stream(bomb(mebibytes).map(Ok::<_, io::Error>))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    if let Delivery::Half(Cut::Close) = delivery {
        // The only version in which hyper lets the end of the connection be the end of the body.
        *response.version_mut() = Version::HTTP_10;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// An error in place of a part of a body, at which the server closes the connection.
fn aborted() -> future::Ready<io::Result<Bytes>> {
    future::ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut short")))
}

fn half(body: Bytes, cut: Cut) -> Body {
    let half = body.slice(..body.len() / 2);
    if cut == Cut::Close {
        return Body::from_stream(stream::iter([Ok::<_, io::Error>(half)]));
    }
    // Without the pause the error overtakes what is still in hyper's buffer, and the client sees no reply at all.
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        aborted().await
    });
    Body::from_stream(stream::iter([Ok(half)]).chain(end))
}

fn trickle(body: Bytes, pause: Duration, forever: bool) -> impl Stream<Item = Bytes> + Send {
    let bytes = stream::iter((0..body.len()).map(move |at| body.slice(at..=at)));
    let blanks = stream::repeat(Bytes::from_static(b" ")).take(if forever { usize::MAX } else { 0 });
    bytes.chain(blanks).then(move |byte| async move {
        tokio::time::sleep(pause).await;
        byte
    })
}

/// The body as far as its first row, and then rows or blanks.
fn endless(body: &[u8], with: Endless) -> impl Stream<Item = Bytes> + Send + use<> {
    const CHUNK: usize = 64 << 10;
    let place = |byte: u8| body.iter().position(|&at| at == byte);
    let rows = place(b'[').zip(body.iter().rposition(|&at| at == b']'));
    // A look-up has no rows but a list that holds one profile, which serves as well.
    let (start, rows) = rows.map_or((body, &b""[..]), |(open, close)| (&body[..=open], &body[open + 1..close]));
    let part = match with {
        Endless::Rows if !rows.is_empty() => [rows, b","].concat(),
        _ => b" ".to_vec(),
    };
    let chunk = Bytes::from(part.repeat(CHUNK.div_ceil(part.len())));
    stream::iter([Bytes::copy_from_slice(start)]).chain(stream::repeat(chunk))
}

/// `{"total":0,"users":[`, a great many blanks, `]}`, compressed to a thousandth, and made as it is sent.
fn bomb(mebibytes: u64) -> impl Stream<Item = Bytes> + Send {
    let (start, blanks, end) = (&br#"{"total":0,"users":["#[..], vec![b' '; 1 << 20], &b"]}"[..]);
    // Ends at a byte, so that it can come again and again.
    let part = |bytes: &[u8], last: bool| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let written = encoder.write_all(bytes).and_then(|()| match last {
            true => encoder.finish(),
            false => encoder.flush().map(|()| encoder.get_ref().clone()),
        });
        written.expect("memory takes all")
    };
    let crc = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc
    };
    let (mut sum, middle) = (crc(start), crc(&blanks));
    (0..mebibytes).for_each(|_| sum.combine(&middle));
    sum.combine(&crc(end));
    let trailer = [sum.sum().to_le_bytes(), sum.amount().to_le_bytes()].concat();
    // No name, no time, no operating system.
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let first = Bytes::from([&header[..], &part(start, false)].concat());
    let middle = Bytes::from(part(&blanks, false));
    let last = Bytes::from([part(end, true), trailer].concat());
    let times = usize::try_from(mebibytes).unwrap_or(usize::MAX);
    stream::iter([first]).chain(stream::repeat(middle).take(times)).chain(stream::iter([last]))
}
