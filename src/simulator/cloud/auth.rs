//! Who may ask what, and by which way in. Cloud has no CAPTCHA, and names nobody in its answers.

use axum::http::StatusCode;

use super::read::Door;
use super::{CloudSettings, TokenKind, refuse};
use crate::simulator::auth::base64;
use crate::simulator::call::{Call, Endpoint, Reply};
use crate::simulator::settings::Settings;

/// Judges the `Authorization` header of a request.
pub(in crate::simulator) fn admit(
    settings: &Settings,
    cloud: &CloudSettings,
    header: Option<&str>,
    call: &Call,
) -> Result<(), Reply> {
    let (scheme, credentials) = header.and_then(|header| header.split_once(' ')).unwrap_or_default();
    let basic = |secret: &str| {
        let right = base64(format!("{}:{secret}", settings.username).as_bytes());
        scheme.eq_ignore_ascii_case("basic") && credentials == right
    };
    let bearer = |token: &str| scheme.eq_ignore_ascii_case("bearer") && credentials == token;
    let right = match call.cloud.door {
        Door::Site => basic(&settings.password),
        Door::Gateway => {
            let kind = cloud.gateway_token;
            (kind != TokenKind::Scoped && bearer(&settings.token))
                || (kind != TokenKind::OAuth && basic(&settings.token))
        }
        Door::Organization => cloud.organization.as_ref().is_some_and(|organization| bearer(&organization.api_key)),
    };
    if !right {
        return Err(unauthorized());
    }
    match call.endpoint {
        // 404, not 403: so it is documented.
        Endpoint::UsersBulk | Endpoint::AccessCheck | Endpoint::AccessInvite if !settings.administrator => {
            Err(refuse(StatusCode::NOT_FOUND, "Not Found"))
        }
        Endpoint::CloudSearch | Endpoint::CloudGroups | Endpoint::CloudMembers if !settings.administrator => {
            Err(refuse(StatusCode::FORBIDDEN, "Current user not permitted to use Confluence"))
        }
        _ => Ok(()),
    }
}

/// 401 as Atlassian's gateways word it.
pub(in crate::simulator) fn unauthorized() -> Reply {
    refuse(StatusCode::UNAUTHORIZED, "Unauthorized")
}
