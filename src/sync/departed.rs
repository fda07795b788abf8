//! Whom no listing shows: looked up within the site's budget, those who were there in the last walk first.

use std::collections::{HashMap, HashSet};

use super::diff::{Gone, Picture, Place, Sight};
use super::error::WalkError;
use super::exports::{About, Answer, Exported};
use super::fetch::Reader;
use super::outside::Outside;
use super::people::{UserRef, name_hash};
use super::remember::Listing;
use super::resolve::{Finding, LACKED, LookedUp, look_up_all};
use super::users::{People, UserListing};
use crate::confluence::{LookUp, is_addressable};
use crate::model::{Account, ExportedUser, SeenUser, Told, UserId};
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
    /// What could not be found out.
    pub problem: Option<String>,
}

impl Departed {
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
        (users, outside, members_complete): (&UserListing, &Outside, bool),
        new_users: &mut usize,
        lookups: &mut u32,
    ) -> Result<Departed, WalkError> {
        let mut ids: Vec<UserId> = absent.iter().copied().collect();
        ids.sort_unstable();
        let accounts = store::accounts_by_id(self.connection, &ids).await.map_err(|error| self.store.sql(error))?;
        let newest = store::newest_keyless(self.connection, self.site).await.map_err(|error| self.store.sql(error))?;
        let whole = exported.is_whole();
        // Of the absent and the rotation, those alone are in its list whose key is still sought.
        let keyless_shown = |row: &AccountRow| {
            row.account.key.is_none() && row.account.presence.unlisted_seen_at.is_none() && !absent.contains(&row.id)
        };
        // One whose key nobody told yet may be the one who is sought, under another name.
        let before = self.before.applied_at;
        let last_seen = |row: &AccountRow| row.account.presence.unlisted_seen_at.or(before);
        let provable = |row: &AccountRow| whole && last_seen(row) >= newest && !keyless_shown(row);
        let unidentified = exported.unidentified();
        let lacked = |row: &AccountRow| unidentified.is_empty() && provable(row);
        let mut looked_up =
            look_up_all(self.extender, accounts, lookups, &lacked).await.map_err(WalkError::of_request)?;

        let named = self.look_up_names(exported, &unidentified, lookups).await?;
        let all_named = named.len() == unidentified.len();

        let mut departed = Departed { cursor: self.before.lookup_cursor, ..Departed::default() };
        let listed_whole = users.is_complete() && members_complete;
        let mut unanswered = None;
        for LookedUp { known, finding, .. } in &looked_up {
            match finding {
                Finding::Unanswered(why) => {
                    unanswered.get_or_insert_with(|| why.clone());
                    departed.kept.insert(known.id);
                }
                // A source that may have told failed: that says nothing about the user.
                Finding::NotAsked if !listed_whole || matches!(exported.answer, Answer::Failed(_)) => {
                    departed.kept.insert(known.id);
                }
                _ => {}
            }
        }
        departed.problem = (!departed.kept.is_empty()).then(|| {
            let why = unanswered.map_or(String::new(), |why| format!(" ({why})"));
            format!(
                "{} users no longer listed could not be looked up; they stay as they were until the next walk{why}",
                departed.kept.len()
            )
        });
        let rotation = store::rotation(self.connection, self.site, departed.cursor, *lookups as usize)
            .await
            .map_err(|error| self.store.sql(error))?;
        let told: HashSet<UserId> = exported.users().filter_map(UserRef::known_id).collect();
        let wanted =
            |row: &AccountRow| !absent.contains(&row.id) && (row.account.key.is_none() || !told.contains(&row.id));
        let rotation: Vec<AccountRow> = rotation.into_iter().filter(wanted).collect();
        let rotation = look_up_all(self.extender, rotation, lookups, &lacked).await.map_err(WalkError::of_request)?;
        for user in rotation.into_iter().filter(|user| !matches!(user.finding, Finding::NotAsked)) {
            departed.cursor = user.known.id;
            looked_up.push(user);
        }
        if all_named {
            // Every name that is new in User Export is another's: whose name nobody has is gone.
            for LookedUp { known, finding, evidence } in &mut looked_up {
                if matches!(finding, Finding::Missing { not_found: true }) && provable(known) {
                    *finding = Finding::Deleted;
                    *evidence = evidence.take().map(|told| format!("{told}, {LACKED}"));
                }
            }
        }
        departed.looked_up = looked_up;
        let records: Vec<SeenUser> = named.iter().map(|(_, record)| record.clone()).collect();
        let fresh: HashMap<&str, UserRef> = outside
            .records
            .iter()
            .map(|record| record.key.as_str())
            .zip(outside.people.users.iter().copied())
            .collect();
        let listed = |key: &str| users.fresh(key).or_else(|| fresh.get(key).copied());
        let found = departed.people.identify(self.connection, self.site, &records, listed, new_users).await;
        found.map_err(|error| self.store.sql(error))?;
        for ((at, _), user) in named.iter().zip(&departed.people.users) {
            exported.about[*at] = About::User(*user);
        }
        departed.named = named;
        Ok(departed)
    }

    /// The records of the users who bear names that are new in User Export; a name whose user is not found is left out.
    async fn look_up_names(
        &self,
        exported: &Exported,
        rows: &[usize],
        lookups: &mut u32,
    ) -> Result<Vec<(usize, SeenUser)>, WalkError> {
        let mut found: Vec<(usize, SeenUser)> = Vec::new();
        let mut keys = HashSet::new();
        for &at in rows {
            let name = &exported.roll.fresh()[at].username;
            if *lookups == 0 {
                break;
            }
            if !is_addressable(name) {
                continue;
            }
            *lookups -= 1;
            match self.extender.look_up(name).await {
                Ok(LookUp::Found(record)) if name_hash(&record.name) == name_hash(name) => {
                    if keys.insert(record.key.clone()) {
                        found.push((at, *record));
                    }
                }
                Ok(_) => {}
                Err(error) if error.trouble.is_refusal() || error.trouble.is_block() => {
                    return Err(WalkError::of_request(error));
                }
                // The user is known without its key until a later walk brings it.
                Err(error) => tracing::debug!(%error, "a user of User Export could not be looked up"),
            }
        }
        Ok(found)
    }

    /// Puts what the look-ups found into the picture; answers the news among the evidence. `exported` are those of them
    /// whom User Export shows.
    pub(super) async fn settle_departed(
        &mut self,
        picture: &mut Picture,
        departed: Departed,
        exported: &HashSet<UserId>,
        export: &mut Listing,
    ) -> Result<Vec<(UserId, String)>, WalkError> {
        let Departed { looked_up: departed, kept, .. } = departed;
        if departed.is_empty() {
            return Ok(Vec::new());
        }
        let shown: HashMap<UserRef, usize> =
            picture.sights.iter().enumerate().map(|(at, sight)| (sight.user, at)).collect();
        let keys: Vec<String> = departed.iter().filter_map(LookedUp::told_key).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let elsewhere = match keys.is_empty() {
            true => HashMap::new(),
            false => store::accounts_by_key(self.connection, self.site, &keys)
                .await
                .map_err(|error| self.store.sql(error))?,
        };
        let new_keys: HashSet<String> =
            picture.sights.iter().filter_map(|sight| sight.record.as_ref()).map(|record| record.key.clone()).collect();
        let mut evidence = Vec::new();
        // By the key it turned out that User Export shows these, and that its rows are not about those.
        let (mut shown_after_all, mut mistaken) = (HashSet::new(), HashSet::new());
        for LookedUp { known, finding, evidence: told } in departed {
            let user = UserRef::known(known.id);
            if kept.contains(&known.id) {
                continue; // nothing is known
            }
            let sight = shown.get(&user).copied();
            if sight.is_some_and(|at| picture.sights[at].record.is_some()) {
                continue; // a listing shows it after all
            }
            let place = if exported.contains(&known.id) { Place::Export } else { Place::LookUp };
            let mut told = told;
            match finding {
                Finding::Found(record)
                    if known.account.key.is_none()
                        && (elsewhere.contains_key(&record.key) || new_keys.contains(&record.key)) =>
                {
                    // What was known by its name alone is a user who is known by the key.
                    told = Some("by name: a user who is known by the key, under an earlier name".to_owned());
                    let bearer = elsewhere
                        .get(&record.key)
                        .filter(|bearer| place == Place::Export && !shown.contains_key(&UserRef::known(bearer.id)));
                    if let Some(bearer) = bearer.filter(|bearer| shown_after_all.insert(bearer.id)) {
                        let (user, export) = (UserRef::known(bearer.id), Some(Box::new(told_last(&known.account))));
                        let (record, known) = (Some(*record), Some(Box::new(bearer.clone())));
                        picture.sights.push(Sight { user, record, export, known, place });
                    }
                    mistaken.insert(known.id);
                    picture.gone.push(Gone { known: known.clone(), deleted: false });
                }
                Finding::Found(record) => match sight {
                    Some(at) => picture.sights[at].record = Some(*record),
                    None => {
                        let known = Some(Box::new(known.clone()));
                        picture.sights.push(Sight { user, record: Some(*record), export: None, known, place });
                    }
                },
                _ if sight.is_some() => continue, // User Export shows it
                Finding::Deleted => picture.gone.push(Gone { known: known.clone(), deleted: true }),
                // A user whom User Export shows is there, whether it can be looked up or not.
                Finding::Missing { .. } if place == Place::Export => {}
                // Not reached by the budget, it is no longer listed and nothing proves why all the same.
                Finding::Missing { .. } | Finding::NotAsked => {
                    picture.gone.push(Gone { known: known.clone(), deleted: false });
                }
                Finding::Unanswered(_) => {}
            }
            if let Some(told) = told {
                let last = store::last_evidence(self.connection, known.id).await;
                if last.map_err(|error| self.store.sql(error))?.as_ref() != Some(&told) {
                    evidence.push((known.id, told));
                }
            }
        }
        picture.gone.retain(|gone| !shown_after_all.contains(&gone.known.id));
        evidence.retain(|(user, _)| !shown_after_all.contains(user));
        export.doubt_shown(&mistaken);
        Ok(evidence)
    }
}

/// What User Export told last of a user whom it alone showed.
fn told_last(account: &Account) -> ExportedUser {
    let Account { key: _, profile, standing, times: _, presence: _ } = account;
    ExportedUser {
        username: profile.name.clone(),
        active: standing.active,
        can_use: standing.has_access,
        full_name: Told::Told(profile.full_name.clone()),
        email: Told::Told(profile.email.clone()),
        directory: Told::Told(profile.directory.clone()),
        language: Told::Told(profile.language.clone()),
        created: Told::Untold,
        updated: Told::Untold,
        last_login: Told::Untold,
    }
}
