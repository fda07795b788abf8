//! What is known of a user after the sources spoke of it. Pure.

use chrono::{NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::diff::{Moment, Place};
use super::resolve::is_deleted;
use crate::model::{Account, ExportedUser, Presence, SeenUser, Status, Timestamp, Told};

/// What is known of a user after Extender's record of it, User Export's, or both were seen. Where both tell the same
/// attribute, Extender counts; whether the account is active User Export alone can tell.
pub fn merge(
    known: Option<&Account>,
    record: Option<SeenUser>,
    export: Option<&ExportedUser>,
    place: Place,
    moment: Moment,
) -> Account {
    let deleted = record.as_ref().is_some_and(is_deleted);
    if deleted && let Some(known) = known {
        // The alias says nothing about the person: what was known stays.
        return departed(known, true, moment);
    }
    let mut account = known.cloned().unwrap_or_else(Account::unknown);
    if place == Place::Export
        && let Some(export) = export
    {
        tell_profile(&mut account, export);
    }
    let mut has_access = None;
    if let Some(record) = record {
        has_access = record.has_access;
        tell_record(&mut account, record);
    }
    if let Some(export) = export {
        tell_export(&mut account, export, moment.zone);
    }
    let can_use = export.and_then(|export| export.can_use);
    // A record that does not say: the user list holds the users with access, all of them if it is complete.
    let has_access = has_access.or(match place {
        Place::UserList => Some(true),
        Place::Group | Place::LookUp => Some(false),
        // The user list is whole and lacks it: without a word of User Export it has none.
        Place::Export => can_use.or(Some(false)),
        Place::ExportUnproven => can_use.or(account.standing.has_access),
        Place::GroupUnproven | Place::Standing => account.standing.has_access,
    });
    account.standing.has_access = has_access.map(|access| access && !deleted);
    if has_access == Some(true)
        && place != Place::Standing
        && export.is_none()
        && account.standing.active == Some(false)
    {
        // Active once more, whatever User Export said when it was last read.
        account.standing.active = None;
    }
    let status = match (has_access, account.standing.active) {
        _ if deleted => Status::Deleted,
        (_, Some(false)) => Status::Deactivated,
        (Some(true), _) => Status::Active,
        (Some(false), _) => Status::NoAccess,
        (None, _) => match account.standing.status {
            // It is there: a source shows it.
            Status::Missing | Status::Deleted | Status::Deactivated => Status::Unknown,
            status => status,
        },
    };
    let unlisted = match place {
        Place::UserList
        | Place::Group
        | Place::GroupUnproven
        | Place::Export
        | Place::ExportUnproven
        | Place::Standing => None,
        Place::LookUp => {
            let stands =
                known.is_some_and(|known| known.standing == account.standing && known.profile == account.profile);
            Some(account.presence.unlisted_seen_at.filter(|_| stands).unwrap_or(moment.at))
        }
    };
    stand(&mut account, status, unlisted, moment);
    account
}

fn tell_record(account: &mut Account, record: SeenUser) {
    let SeenUser {
        key,
        name,
        full_name,
        email,
        department,
        position,
        location,
        phone,
        im,
        website,
        created_at,
        updated_at,
        last_login_at,
        last_failed_login_at,
        has_access: _,
    } = record;
    account.key = Some(key);
    let profile = &mut account.profile;
    profile.name = name;
    full_name.tell(&mut profile.full_name);
    email.tell(&mut profile.email);
    department.tell(&mut profile.department);
    position.tell(&mut profile.position);
    location.tell(&mut profile.location);
    phone.tell(&mut profile.phone);
    im.tell(&mut profile.im);
    website.tell(&mut profile.website);
    let times = &mut account.times;
    // What User Export told of the log-in stays until Extender tells a later one.
    times.dates_from_export &= times.last_login_at.is_some() && !supersedes(last_login_at, times.last_login_at);
    created_at.tell(&mut times.created_at);
    updated_at.tell(&mut times.updated_at);
    times.last_login_known |= last_login_at != Told::Untold;
    later(&mut times.last_login_at, last_login_at);
    later(&mut times.last_failed_login_at, last_failed_login_at);
}

/// The attributes that Extender tells better, of a user whom it does not show.
fn tell_profile(account: &mut Account, export: &ExportedUser) {
    let profile = &mut account.profile;
    // Confluence compares names in lower case, and may spell one differently in another place.
    if account.key.is_none() || profile.name.to_lowercase() != export.username.to_lowercase() {
        profile.name.clone_from(&export.username);
    }
    export.full_name.clone().tell(&mut profile.full_name);
    export.email.clone().tell(&mut profile.email);
}

fn tell_export(account: &mut Account, export: &ExportedUser, zone: Tz) {
    let ExportedUser {
        username: _,
        active,
        can_use: _,
        full_name: _,
        email: _,
        directory,
        language,
        created,
        updated,
        last_login,
    } = export;
    if active.is_some() {
        account.standing.active = *active;
    }
    directory.clone().tell(&mut account.profile.directory);
    language.clone().tell(&mut account.profile.language);
    let keyless = account.key.is_none();
    let times = &mut account.times;
    for (told, known) in [(created, &mut times.created_at), (updated, &mut times.updated_at)] {
        // Extender's dates are exact.
        if let Told::Told(Some(local)) = told
            && (keyless || known.is_none())
        {
            *known = Some(instant(*local, zone));
            times.dates_from_export = true;
        }
    }
    if let Told::Told(at) = last_login
        && (!times.last_login_known || times.dates_from_export)
    {
        times.last_login_known = true;
        times.dates_from_export |= at.is_some();
        later(&mut times.last_login_at, Told::Told(at.map(|local| instant(local, zone))));
    }
}

/// The moment of a server's local time; the earlier of two, and the end of a gap that daylight saving leaves.
fn instant(local: NaiveDateTime, zone: Tz) -> Timestamp {
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
    Timestamp::from_millis_clamped(found.map_or(local.and_utc(), |at| at.to_utc()).timestamp_millis())
}

/// What is known of a user after it was not found.
pub fn departed(before: &Account, deleted: bool, moment: Moment) -> Account {
    let mut account = before.clone();
    // Whether it is active or may use Confluence is no longer told by anybody.
    account.standing.has_access = if deleted { Some(false) } else { None };
    account.standing.active = None;
    let seen = account.presence.unlisted_seen_at.or(moment.not_before).unwrap_or(moment.at);
    stand(&mut account, if deleted { Status::Deleted } else { Status::Missing }, Some(seen), moment);
    account
}

/// What is known of a user whom no listing shows since one of them is not read any more.
pub fn released_by(before: &Account, moment: Moment) -> Account {
    let mut account = before.clone();
    let seen = account.presence.unlisted_seen_at.or(moment.not_before).unwrap_or(moment.at);
    account.presence.unlisted_seen_at = Some(seen);
    account
}

/// Lets a user stand as `status` from `moment` on.
pub fn stand(account: &mut Account, status: Status, unlisted_seen_at: Option<Timestamp>, moment: Moment) {
    let since = |is: bool, known: Option<Timestamp>| is.then(|| known.unwrap_or(moment.at));
    account.standing.status = status;
    let Presence { missing_since, deactivated_at, deleted_at, unlisted_seen_at: _ } = account.presence;
    account.presence = Presence {
        unlisted_seen_at,
        missing_since: since(status == Status::Missing, missing_since),
        deactivated_at: since(status == Status::Deactivated, deactivated_at),
        deleted_at: since(status == Status::Deleted, deleted_at),
    };
}

fn supersedes(told: Told<Timestamp>, known: Option<Timestamp>) -> bool {
    matches!(told, Told::Told(Some(at)) if known.is_none_or(|known| at >= known))
}

/// A last log-in never goes back: a site that was restored still saw the later one.
fn later(known: &mut Option<Timestamp>, told: Told<Timestamp>) {
    if let Told::Told(Some(at)) = told {
        *known = Some(known.map_or(at, |known| known.max(at)));
    }
}
