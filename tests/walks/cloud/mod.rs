//! Walks over a Cloud site that lives, judged as those of `evolution` and `between`: after each one the mirror equals the
//! site, and every past picture stays true.

mod activity;
mod between;
mod evolution;
mod large;
mod memory;
mod picture;

use rollbook::config::{Credentials, Organization, Secret, Site, SiteKind};
use rollbook::simulator::{CloudSettings, OrganizationSettings, Settings, Simulator};

use self::picture::CloudPicture;
use crate::support::{World, site};

/// By which way in, and with which token, a site is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Its own, with a classic token.
    Site,
    /// The gateway, with a bearer token.
    Gateway,
}

/// A Cloud site and its mirror, asked as `door` says; the organization is configured where the site has one.
pub async fn cloud(settings: Settings, door: Door) -> World {
    of(Simulator::start(settings).await.unwrap(), door).await
}

/// The same of a site that runs.
pub async fn of(sim: Simulator, door: Door) -> World {
    let mut world = World::of(sim).await;
    world.site = configured(&world.sim, door);
    world
}

fn configured(sim: &Simulator, door: Door) -> Site {
    let defaults = OrganizationSettings::default();
    let (base_url, credentials, cloud_id) = match door {
        Door::Site => {
            let username = "audit@example.com".to_owned();
            (sim.base_url(), Credentials::Basic { username, password: Secret::new("audit".to_owned()) }, None)
        }
        // The configuration reads the id out of such an address.
        Door::Gateway => {
            let token = Secret::new("audit-token".to_owned());
            (sim.gateway_url(), Credentials::Bearer { token }, Some(CloudSettings::default().cloud_id))
        }
    };
    let organization = Organization {
        id: defaults.id,
        api_key: Secret::new(defaults.api_key),
        base_url: sim.organization_url().parse().unwrap(),
        lookups_per_walk: 100_000,
    };
    Site { kind: SiteKind::Cloud, credentials, cloud_id, organization: Some(organization), ..site(base_url) }
}

/// The settings of a site without an organization, or with one.
pub fn settings(users: usize, seed: u64, organization: Option<OrganizationSettings>) -> Settings {
    let cloud = CloudSettings { organization, foreign_groups: 3, ..CloudSettings::default() };
    Settings { users, seed, cloud: Some(cloud), ..Settings::cloud() }
}

impl World {
    /// This site as if it had no organization.
    pub fn without_organization(mut self) -> Self {
        self.site.organization = None;
        self
    }

    /// What the Cloud site really is, as walks could know.
    pub fn cloud_truth(&self) -> CloudPicture {
        let organized = self.site.organization.is_some();
        CloudPicture::of_truth(self.sim.with_population(|site| site.cloud_truth(organized)))
    }

    /// The mirror of the Cloud site as it is.
    pub async fn cloud_mirror(&self) -> CloudPicture {
        CloudPicture::of_mirror(&mut self.reader().await, None).await
    }
}
