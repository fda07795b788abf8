//! A user as a source shows it ([`SeenUser`], [`ExportedUser`]) and as the mirror knows it ([`Account`]).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDateTime;

use super::Timestamp;

/// What a user may do on its site, by what the sources prove. Spelled as in `users.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Exists and may use Confluence.
    Active,
    /// Exists, may not use Confluence, and nothing says it is deactivated.
    NoAccess,
    /// A source says inactive.
    Deactivated,
    /// Proven gone.
    Deleted,
    /// No longer listed, and nothing proves why.
    Missing,
    /// The source itself says it does not know.
    Unknown,
}

impl Status {
    /// Every status, in the order of the reference.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::NoAccess, Self::Deactivated, Self::Deleted, Self::Missing, Self::Unknown];

    /// The spelling in SQL and in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NoAccess => "no-access",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("'{text}' is not a user status"))
    }
}

/// What a source says of one attribute: nothing at all, or a value that may be empty.
///
/// A key that is missing from a reply leaves what is known as it is; a key that is `null` or blank empties it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told<T> {
    /// The source does not speak of it.
    #[default]
    Untold,
    /// The source says this; `None` is blank.
    Told(Option<T>),
}

impl<T> Told<T> {
    /// Overwrites `known` with what is told, if anything.
    pub fn tell(self, known: &mut Option<T>) {
        if let Self::Told(value) = self {
            *known = value;
        }
    }
}

/// One user record of a listing or a look-up, decoded.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SeenUser {
    /// The permanent id at the site.
    pub key: String,
    /// The log-in name, which may change.
    pub name: String,
    /// The display name.
    pub full_name: Told<String>,
    /// The e-mail address.
    pub email: Told<String>,
    /// Business detail.
    pub department: Told<String>,
    /// Business detail.
    pub position: Told<String>,
    /// Business detail.
    pub location: Told<String>,
    /// Personal detail.
    pub phone: Told<String>,
    /// Personal detail: instant messaging.
    pub im: Told<String>,
    /// Personal detail.
    pub website: Told<String>,
    /// When the account was made.
    pub created_at: Told<Timestamp>,
    /// When the account was last edited.
    pub updated_at: Told<Timestamp>,
    /// Last successful log-in; `Told(None)` is never, as far as the site recorded.
    pub last_login_at: Told<Timestamp>,
    /// Last failed log-in.
    pub last_failed_login_at: Told<Timestamp>,
    /// Whether the user may use Confluence; `None` when the reply does not say.
    pub has_access: Option<bool>,
}

// People are not printed: errors and logs may hold the Debug form of whatever they carry.
impl fmt::Debug for SeenUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenUser").finish_non_exhaustive()
    }
}

/// One user record of Confluence User Export, decoded. It has no key: Extender's records are found by the name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExportedUser {
    /// The log-in name, which may change.
    pub username: String,
    /// Whether the account is active; `None` when the reply does not say.
    pub active: Option<bool>,
    /// Whether the user may use Confluence; `None` when the reply does not say.
    pub can_use: Option<bool>,
    /// The display name.
    pub full_name: Told<String>,
    /// The e-mail address.
    pub email: Told<String>,
    /// The name of the user directory.
    pub directory: Told<String>,
    /// The preferred language as the site writes it, `Default` included.
    pub language: Told<String>,
    /// When the account was made: the server's local time, to the minute.
    pub created: Told<NaiveDateTime>,
    /// When the account was last edited: the server's local time, to the minute.
    pub updated: Told<NaiveDateTime>,
    /// Last log-in: the server's local time, to the minute. `Untold` also where older releases do not tell it.
    pub last_login: Told<NaiveDateTime>,
}

impl fmt::Debug for ExportedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedUser").finish_non_exhaustive()
    }
}

/// The attributes of a user that are versioned, less its [`Standing`].
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `users`
pub struct Profile {
    pub name: String,
    pub full_name: Option<String>,
    pub email: Option<String>,
    pub directory: Option<String>,
    pub account_type: Option<String>,
    pub is_external: Option<bool>,
    pub department: Option<String>,
    pub position: Option<String>,
    pub location: Option<String>,
    pub phone: Option<String>,
    pub im: Option<String>,
    pub website: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    /// Cloud's own word for the status, which may be one that nobody knows.
    pub account_status: Option<String>,
    /// `email` is shown no more: it is the one that was shown before.
    pub email_hidden: bool,
}

/// What the change feed has in place of an e-mail address that is shown no more.
pub const HIDDEN: &str = "(hidden)";

impl Profile {
    /// Every attribute as the change feed tells it, with its column name, in the order of the columns.
    pub fn fields(&self) -> [(&'static str, Option<Cow<'_, str>>); 15] {
        let Self {
            name,
            full_name,
            email,
            directory,
            account_type,
            is_external,
            department,
            position,
            location,
            phone,
            im,
            website,
            language,
            time_zone,
            account_status,
            email_hidden,
        } = self;
        fn text(value: &Option<String>) -> Option<Cow<'_, str>> {
            value.as_deref().map(Cow::Borrowed)
        }
        [
            ("name", Some(Cow::Borrowed(name.as_str()))),
            ("full_name", text(full_name)),
            ("email", if *email_hidden { Some(Cow::Borrowed(HIDDEN)) } else { text(email) }),
            ("directory", text(directory)),
            ("account_type", text(account_type)),
            ("is_external", is_external.map(|yes| Cow::Borrowed(if yes { "1" } else { "0" }))),
            ("department", text(department)),
            ("position", text(position)),
            ("location", text(location)),
            ("phone", text(phone)),
            ("im", text(im)),
            ("website", text(website)),
            ("language", text(language)),
            ("time_zone", text(time_zone)),
            ("account_status", text(account_status)),
        ]
    }
}

impl Profile {
    /// Takes one attribute, named by its column, from another profile.
    pub fn keep(&mut self, field: &str, from: &Self) {
        match field {
            "name" => self.name.clone_from(&from.name),
            "full_name" => self.full_name.clone_from(&from.full_name),
            "email" => {
                self.email.clone_from(&from.email);
                self.email_hidden = from.email_hidden;
            }
            "directory" => self.directory.clone_from(&from.directory),
            "account_type" => self.account_type.clone_from(&from.account_type),
            "is_external" => self.is_external = from.is_external,
            "department" => self.department.clone_from(&from.department),
            "position" => self.position.clone_from(&from.position),
            "location" => self.location.clone_from(&from.location),
            "phone" => self.phone.clone_from(&from.phone),
            "im" => self.im.clone_from(&from.im),
            "website" => self.website.clone_from(&from.website),
            "language" => self.language.clone_from(&from.language),
            "time_zone" => self.time_zone.clone_from(&from.time_zone),
            "account_status" => self.account_status.clone_from(&from.account_status),
            _ => debug_assert!(false, "no such attribute: {field}"),
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

/// How a user stands at its site: versioned too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the sources prove.
    pub status: Status,
    /// Whether the account is active; `None` when no source says.
    pub active: Option<bool>,
    /// Whether the user may use Confluence; `None` when no source says.
    pub has_access: Option<bool>,
}

/// Times the site tells of a user. Not versioned; log-ins are kept apart, each value ever seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `users`
pub struct Times {
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub last_login_at: Option<Timestamp>,
    /// The site says when the user last logged in, or that it never did.
    pub last_login_known: bool,
    pub last_failed_login_at: Option<Timestamp>,
    pub last_active_at: Option<Timestamp>,
    /// Cloud: the organization says when the user was last active, or that it never was; `None` while nobody asked.
    pub last_active_known: Option<bool>,
    /// Since when it says so, in the mirror's time.
    pub last_active_known_since: Option<Timestamp>,
    /// The dates are User Export's, to the minute: the site's other sources tell none.
    pub dates_from_export: bool,
}

/// Since when a user is gone, in the mirror's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the columns of `users`
pub struct Presence {
    /// `None` while a listing shows the user; else when it was last seen.
    pub unlisted_seen_at: Option<Timestamp>,
    pub missing_since: Option<Timestamp>,
    pub deactivated_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

/// All the mirror knows now about one user.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The permanent id at the site; `None` while only User Export knows the user.
    pub key: Option<String>,
    /// The versioned attributes.
    pub profile: Profile,
    /// The versioned standing.
    pub standing: Standing,
    /// Times told by the site.
    pub times: Times,
    /// Since when it is gone.
    pub presence: Presence,
}

impl Account {
    /// A user of whom nothing is known yet.
    pub fn unknown() -> Self {
        Self {
            key: None,
            profile: Profile::default(),
            standing: Standing { status: Status::Unknown, active: None, has_access: None },
            times: Times::default(),
            presence: Presence::default(),
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("standing", &self.standing).finish_non_exhaustive()
    }
}
