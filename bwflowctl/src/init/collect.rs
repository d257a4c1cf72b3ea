//! Where the answers come from: flags, people, or what is likely.

use bwflow_proto::config::Config;

use super::answers::{Answers, Known, burst_of, link_of};
use super::question::{Links, Question};
use super::terminal;
use crate::args::Init;
use crate::failure::Failure;
use crate::grid::printable;

/// All answers: from flags, from people, or from what is likely.
pub(super) fn collect(
    args: &Init,
    old: Option<&Config>,
    links: &Links,
    is_asking: bool,
) -> Result<Answers, Failure> {
    let mut known = Known::from_flags(args);
    if let (Some(burst), Some(budget)) = (known.burst, known.budget) {
        burst_of(burst, budget).map_err(|why| Failure::Configuration(format!("--burst: {why}")))?;
    }
    let mut missing = Vec::new();
    for question in Question::ALL {
        if question.is_answered(&known) {
            continue;
        }
        let likely = likely(args, old, links, known.interface.as_deref());
        if is_asking {
            terminal::ask(question, &mut known, &likely, links)?;
        } else if args.yes {
            take_default(question, &mut known, &likely, links)?;
        } else {
            missing.push(question.flag());
        }
    }
    if !missing.is_empty() {
        return Err(Failure::Configuration(format!(
            "standard input is no terminal, so nobody can be asked\nhint: give {}, or --yes for their defaults",
            missing.join(", ")
        )));
    }
    let answers = known
        .complete()
        .ok_or_else(|| Failure::Failed("not all questions were answered".to_owned()))?;
    burst_of(answers.burst, answers.budget)
        .map_err(|why| Failure::Configuration(format!("--burst: {why}")))?;
    Ok(answers)
}

/// What the answers most likely are: the preset's, then those of the file, then what the host has.
fn likely(args: &Init, old: Option<&Config>, links: &Links, interface: Option<&str>) -> Known {
    let preset = args
        .preset
        .as_ref()
        .map(Known::from_preset)
        .unwrap_or_default();
    let wanted = interface.or(links.default.first().map(String::as_str));
    let link = old.and_then(|old| {
        let named = wanted.and_then(|name| link_of(old, name));
        named.or_else(|| old.links.first())
    });
    let host = Known {
        interface: links.default.first().cloned(),
        ..Known::default()
    };
    preset
        .or(link.map(Known::from_link).unwrap_or_default())
        .or(host)
}

/// Answers for somebody who does not want to be asked.
fn take_default(
    question: Question,
    known: &mut Known,
    likely: &Known,
    links: &Links,
) -> Result<(), Failure> {
    let wanting = |why: &str| Err(Failure::Configuration(why.to_owned()));
    match question {
        Question::Interface => {
            let is_among = likely
                .interface
                .as_ref()
                .is_some_and(|link| links.default.contains(link));
            let Some(link) = likely.interface.clone() else {
                return wanting(
                    "no link has a default route; say --interface with the one that has the budget",
                );
            };
            if is_among && links.default.len() > 1 {
                let names = printable(&links.default.join(", "));
                return wanting(&format!(
                    "several links have a default route; say --interface with one of {names}"
                ));
            }
            known.interface = Some(link);
            Ok(())
        }
        Question::Budget if likely.budget.is_none() => wanting(
            "what the plan pays for is not known; say --budget, or --preset with a provider's (see --list-presets)",
        ),
        _ => {
            let default = question.default(known, likely).unwrap_or_default();
            question
                .answer(&default, known, links)
                .map_err(|why| Failure::Configuration(format!("{}: {why}", question.flag())))
        }
    }
}
