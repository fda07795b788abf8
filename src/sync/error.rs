//! Why a walk ended without applying anything.

use crate::confluence::{ClientError, RequestError};
use crate::store::StoreError;

/// A walk that applied nothing.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The credentials are refused.
    #[error("{0}")]
    Refused(RequestError),
    /// The site, or its user list, cannot be read.
    #[error("{0}")]
    Unreadable(RequestError),
    /// Neither name of the user list is there.
    #[error(
        "{0}: neither user/getUsersWithConfluenceAccess nor user/getUsers is there; \
         check that base_url has the context path and that the app REST API Extender is installed and licensed"
    )]
    NoUserList(RequestError),
    /// The mirror has users of a site of the other kind under this id.
    #[error(
        "the database has users of a {known} site under the id '{site}', and it is configured as {configured}: one would \
         be taken for the other; give the new site an id of its own"
    )]
    OtherKind {
        /// The site's id in the configuration.
        site: String,
        /// Its kind in the database.
        known: String,
        /// Its kind in the configuration.
        configured: &'static str,
    },
    /// There is no Confluence Cloud at this address.
    #[error(
        "{0}: check that base_url is https://SITE.atlassian.net/wiki, or \
         https://api.atlassian.com/ex/confluence/CLOUD_ID/wiki for a token with scopes or of OAuth"
    )]
    NotCloud(RequestError),
    /// A Cloud site shows nobody at all.
    #[error(
        "no account id was found: neither the search for users nor the groups show anybody, not even the account that \
         asks; nothing was applied: check its permission to use Confluence, and the scopes of its token"
    )]
    Nobody,
    /// A Cloud site answers about nobody.
    #[error(
        "users-bulk answers for none of {asked} account ids; nothing was applied: check that the account may view user \
         profiles, and the scope read:user:confluence of its token"
    )]
    Unanswered {
        /// Ids asked for.
        asked: u64,
    },
    /// The user list is empty where users were known.
    #[error(
        "the user list is empty although {known} users were listed before; nothing was applied: \
         check what the account may see, and the site's user directories"
    )]
    Emptied {
        /// Users the list showed before.
        known: usize,
    },
}

/// What a failed walk means to whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The credentials or the permission are refused: to ask again changes nothing, and may lock the account.
    Refused,
    /// The site cannot be reached, or not be read.
    Unreachable,
    /// The configuration does not fit the database.
    Misconfigured,
    /// Another process walks the site.
    Locked,
    /// The database, or the program itself.
    Own,
}

impl WalkError {
    /// What it means to whoever made the walk.
    pub const fn failing(&self) -> Failing {
        match self {
            Self::Store(StoreError::Walking { .. }) => Failing::Locked,
            Self::Store(_) | Self::Client(_) => Failing::Own,
            Self::OtherKind { .. } => Failing::Misconfigured,
            Self::Refused(_) | Self::Nobody => Failing::Refused,
            Self::Unreadable(_)
            | Self::NoUserList(_)
            | Self::NotCloud(_)
            | Self::Unanswered { .. }
            | Self::Emptied { .. } => Failing::Unreachable,
        }
    }

    /// Sorts a failed request to Cloud, or to its organization, by what it means for the walk.
    pub fn of_cloud_request(error: RequestError) -> Self {
        use crate::confluence::Trouble;
        match error.trouble {
            Trouble::NotFound => Self::NotCloud(error),
            Trouble::Concealed => Self::Refused(error),
            _ => Self::of_request(error),
        }
    }

    /// Sorts a failed request by what it means for the walk.
    pub fn of_request(error: RequestError) -> Self {
        use crate::confluence::Trouble;
        match error.trouble {
            Trouble::Forbidden => Self::Refused(error),
            ref trouble if trouble.is_refusal() => Self::Refused(error),
            Trouble::NotFound => Self::NoUserList(error),
            _ => Self::Unreadable(error),
        }
    }
}
