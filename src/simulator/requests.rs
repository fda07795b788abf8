//! How often each endpoint was asked.

use std::collections::VecDeque;

use bytes::Bytes;

use super::call::Endpoint;

/// How often each endpoint was asked, refused requests included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// `getUsersWithConfluenceAccess` and `getUsers`.
    pub user_list: usize,
    /// `getUserDetails`.
    pub user_details: usize,
    /// `getGroups`.
    pub group_list: usize,
    /// `group/getUsers`.
    pub group_members: usize,
    /// User Export's `search`.
    pub user_export_search: usize,
    /// User Export's `file/…`.
    pub user_export_file: usize,
    /// User Export's servlet for downloads.
    pub user_export_download: usize,
    /// Cloud's `search/user`.
    pub search: usize,
    /// Cloud's `group`.
    pub cloud_groups: usize,
    /// Cloud's `membersByGroupId`.
    pub cloud_members: usize,
    /// Cloud's `users-bulk`.
    pub users_bulk: usize,
    /// Cloud's `check-access-by-email`.
    pub access_check: usize,
    /// Cloud's `invite-by-email`.
    pub access_invite: usize,
    /// The organization's `users/search`.
    pub org_users: usize,
    /// The organization's `last-active-dates`.
    pub org_last_active: usize,
    /// The organization's API keys.
    pub org_keys: usize,
    /// Data Center's personal access tokens.
    pub tokens: usize,
    /// Everything else.
    pub other: usize,
    /// Path and query of the last ten thousand, oldest first.
    pub recent: VecDeque<String>,
    /// The body of each of these; blank where it had none, or one of more than 64 KiB.
    pub bodies: VecDeque<Bytes>,
    /// How many ids the last ten thousand requests to `users-bulk` had, oldest first.
    pub batches: VecDeque<usize>,
}

/// So many of the last are remembered.
const KEPT: usize = 10_000;
/// A larger body is not remembered.
const LARGEST_KEPT: usize = 64 << 10;

fn keep<T>(last: &mut VecDeque<T>, new: T) {
    if last.len() == KEPT {
        last.pop_front();
    }
    last.push_back(new);
}

impl Requests {
    /// All of them.
    pub fn total(&self) -> usize {
        let extender = self.user_list + self.user_details + self.group_list + self.group_members;
        let export = self.user_export_search + self.user_export_file + self.user_export_download;
        let cloud = self.search + self.cloud_groups + self.cloud_members + self.users_bulk;
        let access = self.access_check + self.access_invite;
        let organization = self.org_users + self.org_last_active + self.org_keys;
        extender + export + cloud + access + organization + self.tokens + self.other
    }

    pub(super) fn note(&mut self, endpoint: Endpoint, target: &str, body: &Bytes) {
        *match endpoint {
            Endpoint::UserList => &mut self.user_list,
            Endpoint::UserDetails => &mut self.user_details,
            Endpoint::GroupList => &mut self.group_list,
            Endpoint::GroupMembers => &mut self.group_members,
            Endpoint::UserExportSearch => &mut self.user_export_search,
            Endpoint::UserExportFile => &mut self.user_export_file,
            Endpoint::UserExportDownload => &mut self.user_export_download,
            Endpoint::CloudSearch => &mut self.search,
            Endpoint::CloudGroups => &mut self.cloud_groups,
            Endpoint::CloudMembers => &mut self.cloud_members,
            Endpoint::UsersBulk => &mut self.users_bulk,
            Endpoint::AccessCheck => &mut self.access_check,
            Endpoint::AccessInvite => &mut self.access_invite,
            Endpoint::OrgUsers => &mut self.org_users,
            Endpoint::OrgLastActive => &mut self.org_last_active,
            Endpoint::OrgKeys => &mut self.org_keys,
            Endpoint::Tokens => &mut self.tokens,
            Endpoint::Other => &mut self.other,
        } += 1;
        keep(&mut self.recent, target.to_owned());
        keep(&mut self.bodies, if body.len() > LARGEST_KEPT { Bytes::new() } else { body.clone() });
    }

    pub(super) fn note_batch(&mut self, ids: usize) {
        keep(&mut self.batches, ids);
    }
}
