//! Adapters to the upstream systems: HTTP with its limits, pages and their paging, REST API Extender, Confluence User
//! Export, Confluence Cloud and its organization.

mod cloud;
mod error;
mod expiry;
mod extender;
mod http;
mod memory;
mod page;
mod paging;
mod user_export;
mod wire;

pub use cloud::{
    Access, AccountIdReader, Cloud, CloudGroup, EMAILS, OrganizationApi, OrganizationUser, Product, SEARCH_CAP,
    SearchFrom, account_identity, decode_cloud_group, decode_cloud_user, decode_organization_user, group_identity,
};
pub use error::{RequestError, Right, Trouble};
pub use expiry::{Expiries, personal_tokens};
pub use extender::{Detail, Extender, LookUp, UserList, is_addressable};
pub use http::{Client, ClientError, ClockReading, DownloadError, Figures, Heard, RateLimit, Upstream};
pub use memory::Memory;
pub use page::{List, Page, Rows};
pub use paging::{Pass, PassEnd, read_listing};
pub use user_export::{FileFormat, ServerFile, UserExport, decode_exported, username_identity};
pub use wire::{Malformed, Member, decode_group_name, decode_member_name, decode_user, key_identity};
