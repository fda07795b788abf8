//! Servers for what the simulated site does not do: any bytes at all, and counting requests under way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A server that answers every request by a script and closes the connection. It stops when dropped.
pub struct Scripted {
    pub url: String,
    pub requests: Arc<AtomicUsize>,
    address: std::net::SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Scripted {
    /// `answer` gets the request's head and the stream to write the whole reply to.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (answer, counted, over) = (Arc::new(answer), requests.clone(), stopped.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (answer, counted) = (answer.clone(), counted.clone());
                thread::spawn(move || {
                    if let Some(head) = head(&mut stream) {
                        counted.fetch_add(1, Ordering::SeqCst);
                        answer(&head, &mut stream);
                    }
                });
            }
        });
        Self { url: format!("http://{address}"), requests, address, stopped }
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Writes a reply of JSON, as of somebody who is logged in.
    pub fn json(stream: &mut TcpStream, body: &str) {
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-AUSERNAME: audit\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(reply.as_bytes());
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn head(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// How many are inside at once, at most.
#[derive(Default)]
pub struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    /// Counts one more while `work` runs.
    pub fn during(&self, work: impl FnOnce()) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        work();
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    /// The most there were.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}
