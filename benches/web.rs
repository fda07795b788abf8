//! What the web server takes to answer, measured over loopback by a client that keeps its connection.
//!
//! First the pages and the upstream interfaces, on the mirror of a year: each address the first time after the database has
//! changed, another page of the same list, and the same again. Ratios are of the second to `/healthz`, which asks nobody: what an answer costs beyond being asked for.
//!
//! Then a walk that applies a whole site, alone and while many clients ask the upstream interfaces of another site in the
//! same database without a pause: how long the walk takes, as a ratio, and how long the clients wait. The site, the
//! clients, the server and the walk are processes of their own, on one machine; the clients run at the lowest priority,
//! since others would have machines of their own.
//!
//! `cargo bench --bench web [-- --users N --groups N --rounds N --clients N --only pages|walk]`

mod measure;
mod year;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use measure::{Usage, run};
use rollbook::simulator::{Settings, Simulator};
use rollbook::store::Store;
use sqlx::SqliteConnection;
use year::Year;

/// As the walk of the year's last day is of then.
const SITES: &str = "username = \"audit\"\npassword = \"audit\"\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let told = |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str, default: usize| told(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (users, groups, rounds) = (number("--users", 100_000), number("--groups", 2_000), number("--rounds", 5));
    if let Some(path) = told("--build") {
        return block_on(year(users, groups).build(Path::new(path))).unwrap();
    }
    if arguments.iter().any(|argument| argument == "--site") {
        return site(users, groups);
    }
    if let Some(address) = told("--ask") {
        return clients(address, number("--clients", 200));
    }
    let only = told("--only").map_or("", String::as_str);
    if "pages".contains(only) {
        pages(users, groups, rounds);
    }
    if "walk".contains(only) {
        walk(users, groups, rounds.min(3), number("--clients", 200));
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn year(users: usize, groups: usize) -> Year {
    Year { users: users as u32, groups: groups.clamp(2, u16::MAX.into()) as u16, seed: 1 }
}

/// This program, in another part.
fn own(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

/// `rollbook serve`, ended when dropped.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
        command.arg("--config").arg(config).args(["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = loop {
            let line = said.next().expect("it listens").unwrap();
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().to_owned();
            }
        };
        std::thread::spawn(move || said.for_each(drop));
        Self { process, address }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        Self { stream: BufReader::new(stream), host: address.to_owned() }
    }

    /// The status, the length of the body, and how long it took.
    fn ask(&mut self, question: &str) -> (u16, usize, Duration) {
        let (path, body) = question.split_once(' ').unwrap_or((question, ""));
        let method = if body.is_empty() { "GET" } else { "POST" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let begun = Instant::now();
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let lower = line.to_ascii_lowercase();
            if let Some(code) = lower.strip_prefix("http/1.1 ") {
                status = code[..3].parse().unwrap();
            } else if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            } else if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        let time = begun.elapsed();
        if status != 200 {
            eprintln!("{question}: {status} after {} ms: {}", time.as_millis(), String::from_utf8_lossy(&body));
        }
        (status, length, time)
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Changes what is known of the sites, so that nothing that was kept is of use.
async fn touch(store: &Store) {
    let mut writer = store.writer().await.unwrap();
    let elsewhere = "UPDATE sites SET base_url = 'http://127.0.0.1:9/' || abs(random() % 1000000)";
    sqlx::query(elsewhere).execute(&mut *writer).await.unwrap();
    writer.close().await.unwrap();
}

fn pages(users: usize, groups: usize, rounds: usize) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder).unwrap();
    let database = year(users, groups).file(&folder);
    if !database.exists() {
        println!("building {} ...", database.display());
        let numbers = [users.to_string(), groups.to_string()];
        run(own(&["--users", &numbers[0], "--groups", &numbers[1], "--build", database.to_str().unwrap()])).unwrap();
    }
    let place = tempfile::tempdir().unwrap();
    let store = block_on(Store::open(&database)).unwrap();
    let mut reader = block_on(store.reader()).unwrap();
    let site: String = block_on(one(&mut reader, "SELECT name FROM sites"));
    let config = place.path().join("rollbook.toml");
    let text = format!(
        "[database]\npath = \"{}\"\n[sites.{site}]\nkind = \"data-center\"\nbase_url = \"http://127.0.0.1:9\"\n{SITES}seats = {users}\n",
        database.display()
    );
    std::fs::write(&config, text).unwrap();
    let served = Served::start(&config);
    let mut client = Client::new(&served.address);
    println!("\n{users} users, {rounds} rounds; milliseconds, medians");
    println!("{:<34} {:>9} {:>9} {:>9} {:>7} {:>11}", "", "first", "another", "again", "ratio", "bytes");
    let mut floor = 0.0;
    for (name, question) in questions(&mut reader) {
        let (mut first, mut another, mut again, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for round in 0..rounds {
            block_on(touch(&store));
            // Of a list that is read page by page, the next page.
            let next = question.replace("startAt=5", &format!("startAt={}", round % 4 + 1));
            for (times, question) in [(&mut first, &question), (&mut another, &next), (&mut again, &question)] {
                let (status, length, time) = client.ask(question);
                assert_eq!(status, 200, "{question}");
                times.push(time);
                bytes = length;
            }
        }
        let [first, another, again] = [first, another, again].map(|times| median(times).as_secs_f64() * 1e3);
        if floor == 0.0 {
            floor = again;
        }
        println!("{name:<34} {first:>9.2} {another:>9.2} {again:>9.2} {:>6.0}x {bytes:>11}", another / floor);
    }
}

async fn one(reader: &mut SqliteConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(reader).await.unwrap()
}

fn questions(reader: &mut SqliteConnection) -> Vec<(String, String)> {
    let mut told = |sql| block_on(one(&mut *reader, sql));
    let user = told("SELECT CAST(max(id) / 2 AS TEXT) FROM accounts");
    let name =
        told("SELECT name FROM accounts WHERE id >= (SELECT max(id) / 2 FROM accounts) AND status = 'active' LIMIT 1");
    let [group, large] = [
        told("SELECT CAST(max(id) AS TEXT) FROM groups"),
        told(
            "SELECT name FROM groups ORDER BY (SELECT count(*) FROM memberships WHERE group_id = groups.id) DESC LIMIT 1",
        ),
    ];
    let extender = "/rest/extender/1.0";
    let deep = "showExtendedDetails=true&maxResults=1000&startAt=50000";
    let mut all = vec![
        ("healthz".to_owned(), "/healthz".to_owned()),
        ("overview".to_owned(), "/".to_owned()),
        ("user".to_owned(), format!("/users/{user}")),
        ("group".to_owned(), format!("/groups/{group}")),
        ("walks".to_owned(), "/walks".to_owned()),
        ("changes".to_owned(), "/changes".to_owned()),
        ("search".to_owned(), format!("/search?q={}", &name[..4])),
        ("getUsers, 1 000 extended".to_owned(), format!("{extender}/user/getUsers?{deep}")),
        ("group/getUsers, 1 000 extended".to_owned(), format!("{extender}/group/getUsers/{large}?{deep}")),
        ("getUserDetails".to_owned(), format!("{extender}/user/getUserDetails/{name}")),
        ("search, 50 users".to_owned(), format!("/rest/confluenceuserexport/1.0/search {SEARCH}")),
    ];
    let reports = rollbook::report::registry::built_in().iter();
    all.extend(reports.map(|report| (format!("report {}", report.name), format!("/reports/{}", report.name))));
    all
}

const SEARCH: &str = r#"{"searchString":"","activeUsers":true,"inActiveUsers":true,"offset":40000,"pageSize":50}"#;

/// The simulated site; until its standard input ends.
fn site(users: usize, groups: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let settings = Settings { users, groups, ..Settings::default() };
    let simulator = runtime.block_on(Simulator::start_bulk(settings)).unwrap();
    println!("{}", simulator.base_url());
    let _ = std::io::stdin().read(&mut [0]);
}

/// Asks until standard input ends, then tells how long answers took, in microseconds, a line each; and stops at an error.
fn clients(address: &str, clients: usize) {
    let questions: Vec<String> = {
        let extender = "/sites/bulk/rest/extender/1.0";
        let mut first = Client::new(address);
        let list = format!("{extender}/user/getUsers?maxResults=20&startAt=700");
        assert_eq!(first.ask(&list).0, 200);
        vec![
            list,
            format!("{extender}/user/getUsers?showExtendedDetails=true&maxResults=100&startAt=3000"),
            format!("{extender}/user/getUsers?showBasicDetails=true&maxResults=50&startAt=44000"),
            format!("{extender}/group/getGroups"),
            format!("{extender}/group/getUsers/confluence-users?maxResults=100&startAt=900"),
            format!("/sites/bulk/rest/confluenceuserexport/1.0/search {SEARCH}"),
        ]
    };
    let stop = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        let (questions, stop) = (&questions, &stop);
        let asking = |nth: usize| {
            move || {
                let (mut client, mut times) = (Client::new(address), Vec::new());
                for turn in nth.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let (status, _, time) = client.ask(&questions[turn % questions.len()]);
                    assert_eq!(status, 200, "an error");
                    times.push(time.as_micros());
                }
                times
            }
        };
        let asked: Vec<_> = (0..clients).map(|nth| scope.spawn(asking(nth))).collect();
        println!("asking");
        let _ = std::io::stdin().read(&mut [0]);
        stop.store(true, Ordering::Relaxed);
        asked.into_iter().flat_map(|asked| asked.join().expect("no error")).collect::<Vec<_>>()
    });
    for time in times {
        println!("{time}");
    }
}

/// A process that goes on until its standard input is closed; its first line.
fn until_closed(mut command: Command) -> (Child, String, BufReader<std::process::ChildStdout>) {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    (process, line.trim().to_owned(), said)
}

fn walk(users: usize, groups: usize, rounds: usize, clients: usize) {
    let numbers = [users.to_string(), groups.to_string(), clients.to_string()];
    let (mut site, base_url, _said) = until_closed(own(&["--site", "--users", &numbers[0], "--groups", &numbers[1]]));
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("rollbook.toml");
    let table = |id: &str| {
        format!(
            "[sites.{id}]\nkind = \"data-center\"\nbase_url = \"{base_url}\"\n{SITES}\
             [sites.{id}.limits]\nrequests_per_second = 0\n"
        )
    };
    std::fs::write(&config, format!("{}{}", table("bulk"), table("other"))).unwrap();
    let sync = |id: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
        command.arg("--quiet").arg("--config").arg(&config).args(["sync", "--site", id]);
        command
    };
    let database: PathBuf = place.path().join("rollbook.db");
    let filled = place.path().join("filled.db");
    run(sync("bulk")).unwrap();
    // Nobody has it open: all of it is in the one file.
    std::fs::copy(&database, &filled).unwrap();
    let afresh = || {
        for beside in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{beside}", database.display()));
        }
        std::fs::copy(&filled, &database).unwrap();
    };
    let (mut alone, mut asked, mut waited) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        afresh();
        let served = Served::start(&config);
        alone.push(run(sync("other")).unwrap());
        drop(served);
        afresh();
        let served = Served::start(&config);
        let mut asking = Command::new("nice");
        asking.args(["-n", "19"]).arg(std::env::current_exe().unwrap());
        asking.args(["--ask", &served.address, "--clients", &numbers[2]]);
        let (mut asking, _, told) = until_closed(asking);
        asked.push(run(sync("other")).unwrap());
        drop(asking.stdin.take());
        waited.extend(told.lines().map(|line| line.unwrap().parse::<u64>().unwrap()));
        assert!(asking.wait().unwrap().success(), "a client was answered an error");
    }
    drop(site.stdin.take());
    let _ = site.wait();
    let [alone, asked] = [alone, asked].map(|usages| Usage::median(&usages));
    waited.sort_unstable();
    let share = |part: f64| waited[((waited.len() - 1) as f64 * part) as usize] as f64 / 1e3;
    println!("\nA first walk of {users} users, alone and with {clients} clients that ask without a pause");
    for (what, Usage { cpu, wall, peak_mib }) in [("alone", alone), ("with the clients", asked)] {
        println!("{what:<18} {wall:>6.2} s on the wall {:>6.2}x, CPU {cpu:.2} s, {peak_mib:.0} MiB", wall / alone.wall);
    }
    println!(
        "{} answers, no error: p50 {:.0} ms, p99 {:.0} ms, the longest {:.0} ms",
        waited.len(),
        share(0.5),
        share(0.99),
        share(1.0)
    );
}
