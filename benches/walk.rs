//! What a walk costs the machine it runs on, as ratios to fetching the same pages and dropping them.
//!
//! The server is this process; each client is a process of its own, measured from outside (user + system CPU and peak
//! memory as the kernel accounts them), in turn, several times. Ratios are of medians.
//!
//! `cargo bench --bench walk [-- --users N --groups N --rounds N]`

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use futures_util::StreamExt;
use rollbook::simulator::{Settings, Simulator};
use rollbook::store::Store;

struct Plan {
    users: usize,
    groups: usize,
    rounds: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, urls] = arguments.as_slice()
        && mode == "--fetch-only"
    {
        return fetch_only(Path::new(urls));
    }
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(default)
    };
    let plan =
        Plan { users: number("--users", 100_000), groups: number("--groups", 2_000), rounds: number("--rounds", 5) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(measure(plan));
}

/// The floor: every request of an unchanged walk, four in flight, the bodies dropped.
fn fetch_only(urls: &Path) {
    let urls = std::fs::read_to_string(urls).unwrap();
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().tls_certs_only([]).http1_only().build().unwrap();
        let fetched = futures_util::stream::iter(urls.lines())
            .map(|url| {
                let client = &client;
                async move {
                    let mut response = client
                        .get(url)
                        .basic_auth("audit", Some("audit"))
                        .send()
                        .await
                        .unwrap()
                        .error_for_status()
                        .unwrap();
                    while response.chunk().await.unwrap().is_some() {}
                }
            })
            .buffer_unordered(4)
            .count()
            .await;
        assert_eq!(fetched, urls.lines().count());
    });
}

async fn measure(plan: Plan) {
    let Plan { users, groups, rounds } = plan;
    let sim = Simulator::start_bulk(Settings { users, groups, ..Settings::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("rollbook.toml");
    let database = folder.path().join("rollbook.db");
    std::fs::write(
        &config,
        format!(
            "[sites.bulk]\nkind = \"data-center\"\nbase_url = \"{}\"\nusername = \"audit\"\npassword = \"audit\"\n\
             [sites.bulk.limits]\nrequests_per_second = 0\n",
            sim.base_url()
        ),
    )
    .unwrap();
    let sync = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
        command.arg("--quiet").arg("--config").arg(&config).arg("sync");
        command
    };

    // A first walk into a database that stays, so that the server's pages are rendered; its requests are the floor's.
    run(sync()).await;
    sim.forget_requests();
    run(sync()).await;
    let requests = sim.requests();
    let origin = sim.base_url().trim_end_matches("/confluence").to_owned();
    let urls = folder.path().join("urls");
    let lines: Vec<String> = requests.recent.iter().map(|path| format!("{origin}{path}")).collect();
    std::fs::write(&urls, lines.join("\n")).unwrap();
    println!("{users} users, {groups} groups, {} requests a walk, {rounds} rounds", lines.len());

    let store = Store::open(&database).await.unwrap();
    let mut rows = [("fetch only", Vec::new()), ("unchanged walk", Vec::new()), ("first walk", Vec::new())];
    let mut frames = Vec::new();
    for _ in 0..rounds {
        let mut floor = Command::new(std::env::current_exe().unwrap());
        floor.arg("--fetch-only").arg(&urls);
        rows[0].1.push(run(floor).await);

        // A connection that stays open keeps the write-ahead log in place, so that its growth can be read.
        let mut keeper = store.writer().await.unwrap();
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut keeper).await.unwrap();
        let wal = PathBuf::from(format!("{}-wal", database.display()));
        let before = std::fs::metadata(&wal).map_or(0, |found| found.len());
        rows[1].1.push(run(sync()).await);
        let after = std::fs::metadata(&wal).unwrap().len();
        frames.push(after.saturating_sub(before.max(32)) / (4096 + 24));
        drop(keeper);

        let fresh = folder.path().join("first.db");
        let mut first = sync();
        first.arg("--database").arg(&fresh);
        rows[2].1.push(run(first).await);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", fresh.display()));
        }
    }
    let floor = median(rows[0].1.iter().map(|usage| usage.cpu));
    println!("{:<16} {:>12} {:>8} {:>12}", "", "CPU, median", "ratio", "peak memory");
    for (name, usages) in &rows {
        let cpu = median(usages.iter().map(|usage| usage.cpu));
        let memory = median(usages.iter().map(|usage| usage.peak_mib));
        println!("{name:<16} {cpu:>10.3} s {:>7.2}x {memory:>8.1} MiB", cpu / floor);
    }
    println!("write-ahead log growth of an unchanged walk: {} frames", frames.iter().max().unwrap_or(&0));
    let size = std::fs::metadata(&database).unwrap().len();
    println!("database: {:.1} MiB", size as f64 / f64::from(1 << 20));
}

#[derive(Clone, Copy)]
struct Usage {
    cpu: f64,
    peak_mib: f64,
}

/// Runs a client to its end and asks the kernel what it cost.
async fn run(mut command: Command) -> Usage {
    let child = command.env_remove("ROLLBOOK_CONFIG").stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id() as libc::pid_t;
    tokio::task::spawn_blocking(move || {
        let mut status = 0;
        // SAFETY: all zeroes is a valid rusage, and both pointers live for the call.
        let (reaped, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::wait4(pid, &mut status, 0, &mut usage), usage)
        };
        assert_eq!(reaped, pid, "{}", io::Error::last_os_error());
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the client failed: {status}");
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        Usage { cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime), peak_mib: usage.ru_maxrss as f64 / 1024.0 }
    })
    .await
    .unwrap()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
