//! What kind of Cloud site, and of organization, to simulate.

use crate::model::Timestamp;

/// What makes a site one of Confluence Cloud.
#[derive(Clone, Debug)]
pub struct CloudSettings {
    /// The site's id, in the gateway's path and in the organization's records.
    pub cloud_id: String,
    /// The organization that the site belongs to, when its API is served.
    pub organization: Option<OrganizationSettings>,
    /// The most ids that `users-bulk` takes at once.
    pub max_batch: usize,
    /// How many users a search can reach, however many there are.
    pub search_cap: usize,
    /// How `Settings::token` is sent to the gateway.
    pub gateway_token: TokenKind,
    /// Groups of other sites of the organization, whose members this site does not know. The second has none.
    pub foreign_groups: usize,
    /// Whether access can be checked and invitations be sent; otherwise 503, as where that API is disabled.
    pub access_api: bool,
    /// Whether `/_edge/tenant_info` tells the site's id to everybody.
    pub tenant: bool,
}

/// How a token is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// In either way.
    Any,
    /// As `Bearer`, as OAuth 2.0 does.
    OAuth,
    /// As the password of the account, as scoped API tokens are.
    Scoped,
}

/// An organization.
#[derive(Clone, Debug)]
pub struct OrganizationSettings {
    /// Its id, in the paths of its API.
    pub id: String,
    /// The key for its API.
    pub api_key: String,
    /// Whether `users/search` is there; it answers 404 in organizations without the new user management.
    pub bulk: bool,
    /// Whether `users/search` tells when products were last used.
    pub product_access: bool,
    /// Whether a page of `last-active-dates` names the next by its address rather than by a bare cursor. Both are to be
    /// expected: the documentation does not say.
    pub next_as_url: bool,
    /// Whether some accounts use other products, and Confluence on another site of the organization.
    pub other_sites: bool,
    /// When each of its API keys expires, `None` never; where the key may list them at all.
    pub key_expiries: Option<Vec<Option<Timestamp>>>,
}

impl Default for CloudSettings {
    fn default() -> Self {
        Self {
            cloud_id: "1a2b3c4d-0000-4000-8000-000000000001".to_owned(),
            organization: Some(OrganizationSettings::default()),
            max_batch: 250,
            search_cap: 10_000,
            gateway_token: TokenKind::Any,
            foreign_groups: 0,
            access_api: true,
            tenant: true,
        }
    }
}

impl Default for OrganizationSettings {
    fn default() -> Self {
        Self {
            id: "0a1b2c3d-0000-4000-8000-00000000000a".to_owned(),
            api_key: "org-key".to_owned(),
            bulk: true,
            product_access: true,
            next_as_url: false,
            other_sites: true,
            key_expiries: None,
        }
    }
}
