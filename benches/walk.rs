//! What a walk costs the machine it runs on, as ratios to fetching the same pages and dropping them.
//!
//! The server is a process of its own, and so is each client, measured from outside (user + system CPU and peak memory
//! as the kernel accounts them), in turn, several times. Ratios are of medians. The measuring process stays small, since
//! a child's peak memory counts from before its program is loaded.
//!
//! First a Data Center with REST API Extender, then a Cloud site with its organization. A resident process walks several
//! times and keeps the pages' fingerprints: told is what its walks but the first cost, and its peak memory.
//!
//! `cargo bench --bench walk [-- --users N --groups N --rounds N --kind cloud]`

mod measure;

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use futures_util::StreamExt;
use measure::{Usage, run};
use rollbook::cli::Global;
use rollbook::clock::Clock;
use rollbook::confluence::Memory;
use rollbook::simulator::{Settings, Simulator};
use rollbook::store::Store;
use rollbook::sync::{self, WalkOptions};

/// Walks of a resident process, in each round.
const RESIDENT: usize = 4;

/// The kinds of site, as they are told on the command line.
const KINDS: [&str; 2] = ["data-center", "cloud"];

struct Plan {
    kind: &'static str,
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
    if let [mode, kind, users, groups] = arguments.as_slice()
        && mode == "--serve"
    {
        return serve(kind, users.parse().unwrap(), groups.parse().unwrap());
    }
    if let [mode, config] = arguments.as_slice()
        && mode == "--resident"
    {
        return resident(Path::new(config));
    }
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(default)
    };
    let only = arguments.iter().position(|argument| argument == "--kind").and_then(|place| arguments.get(place + 1));
    for kind in KINDS.into_iter().filter(|kind| only.is_none_or(|only| only == kind)) {
        let (users, groups) = (number("--users", 100_000), number("--groups", 2_000));
        measure(Plan { kind, users, groups, rounds: number("--rounds", 5) });
    }
}

/// The site. Tells its address; then, at each line it reads, the requests since the line before, each with its body
/// behind a tab, and an empty line.
fn serve(kind: &str, users: usize, groups: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let settings = if kind == "cloud" { Settings::cloud() } else { Settings::default() };
    let sim = runtime.block_on(Simulator::start_bulk(Settings { users, groups, ..settings })).unwrap();
    println!("{}", sim.base_url());
    for _ in io::stdin().lines() {
        let requests = sim.requests();
        for (request, body) in requests.recent.iter().zip(&requests.bodies) {
            println!("{request}\t{}", String::from_utf8_lossy(body));
        }
        println!();
        sim.forget_requests();
    }
}

struct Server {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    base_url: String,
}

impl Server {
    fn start(plan: &Plan) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", plan.kind, &plan.users.to_string(), &plan.groups.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut base_url = String::new();
        answers.read_line(&mut base_url).unwrap();
        Self { ask: process.stdin.take().unwrap(), process, answers, base_url: base_url.trim().to_owned() }
    }

    fn requests(&mut self) -> Vec<String> {
        writeln!(self.ask).unwrap();
        (&mut self.answers).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The floor: every request of an unchanged walk, four in flight, the bodies dropped.
fn fetch_only(urls: &Path) {
    let urls = std::fs::read_to_string(urls).unwrap();
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().tls_certs_only([]).http1_only().build().unwrap();
        let fetched = futures_util::stream::iter(urls.lines())
            .map(|line| {
                let (url, body) = line.split_once('\t').unwrap();
                let request = if body.is_empty() {
                    client.get(url)
                } else {
                    client.post(url).header("content-type", "application/json").body(body.to_owned())
                };
                let request = match url.contains("/admin/") {
                    true => request.bearer_auth("org-key"),
                    false if url.contains("/wiki/") => request.basic_auth("audit@example.com", Some("audit")),
                    false => request.basic_auth("audit", Some("audit")),
                };
                async move {
                    let mut response = request.send().await.unwrap().error_for_status().unwrap();
                    while response.chunk().await.unwrap().is_some() {}
                }
            })
            .buffer_unordered(4)
            .count()
            .await;
        assert_eq!(fetched, urls.lines().count());
    });
}

/// A process that stays and walks again and again. Tells of each walk: CPU, wall, the peak memory so far.
fn resident(config: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let global = Global { config: Some(config.to_owned()), ..Global::default() };
        let Ok(loaded) = global.load(&Clock::System) else { panic!("the configuration cannot be used") };
        let config = loaded.config;
        let store = Store::open(&config.database.path).await.unwrap();
        let memory = Memory::default();
        for seed in 0..RESIDENT as u64 {
            let (begun, before) = (Instant::now(), own_usage());
            let options = WalkOptions { clock: &Clock::System, seed, progress: &|_| {}, memory: Some(&memory) };
            let report = sync::walk(&config.sites[0], &store, options).await.unwrap();
            assert_eq!((report.figures.changes, report.problems.len()), (0, 0));
            let (cpu, peak_mib) = own_usage();
            println!("{} {} {peak_mib}", cpu - before.0, begun.elapsed().as_secs_f64());
        }
    });
}

/// CPU and peak memory of this process.
fn own_usage() -> (f64, f64) {
    // SAFETY: all zeroes is a valid rusage, and the pointer lives for the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0)
}

/// What the walks of a resident process cost, but for the first, in which it learns the pages.
fn walks_of_a_resident(config: &Path) -> Vec<Usage> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let told = command.arg("--resident").arg(config).env_remove("ROLLBOOK_CONFIG").output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    let figures = |line: &str| line.split(' ').map(|figure| figure.parse().unwrap()).collect::<Vec<f64>>();
    let walks = told.lines().map(figures).map(|walk| Usage { cpu: walk[0], wall: walk[1], peak_mib: walk[2] });
    walks.skip(1).collect()
}

fn measure(plan: Plan) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut server = Server::start(&plan);
    let Plan { kind, users, groups, rounds } = plan;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("rollbook.toml");
    let database = folder.path().join("rollbook.db");
    let site = match kind {
        "cloud" => format!(
            "username = \"audit@example.com\"\ntoken = \"audit\"\n[sites.bulk.organization]\n\
             id = \"0a1b2c3d-0000-4000-8000-00000000000a\"\napi_key = \"org-key\"\nbase_url = \"{}/admin\"\n",
            server.base_url.trim_end_matches("/wiki")
        ),
        _ => "username = \"audit\"\npassword = \"audit\"\n".to_owned(),
    };
    let head = format!("[sites.bulk]\nkind = \"{kind}\"\nbase_url = \"{}\"\n", server.base_url);
    std::fs::write(&config, format!("{head}{site}[sites.bulk.limits]\nrequests_per_second = 0\n")).unwrap();
    let sync = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
        command.arg("--quiet").arg("--config").arg(&config).arg("sync");
        command
    };

    // A first walk into a database that stays, so that the server's pages are rendered; its requests are the floor's.
    run(sync()).unwrap();
    server.requests();
    run(sync()).unwrap();
    let origin = server.base_url.trim_end_matches("/confluence").trim_end_matches("/wiki").to_owned();
    let urls = folder.path().join("urls");
    // All but the question whether User Export is there.
    let pages = server.requests().into_iter().filter(|path| !path.contains("confluenceuserexport"));
    let lines: Vec<String> = pages.map(|path| format!("{origin}{path}")).collect();
    std::fs::write(&urls, lines.join("\n")).unwrap();
    println!("\n{kind}: {users} users, {groups} groups, {} requests a walk, {rounds} rounds", lines.len());

    let store = runtime.block_on(Store::open(&database)).unwrap();
    let mut rows = ["fetch only", "unchanged walk", "the same, resident", "first walk"].map(|name| (name, Vec::new()));
    let mut frames = Vec::new();
    for _ in 0..rounds {
        let mut floor = Command::new(std::env::current_exe().unwrap());
        floor.arg("--fetch-only").arg(&urls);
        rows[0].1.push(run(floor).unwrap());

        // A connection that stays open keeps the write-ahead log in place, so that its growth can be read.
        let keeper = runtime.block_on(async {
            let keeper = store.reader().await.unwrap();
            let mut writer = store.writer().await.unwrap();
            sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *writer).await.unwrap();
            writer.close().await.unwrap();
            keeper
        });
        let wal = PathBuf::from(format!("{}-wal", database.display()));
        let before = std::fs::metadata(&wal).map_or(0, |found| found.len());
        rows[1].1.push(run(sync()).unwrap());
        let after = std::fs::metadata(&wal).unwrap().len();
        frames.push(after.saturating_sub(before.max(32)) / (4096 + 24));
        drop(keeper);

        rows[2].1.extend(walks_of_a_resident(&config));

        let fresh = folder.path().join("first.db");
        let mut first = sync();
        first.arg("--database").arg(&fresh);
        rows[3].1.push(run(first).unwrap());
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", fresh.display()));
        }
    }
    let floor = Usage::median(&rows[0].1).cpu;
    println!("{:<18} {:>12} {:>8} {:>10} {:>12}", "", "CPU, median", "ratio", "wall", "peak memory");
    for (name, usages) in &rows {
        let Usage { cpu, wall, peak_mib } = Usage::median(usages);
        println!("{name:<18} {cpu:>10.3} s {:>7.2}x {wall:>8.3} s {peak_mib:>8.1} MiB", cpu / floor);
    }
    frames.sort_unstable();
    // More than the median only where the table of walks takes a new page.
    let (typical, most) = (frames[frames.len() / 2], frames[frames.len() - 1]);
    println!("write-ahead log growth of an unchanged walk: {typical} frames, at most {most}");
    let size = std::fs::metadata(&database).unwrap().len();
    println!("database: {:.1} MiB", size as f64 / f64::from(1 << 20));
}
