//! How a fault is spelled on the command line.

use std::str::FromStr;

use super::{Endless, Fault, FaultKind, RowBend, Target, Total};
use crate::simulator::call::Endpoint;

/// How `simulate --fault` is written.
pub const SPELLINGS: &str = "\
KIND[=ARG][@ENDPOINT[/SUBJECT][:N[+]]], repeatable. KIND is one of: instead of the right answer, \
status=CODE[;HEADER=VALUE…], unauthorized=REASON, redirect=URL, login-redirect, html-login, invalid-json; as another \
server would, anonymous, cap-pages=ROWS, ignore-max-results, ignore-start-at, repeat-page, old-plugin; a wrong body, \
empty-list, odd-status, no-results, constant-next, total=N, total=+N, total=-N, total=moves, and in one record of it deep-json, nul-name, \
huge-name, wrong-type=FIELD, missing=FIELD, same-key; a wrong delivery, slow=MILLISECONDS, hang, reset, truncate, \
truncate-chunked, truncate-close, trickle[=MILLISECONDS a byte], trickle-forever[=MILLISECONDS], endless-rows, \
endless-blanks, gzip-bomb[=MIB]. ENDPOINT is users, user, groups, members, export-search, export-file, \
export-download or tokens, with --cloud search, cloud-groups, cloud-members, users-bulk, access-check, access-invite, \
org-users, org-last-active or org-keys; without it every request is meant. SUBJECT is a user's, a group's or a file's name. :3 strikes the \
third such request alone, :3+ from the third on. Examples: status=503;Retry-After=5@members:2, empty-list@users, \
status=500@members/proj-atlas";

/// What `trickle` pauses for between two bytes, in milliseconds.
const TRICKLE: u64 = 1000;
/// What `gzip-bomb` becomes, in MiB: four times what a page may have.
const BOMB: u64 = 256;

impl FaultKind {
    fn parse(text: &str) -> Result<Self, String> {
        let (kind, arg) = text.split_once('=').map_or((text, None), |(kind, arg)| (kind, Some(arg)));
        let number = || -> Result<u64, String> {
            arg.and_then(|arg| arg.parse().ok()).ok_or_else(|| format!("'{kind}' takes a number: {kind}=5"))
        };
        let number_or = |default: u64| if arg.is_some() { number() } else { Ok(default) };
        let text = |example: &str| {
            arg.filter(|arg| !arg.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| format!("'{kind}' takes a value: {kind}={example}"))
        };
        let fault = match kind {
            "status" => status(arg.unwrap_or_default())?,
            "unauthorized" => Self::Unauthorized(text("AUTHENTICATION_DENIED")?),
            "redirect" => Self::Redirect(text("http://127.0.0.1:9/")?),
            "cap-pages" => Self::CapPages(number()? as usize),
            "total" => Self::Total(total(arg.unwrap_or_default())?),
            "wrong-type" => Self::Row(RowBend::WrongType(text("name")?)),
            "missing" => Self::Row(RowBend::Missing(text("key")?)),
            "slow" => Self::SlowMs(number()?),
            "trickle" => Self::Trickle { millis: number_or(TRICKLE)?, forever: false },
            "trickle-forever" => Self::Trickle { millis: number_or(TRICKLE)?, forever: true },
            "gzip-bomb" => Self::GzipBomb(number_or(BOMB)?),
            _ if arg.is_some() => return Err(format!("'{kind}' is no fault that takes a value; see --help")),
            "login-redirect" => Self::LoginRedirect,
            "html-login" => Self::HtmlLogin,
            "invalid-json" => Self::InvalidJson,
            "anonymous" => Self::Anonymous,
            "ignore-max-results" => Self::IgnoreMaxResults,
            "ignore-start-at" => Self::IgnoreStartAt,
            "repeat-page" => Self::RepeatPage,
            "old-plugin" => Self::OldPlugin,
            "empty-list" => Self::EmptyList,
            "odd-status" => Self::OddStatus,
            "no-results" => Self::NoResults,
            "constant-next" => Self::ConstantNext,
            "deep-json" => Self::Row(RowBend::Deep),
            "nul-name" => Self::Row(RowBend::Nul),
            "huge-name" => Self::Row(RowBend::Huge),
            "same-key" => Self::Row(RowBend::SameKey),
            "hang" => Self::Hang,
            "reset" => Self::Reset,
            "truncate" => Self::Truncate,
            "truncate-chunked" => Self::TruncateChunked,
            "truncate-close" => Self::TruncateClose,
            "endless-rows" => Self::Endless(Endless::Rows),
            "endless-blanks" => Self::Endless(Endless::Blanks),
            _ => return Err(format!("'{kind}' is no fault; see --help")),
        };
        Ok(fault)
    }
}

/// `503;Retry-After=5`
fn status(arg: &str) -> Result<FaultKind, String> {
    let mut parts = arg.split(';');
    let code: Option<u16> = parts.next().and_then(|code| code.parse().ok()).filter(|code| (200..600).contains(code));
    let mut fault = FaultKind::status(code.ok_or("'status' takes a code: status=503")?);
    if let FaultKind::Status { headers, .. } = &mut fault {
        *headers = parts
            .map(|header| header.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect::<Option<_>>()
            .ok_or("a header is written HEADER=VALUE")?;
    }
    Ok(fault)
}

/// `7`, `+7`, `-7` or `moves`.
fn total(arg: &str) -> Result<Total, String> {
    let total = match arg {
        "moves" => Some(Total::Moves),
        _ if arg.starts_with(['+', '-']) => arg.parse().ok().map(Total::Off),
        _ => arg.parse().ok().map(Total::Is),
    };
    total.ok_or_else(|| "'total' takes a number, a difference or 'moves': total=7, total=+7, total=moves".to_owned())
}

impl FromStr for Fault {
    type Err = String;

    /// Reads a fault as [`SPELLINGS`] says.
    fn from_str(text: &str) -> Result<Self, String> {
        // An address in the value may have an `@` of its own, a group's name, too: no endpoint has.
        let split = text.match_indices('@').map(|(at, _)| (&text[..at], &text[at + 1..])).find(|(_, on)| {
            ENDPOINTS.iter().any(|(name, _)| {
                on.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
            })
        });
        let (what, on) = match split.or_else(|| text.split_once('@')) {
            Some((what, on)) => (what, Some(on)),
            None => (text, None),
        };
        let what = FaultKind::parse(what)?;
        let Some(on) = on else { return Ok(Self::always(Target::default(), what)) };
        // The number stands behind the last colon; a group's name may have colons of its own.
        let numbered = on.rsplit_once(':').and_then(|(on, number)| {
            let digits = number.strip_suffix('+').unwrap_or(number);
            Some((on, digits.parse::<u32>().ok()?, if digits == number { Some(1) } else { None }))
        });
        let (on, from, times) = numbered.unwrap_or((on, 0, None));
        let (endpoint, subject) = on.split_once('/').map_or((on, None), |(on, subject)| (on, Some(subject.to_owned())));
        let Some(&(_, endpoint)) = ENDPOINTS.iter().find(|(name, _)| *name == endpoint) else {
            let names: Vec<_> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
            return Err(format!("'{endpoint}' is none of {}", names.join(", ")));
        };
        Ok(Self { on: Target { endpoint: Some(endpoint), subject, page: None, from }, times, what })
    }
}

const ENDPOINTS: [(&str, Endpoint); 17] = [
    ("users", Endpoint::UserList),
    ("user", Endpoint::UserDetails),
    ("groups", Endpoint::GroupList),
    ("members", Endpoint::GroupMembers),
    ("export-search", Endpoint::UserExportSearch),
    ("export-file", Endpoint::UserExportFile),
    ("export-download", Endpoint::UserExportDownload),
    ("tokens", Endpoint::Tokens),
    ("search", Endpoint::CloudSearch),
    ("cloud-groups", Endpoint::CloudGroups),
    ("cloud-members", Endpoint::CloudMembers),
    ("users-bulk", Endpoint::UsersBulk),
    ("access-check", Endpoint::AccessCheck),
    ("access-invite", Endpoint::AccessInvite),
    ("org-users", Endpoint::OrgUsers),
    ("org-last-active", Endpoint::OrgLastActive),
    ("org-keys", Endpoint::OrgKeys),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_are_read() {
        let fault: Fault = "status=503;Retry-After=5@members/proj-a:b:2".parse().expect("a fault");
        assert_eq!(fault.on, Target::at(Endpoint::GroupMembers).of("proj-a:b").from(2));
        assert_eq!(fault.times, Some(1));
        let FaultKind::Status { code, headers, .. } = fault.what else { panic!("not a status") };
        assert_eq!((code, headers), (503, vec![("Retry-After".to_owned(), "5".to_owned())]));

        let fault: Fault = "slow=250@users:3+".parse().expect("a fault");
        assert_eq!((fault.on.from, fault.times), (3, None));
        assert!(matches!(fault.what, FaultKind::SlowMs(250)));

        let fault: Fault = "html-login".parse().expect("a fault");
        assert_eq!((fault.on, fault.times), (Target::default(), None));

        let fault: Fault = "redirect=http://me@localhost:9/@export-file/csv".parse().expect("a fault");
        assert_eq!(fault.on, Target::at(Endpoint::UserExportFile).of("csv"));
        assert!(matches!(fault.what, FaultKind::Redirect(to) if to == "http://me@localhost:9/"));

        let fault: Fault = "reset@user/ann@users".parse().expect("a fault");
        assert_eq!(fault.on, Target::at(Endpoint::UserDetails).of("ann@users"));
    }

    #[test]
    fn every_kind_in_the_help_is_read() {
        for (spelling, shown) in [
            ("status=500", "Status(500, [])"),
            ("unauthorized=OUT", "Unauthorized(\"OUT\")"),
            ("redirect=http://127.0.0.1:9/", "Redirect(\"http://127.0.0.1:9/\")"),
            ("login-redirect", "LoginRedirect"),
            ("html-login", "HtmlLogin"),
            ("invalid-json", "InvalidJson"),
            ("anonymous", "Anonymous"),
            ("cap-pages=7", "CapPages(7)"),
            ("ignore-max-results", "IgnoreMaxResults"),
            ("ignore-start-at", "IgnoreStartAt"),
            ("repeat-page", "RepeatPage"),
            ("old-plugin", "OldPlugin"),
            ("empty-list", "EmptyList"),
            ("odd-status", "OddStatus"),
            ("no-results", "NoResults"),
            ("constant-next", "ConstantNext"),
            ("total=7", "Total(Is(7))"),
            ("total=+7", "Total(Off(7))"),
            ("total=-7", "Total(Off(-7))"),
            ("total=moves", "Total(Moves)"),
            ("deep-json", "Row(Deep)"),
            ("nul-name", "Row(Nul)"),
            ("huge-name", "Row(Huge)"),
            ("wrong-type=email", "Row(WrongType(\"email\"))"),
            ("missing=key", "Row(Missing(\"key\"))"),
            ("same-key", "Row(SameKey)"),
            ("slow=10", "SlowMs(10)"),
            ("hang", "Hang"),
            ("reset", "Reset"),
            ("truncate", "Truncate"),
            ("truncate-chunked", "TruncateChunked"),
            ("truncate-close", "TruncateClose"),
            ("trickle", "Trickle(1000 ms, forever: false)"),
            ("trickle-forever=5", "Trickle(5 ms, forever: true)"),
            ("endless-rows", "Endless(Rows)"),
            ("endless-blanks", "Endless(Blanks)"),
            ("gzip-bomb", "GzipBomb(256 MiB)"),
        ] {
            assert!(SPELLINGS.contains(spelling.split('=').next().unwrap_or_default()), "{spelling}");
            let fault: Fault = format!("{spelling}@users").parse().expect(spelling);
            assert_eq!(format!("{:?}", fault.what), shown);
        }
        for (endpoint, _) in ENDPOINTS {
            assert!(
                SPELLINGS.contains(endpoint) && format!("hang@{endpoint}:2").parse::<Fault>().is_ok(),
                "{endpoint}"
            );
        }
        for bad in [
            "",
            "status",
            "status=abc",
            "cap-pages",
            "truncate=1",
            "fire@users",
            "truncate@pages",
            "status=503;x",
            "redirect",
            "missing=",
            "total",
            "total=+x",
            "gzip-bomb=x",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }
}
