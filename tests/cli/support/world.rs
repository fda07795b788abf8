//! One test's site, folder and program.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rollbook::simulator::{CloudSettings, Fault, Population, Settings, Simulator, UserLists};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::Database;

/// How a run ended and what it said.
#[derive(Debug)]
pub struct Ran {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Checks the exit code; shows everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that stderr holds each of these.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "stderr lacks '{word}':\n{}", self.stderr);
        }
        self
    }

    /// Checks that stdout holds each of these.
    #[track_caller]
    pub fn prints(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "stdout lacks '{word}':\n{}", self.stdout);
        }
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// The program, to be run in `folder` with nothing of this process's configuration.
pub fn rollbook(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("ROLLBOOK") || ["CREDENTIALS_DIRECTORY", "COLUMNS", "NO_COLOR"].contains(&&*name) {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// A simulated site and a folder to mirror it into.
pub struct World {
    pub site: Simulator,
    pub folder: TempDir,
    pub runtime: Runtime,
    kind: &'static str,
    base_url: String,
    credentials: String,
    organization: Vec<(&'static str, String)>,
    limits: Vec<(&'static str, String)>,
    guard: Vec<(&'static str, String)>,
    keys: Vec<(&'static str, String)>,
}

impl World {
    /// A site as the settings say, and a configuration for it.
    pub fn with(settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let kind = if settings.cloud.is_some() { "cloud" } else { "data-center" };
        let credentials = format!("username = \"{}\"\npassword = \"{}\"\n", settings.username, settings.password);
        let site = runtime.block_on(Simulator::start(settings)).unwrap();
        let limits = vec![("requests_per_second", "0".to_owned()), ("retries", "0".to_owned())];
        let base_url = site.base_url().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            site,
            folder,
            runtime,
            kind,
            base_url,
            credentials,
            organization: Vec::new(),
            limits,
            guard: Vec::new(),
            keys: Vec::new(),
        };
        world.write();
        world
    }

    /// A Cloud site as the settings say, asked with a classic token, and its organization, if it has one.
    pub fn cloud(settings: Settings) -> Self {
        let organization = settings.cloud.as_ref().and_then(|cloud| cloud.organization.clone());
        let credentials = format!("username = \"{}\"\ntoken = \"{}\"\n", settings.username, settings.password);
        let mut world = Self::with(settings);
        world.credentials = credentials;
        if let Some(organization) = organization {
            let quoted = |text: &str| format!("\"{text}\"");
            let base_url = quoted(world.site.organization_url());
            world.organization = vec![
                ("id", quoted(&organization.id)),
                ("api_key", quoted(&organization.api_key)),
                ("base_url", base_url),
            ];
        }
        world.write();
        world
    }

    /// Sets a key of the organization in the configuration, spelled as TOML.
    pub fn organization(mut self, key: &'static str, value: &str) -> Self {
        self.organization.retain(|(known, _)| *known != key);
        self.organization.push((key, value.to_owned()));
        self.write();
        self
    }

    /// A configuration without the organization.
    pub fn without_organization(mut self) -> Self {
        self.organization.clear();
        self.write();
        self
    }

    /// Whether an organization is configured.
    pub fn is_organized(&self) -> bool {
        !self.organization.is_empty()
    }

    /// Sixty accounts, always the same.
    pub fn small() -> Self {
        Self::with(Settings { users: 60, seed: 7, ..Settings::default() })
    }

    /// The same at a Cloud site, whose organization is not asked.
    pub fn small_cloud(cloud: CloudSettings) -> Self {
        Self::with(Settings { users: 60, seed: 7, cloud: Some(cloud), ..Settings::cloud() })
    }

    /// Sixty accounts at a Data Center whose server gives at most so many rows a page.
    pub fn capped(rows: usize) -> Self {
        Self::with(Settings { users: 60, seed: 7, page_cap: Some(rows), ..Settings::default() })
    }

    /// The same, with the user list under other names.
    pub fn listing_users(user_lists: UserLists) -> Self {
        Self::with(Settings { users: 60, seed: 7, user_lists, ..Settings::default() })
    }

    /// Sets a limit in the configuration.
    pub fn limit(mut self, key: &'static str, value: impl ToString) -> Self {
        self.limits.retain(|(known, _)| *known != key);
        self.limits.push((key, value.to_string()));
        self.write();
        self
    }

    /// Sets a key of the guard in the configuration.
    pub fn guard(mut self, key: &'static str, value: impl ToString) -> Self {
        self.guard.push((key, value.to_string()));
        self.write();
        self
    }

    /// Nothing is held, whatever share of the site it takes.
    pub fn unguarded(self) -> Self {
        self.guard("users_percent", 100).guard("memberships_percent", 100)
    }

    /// Sets a key of the site in the configuration, spelled as TOML.
    pub fn key(mut self, key: &'static str, value: &str) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self.keys.push((key, value.to_owned()));
        self.write();
        self
    }

    /// Lines of the site's table in place of the user name and password.
    pub fn credentials(mut self, lines: &str) -> Self {
        self.credentials = format!("{lines}\n");
        self.write();
        self
    }

    /// Another address of the site.
    pub fn at(mut self, base_url: &str) -> Self {
        self.base_url = base_url.to_owned();
        self.write();
        self
    }

    /// A fault from now on.
    pub fn fault(self, fault: Fault) -> Self {
        self.site.add_fault(fault);
        self
    }

    /// The configuration of a site `id` as this world has it.
    pub fn site_table(&self, id: &str) -> String {
        let Self { kind, base_url, credentials, .. } = self;
        let mut text = format!("[sites.{id}]\nkind = \"{kind}\"\nbase_url = \"{base_url}\"\n{credentials}\n");
        for (key, value) in &self.keys {
            writeln!(text, "{key} = {value}").unwrap();
        }
        let tables = [("limits", &self.limits), ("guard", &self.guard), ("organization", &self.organization)];
        for (table, keys) in tables.into_iter().filter(|(name, keys)| *name != "organization" || !keys.is_empty()) {
            writeln!(text, "\n[sites.{id}.{table}]").unwrap();
            for (key, value) in keys {
                writeln!(text, "{key} = {value}").unwrap();
            }
        }
        text
    }

    /// The same of another site.
    pub fn table_of(&self, id: &str, site: &Simulator) -> String {
        let table = self.site_table(id).replace(&self.base_url, site.base_url());
        table.replace(self.site.organization_url(), site.organization_url())
    }

    /// Another site, beside this one.
    pub fn beside(&self, settings: Settings) -> Simulator {
        self.runtime.block_on(Simulator::start(settings)).unwrap()
    }

    fn write(&self) {
        self.configure(&self.site_table("corp"));
    }

    /// Replaces the configuration file.
    pub fn configure(&self, text: &str) {
        let file = self.path("rollbook.toml");
        fs::write(&file, text).unwrap();
        // It holds a password: others may not read it.
        fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database's file.
    pub fn file(&self) -> PathBuf {
        self.path("rollbook.db")
    }

    /// The program, to be run in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = rollbook(self.folder.path());
        command.args(arguments);
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// One walk.
    pub fn sync(&self) -> Ran {
        self.run(&["sync"])
    }

    /// Looks at the simulated site, or changes it.
    pub fn change<R>(&self, change: impl FnOnce(&mut Population) -> R) -> R {
        self.site.with_population(change)
    }

    /// The database as it is now.
    pub fn database(&self) -> Database<'_> {
        Database::open(&self.runtime, &self.file())
    }

    /// The database, to be written by somebody else.
    pub fn writable(&self) -> Database<'_> {
        Database::writable(&self.runtime, &self.file())
    }

    /// The database, read once.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<String> {
        self.database().rows(sql)
    }

    /// The one value of a query, as text.
    #[track_caller]
    pub fn one(&self, sql: &str) -> String {
        let rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.into_iter().next().unwrap()
    }

    /// Waits until a query answers this; gives up after more time than anything here takes.
    #[track_caller]
    pub fn until(&self, sql: &str, answer: &[&str]) {
        let begun = Instant::now();
        loop {
            let rows = self.rows(sql);
            if rows == answer {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{sql}: {rows:?}, not {answer:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The newest walk: its status, and what it says is missing.
    pub fn last_walk(&self) -> (String, String) {
        let row = self.one("SELECT status, coalesce(error, '') FROM walks ORDER BY id DESC LIMIT 1");
        let (status, error) = row.split_once('|').unwrap();
        (status.to_owned(), error.to_owned())
    }
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        Self::of_output(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// The same, with what the command says about its output left as it is.
    pub fn of_output(command: &mut Command) -> Self {
        Self::of_child(command.spawn().unwrap())
    }

    /// Waits for one that was started.
    pub fn of_child(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { exit: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
