//! Why the daemon did not do what it was asked, and what can be done about it.

use zbus::fdo;

use super::Request;
use crate::failure::Failure;

const BELOW_MIN_RATE: &str = "org.bwflow1.Error.BelowMinRate";

/// What a call came back with, in the user's terms. `has_asked` is whether a password could be
/// asked for.
pub(crate) fn refusal(error: zbus::Error, request: &Request, has_asked: bool) -> Failure {
    match &error {
        zbus::Error::MethodError(name, text, _) if name.as_str() == BELOW_MIN_RATE => {
            let text = text.as_deref().unwrap_or("less than min_rate");
            Failure::Configuration(format!("{text}; if that is meant, say --force"))
        }
        zbus::Error::FDO(answer) => match answer.as_ref() {
            fdo::Error::InvalidArgs(text) => Failure::Configuration(text.clone()),
            fdo::Error::AccessDenied(text) | fdo::Error::AuthFailed(text) => {
                Failure::Denied(cured(text, &cure(request)))
            }
            fdo::Error::InteractiveAuthorizationRequired(_) if !has_asked => {
                Failure::Denied(format!(
                    "this needs a password, and --no-ask-password forbids to ask for one; leave it \
                     out, or {}",
                    cure(request)
                ))
            }
            fdo::Error::InteractiveAuthorizationRequired(text) => {
                Failure::Denied(cured(text, &cure(request)))
            }
            fdo::Error::LimitsExceeded(text) => Failure::Denied(cured(
                text,
                "answer or cancel the requests that wait for a password, or run this with sudo",
            )),
            fdo::Error::UnknownMethod(_) => Failure::Failed(format!(
                "this bwflowd does not know {}: it is older than bwflowctl; restart it",
                request.method()
            )),
            fdo::Error::NoReply(_) => Failure::Failed(
                "bwflowd ended before it answered; `bwflowctl status` tells what holds".to_owned(),
            ),
            _ => error.into(),
        },
        _ => error.into(),
    }
}

/// The daemon's text, and the cure if it has none of its own. The bus refuses by words of its own,
/// which never have one.
fn cured(text: &str, cure: &str) -> String {
    const OWN: [&str; 4] = ["sudo", "try again", "wait for one to end", "answer or end"];
    let text = sentence(text);
    if OWN.iter().any(|own| text.contains(own)) {
        text.to_owned()
    } else {
        format!("{text}; {cure}")
    }
}

/// The daemon's own words, to go on from.
fn sentence(text: &str) -> &str {
    match text.trim().trim_end_matches(['.', ';']) {
        "" => "bwflowd refused",
        text => text,
    }
}

fn cure(request: &Request) -> String {
    format!(
        "run it with sudo, or ask an administrator of this host, who can also allow it by a \
         polkit rule for {}",
        request.actions()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(error: fdo::Error, has_asked: bool) -> Failure {
        refusal(error.into(), &Request::ClearThrottle, has_asked)
    }

    #[test]
    fn a_denial_says_what_to_do() {
        let denied = answered(fdo::Error::AccessDenied("not authorised.".to_owned()), true);
        assert_eq!(denied.exit_code(), 4);
        assert_eq!(
            denied.to_string(),
            "not allowed: not authorised; run it with sudo, or ask an administrator of this host, \
             who can also allow it by a polkit rule for org.bwflow1.throttle"
        );
        for (text, has_asked) in [
            (
                "org.bwflow1.throttle: it needs an administrator; use sudo, or write a rule",
                true,
            ),
            ("polkit went away; try again", false),
        ] {
            let denied = answered(fdo::Error::AccessDenied(text.to_owned()), has_asked);
            assert_eq!(denied.to_string(), format!("not allowed: {text}"));
            let required = fdo::Error::InteractiveAuthorizationRequired(text.to_owned());
            let denied = answered(required, true);
            assert_eq!(denied.to_string(), format!("not allowed: {text}"));
        }
        let text = "8 requests of user id 7 wait for a password; answer or end those first";
        let crowded = answered(fdo::Error::LimitsExceeded(text.to_owned()), true);
        assert_eq!(crowded.to_string(), format!("not allowed: {text}"));
        let required = || fdo::Error::InteractiveAuthorizationRequired(String::new());
        let forbidden = answered(required(), false);
        assert_eq!(forbidden.exit_code(), 4);
        assert!(forbidden.to_string().contains("--no-ask-password"));
        let unasked = answered(required(), true);
        assert_eq!(unasked.exit_code(), 4);
        assert!(!unasked.to_string().contains("--no-ask-password"));
        let crowded = answered(fdo::Error::LimitsExceeded("full".to_owned()), true);
        assert_eq!(crowded.exit_code(), 4);
        assert!(crowded.to_string().contains("with sudo"), "{crowded}");
    }

    #[test]
    fn other_answers_have_their_own_codes() {
        for (error, code) in [
            (fdo::Error::InvalidArgs("no".to_owned()), 2),
            (fdo::Error::Failed("no".to_owned()), 1),
            (fdo::Error::UnknownMethod("no".to_owned()), 1),
            (fdo::Error::NoReply("no".to_owned()), 1),
            (fdo::Error::ServiceUnknown("no".to_owned()), 3),
            (fdo::Error::UnknownObject("no".to_owned()), 3),
        ] {
            let failure = answered(error, true);
            assert_eq!(failure.exit_code(), code, "{failure}");
        }
    }
}
