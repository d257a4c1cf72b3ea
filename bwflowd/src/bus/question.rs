//! What polkit is asked about a decision, and what its dialog shows.

use std::time::Duration;

use bwflow_proto::claim::Options;
use bwflow_proto::units::{format_bytes, format_duration, format_rate, is_unprintable};

use crate::decision::Decision;

/// The decisions that an administrator can delegate one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Cap a link, or end that.
    Throttle,
    /// Lift or change a link's limit, or end that.
    Override,
    /// Add to a budget.
    TopUp,
    /// Say what was used.
    Correct,
}

impl Action {
    /// polkit's name for it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Throttle => "org.bwflow1.throttle",
            Self::Override => "org.bwflow1.override",
            Self::TopUp => "org.bwflow1.top-up",
            Self::Correct => "org.bwflow1.correct",
        }
    }
}

/// One question to polkit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is to be authorised.
    pub action: Action,
    /// What the message of the policy shows and rules can look up. Never the caller's own words:
    /// the reader of a password dialog would take them for ours.
    pub details: Vec<(&'static str, String)>,
}

/// All questions that have to be answered by yes before `decision` is carried out. `now_usec` is
/// microseconds since the Unix epoch.
pub fn questions(link: &str, decision: &Decision, now_usec: u64) -> Vec<Question> {
    let link: String = link
        .chars()
        .map(|c| if is_unprintable(c) { '?' } else { c })
        .collect();
    let limit = |action, rate: String, duration: String| Question {
        action,
        details: vec![
            ("link", link.clone()),
            ("rate", rate),
            ("duration", duration),
        ],
    };
    let amount = |action, bytes| Question {
        action,
        details: vec![("link", link.clone()), ("amount", format_bytes(bytes))],
    };
    match decision {
        Decision::Throttle(rate, options) => vec![limit(
            Action::Throttle,
            format_rate(*rate),
            duration(options, now_usec),
        )],
        Decision::ClearThrottle => vec![limit(
            Action::Throttle,
            "no manual limit".to_owned(),
            "from now on".to_owned(),
        )],
        Decision::Override(options) => {
            let rate = options
                .rate_bytes_per_second
                .map_or_else(|| "no limit".to_owned(), format_rate);
            let lift = limit(Action::Override, rate, duration(options, now_usec));
            let amount = options
                .top_up_bytes
                .map(|bytes| amount(Action::TopUp, bytes));
            [Some(lift), amount].into_iter().flatten().collect()
        }
        Decision::ClearOverride => vec![limit(
            Action::Override,
            "the budget's own limit".to_owned(),
            "from now on".to_owned(),
        )],
        Decision::TopUp(bytes, _) => vec![amount(Action::TopUp, *bytes)],
        Decision::Correct(used, _) => vec![amount(Action::Correct, *used)],
    }
}

fn duration(options: &Options, now_usec: u64) -> String {
    let until = options.until_usec.map(|end| end.saturating_sub(now_usec));
    options.duration_usec.or(until).map_or_else(
        || "until it is cleared".to_owned(),
        |usec| {
            // The next full second, so that a moment is not "0s".
            let seconds = Duration::from_secs(usec.div_ceil(1_000_000));
            format!("for {}", format_duration(seconds))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail<'a>(question: &'a Question, key: &str) -> Option<&'a str> {
        let found = question.details.iter().find(|(name, _)| *name == key);
        found.map(|(_, text)| text.as_str())
    }

    #[test]
    fn the_dialog_says_what_is_asked_for_and_not_why() {
        let options = Options {
            duration_usec: Some(7_200_000_000),
            reason: Some("type your password twice".to_owned()),
            ..Options::default()
        };
        let asked = questions("eth0", &Decision::Throttle(625_000, options), 0);
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].action, Action::Throttle);
        assert_eq!(detail(&asked[0], "link"), Some("eth0"));
        assert_eq!(detail(&asked[0], "rate"), Some("5 Mbit/s"));
        assert_eq!(detail(&asked[0], "duration"), Some("for 2h"));
        assert!(!format!("{asked:?}").contains("password"));
    }

    #[test]
    fn no_end_and_a_wall_clock_s_end_are_named() {
        let lift = |options| questions("eth0", &Decision::Override(options), 1_000_000);
        let asked = lift(Options::default());
        assert_eq!(detail(&asked[0], "duration"), Some("until it is cleared"));
        assert_eq!(detail(&asked[0], "rate"), Some("no limit"));
        let asked = lift(Options {
            until_usec: Some(61_000_000),
            ..Options::default()
        });
        assert_eq!(detail(&asked[0], "duration"), Some("for 1m"));
    }

    #[test]
    fn an_override_with_bytes_needs_both_authorities() {
        let options = Options {
            top_up_bytes: Some(10_000_000_000),
            ..Options::default()
        };
        let asked = questions("eth0", &Decision::Override(options), 0);
        let actions: Vec<_> = asked.iter().map(|question| question.action).collect();
        assert_eq!(actions, [Action::Override, Action::TopUp]);
        assert_eq!(detail(&asked[1], "amount"), Some("10 GB"));
    }

    #[test]
    fn a_correction_says_what_it_makes_of_the_used_bytes() {
        let decision = Decision::Correct(73_200_000_000, Options::default());
        let asked = questions("eth0", &decision, 0);
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].action.id(), "org.bwflow1.correct");
        assert_eq!(detail(&asked[0], "amount"), Some("73.2 GB"));
    }

    #[test]
    fn a_link_s_name_cannot_paint_the_terminal() {
        let asked = questions("a\u{1b}[2J", &Decision::ClearOverride, 0);
        assert_eq!(detail(&asked[0], "link"), Some("a?[2J"));
    }
}
