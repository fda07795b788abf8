//! The configuration of the demo.

use std::path::Path;

use anyhow::Context;

use super::year::Year;
use super::{CLOUD, DATABASE, SITE};
use crate::cli::Failure;
use crate::config::{self, Environment, LoadOptions, Site};
use crate::files::to_file;
use crate::model::Timestamp;
use crate::simulator::{OrganizationSettings, Settings};

/// Writes a configuration for the simulated sites, and loads it as every other command would.
pub(super) fn configure(path: &Path, year: &Year, now: Timestamp) -> Result<Vec<Site>, Failure> {
    let OrganizationSettings { id, api_key, .. } = OrganizationSettings::default();
    let username = Settings::cloud().username;
    let text = format!(
        "\
# Made by `rollbook demo`. The simulated sites answer while `rollbook demo --serve` runs.

[database]
path = \"{DATABASE}\"

[sites.{SITE}]
kind = \"data-center\"
base_url = \"{}\"
username = \"audit\"
password = \"audit\"

[sites.{SITE}.limits]
# It runs on this machine; another site is better asked more gently.
requests_per_second = 0

[sites.{SITE}.guard]
# Groups for projects come and go here, and take all of their members with them.
memberships_percent = 100

[sites.{CLOUD}]
kind = \"cloud\"
base_url = \"{}\"
username = \"{username}\"
token = \"audit\"

[sites.{CLOUD}.organization]
id = \"{id}\"
api_key = \"{api_key}\"
base_url = \"{}\"

[sites.{CLOUD}.limits]
requests_per_second = 0

[sites.{CLOUD}.guard]
memberships_percent = 100
",
        year.data_center.base_url(),
        year.cloud.base_url(),
        year.cloud.organization_url(),
    );
    to_file(path, |out| out.write_all(text.as_bytes())).with_context(|| format!("cannot write {}", path.display()))?;
    let current_dir = std::env::current_dir().context("cannot tell the current directory")?;
    // Without the process's environment: what it says is meant for somebody's own sites.
    let load =
        LoadOptions { config: Some(path.to_owned()), ..LoadOptions::new(Environment::default(), current_dir, now) };
    Ok(config::load(&load).map_err(Failure::config)?.config.sites)
}
