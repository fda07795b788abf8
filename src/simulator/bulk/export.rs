//! What User Export shows of the static site: every account, with or without access, in the order of the names.

use std::cell::OnceCell;

use super::{BLOCK, Bulk, Number, OUTSIDER, email, full_name, has_access};
use crate::simulator::call::{Page, Search};
use crate::simulator::extender::Dates;
use crate::simulator::names::{DIRECTORIES, TONGUES};
use crate::simulator::user_export::{self, Row};

/// Who is in which groups.
pub(super) struct Roster {
    /// Whether this release tells the last log-in.
    last_login: bool,
    /// Every membership, by account and then by group; sorted when User Export is first asked.
    memberships: OnceCell<Vec<(Number, u32)>>,
}

impl Roster {
    pub fn new(last_login: bool) -> Self {
        Self { last_login, memberships: OnceCell::new() }
    }
}

impl Bulk {
    /// How many accounts there are, with access or without.
    pub(super) fn accounts(&self) -> usize {
        self.users + (self.users + BLOCK - OUTSIDER - 1) / BLOCK
    }

    /// The account at a place among all of them.
    pub(super) fn account(place: usize) -> Number {
        let (block, within) = (place / (BLOCK + 1), place % (BLOCK + 1));
        // One without access stands directly behind the outsider's neighbour and moves the rest of its block on.
        let user = block * BLOCK + within - usize::from(within > OUTSIDER);
        (2 * user + usize::from(within == OUTSIDER + 1)) as Number
    }

    /// What a search finds, by looking at every account.
    pub(super) fn search(&self, search: &Search, page: Page) -> Vec<u8> {
        let wanted = |&place: &usize| {
            let name = self.name(Self::account(place));
            search.wants(has_access(Self::account(place)), &name, &full_name(&name), &email(&name))
        };
        let found: Vec<_> = (0..self.accounts()).filter(wanted).collect();
        let range = page.range(found.len());
        let more = range.end < found.len();
        self.export_page(found[range].iter().copied(), more)
    }

    /// A page of the accounts at these places.
    pub(super) fn export_page(&self, places: impl Iterator<Item = usize>, more: bool) -> Vec<u8> {
        let dates = Dates::new(self.zone, Some(user_export::DATES));
        let mut body = user_export::begin();
        for (nth, number) in places.map(Self::account).enumerate() {
            let name = self.name(number);
            let mixed = Self::mixed(number);
            let (created, updated, login) = self.times(number);
            let row = Row {
                username: &name,
                active: has_access(number),
                full_name: &full_name(&name),
                email: &email(&name),
                directory_name: DIRECTORIES[(mixed >> 24) as usize % DIRECTORIES.len()],
                created_date: dates.spell(created),
                updated_date: dates.spell(updated),
                groups: self.groups_of(number),
                preferred_language: TONGUES[(mixed >> 28) as usize % TONGUES.len()].language,
                can_use: has_access(number),
                last_login: self.export.last_login.then(|| login.map(|time| dates.spell(time))),
            };
            row.write(nth, &mut body);
        }
        user_export::end(body, more)
    }

    fn groups_of(&self, number: Number) -> Vec<&str> {
        let memberships = self.export.memberships.get_or_init(|| {
            let groups = (0u32..).zip(&self.groups);
            let mut all: Vec<_> =
                groups.flat_map(|(group, (_, members))| members.iter().map(move |&member| (member, group))).collect();
            all.sort_unstable();
            all
        });
        let start = memberships.partition_point(|&(member, _)| member < number);
        let own = memberships[start..].iter().take_while(|&&(member, _)| member == number);
        own.map(|&(_, group)| self.groups[group as usize].0.as_str()).collect()
    }
}
