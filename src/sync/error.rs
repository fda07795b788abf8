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

impl WalkError {
    /// Sorts a failed request by what it means for the walk.
    pub fn of_request(error: RequestError) -> Self {
        use crate::confluence::Trouble;
        match error.trouble {
            Trouble::Unauthorized { .. } | Trouble::Anonymous(_) | Trouble::Forbidden => Self::Refused(error),
            Trouble::NotFound => Self::NoUserList(error),
            _ => Self::Unreadable(error),
        }
    }
}
