//! Is everything there that the configuration needs? Each check is a value: what was found, how that is judged, and what to
//! do about it.
//!
//! | question | file |
//! |---|---|
//! | what a check is | `check` |
//! | can the database be used, and may others read it | `database`, `files` |
//! | is there room, and a free port; are exports, copies and webhooks possible | `machine`, `disk`, `port` |
//! | does a site answer, and with which rights | `visit`; `data_center`, `cloud`, `organization` |
//! | is its clock ours; how long do the credentials last | `skew`, `expiry` |
//! | what does the mirror say of it | `mirror` |
//!
//! A site is asked one request at a time, each for a row or two; after an answer that refuses the credentials it is asked
//! nothing more, since a second log-in could lock the account.

mod check;
mod cloud;
mod data_center;
mod database;
mod disk;
mod expiry;
mod files;
mod machine;
mod mirror;
mod organization;
mod port;
mod skew;
mod visit;

use futures_util::future::join_all;

pub use self::check::{Check, Fault, Verdict};
use crate::clock::Clock;
use crate::config::{ConfigError, Loaded, Site, SiteKind};

/// Checks everything that concerns no site or one of `sites`. `warnings` are what is unwise about the configuration.
pub async fn examine(loaded: &Loaded, sites: &[&Site], warnings: &[String], clock: &Clock) -> Vec<Check> {
    let config = &loaded.config;
    let mut checks = configuration(loaded, warnings);
    let store = database::check(&config.database, &mut checks).await;
    machine::check(config, &mut checks).await;
    let visits = sites.iter().map(|site| async {
        let mut checks = match site.kind {
            SiteKind::DataCenter => data_center::check(site, clock).await,
            SiteKind::Cloud => cloud::check(site, loaded, clock).await,
        };
        checks.extend(mirror::check(site, store.as_ref(), clock).await);
        checks.into_iter().map(|check| Check { site: Some(site.id.clone()), ..check }).collect::<Vec<_>>()
    });
    checks.extend(join_all(visits).await.into_iter().flatten());
    checks
}

/// What is wrong with a configuration that cannot be used, so that nothing else can be checked.
pub fn unusable(error: &ConfigError) -> Vec<Check> {
    let remedy = "correct it; `rollbook check-config` says what it comes to";
    let check = |problem: &dyn ToString| Check::failed("configuration", Fault::Unusable, problem.to_string(), remedy);
    error.problems.iter().map(|problem| check(problem)).collect()
}

fn configuration(loaded: &Loaded, warnings: &[String]) -> Vec<Check> {
    let sites: Vec<&str> = loaded.config.sites.iter().map(|site| site.id.as_str()).collect();
    let sites = match sites[..] {
        [] => "no site".to_owned(),
        [site] => format!("the site {site}"),
        _ => format!("the sites {}", sites.join(", ")),
    };
    let mut checks = vec![Check::ok("configuration", format!("{} has {sites}", loaded.file.display()))];
    let remedy = "`rollbook check-config` shows every value and where it comes from";
    checks.extend(warnings.iter().map(|warning| Check::warning("configuration", warning.clone(), remedy)));
    checks
}
