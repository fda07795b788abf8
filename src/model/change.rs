//! The rows of the change feed.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// What happened. Spelled as in `changes.kind`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ChangeKind { $($(#[$doc])* $variant,)* }

        impl ChangeKind {
            /// Every kind, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The spelling in SQL and in every output.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// A user was seen for the first time.
    UserCreated => "user.created",
    /// The log-in name changed; the key did not.
    UserRenamed => "user.renamed",
    /// One other attribute changed.
    UserUpdated => "user.updated",
    /// The user may no longer use Confluence.
    AccessLost => "user.access-lost",
    /// The user may use Confluence again.
    AccessGained => "user.access-gained",
    /// A source says the account is inactive.
    Deactivated => "user.deactivated",
    /// The account is active again.
    Reactivated => "user.reactivated",
    /// The account is proven gone.
    Deleted => "user.deleted",
    /// The account is no longer listed and nothing proves why.
    Missing => "user.missing",
    /// A missing or deleted account is there again.
    Returned => "user.returned",
    /// A group was seen for the first time.
    GroupCreated => "group.created",
    /// A group's name changed; its id did not.
    GroupRenamed => "group.renamed",
    /// A group is no longer listed.
    GroupRemoved => "group.removed",
    /// A user became a member of a group.
    MemberAdded => "member.added",
    /// A user is no longer a member of a group.
    MemberRemoved => "member.removed",
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row of the feed, told for a reader: names instead of ids.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The user's name, where a user is concerned.
    pub user: Option<String>,
    /// The group's name, where a group is concerned.
    pub group: Option<String>,
    /// The attribute that changed.
    pub field: Option<&'static str>,
    /// Its value before.
    pub before: Option<String>,
    /// Its value now.
    pub after: Option<String>,
}
