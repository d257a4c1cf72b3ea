//! What is asked, in which words, and which answers will do.

use bwflow_proto::units::format_bytes_exact;

use super::answers::{Known, billing_day, budget, burst, burst_of, count, timezone};
use crate::grid::printable;
use crate::host::LOOPBACK;

/// What a plan that nobody knows most often pays for.
const DEFAULT_BUDGET: u64 = 100_000_000_000;

/// One thing to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Interface,
    Budget,
    Burst,
    BillingDay,
    Count,
    Timezone,
}

/// The links of the host.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// Those with a default route.
    pub(super) default: Vec<String>,
    /// All but the loopback.
    pub(super) present: Vec<String>,
    /// Those that have a budget already, there or not.
    pub(super) planned: Vec<String>,
}

impl Question {
    /// Each, in the order they are asked.
    pub(super) const ALL: [Self; 6] = [
        Self::Interface,
        Self::Budget,
        Self::Burst,
        Self::BillingDay,
        Self::Count,
        Self::Timezone,
    ];

    /// The flag that answers it.
    pub(super) const fn flag(self) -> &'static str {
        match self {
            Self::Interface => "--interface",
            Self::Budget => "--budget",
            Self::Burst => "--burst",
            Self::BillingDay => "--billing-day",
            Self::Count => "--count",
            Self::Timezone => "--timezone",
        }
    }

    /// The words of it; lines, the last of them the question itself.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Interface => "Which network link has the budget?",
            Self::Budget => "How much does the plan pay for in a month? (like 100 GB, 1.5 TiB)",
            Self::Burst => {
                "How much of it may be used from the first day on? The rest accrues evenly over the month.\n\
                 A small part keeps traffic even; all of it means full speed until nothing is left."
            }
            Self::BillingDay => {
                "On which day of the month does the provider begin to count anew? (1 to 31)"
            }
            Self::Count => {
                "What does the provider count?\n\
                 \x20 tx   what this host sends (most cloud providers)\n\
                 \x20 rx   what it receives\n\
                 \x20 sum  both added up\n\
                 \x20 max  the larger of the two"
            }
            Self::Timezone => {
                "In which time zone does the provider's day begin? (UTC, Europe/Berlin)"
            }
        }
    }

    /// Whether it has been answered.
    pub(super) const fn is_answered(self, known: &Known) -> bool {
        match self {
            Self::Interface => known.interface.is_some(),
            Self::Budget => known.budget.is_some(),
            Self::Burst => known.burst.is_some(),
            Self::BillingDay => known.billing_day.is_some(),
            Self::Count => known.count.is_some(),
            Self::Timezone => known.timezone.is_some(),
        }
    }

    /// What Enter stands for: what `likely` says, else what most have.
    pub(super) fn default(self, known: &Known, likely: &Known) -> Option<String> {
        match self {
            Self::Interface => likely.interface.clone(),
            Self::Budget => Some(format_bytes_exact(likely.budget.unwrap_or(DEFAULT_BUDGET))),
            Self::Burst => default_burst(known, likely).map(format_bytes_exact),
            Self::BillingDay => Some(likely.billing_day.unwrap_or(1).to_string()),
            Self::Count => Some(likely.count.unwrap_or_default().to_string()),
            Self::Timezone => Some(likely.timezone.clone().unwrap_or_else(|| "UTC".to_owned())),
        }
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// Why it will not do; nothing is taken then.
    pub(super) fn answer(self, text: &str, known: &mut Known, links: &Links) -> Result<(), String> {
        match self {
            Self::Interface => known.interface = Some(interface(text, links)?),
            Self::Budget => known.budget = Some(budget(text)?),
            Self::Burst => {
                let burst = burst(text)?;
                known.burst = Some(burst_of(burst, known.budget.unwrap_or(u64::MAX))?);
            }
            Self::BillingDay => known.billing_day = Some(billing_day(text)?),
            Self::Count => known.count = Some(count(text)?),
            Self::Timezone => known.timezone = Some(timezone(text)?),
        }
        Ok(())
    }
}

/// The likely burst if it belongs to this budget, else half of it.
fn default_burst(known: &Known, likely: &Known) -> Option<u64> {
    let budget = known.budget?;
    let likely = likely.burst.filter(|_| likely.budget == Some(budget));
    let half = budget / 2;
    // A budget of some bytes has no half that could accrue.
    Some(likely.unwrap_or_else(|| burst_of(half, budget).unwrap_or(budget)))
}

fn interface(text: &str, links: &Links) -> Result<String, String> {
    let name = text.trim();
    if links
        .present
        .iter()
        .chain(&links.planned)
        .any(|link| link == name)
    {
        return Ok(name.to_owned());
    }
    let there = links.present.join(", ");
    Err(if name == LOOPBACK {
        format!(
            "`{LOOPBACK}` is the loopback: what it moves does not leave this host, and no plan pays for it; \
             name one of {}",
            printable(&there)
        )
    } else if name.is_empty() {
        format!("name one of {}", printable(&there))
    } else {
        format!(
            "there is no link `{}` now; there are {} (for one that is yet to come: --interface)",
            printable(name),
            printable(&there)
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn links() -> Links {
        Links {
            default: vec!["eth0".to_owned()],
            present: vec!["eth0".to_owned(), "wg0".to_owned()],
            planned: vec!["eth7".to_owned()],
        }
    }

    #[test]
    fn a_link_that_has_a_budget_already_need_not_be_there() {
        let mut known = Known::default();
        let asked = Question::Interface;
        asked.answer("eth7", &mut known, &links()).unwrap();
        assert_eq!(known.interface.as_deref(), Some("eth7"));
        let told = asked.answer("lo", &mut known, &links()).unwrap_err();
        assert!(
            told.contains("loopback") && !told.contains("there is no"),
            "{told}"
        );
    }

    #[test]
    fn enter_all_the_way_makes_a_plan() {
        let likely = Known {
            interface: Some("eth0".to_owned()),
            ..Known::default()
        };
        let mut known = Known::default();
        for question in Question::ALL {
            assert!(!question.is_answered(&known));
            let default = question.default(&known, &likely).unwrap();
            question.answer(&default, &mut known, &links()).unwrap();
            assert!(question.is_answered(&known), "{question:?}");
        }
        let answers = known.complete().unwrap();
        assert_eq!(answers.budget, 100_000_000_000);
        assert_eq!(answers.burst, 50_000_000_000);
        assert_eq!((answers.billing_day, answers.timezone.as_str()), (1, "UTC"));
    }

    #[test]
    fn a_wrong_answer_changes_nothing() {
        let mut known = Known {
            budget: Some(1_000_000_000),
            ..Known::default()
        };
        let before = known.clone();
        for (question, wrong) in [
            (Question::Interface, "eth1"),
            (Question::Interface, ""),
            (Question::Budget, "much"),
            (Question::Burst, "2 GB"),
            (Question::BillingDay, "0"),
            (Question::Count, "everything"),
            (Question::Timezone, "Mars/Olympus"),
        ] {
            assert!(
                question.answer(wrong, &mut known, &links()).is_err(),
                "{wrong}"
            );
            assert_eq!(known, before);
        }
    }

    #[test]
    fn a_tiny_budget_is_all_there_from_the_first_day() {
        let known = Known {
            budget: Some(1000),
            ..Known::default()
        };
        let default = Question::Burst.default(&known, &Known::default());
        assert_eq!(default.as_deref(), Some("1 kB"));
    }
}
