//! `bwflowctl spend`: what a cloud bills, and what is done about it.

mod json;
mod screen;
mod trouble;

pub(crate) use trouble::trouble;

use crate::args::Spend;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::output::Output;

const HOW: &str = "The spend guard is switched off. To switch it on, write [spend] with enabled = \
                   true into the configuration; bwflow.toml(5) has an example.\n";

/// Shows what the guard knows and does, checked anew if that is asked for.
pub(crate) async fn run(
    args: &Spend,
    address: Option<&str>,
    output: &mut Output,
) -> Result<(), Failure> {
    let bus = Bus::connect(address).await?;
    if !bus.has_helper().await? {
        return Err(Failure::NoGuard);
    }
    let mut view = bus.spend().await?;
    // Without a guard there is nothing to check.
    if args.refresh && view.is_some() {
        if let Some(told) = bus.check_spend(address).await? {
            output.talk(&refused(&told));
        }
        view = bus.spend().await?;
    }
    match view {
        Some(view) if args.json => output.data(&json::render(&view)?),
        Some(view) => output.data(&screen::render(&view)),
        None if args.json => output.data(json::OFF),
        None => output.data(HOW),
    }
}

/// That it was not checked anew, and what is shown instead.
fn refused(told: &str) -> String {
    let told = crate::grid::printable(told);
    let why = if told.is_empty() {
        String::new()
    } else {
        format!(" ({told})")
    };
    format!("not checked anew{why}: these are the last figures")
}
