//! Confluence User Export, the second source: who is active, and users whom no list of REST API Extender shows.

use std::collections::{HashMap, HashSet};

use super::diff::{Picture, Place, Sight};
use super::error::WalkError;
use super::fetch::Reader;
use super::identities::Identities;
use super::members::PASSES;
use super::people::{Bearer, UserRef, name_hash};
use super::presence::Extended;
use super::remember::Remember;
use super::roll::Roll;
use crate::config::UserExport as Wanted;
use crate::confluence::{Page, Pass, Trouble, UserExport, read_listing, username_identity};
use crate::model::{ExportedUser, SeenUser, Status, UserId};
use crate::store::{self, AccountRow, Entry};

/// What the list is called in errors.
const LIST: &str = "confluenceuserexport/1.0/search";

/// What came of asking User Export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its list was read, as far as `problem` does not say otherwise.
    Read {
        /// What is missing.
        problem: Option<String>,
    },
    /// It is there but could not be read at all.
    Failed(String),
    /// It is not there for us, which is as configured: not wanted, not installed, not permitted. The note, if any.
    Unused(Option<String>),
}

/// Whom a record of User Export is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// This user.
    User(UserRef),
    /// A name that no user of the mirror has, or had last.
    Nobody,
    /// A name that may mean one user or another: two bear it, or one who was missing bore it.
    Unclear,
    /// A name whose bearer may be in what REST API Extender did not show of its lists: for the next walk to tell.
    Unproven,
}

/// User Export's list as read.
pub struct Exported {
    /// What came of asking.
    pub answer: Answer,
    /// Its rows.
    pub roll: Roll<ExportedUser>,
    /// Whom the decoded rows are about.
    pub about: Vec<About>,
    /// What is known of users whom it alone shows, by their id.
    pub known: HashMap<UserId, AccountRow>,
    /// Of unclear rows those whose name was last that of one user who is missing.
    pub lost: HashMap<usize, AccountRow>,
    /// The last reading.
    pub pass: Pass,
    /// How often it was read.
    pub passes: u32,
}

impl Exported {
    /// Whom it does not show is not in it.
    pub fn is_whole(&self) -> bool {
        self.answer == Answer::Read { problem: None }
    }

    /// What is missing.
    pub fn problem(&self) -> Option<&String> {
        match &self.answer {
            Answer::Read { problem } => problem.as_ref(),
            Answer::Failed(problem) => Some(problem),
            Answer::Unused(_) => None,
        }
    }

    /// Whom its decoded rows are about.
    pub fn users(&self) -> impl Iterator<Item = UserRef> {
        self.about.iter().filter_map(|about| match about {
            About::User(user) => Some(*user),
            About::Nobody | About::Unclear | About::Unproven => None,
        })
    }

    /// The decoded rows of which it is not known whom they are about.
    pub fn unidentified(&self) -> Vec<usize> {
        (0..self.about.len()).filter(|at| !matches!(self.about[*at], About::User(_))).collect()
    }

    /// The decoded row about `user`.
    pub fn row_of(&self, user: UserId) -> Option<usize> {
        self.about.iter().position(|about| *about == About::User(UserRef::known(user)))
    }

    /// Those of `users` whom it shows.
    pub fn shows(&self, users: impl Iterator<Item = UserId>) -> HashSet<UserId> {
        let asked: HashSet<UserId> = users.collect();
        let mut hidden = asked.clone();
        let fresh: Vec<UserRef> = self.users().collect();
        self.roll.retain_unseen(&mut hidden, &fresh);
        asked.difference(&hidden).copied().collect()
    }

    /// What deserves a word although nothing is missing.
    pub fn note(&self) -> Option<&String> {
        match &self.answer {
            Answer::Unused(note) => note.as_ref(),
            Answer::Read { .. } | Answer::Failed(_) => None,
        }
    }

    /// It is there, and what it would say of a user whom it does not show is not known.
    pub fn is_in_doubt(&self) -> bool {
        self.problem().is_some()
    }

    fn is_about(&mut self, row: AccountRow) -> About {
        let about = About::User(UserRef::known(row.id));
        self.known.insert(row.id, row);
        about
    }

    /// Takes a missing user for the one whom row `at` is about: nobody else has the name.
    pub fn find_lost(&mut self, at: usize) {
        if let Some(row) = self.lost.remove(&at) {
            self.about[at] = self.is_about(row);
        }
    }

    /// Tells that row `at` is about `user`: no other row is, whatever name was last known.
    pub fn recognize(&mut self, at: usize, user: UserRef) {
        for about in self.about.iter_mut().filter(|about| **about == About::User(user)) {
            *about = About::Unclear;
        }
        self.about[at] = About::User(user);
    }

    /// Makes users of the names about whom nothing is known: users without a key.
    pub fn adopt(&mut self, identities: &mut Identities) {
        for about in self.about.iter_mut().filter(|about| **about == About::Nobody) {
            *about = About::User(identities.new_user());
        }
    }

    /// Users whom it showed in the last walk, and whom nothing shows any more; none unless its whole list was read.
    pub fn gone(&self, extended: &Extended<'_>) -> HashSet<UserId> {
        let mut gone: HashSet<UserId> =
            if self.is_whole() { self.absent().into_iter().collect() } else { HashSet::new() };
        extended.hide_shown(&mut gone);
        gone
    }

    /// Users whom it alone showed in the last walk, where it is not read any more.
    pub fn releasable(&self, extended: &Extended<'_>) -> HashSet<UserId> {
        let mut hidden: HashSet<UserId> = match self.answer {
            Answer::Unused(_) => self.roll.known().iter().map(Entry::user_id).collect(),
            Answer::Read { .. } | Answer::Failed(_) => HashSet::new(),
        };
        extended.hide_shown(&mut hidden);
        hidden
    }

    /// The list as it is to be remembered, with those in `kept`; `None` when it is as it was.
    pub fn remember(&self, kept: &HashSet<UserId>) -> Option<Vec<Remember>> {
        let about = |at: usize| match self.about[at] {
            About::User(user) => Some(user),
            About::Nobody | About::Unclear | About::Unproven => None,
        };
        match self.answer {
            Answer::Read { problem: None } => self.roll.remember(kept, about),
            Answer::Read { problem: Some(_) } => self.roll.remember(&self.absent().into_iter().collect(), about),
            Answer::Failed(_) => None,
            Answer::Unused(_) => (!self.roll.known().is_empty()).then(Vec::new),
        }
    }

    /// Users whom it showed in the last walk and shows no more.
    pub fn absent(&self) -> Vec<UserId> {
        let fresh: Vec<UserRef> = self.users().collect();
        self.roll.absent(&fresh)
    }
}

impl Reader<'_> {
    /// Reads User Export. `absent` are users whom REST API Extender shows no more: what it says of them counts.
    pub(super) async fn read_export(
        &mut self,
        extended: &Extended<'_>,
        known: Vec<Entry>,
        absent: &HashSet<UserId>,
    ) -> Result<Exported, WalkError> {
        let mut exported = Exported {
            answer: Answer::Unused(None),
            roll: Roll::new(known),
            about: Vec::new(),
            known: HashMap::new(),
            lost: HashMap::new(),
            pass: Pass::default(),
            passes: 0,
        };
        if self.user_export == Wanted::Off {
            return Ok(exported);
        }
        // Asked of every row: whether nobody's name moved is told once.
        let as_before = exported.roll.known().is_empty() || extended.names_are_as_before();
        let news = extended.news();
        // Whose key will be sought in this walk: its row may turn out to be another's.
        let keyless = self.due_without_key().await?;
        let stale = |entry: &Entry| {
            let user = entry.user_id();
            let moved = || match extended.names().bearer(entry.name) {
                Bearer::One(bearer) => bearer != UserRef::known(user),
                Bearer::Several => true,
                Bearer::Nobody => false,
            };
            (!news.is_empty() && news.contains(&user))
                || (!keyless.is_empty() && keyless.contains(&user))
                || (!absent.is_empty() && absent.contains(&user))
                || (!as_before && moved())
        };
        self.read_export_list(&mut exported, stale).await?;
        if !exported.roll.fresh().is_empty() {
            self.identify_exported(&mut exported, extended).await?;
        }
        Ok(exported)
    }

    /// Users without a key whose turn in the rotation comes in this walk, or may.
    async fn due_without_key(&mut self) -> Result<HashSet<UserId>, WalkError> {
        let newest = store::newest_keyless(self.connection, self.site).await.map_err(|error| self.store.sql(error))?;
        if newest.is_none() {
            return Ok(HashSet::new());
        }
        let limit = self.extender.client().limits().lookups_per_walk as usize;
        let (never, turn) = store::rotation(self.connection, self.site, self.before.lookup_cursor, limit)
            .await
            .map_err(|error| self.store.sql(error))?;
        Ok(never.iter().chain(&turn).filter(|row| row.account.key.is_none()).map(|row| row.id).collect())
    }

    async fn read_export_list(&self, exported: &mut Exported, stale: impl Fn(&Entry) -> bool) -> Result<(), WalkError> {
        let client = self.extender.client();
        let source = UserExport::new(client);
        let Exported { answer, roll, pass, passes, .. } = exported;
        for number in 1..=PASSES {
            *passes = number;
            roll.begin_pass();
            let mut read = 0;
            let reading = read_listing(
                |offset, size| source.search(offset, size),
                None,
                u64::from(client.limits().page_size),
                client.limits().concurrency,
                username_identity,
                |page: Page, fresh| {
                    roll.take(&page, fresh, LIST, read, &stale);
                    read += (page.rows.len() - fresh) as u64;
                },
            )
            .await;
            *pass = match reading {
                Ok(pass) => pass,
                Err(error) => {
                    let wanted = self.user_export == Wanted::On;
                    *answer = match &error.trouble {
                        Trouble::NotPermitted | Trouble::Forbidden if wanted => return Err(WalkError::Refused(error)),
                        Trouble::NotPermitted | Trouble::Forbidden if number == 1 => {
                            Answer::Unused(Some(format!("User Export was not read: {error}")))
                        }
                        trouble if trouble.is_refusal() || trouble.is_block() => {
                            return Err(WalkError::of_request(error));
                        }
                        // What the reading before brought counts, and proves nothing.
                        _ if number > 1 => Answer::Read { problem: Some(format!("User Export: {error}")) },
                        Trouble::NotFound | Trouble::Status(405) if wanted => Answer::Failed(format!(
                            "User Export: {error}; install and license the app, or set user_export to \"auto\" or \"off\""
                        )),
                        Trouble::NotFound | Trouble::Status(405) if roll.known().is_empty() => Answer::Unused(None),
                        Trouble::NotFound | Trouble::Status(405) => Answer::Unused(Some(format!(
                            "User Export, which was read before, is not there any more: {error}"
                        ))),
                        _ => Answer::Failed(format!("User Export: {error}")),
                    };
                    return Ok(());
                }
            };
            if number == 1 && pass.received == 0 && !roll.known().is_empty() {
                let known = roll.known().len();
                *answer =
                    Answer::Failed(format!("User Export's list is empty although it showed {known} users before"));
                return Ok(());
            }
            let (malformed, rows) = roll.malformed();
            let complete = pass.is_complete(roll.distinct() + rows);
            let problem = if rows > 0 {
                Some(format!("{rows} records of User Export cannot be read: {}", malformed.join("; ")))
            } else if !complete {
                Some(format!("User Export's list is incomplete: {}", pass.shortfall(roll.distinct())))
            } else {
                None
            };
            *answer = Answer::Read { problem };
            if (complete && (!pass.disturbed || number > 1)) || !pass.failures.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Finds out whom the decoded rows are about: by the names that Extender shows now, then by those that users had
    /// when they were seen last.
    async fn identify_exported(&mut self, exported: &mut Exported, extended: &Extended<'_>) -> Result<(), WalkError> {
        let records = exported.roll.fresh();
        let bearers = records.iter().map(|record| extended.names().bearer(name_hash(&record.username)));
        exported.about = bearers
            .map(|bearer| match bearer {
                Bearer::One(user) => About::User(user),
                Bearer::Several => About::Unclear,
                Bearer::Nobody => About::Nobody,
            })
            .collect();
        let mut unknown: HashMap<u64, usize> = HashMap::new();
        let mut spelled: Vec<&str> = Vec::new();
        for (at, record) in records.iter().enumerate().filter(|(at, _)| exported.about[*at] == About::Nobody) {
            unknown.insert(name_hash(&record.username), at);
            spelled.push(&record.username);
        }
        if spelled.is_empty() {
            return Ok(());
        }
        let found = store::accounts_by_name(self.connection, self.site, &spelled).await;
        let found = found.map_err(|error| self.store.sql(error))?;
        // Whom Extender shows under another name now is not meant by the old one.
        let mut unseen: HashSet<UserId> = found.iter().map(|row| row.id).collect();
        extended.hide_seen(&mut unseen);
        let mut hidden = unseen.clone();
        extended.hide_shown(&mut hidden);
        let mut candidates: HashMap<usize, Vec<AccountRow>> = HashMap::new();
        for row in found {
            let at = unknown.get(&name_hash(&row.account.profile.name)).copied();
            if let Some(at) = at.filter(|_| unseen.contains(&row.id)) {
                candidates.entry(at).or_default().push(row);
            }
        }
        for (at, rows) in candidates {
            if rows.iter().any(|row| !hidden.contains(&row.id)) {
                exported.about[at] = About::Unproven;
                continue;
            }
            let (mut lost, mut there): (Vec<_>, Vec<_>) = rows
                .into_iter()
                .filter(|row| row.account.standing.status != Status::Deleted)
                .partition(|row| row.account.standing.status == Status::Missing);
            exported.about[at] = match (there.pop(), lost.pop()) {
                (None, None) => About::Nobody,
                (Some(row), _) if there.is_empty() => exported.is_about(row),
                // Without a key the name is all there is of a user.
                (None, Some(row)) if lost.is_empty() && row.account.key.is_none() => exported.is_about(row),
                // One who was missing may have come back, or the name may have been given to another.
                (None, Some(row)) if lost.is_empty() => {
                    exported.lost.insert(at, row);
                    About::Unclear
                }
                _ => About::Unclear,
            };
        }
        Ok(())
    }

    /// What is known of those of `users` whom nothing shows or found: they are to be looked up in rotation.
    pub(super) async fn released(
        &mut self,
        picture: &Picture,
        mut users: HashSet<UserId>,
    ) -> Result<Vec<AccountRow>, WalkError> {
        for user in picture.sights.iter().filter_map(|sight| sight.user.known_id()) {
            users.remove(&user);
        }
        for gone in &picture.gone {
            users.remove(&gone.known.id);
        }
        let ids: Vec<UserId> = users.into_iter().collect();
        let rows = store::accounts_by_id(self.connection, &ids).await.map_err(|error| self.store.sql(error))?;
        Ok(rows.into_iter().filter(|row| row.account.presence.unlisted_seen_at.is_none()).collect())
    }

    /// Adds what User Export says to what Extender says, and the users whom it alone shows. `named` are records that
    /// look-ups by its names brought; `shown` are users whom Extender shows, `alone` is the place of the others.
    pub(super) async fn add_exports(
        &mut self,
        picture: &mut Picture,
        exported: Exported,
        named: HashMap<UserRef, (SeenUser, Option<Box<AccountRow>>)>,
        shown: &HashSet<UserId>,
        alone: Place,
    ) -> Result<(), WalkError> {
        let Exported { roll, about, mut known, .. } = exported;
        let (records, _) = roll.into_parts();
        let told = about.into_iter().zip(records).filter_map(|(about, record)| match about {
            About::User(user) => Some((user, Box::new(record))),
            About::Nobody | About::Unclear | About::Unproven => None,
        });
        let mut told: HashMap<UserRef, Box<ExportedUser>> = told.collect();
        if told.is_empty() {
            return Ok(());
        }
        for sight in &mut picture.sights {
            sight.export = told.remove(&sight.user);
        }
        let mut rest: Vec<(UserRef, Box<ExportedUser>)> = told.into_iter().collect();
        // New users in the order of their references.
        rest.sort_unstable_by_key(|(user, _)| *user);
        let mut named = named;
        known.extend(named.values_mut().filter_map(|(_, row)| row.take()).map(|row| (row.id, *row)));
        let unknown: Vec<UserId> =
            rest.iter().filter_map(|(user, _)| user.known_id()).filter(|id| !known.contains_key(id)).collect();
        let rows = store::accounts_by_id(self.connection, &unknown).await.map_err(|error| self.store.sql(error))?;
        known.extend(rows.into_iter().map(|row| (row.id, row)));
        for (user, export) in rest {
            let id = user.known_id();
            let place = if id.is_some_and(|id| shown.contains(&id)) { Place::Standing } else { alone };
            let record = named.remove(&user).map(|(record, _)| record).filter(|_| place == alone);
            let known = id.and_then(|id| known.remove(&id)).map(Box::new);
            picture.sights.push(Sight { user, record, export: Some(export), known, place });
        }
        Ok(())
    }
}
