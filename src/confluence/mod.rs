//! Adapters to the upstream systems: HTTP with its limits, pages and their paging, REST API Extender, Confluence User Export.

mod error;
mod extender;
mod http;
mod page;
mod paging;
mod user_export;
mod wire;

pub use error::{RequestError, Right, Trouble};
pub use extender::{Detail, Extender, LookUp, UserList, is_addressable};
pub use http::{Client, ClientError, DownloadError, Figures};
pub use page::{Page, Rows};
pub use paging::{Pass, PassEnd, read_listing};
pub use user_export::{FileFormat, ServerFile, UserExport, decode_exported, username_identity};
pub use wire::{Malformed, Member, decode_group_name, decode_member_name, decode_user, key_identity};
