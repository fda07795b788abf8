//! Finding the file, laying the layers over each other, and reading the result.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use config::{Map, Value, ValueKind};

use super::environment::{self, Environment};
use super::file::{self, Layer};
use super::problem::{ConfigError, Origin, Problem, Setting};
use super::scope::{Context, Scope};
use super::{Config, validate};
use crate::model::Timestamp;

/// What a configuration is loaded from.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--database`
    pub database: Option<PathBuf>,
    /// `--log-format`
    pub log_format: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// Where `ROLLBOOK_CONFIG`, `ROLLBOOK__…` and `CREDENTIALS_DIRECTORY` are looked up.
    pub environment: Environment,
    /// Where `rollbook.toml` is looked for, and where relative paths of flags and variables begin.
    pub current_dir: PathBuf,
    /// The last place of the search: `/etc/rollbook/rollbook.toml`, but for tests.
    pub system_file: PathBuf,
    /// The time from which on a schedule must fire.
    pub now: Timestamp,
    /// Which secret files are read.
    pub secret_files: SecretFiles,
}

/// Which secret files are read. Whoever may read the mirror need not be let into them: what is not read is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretFiles {
    /// All of them.
    All,
    /// That of `[http]`: for a process that answers, and asks no site.
    OfHttp,
    /// None.
    #[default]
    None,
}

impl LoadOptions {
    /// Options without flags.
    pub fn new(environment: Environment, current_dir: PathBuf, now: Timestamp) -> Self {
        let system_file = PathBuf::from("/etc/rollbook/rollbook.toml");
        Self {
            config: None,
            database: None,
            log_format: None,
            listen: None,
            environment,
            current_dir,
            system_file,
            now,
            secret_files: SecretFiles::All,
        }
    }
}

/// A configuration that can be used, and how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The effective configuration.
    pub config: Config,
    /// The file that was read.
    pub file: PathBuf,
    /// Every effective key with its value and origin, in the order of the reference page. Secrets are redacted.
    pub settings: Vec<Setting>,
    /// What is allowed but unwise, one sentence each.
    pub warnings: Vec<String>,
}

/// Finds the file, applies the environment and the flags, and validates the result.
///
/// # Errors
///
/// All that is wrong with it. A command answers with exit code 78.
pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigError> {
    let (name, file) = find(options)?;
    let text = read(&file)?;
    let mut problems = Vec::new();
    let from_file = file::read(&name, &text, &mut problems)
        .map_err(|problem| ConfigError { problems: vec![problem], absent: false })?;
    let from_environment = environment::read(&options.environment, &site_ids(&from_file), &mut problems);
    let from_flags = flags(options);

    // Where a table begins: the file's word counts before the environment's.
    let mut tables: HashMap<String, Origin> = from_environment.tables.clone();
    tables.extend(from_file.tables.clone());
    let merged = merge([from_file, from_environment, from_flags])?;
    let context = Context {
        file: file.clone(),
        file_name: name,
        current_folder: options.current_dir.clone(),
        credentials: options.environment.get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        secret_files: options.secret_files,
        tables,
        problems: problems.into(),
        ..Context::default()
    };
    let config = validate::config(&Scope::root(&context, &merged), &context, options.now);
    let problems: Vec<Problem> = context.problems.into_inner();
    match config {
        Some(config) if problems.is_empty() => {
            let (settings, warnings) = (context.settings.into_inner(), context.warnings.into_inner());
            Ok(Loaded { config, file, settings, warnings })
        }
        _ => Err(ConfigError { problems, absent: false }),
    }
}

/// The file's name for messages, as the user knows it, and its absolute path.
fn find(options: &LoadOptions) -> Result<(String, PathBuf), ConfigError> {
    let named = |path: &Path| (path.display().to_string(), options.current_dir.join(path));
    if let Some(path) = &options.config {
        return Ok(named(path));
    }
    if let Some(path) = options.environment.get("ROLLBOOK_CONFIG") {
        return Ok(named(Path::new(path)));
    }
    let places = [Path::new("rollbook.toml"), &options.system_file];
    let found = places.into_iter().map(named).find(|(_, file)| file.exists());
    found.ok_or_else(|| {
        ConfigError::absent(format!(
            "no configuration found: neither --config nor $ROLLBOOK_CONFIG names one, and there is neither {} nor {}; \
             `rollbook init` writes one",
            options.current_dir.join("rollbook.toml").display(),
            options.system_file.display()
        ))
    })
}

fn read(file: &Path) -> Result<String, ConfigError> {
    let bytes = std::fs::read(file).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "correct the path, or let `rollbook init` write one",
            _ => "it must be a file that the user who runs rollbook may read",
        };
        ConfigError::of_file(format!("cannot read the configuration {} ({error}): {remedy}", file.display()))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        ConfigError::of_file(format!("{}:{line}: not valid UTF-8: save the file as UTF-8", file.display()))
    })
}

fn site_ids(layer: &Layer) -> BTreeSet<String> {
    match layer.values.get("sites").map(|value| &value.kind) {
        Some(ValueKind::Table(sites)) => sites.keys().cloned().collect(),
        _ => BTreeSet::new(),
    }
}

fn flags(options: &LoadOptions) -> Layer {
    let mut layer = Layer::default();
    let mut set = |table: &str, name: &str, flag: &str, text: String| {
        let value = Value::new(Some(Origin::flag(flag).text()), text);
        let table_value = Value::new(None, Map::from([(name.to_owned(), value)]));
        layer.values.insert(table.to_owned(), table_value);
    };
    if let Some(path) = &options.database {
        set("database", "path", "--database", path.to_string_lossy().into_owned());
    }
    if let Some(format) = &options.log_format {
        set("log", "format", "--log-format", format.clone());
    }
    if let Some(address) = &options.listen {
        set("http", "listen", "--listen", address.clone());
    }
    layer
}

/// Later layers win, key by key. The defaults are not a layer: they belong to sites that only the merge shows.
fn merge(layers: [Layer; 3]) -> Result<Map<String, Value>, ConfigError> {
    let builder = layers.into_iter().fold(config::Config::builder(), |builder, layer| builder.add_source(layer));
    let merged = builder.build().and_then(|merged| config::Source::collect(&merged));
    // The layers are already values, so that nothing is left that could fail; its text might hold one.
    merged.map_err(|_| ConfigError::of_file("the configuration's layers cannot be merged".into()))
}
