//! Whom no listing shows: looked up within the site's budget, those who were there in the last walk first.

use std::collections::{HashMap, HashSet};

use futures_util::stream::{self, StreamExt};

use super::diff::{Gone, Picture, Place, Sight};
use super::error::WalkError;
use super::exports::{About, Exported};
use super::fetch::Reader;
use super::identities::{Identities, People};
use super::people::{UserRef, name_hash};
use super::presence::Extended;
use super::resolve::{Finding, LACKED, LookedUp, is_deleted, look_up_all};
use crate::confluence::{LookUp, is_addressable};
use crate::model::{SeenUser, UserId};
use crate::store::{self, AccountRow};

/// Who is not there any more, and what is known of it.
#[derive(Default)]
pub struct Departed {
    /// Those looked up, and those whom the budget did not reach.
    pub looked_up: Vec<LookedUp>,
    /// Absent users about whom nothing could be found out: they stay as they were.
    pub kept: HashSet<UserId>,
    /// Where the rotation stands.
    pub cursor: UserId,
    /// Users whom User Export alone shows, by a name that was new in it: their records, with the row of the list.
    pub named: Vec<(usize, SeenUser)>,
    /// Whom these are about.
    pub people: People,
    /// Records that look-ups brought.
    pub found: usize,
    /// What could not be found out.
    pub problem: Option<String>,
}

/// What the look-ups come to.
#[derive(Default)]
pub struct Settled {
    /// News among the evidence.
    pub evidence: Vec<(UserId, String)>,
    /// Users whose record in User Export is another's: the next walk has to look at it again.
    pub doubtful: HashSet<UserId>,
}

/// What is said of a user without a key who turns out to be another.
const KNOWN_BY_KEY: &str = "by name: a user who is known by the key, under an earlier name";

impl Departed {
    /// Keeps those of the absent of whom nothing could be found out, and says why.
    fn keep(&mut self, looked_up: &[LookedUp], absent: &HashSet<UserId>, exported: &Exported, extended: &Extended<'_>) {
        let may_be_shown: HashSet<UserId> =
            if exported.is_in_doubt() { exported.absent().into_iter().collect() } else { HashSet::new() };
        let all_read = extended.is_complete() && !exported.is_in_doubt();
        let (mut users, mut why) = (0, None);
        for LookedUp { known, finding, .. } in looked_up {
            match finding {
                // In rotation it stands as it did, and its turn comes again.
                Finding::Unanswered(_) if !absent.contains(&known.id) => {}
                Finding::Unanswered(told) => {
                    why.get_or_insert(told);
                    users += 1;
                }
                // What would have told could not be read: that says nothing about the user.
                Finding::NotAsked if !all_read => users += 1,
                Finding::Missing { .. } if may_be_shown.contains(&known.id) => {}
                Finding::NotAsked | Finding::Missing { .. } | Finding::Found(_) | Finding::Deleted => continue,
            }
            self.kept.insert(known.id);
        }
        self.problem = (users > 0).then(|| {
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            format!(
                "{users} users no longer listed could not be looked up; they stay as they were until the next walk{why}"
            )
        });
    }

    /// Takes the records that look-ups by names of User Export brought, with what is known of their users.
    pub fn take_named(&mut self) -> HashMap<UserRef, (SeenUser, Option<Box<AccountRow>>)> {
        let People { users, known } = std::mem::take(&mut self.people);
        let records = self.named.drain(..).map(|(_, record)| record);
        users.into_iter().zip(records.zip(known)).collect()
    }
}

impl Reader<'_> {
    /// Looks up `absent` users, whom the last walk saw; then the names that are new in User Export; then the rotation.
    pub(super) async fn look_up(
        &mut self,
        absent: &HashSet<UserId>,
        exported: &mut Exported,
        extended: &Extended<'_>,
        identities: &mut Identities,
        lookups: &mut u32,
    ) -> Result<Departed, WalkError> {
        let newest = store::newest_keyless(self.connection, self.site).await.map_err(|error| self.store.sql(error))?;
        let before = self.before.applied_at;
        let whole = exported.is_whole();
        // One whose key nobody told yet may be the one who is sought, under another name.
        let provable = |row: &AccountRow| {
            let last_seen = row.account.presence.unlisted_seen_at.or(before);
            let shown = row.account.key.is_none() && !absent.contains(&row.id) && row.is_listed();
            whole && !shown && last_seen >= newest
        };
        let all_identified = exported.unidentified().is_empty();
        let nobody_new = identities.new_users() == 0;
        let lacked = |row: &AccountRow| all_identified && provable(row) && (row.account.key.is_some() || nobody_new);

        let accounts = self.in_turn(absent).await?;
        let listed = match absent.is_empty() {
            true => Vec::new(),
            false => store::some_active(self.connection, self.site, absent.len())
                .await
                .map_err(|error| self.store.sql(error))?,
        };
        let listed = listed.into_iter().find(|(id, name)| !absent.contains(id) && is_addressable(name));
        let listed = listed.map(|(_, name)| name);
        let mut looked_up = look_up_all(self.extender, accounts, lookups, &lacked, listed.as_deref())
            .await
            .map_err(WalkError::of_request)?;
        let mut named = self.look_up_names(exported, lookups).await?;
        let (never, turn) = store::rotation(self.connection, self.site, self.before.lookup_cursor, *lookups as usize)
            .await
            .map_err(|error| self.store.sql(error))?;
        // The absent were asked; whom User Export shows, or may show, need not be, unless for the key.
        let mut told: HashSet<UserId> = exported.users().filter_map(UserRef::known_id).collect();
        if exported.is_in_doubt() {
            told.extend(exported.absent());
        }
        let mut unseen: HashSet<UserId> = never.iter().chain(&turn).map(|row| row.id).collect();
        extended.hide_seen(&mut unseen);
        let wanted = |row: &AccountRow| {
            !absent.contains(&row.id)
                && unseen.contains(&row.id)
                && (row.account.key.is_none() || !told.contains(&row.id))
        };
        let mut departed = Departed { cursor: self.before.lookup_cursor, ..Departed::default() };
        for (rows, moves) in [(never, false), (turn, true)] {
            let rows = rows.into_iter().filter(wanted).collect();
            let asked = look_up_all(self.extender, rows, lookups, &lacked, listed.as_deref())
                .await
                .map_err(WalkError::of_request)?;
            for user in asked.into_iter().filter(|user| !matches!(user.finding, Finding::NotAsked)) {
                if moves {
                    departed.cursor = user.known.id;
                }
                looked_up.push(user);
            }
        }

        named.extend(self.recognize(exported, &looked_up).await?);
        let mut keys = HashSet::new();
        named.retain(|(_, record)| keys.insert(record.key.clone()));
        let found = looked_up.iter().filter(|user| matches!(user.finding, Finding::Found(_))).count();
        departed.found = found + named.len();
        departed.keep(&looked_up, absent, exported, extended);
        departed.looked_up = looked_up;
        let records: Vec<SeenUser> = named.iter().map(|(_, record)| record.clone()).collect();
        let listed = |key: &str| extended.fresh(key);
        let people = &mut departed.people;
        let identified = identities.identify(self.connection, people, &records, listed).await;
        identified.map_err(|error| self.store.sql(error))?;
        for ((at, _), user) in named.iter().zip(&departed.people.users) {
            exported.recognize(*at, *user);
        }
        departed.named = named;
        if exported.unidentified().is_empty() {
            // Every name that is new in User Export is another's: whose name nobody has is gone.
            let nobody_new = identities.new_users() == 0;
            for LookedUp { known, finding, evidence } in &mut departed.looked_up {
                if matches!(finding, Finding::Missing { not_found: true })
                    && provable(known)
                    && (known.account.key.is_some() || nobody_new)
                {
                    *finding = Finding::Deleted;
                    *evidence = evidence.take().map(|told| format!("{told}, {LACKED}"));
                }
            }
        }
        Ok(departed)
    }

    /// What is known of `users`, first those who were never looked up.
    async fn in_turn(&mut self, users: &HashSet<UserId>) -> Result<Vec<AccountRow>, WalkError> {
        let ids: Vec<UserId> = users.iter().copied().collect();
        let mut rows = store::accounts_by_id(self.connection, &ids).await.map_err(|error| self.store.sql(error))?;
        let asked = store::last_evidence(self.connection, &ids).await.map_err(|error| self.store.sql(error))?;
        rows.sort_by_key(|row| (asked.contains_key(&row.id), row.id));
        Ok(rows)
    }

    /// The records of users who were known by their names alone, and whose keys turn out to be those of other users: the
    /// rows of User Export are about these.
    async fn recognize(
        &mut self,
        exported: &Exported,
        looked_up: &[LookedUp],
    ) -> Result<Vec<(usize, SeenUser)>, WalkError> {
        let others = self.bearers_of_told_keys(looked_up).await?;
        let told = looked_up.iter().filter_map(|user| Some((user.known.id, user.told_record()?)));
        let told = told.filter(|(_, record)| others.contains_key(&record.key));
        Ok(told.filter_map(|(user, record)| Some((exported.row_of(user)?, record.clone()))).collect())
    }

    /// The records of the users who bear names that are new in User Export, each with its row of the list.
    async fn look_up_names(
        &self,
        exported: &mut Exported,
        lookups: &mut u32,
    ) -> Result<Vec<(usize, SeenUser)>, WalkError> {
        let mut found: Vec<(usize, SeenUser)> = Vec::new();
        let mut nobody: Vec<usize> = Vec::new();
        let records = exported.roll.fresh();
        let askable = |at: &usize| exported.about[*at] != About::Unproven && is_addressable(&records[*at].username);
        let rows = exported.unidentified().into_iter().filter(askable);
        let rows: Vec<usize> = rows.take(*lookups as usize).collect();
        *lookups -= rows.len() as u32;
        let extender = self.extender;
        let mut answers = stream::iter(rows)
            .map(|at| async move { (at, extender.look_up(&records[at].username).await) })
            .buffered(extender.client().limits().concurrency);
        let mut keys = HashSet::new();
        while let Some((at, answer)) = answers.next().await {
            match answer {
                Ok(LookUp::Found(record))
                    if name_hash(&record.name) == name_hash(&records[at].username) && !is_deleted(&record) =>
                {
                    if keys.insert(record.key.clone()) {
                        found.push((at, *record));
                    }
                }
                Ok(LookUp::Found(_)) => {}
                Ok(LookUp::NotFound) => nobody.push(at),
                Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => {
                    return Err(WalkError::of_request(error));
                }
                // The user is known without its key until a later walk brings it.
                Err(error) => tracing::debug!(%error, "a user of User Export could not be looked up"),
            }
        }
        drop(answers);
        for at in nobody {
            exported.find_lost(at);
        }
        Ok(found)
    }

    /// Puts what the look-ups found into the picture. `exported` are those of them whom User Export shows; `alone` is the
    /// place of whom nothing else shows.
    pub(super) async fn settle_departed(
        &mut self,
        picture: &mut Picture,
        departed: Departed,
        exported: &HashSet<UserId>,
        alone: Place,
    ) -> Result<Settled, WalkError> {
        let Departed { looked_up, kept, .. } = departed;
        let mut shown: HashMap<UserRef, usize> =
            picture.sights.iter().enumerate().map(|(at, sight)| (sight.user, at)).collect();
        let mut elsewhere = self.bearers_of_told_keys(&looked_up).await?;
        let listed: HashSet<String> =
            elsewhere.iter().filter(|(_, row)| row.is_listed()).map(|(key, _)| key.clone()).collect();
        let mut keys: HashSet<String> =
            picture.sights.iter().filter_map(|sight| sight.record.as_ref()).map(|record| record.key.clone()).collect();
        let mut settled = Settled::default();
        for LookedUp { known, finding, evidence: mut told } in looked_up {
            let user = UserRef::known(known.id);
            let sight = shown.get(&user).copied();
            if sight.is_some_and(|at| picture.sights[at].record.is_some()) {
                continue; // a listing shows it after all
            }
            let place = if exported.contains(&known.id) { alone } else { Place::LookUp };
            let keyless = known.account.key.is_none();
            match finding {
                _ if kept.contains(&known.id) => {}
                Finding::Found(record) if keyless && (keys.contains(&record.key) || listed.contains(&record.key)) => {
                    // What was known by its name alone is a user who is shown, or was just found.
                    if sight.is_some() {
                        continue; // for the next walk to tell
                    }
                    told = Some(KNOWN_BY_KEY.to_owned());
                    settled.doubtful.insert(known.id);
                    picture.gone.push(Gone { known: known.clone(), deleted: false });
                }
                Finding::Found(record) if keyless && elsewhere.contains_key(&record.key) => {
                    let Some(bearer) = elsewhere.remove(&record.key) else { continue };
                    // … or is a user of the mirror whom no listing shows, who has been renamed.
                    told = Some(KNOWN_BY_KEY.to_owned());
                    settled.doubtful.insert(known.id);
                    keys.insert(record.key.clone());
                    picture.gone.retain(|gone| gone.known.id != bearer.id);
                    shown.insert(UserRef::known(bearer.id), picture.sights.len());
                    picture.sights.push(Sight {
                        user: UserRef::known(bearer.id),
                        record: Some(*record),
                        export: None,
                        known: Some(Box::new(bearer)),
                        place,
                    });
                    picture.gone.push(Gone { known: known.clone(), deleted: false });
                }
                Finding::Found(record) => {
                    keys.insert(record.key.clone());
                    match sight {
                        Some(at) => picture.sights[at].record = Some(*record),
                        None => {
                            let known = Some(Box::new(known.clone()));
                            picture.sights.push(Sight { user, record: Some(*record), export: None, known, place });
                        }
                    }
                }
                _ if sight.is_some() => continue, // User Export shows it
                Finding::Deleted => picture.gone.push(Gone { known: known.clone(), deleted: true }),
                // A user whom User Export shows is there, whether it can be looked up or not.
                Finding::Missing { .. } if place == alone => {}
                // Not reached by the budget, it is no longer listed and nothing proves why all the same.
                Finding::Missing { .. } | Finding::NotAsked => {
                    picture.gone.push(Gone { known: known.clone(), deleted: false });
                }
                Finding::Unanswered(_) => {}
            }
            settled.evidence.extend(told.map(|told| (known.id, told)));
        }
        for sight in picture.sights.iter().filter(|sight| sight.place == alone) {
            let keyed = sight.known.as_ref().filter(|known| known.account.key.is_some());
            let told = sight.export.as_deref().map(|export| {
                let bit = |bit: Option<bool>| bit.map_or("not told", |yes| if yes { "yes" } else { "no" });
                format!("User Export: active {}, may use Confluence {}", bit(export.active), bit(export.can_use))
            });
            settled.evidence.extend(keyed.map(|known| known.id).zip(told));
        }
        let users: Vec<UserId> = settled.evidence.iter().map(|(user, _)| *user).collect();
        let last = store::last_evidence(self.connection, &users).await.map_err(|error| self.store.sql(error))?;
        settled.evidence.retain(|(user, told)| last.get(user) != Some(told));
        Ok(settled)
    }

    /// The users of the mirror whose keys the look-ups of users without one brought.
    async fn bearers_of_told_keys(&mut self, looked_up: &[LookedUp]) -> Result<HashMap<String, AccountRow>, WalkError> {
        let keys: Vec<&str> =
            looked_up.iter().filter_map(LookedUp::told_record).map(|record| record.key.as_str()).collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let found = store::accounts_by_key(self.connection, self.site, &keys).await;
        Ok(found.map_err(|error| self.store.sql(error))?)
    }
}
