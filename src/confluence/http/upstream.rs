//! Which system a client talks to: each says in its own way who is asking, and who is refused.

use std::fmt;

use url::Url;

/// The system behind a client's base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Confluence Data Center.
    DataCenter,
    /// Confluence Cloud at its own address: takes classic API tokens only.
    CloudSite,
    /// Confluence Cloud through the gateway (`…/ex/confluence/CLOUD_ID/wiki`): takes tokens with scopes, and OAuth.
    CloudGateway,
    /// The Organizations API.
    Organization,
}

impl Upstream {
    /// The way to a Cloud site at `base`.
    pub fn cloud(base: &Url) -> Self {
        if base.path().starts_with("/ex/confluence/") { Self::CloudGateway } else { Self::CloudSite }
    }
}

/// What to do when it refuses the credentials.
impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EXPIRED: &str = "tokens live a year at most, so it may have expired: make a new one at \
                               id.atlassian.com, Security, API tokens";
        match self {
            Self::DataCenter => f.write_str("check username and password or token, and whether a token has expired"),
            Self::CloudSite => write!(
                f,
                "check username and token; {EXPIRED}; a token with scopes, or of OAuth, is taken by the gateway alone: set \
                 base_url to https://api.atlassian.com/ex/confluence/CLOUD_ID/wiki"
            ),
            Self::CloudGateway => write!(
                f,
                "check the token and its scopes (read:user:confluence, read:group:confluence, \
                 read:content-details:confluence, to check access read:configuration:confluence); {EXPIRED}; a classic token, without scopes, is taken by the site \
                 alone: set base_url to https://SITE.atlassian.net/wiki"
            ),
            Self::Organization => f.write_str(
                "check organization.api_key_file; the key may have expired: make a new one at admin.atlassian.com, \
                 Settings, API keys",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_known_by_its_path() {
        let upstream = |url: &str| Upstream::cloud(&Url::parse(url).unwrap());
        assert_eq!(upstream("https://api.atlassian.com/ex/confluence/1a2b/wiki"), Upstream::CloudGateway);
        assert_eq!(upstream("https://example.atlassian.net/wiki"), Upstream::CloudSite);
    }
}
