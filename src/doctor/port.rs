//! Whether the web server can listen where it is to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::check::{Check, Fault};

const NAME: &str = "http";
const PATIENCE: Duration = Duration::from_secs(2);

/// Who is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occupant {
    Nobody,
    /// Answers `/healthz` as ours does.
    Ours,
    /// Answers it as ours does when the loop of the service hangs.
    Stuck,
    Another,
}

/// Checks the address of `http.listen`.
pub(super) async fn check(listen: Option<SocketAddr>) -> Check {
    let Some(address) = listen else { return Check::skipped(NAME, "http.listen is \"\": there is no server") };
    // The port itself stays free: a service that is starting may want it.
    let ours = TcpListener::bind(SocketAddr::new(address.ip(), 0)).await;
    match ours {
        Ok(_) => judge(address, occupant(address).await),
        Err(error) => {
            let found = format!("http.listen = {address}: {error}");
            Check::failed(NAME, Fault::Other, found, "name an address of this machine, or 127.0.0.1")
        }
    }
}

fn judge(address: SocketAddr, occupant: Occupant) -> Check {
    match occupant {
        Occupant::Nobody => Check::ok(NAME, format!("{address} is free")),
        Occupant::Ours => Check::ok(NAME, format!("at {address} a server runs that answers /healthz")),
        Occupant::Stuck => Check::warning(
            NAME,
            format!("at {address} a server answers /healthz with 503: if it is rollbook's, the service hangs"),
            "see its log lines, and start it anew",
        ),
        Occupant::Another => Check::warning(
            NAME,
            format!("another program listens at {address}"),
            "stop it, or set http.listen to another port",
        ),
    }
}

async fn occupant(address: SocketAddr) -> Occupant {
    // Who listens at every address is met at the loopback one.
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let met = timeout(PATIENCE, TcpStream::connect(SocketAddr::new(ip, address.port()))).await;
    match met {
        Ok(Ok(stream)) => match timeout(PATIENCE, status(stream, address)).await {
            Ok(Ok(200)) => Occupant::Ours,
            Ok(Ok(503)) => Occupant::Stuck,
            _ => Occupant::Another,
        },
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Occupant::Nobody,
        _ => Occupant::Another,
    }
}

/// The status that `/healthz` answers.
async fn status(mut stream: TcpStream, host: SocketAddr) -> io::Result<u16> {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    let status = std::str::from_utf8(&head).ok().and_then(|head| head.strip_prefix("HTTP/1.1 ")?.parse().ok());
    status.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    async fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        address
    }

    #[tokio::test]
    async fn a_free_port_ours_and_anothers() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(occupant(free).await, Occupant::Nobody);
        assert_eq!(check(Some(free)).await.verdict, Verdict::Ok);
        assert_eq!(occupant(server("HTTP/1.1 200 OK\r\n\r\n").await).await, Occupant::Ours);
        let stuck = server("HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
        assert!(check(Some(stuck)).await.found.contains("hangs"));
        for answer in ["HTTP/1.1 404 Not Found\r\n\r\n", "220 mail.example.com\r\n", ""] {
            assert_eq!(check(Some(server(answer).await)).await.verdict, Verdict::Warning, "{answer}");
        }
    }

    #[tokio::test]
    async fn an_address_of_another_machine() {
        // For documentation: no machine has it.
        let foreign = check(Some("192.0.2.1:8642".parse().unwrap())).await;
        assert_eq!(foreign.verdict, Verdict::Failed(Fault::Other));
        assert_eq!(check(None).await.verdict, Verdict::Skipped);
    }
}
