//! How often each endpoint was asked.

use std::collections::VecDeque;

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
    /// Everything else.
    pub other: usize,
    /// Path and query of the last ten thousand, oldest first.
    pub recent: VecDeque<String>,
}

impl Requests {
    const KEPT: usize = 10_000;

    /// All of them.
    pub fn total(&self) -> usize {
        let extender = self.user_list + self.user_details + self.group_list + self.group_members;
        let export = self.user_export_search + self.user_export_file + self.user_export_download;
        extender + export + self.other
    }

    pub(super) fn note(&mut self, endpoint: Endpoint, target: &str) {
        *match endpoint {
            Endpoint::UserList => &mut self.user_list,
            Endpoint::UserDetails => &mut self.user_details,
            Endpoint::GroupList => &mut self.group_list,
            Endpoint::GroupMembers => &mut self.group_members,
            Endpoint::UserExportSearch => &mut self.user_export_search,
            Endpoint::UserExportFile => &mut self.user_export_file,
            Endpoint::UserExportDownload => &mut self.user_export_download,
            Endpoint::Other => &mut self.other,
        } += 1;
        if self.recent.len() == Self::KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(target.to_owned());
    }
}
