//! What is known of a user of Cloud after its sources spoke of it. Pure.

use crate::model::{Account, Activity, CloudUser, Status, Times, Told};
use crate::sync::diff::Moment;
use crate::sync::merge::stand;

/// What is known of a user after `users-bulk`'s record of it, the organization's word on its activity, or both were seen.
pub fn merge_cloud(
    known: Option<&Account>,
    record: Option<CloudUser>,
    activity: Option<Activity>,
    moment: Moment,
) -> Account {
    let mut account = known.cloned().unwrap_or_else(Account::unknown);
    if let Some(record) = record {
        tell_record(&mut account, record, known.is_some(), moment);
    }
    if let Some(activity) = activity {
        tell_activity(&mut account.times, activity, moment);
    }
    account
}

fn tell_record(account: &mut Account, record: CloudUser, is_known: bool, moment: Moment) {
    let CloudUser {
        account_id,
        public_name,
        display_name,
        email,
        account_status,
        account_type,
        is_external,
        time_zone,
    } = record;
    account.key = Some(account_id.clone());
    let profile = &mut account.profile;
    account_status.clone().tell(&mut profile.account_status);
    let status = status_of(&account_status, account.standing.status);
    // What is left of a closed account says nothing about the person: what was known stays.
    if status != Status::Deleted || !is_known {
        if !public_name.is_empty() {
            profile.name = public_name;
        } else if profile.name.is_empty() {
            profile.name = match &display_name {
                Told::Told(Some(name)) => name.clone(),
                _ => account_id,
            };
        }
        display_name.tell(&mut profile.full_name);
        match email {
            Told::Untold => {}
            Told::Told(Some(email)) => {
                profile.email = Some(email);
                profile.email_hidden = false;
            }
            // Hidden, which is not the same as not having one.
            Told::Told(None) => profile.email_hidden = profile.email.is_some(),
        }
        account_type.tell(&mut profile.account_type);
        profile.is_external = is_external.or(profile.is_external);
        time_zone.tell(&mut profile.time_zone);
    }
    account.standing.active = match status {
        Status::Active => Some(true),
        Status::Deactivated | Status::Deleted => Some(false),
        Status::NoAccess | Status::Missing | Status::Unknown => None,
    };
    account.standing.has_access = (status == Status::Deleted).then_some(false);
    stand(account, status, None, moment);
}

/// The status that Cloud's word stands for; an answer without a word says that the account is there.
fn status_of(told: &Told<String>, known: Status) -> Status {
    match told {
        Told::Told(Some(word)) => match word.to_ascii_lowercase().as_str() {
            "active" => Status::Active,
            "inactive" => Status::Deactivated,
            "closed" => Status::Deleted,
            _ => Status::Unknown,
        },
        Told::Told(None) => Status::Unknown,
        Told::Untold if known == Status::Missing => Status::Unknown,
        Told::Untold => known,
    }
}

fn tell_activity(times: &mut Times, Activity { last_active_at, added_at }: Activity, moment: Moment) {
    times.created_at = times.created_at.or(added_at);
    match last_active_at {
        Told::Told(at) => {
            times.last_active_known = Some(true);
            times.last_active_at = match (times.last_active_at, at) {
                // It never goes back; of a day alone the first moment is told.
                (Some(known), Some(at)) => Some(known.max(at)),
                (known, at) => known.or(at),
            };
        }
        // Nobody says any more that it never was active; when it last was stays true.
        Told::Untold => times.last_active_known = Some(times.last_active_at.is_some()),
    }
    let known = times.last_active_known == Some(true);
    times.last_active_known_since = known.then(|| times.last_active_known_since.unwrap_or(moment.at));
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::model::{ChangeKind, HIDDEN, Timestamp, UserId};
    use crate::sync::diff::Edit;

    type Row = (&'static str, Option<String>, Option<String>);

    const T1: Timestamp = Timestamp::from_millis_clamped(1_000);
    const T2: Timestamp = Timestamp::from_millis_clamped(2_000);
    const NOW: Moment = Moment { at: T2, not_before: Some(T1), zone: Tz::UTC };

    fn told(text: &str) -> Told<String> {
        Told::Told(Some(text.to_owned()))
    }

    fn record() -> CloudUser {
        CloudUser {
            account_id: "712020:a".to_owned(),
            public_name: "ann".to_owned(),
            display_name: told("Ann"),
            email: told("ann@example.com"),
            account_status: told("active"),
            account_type: told("atlassian"),
            ..CloudUser::default()
        }
    }

    fn seen(record: CloudUser) -> Account {
        merge_cloud(None, Some(record), None, Moment { at: T1, not_before: None, zone: Tz::UTC })
    }

    fn changes(before: Account, record: CloudUser) -> (Account, Vec<Row>) {
        let after = merge_cloud(Some(&before), Some(record), None, NOW);
        let edit = Edit { id: UserId(1), before, after: after.clone() };
        (after, edit.changes().into_iter().map(|change| (change.field, change.before, change.after)).collect())
    }

    fn row(field: &'static str, before: &str, after: &str) -> Row {
        (field, Some(before.to_owned()), Some(after.to_owned()))
    }

    #[test]
    fn the_words_for_a_status() {
        for (word, status, active) in [
            ("active", Status::Active, Some(true)),
            ("inactive", Status::Deactivated, Some(false)),
            ("closed", Status::Deleted, Some(false)),
            ("unknown", Status::Unknown, None),
            ("suspended", Status::Unknown, None),
        ] {
            let account = seen(CloudUser { account_status: told(word), ..record() });
            assert_eq!((account.standing.status, account.standing.active), (status, active), "{word}");
            assert_eq!(account.profile.account_status.as_deref(), Some(word));
        }
        assert_eq!(seen(CloudUser { account_status: Told::Untold, ..record() }).standing.status, Status::Unknown);
    }

    #[test]
    fn a_status_is_one_change_and_an_unknown_word_another() {
        let (_, rows) = changes(seen(record()), CloudUser { account_status: told("inactive"), ..record() });
        assert_eq!(rows, [row("status", "active", "deactivated")]);
        let odd = seen(CloudUser { account_status: told("suspended"), ..record() });
        let (_, rows) = changes(odd, CloudUser { account_status: told("paused"), ..record() });
        assert_eq!(rows, [row("account_status", "suspended", "paused")]);
    }

    #[test]
    fn a_hidden_address_stays_known_and_the_feed_says_so() {
        let hidden = CloudUser { email: Told::Told(None), ..record() };
        let (account, rows) = changes(seen(record()), hidden.clone());
        assert_eq!(rows, [row("email", "ann@example.com", HIDDEN)]);
        assert_eq!((account.profile.email.as_deref(), account.profile.email_hidden), (Some("ann@example.com"), true));
        let (account, rows) = changes(account, hidden.clone());
        assert!(rows.is_empty());
        let (_, rows) = changes(account.clone(), record());
        assert_eq!(rows, [row("email", HIDDEN, "ann@example.com")]);
        // One that was never shown is not known to be hidden.
        assert!(!seen(hidden).profile.email_hidden);
        let untold = CloudUser { email: Told::Untold, ..record() };
        assert!(changes(account, untold).1.is_empty());
    }

    #[test]
    fn a_closed_account_keeps_who_it_was() {
        let closed = CloudUser {
            public_name: "Former user".to_owned(),
            display_name: told("Former user"),
            email: Told::Told(None),
            account_status: told("closed"),
            ..record()
        };
        let before = seen(record());
        let after = merge_cloud(Some(&before), Some(closed.clone()), None, NOW);
        assert_eq!((after.standing.status, after.presence.deleted_at), (Status::Deleted, Some(T2)));
        assert_eq!((after.profile.name.as_str(), after.profile.email_hidden), ("ann", false));
        assert_eq!(Edit { id: UserId(1), before, after }.changes()[0].kind, ChangeKind::Deleted);
        assert_eq!(seen(closed).profile.name, "Former user");
    }

    #[test]
    fn a_record_that_says_nothing_changes_nothing() {
        let bare = CloudUser { account_id: "712020:a".to_owned(), ..CloudUser::default() };
        assert!(changes(seen(record()), bare.clone()).1.is_empty());
        let account = seen(bare);
        assert_eq!((account.profile.name.as_str(), account.standing.status), ("712020:a", Status::Unknown));
    }

    #[test]
    fn never_unknown_and_active_are_three_things() {
        let activity = |last_active_at| Some(Activity { last_active_at, added_at: Some(T1) });
        let after = |known: &Account, told| merge_cloud(Some(known), None, activity(told), NOW).times;
        let new = seen(record());
        assert_eq!((new.times.last_active_known, new.times.created_at), (None, None));
        let times = after(&new, Told::Untold);
        assert_eq!((times.last_active_known, times.last_active_at, times.created_at), (Some(false), None, Some(T1)));
        let times = after(&new, Told::Told(None));
        assert_eq!((times.last_active_known, times.last_active_at), (Some(true), None));
        let active = Account { times: after(&new, Told::Told(Some(T2))), ..new };
        for told in [Told::Untold, Told::Told(None), Told::Told(Some(T1))] {
            let times = after(&active, told);
            assert_eq!((times.last_active_known, times.last_active_at), (Some(true), Some(T2)), "{told:?}");
        }
    }
}
