//! What kind of Confluence to simulate.

use std::net::{Ipv4Addr, SocketAddr};

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::cloud::CloudSettings;
use super::faults::Fault;
use crate::model::Timestamp;

/// By which name the app serves the user list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserLists {
    /// `getUsersWithConfluenceAccess`, as newer releases do.
    New,
    /// `getUsers`, as older ones did.
    Old,
    /// Both names.
    Both,
    /// The app is not installed: 404 for everything.
    AppMissing,
}

/// What a wrong token gets. Both were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongToken {
    /// 401.
    Refused,
    /// 200, as the anonymous visitor: empty listings.
    Anonymous,
}

/// Whether Confluence User Export is installed, and in which release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserExportApp {
    /// Not installed: 404 for everything of it.
    Missing,
    /// An older release, whose users have no `lastLogin`.
    WithoutLastLogin,
    /// A newer release.
    WithLastLogin,
}

/// What kind of Confluence to simulate.
#[derive(Debug)]
pub struct Settings {
    /// What makes it a site of Confluence Cloud instead of a Data Center.
    pub cloud: Option<CloudSettings>,
    /// About how many accounts there are when the story begins.
    pub users: usize,
    /// How many groups the static site of [`super::Simulator::start_bulk`] has; the evolving one makes its own.
    pub groups: usize,
    /// All randomness comes from it.
    pub seed: u64,
    /// The day the story begins.
    pub first_day: NaiveDate,
    /// The server's own zone, in which it spells times.
    pub zone: Tz,
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// `/confluence`, or empty.
    pub context_path: String,
    /// The most rows the server puts on a page, whatever is asked.
    pub page_cap: Option<usize>,
    /// By which name the user list is served.
    pub user_lists: UserLists,
    /// Whether User Export is installed, and which.
    pub user_export: UserExportApp,
    /// User Export refuses the account with 401 although its credentials are right, as real ones refuse everybody who
    /// is no administrator.
    pub user_export_refuses: bool,
    /// The account for Basic, and the one the token belongs to.
    pub username: String,
    /// Its password; on Cloud its API token, which is sent in the same way.
    pub password: String,
    /// Its personal access token; on Cloud the one for the gateway alone.
    pub token: String,
    /// Whether the account is a Confluence administrator; others get 403 for users, and 401 from User Export. On Cloud,
    /// whether it may use Confluence at all.
    pub administrator: bool,
    /// What a wrong token gets.
    pub wrong_token: WrongToken,
    /// When each of the account's personal access tokens expires, `None` never; where the site tells it at all. On Cloud
    /// it does not: see [`super::OrganizationSettings`].
    pub token_expiries: Option<Vec<Option<Timestamp>>>,
    /// Headers of every answer, in place of its own: a `Date`, say, or what rate limiting allows.
    pub headers: Vec<(String, String)>,
    /// Faults in force from the start.
    pub faults: Vec<Fault>,
}

impl Settings {
    /// A Cloud site with an organization.
    pub fn cloud() -> Self {
        Self {
            cloud: Some(CloudSettings::default()),
            context_path: "/wiki".to_owned(),
            username: "audit@example.com".to_owned(),
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cloud: None,
            users: 400,
            groups: 2_000,
            seed: 1,
            first_day: NaiveDate::from_ymd_opt(2025, 1, 6).expect("a date in the calendar"),
            zone: chrono_tz::Europe::Berlin,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            context_path: "/confluence".to_owned(),
            page_cap: None,
            user_lists: UserLists::New,
            user_export: UserExportApp::Missing,
            user_export_refuses: false,
            username: "audit".to_owned(),
            password: "audit".to_owned(),
            token: "audit-token".to_owned(),
            administrator: true,
            wrong_token: WrongToken::Refused,
            token_expiries: None,
            headers: Vec::new(),
            faults: Vec::new(),
        }
    }
}
