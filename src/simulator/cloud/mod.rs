//! Confluence Cloud and the organization it belongs to, served from the same [`Population`](super::Population).
//!
//! The addresses and fields are those of Atlassian's published schemas; what the schemas leave open is said where it is
//! decided.
//!
//! | question | file |
//! |---|---|
//! | what can be told to it | `settings` |
//! | who is called what | `ids`, `traits` |
//! | how a request is read, and whose it is | `read`, `auth` |
//! | what is answered | `account`, `answer`, `groups`, `access`, `organization` |
//! | what a mirror should know | `truth` ([`Population::cloud_truth`](super::Population::cloud_truth)) |

mod access;
mod account;
mod answer;
mod auth;
mod groups;
mod ids;
mod organization;
mod read;
mod settings;
mod traits;
mod truth;

pub(super) use self::access::{check, invite, read_emails};
pub(super) use self::account::Account;
pub(super) use self::answer::{TENANT, answer, batch, bulk_page, reachable, refuse, search_page, tenant};
pub(super) use self::auth::{admit, unauthorized};
pub(super) use self::groups::{group_page, member_page};
pub use self::ids::account_id;
pub(super) use self::ids::{key_of, made_id};
use self::organization::is_elsewhere;
pub(super) use self::organization::{active_page, org_page, org_row, own_product};
pub(super) use self::read::{Ask, Filter, count_ids, read, read_organization};
pub use self::settings::{CloudSettings, OrganizationSettings, TokenKind};
pub use self::traits::CloudTraits;
pub(super) use self::truth::Sight;
pub use self::truth::{CloudGroupTruth, CloudTruth, CloudUserTruth};
