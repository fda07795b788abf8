//! One account as Cloud shows it, in each of its APIs.

use serde_json::{Value, json};

use super::{CloudTraits, account_id};
use crate::simulator::population::{Population, User};

/// What is left of the name of a closed account.
const FORMER: &str = "Former user";

/// One account as Cloud shows it.
#[derive(Clone)]
pub(in crate::simulator) struct Account {
    pub id: String,
    pub public_name: String,
    pub display_name: String,
    /// Blank when it is hidden.
    pub email: String,
    pub account_type: String,
    pub account_status: String,
    pub is_external: bool,
    pub time_zone: Option<String>,
}

impl Population {
    /// This account as Cloud shows it; `None` when it does not answer for it any more.
    pub(in crate::simulator) fn account(&self, user: &User) -> Option<Account> {
        if user.unsynced {
            return None;
        }
        let traits = self.traits_of(user);
        let status = match (user.deleted, user.enabled) {
            (true, _) => "closed".to_owned(),
            (_, enabled) => {
                let plain = if enabled { "active" } else { "inactive" };
                traits.account_status.clone().unwrap_or_else(|| plain.to_owned())
            }
        };
        Some(Account::new(&user.key, [&user.name, &user.full_name, &user.email], status, traits))
    }
}

impl Account {
    /// Of a key; of the name, the full name and the e-mail; and of the rest.
    pub fn new(key: &str, [name, full_name, email]: [&str; 3], account_status: String, traits: CloudTraits) -> Self {
        let closed = account_status == "closed";
        let shown = |text: &str| if closed { FORMER.to_owned() } else { text.to_owned() };
        let kind = if name.starts_with("svc-") { "app" } else { "atlassian" };
        Self {
            id: account_id(key),
            public_name: shown(name),
            display_name: shown(full_name),
            email: if closed || traits.email_hidden { String::new() } else { email.to_owned() },
            account_type: traits.account_type.unwrap_or_else(|| kind.to_owned()),
            account_status,
            is_external: traits.is_external && !closed,
            time_zone: traits.time_zone.filter(|_| !closed),
        }
    }

    /// Somebody of another site of the organization.
    pub fn foreign(id: String) -> Self {
        let name = "Somebody Elsewhere".to_owned();
        Self {
            id,
            public_name: name.clone(),
            display_name: name,
            email: String::new(),
            account_type: "atlassian".to_owned(),
            account_status: "active".to_owned(),
            is_external: false,
            time_zone: None,
        }
    }

    /// As `users-bulk` shows it: the second version of the API.
    pub fn bulk(&self) -> Value {
        json!({
            "accountId": self.id,
            "accountType": self.account_type,
            "accountStatus": self.account_status,
            "publicName": self.public_name,
            "displayName": self.display_name,
            "email": self.email,
            "timeZone": self.time_zone,
            "personalSpaceId": null,
            "isExternalCollaborator": self.is_external,
            "profilePicture": { "path": "/wiki/aa-avatar/default", "isDefault": true },
        })
    }

    /// As members of groups are shown: the first version of the API, which tells no status.
    pub fn member(&self, base: &str) -> Value {
        json!({
            "type": "known",
            "accountId": self.id,
            "accountType": self.account_type,
            "publicName": self.public_name,
            "displayName": self.display_name,
            "email": self.email,
            "timeZone": self.time_zone,
            "externalCollaborator": self.is_external,
            "isExternalCollaborator": self.is_external,
            "isGuest": false,
            "profilePicture": { "path": "/wiki/aa-avatar/default", "width": 48, "height": 48, "isDefault": true },
            "_expandable": { "operations": "", "personalSpace": "" },
            "_links": { "self": format!("{base}/rest/api/user?accountId={}", self.id) },
        })
    }

    /// As a search finds it.
    pub fn found(&self, base: &str) -> Value {
        json!({
            "user": self.member(base),
            "title": self.display_name,
            "excerpt": "",
            "url": format!("/people/{}", self.id),
            "breadcrumbs": [],
            "entityType": "user",
            "iconCssClass": "aui-icon content-type-profile",
            // Of a user it means nothing, but it has to be there.
            "lastModified": "1970-01-01T00:00:00.000Z",
            "friendlyLastModified": "Jan 01, 1970",
            "score": 0.0,
        })
    }
}
