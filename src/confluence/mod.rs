//! Adapters to the upstream systems: HTTP with its limits, pages and their paging, REST API Extender.

mod error;
mod extender;
mod http;
mod page;
mod paging;
mod wire;

pub use error::{RequestError, Trouble};
pub use extender::{Detail, Extender, LookUp, UserList, is_addressable};
pub use http::{Client, ClientError, Figures};
pub use page::{Page, Rows};
pub use paging::{Pass, PassEnd, read_listing};
pub use wire::{Malformed, Member, decode_group_name, decode_member_name, decode_user, key_identity};
