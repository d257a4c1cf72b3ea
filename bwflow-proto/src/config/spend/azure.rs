//! `[spend.azure]`: whose bill it is, and where it is asked for.

use super::address::Address;
use super::value::{line, money};
use super::{Azure, Cloud, Identity};
use crate::config::problem::Problems;
use crate::config::section::{Entry, Section};
use crate::config::value::{Given, text};
use crate::units::quoted;

const EXAMPLE_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Azure's names are shorter.
pub(super) const LONGEST_NAME: usize = 128;

/// Reads the table; `None` if a value of it is wrong, which has been reported.
pub(super) fn read(section: &Section<'_>, problems: &mut Problems) -> Option<Azure> {
    let budget_name = Given::read(section.get("budget_name"), problems, budget_name);
    let fallback_budget = Given::read(section.get("fallback_budget"), problems, |entry, found| {
        money(entry, "150.00", found)
    });
    let subscription_id = Given::read(section.get("subscription_id"), problems, id);
    let resource_group = Given::read(section.get("resource_group"), problems, resource_group);
    let identity = identity(section, problems);
    let cloud = Given::read(section.get("cloud"), problems, cloud);
    let endpoint = Given::read(section.get("endpoint"), problems, endpoint);
    let imds_endpoint = Given::read(section.get("imds_endpoint"), problems, imds_endpoint);
    Some(Azure {
        budget_name: known(budget_name)?,
        fallback_budget: known(fallback_budget)?,
        subscription_id: known(subscription_id)?,
        resource_group: known(resource_group)?,
        identity: known(identity)?,
        cloud: known(cloud)?,
        endpoint: known(endpoint)?,
        imds_endpoint: known(imds_endpoint)?,
    })
}

/// The value, or that there is none; `None` if it is wrong.
pub(super) fn known<T>(given: Given<T>) -> Option<Option<T>> {
    match given {
        Given::Is(value, _) => Some(Some(value)),
        Given::Not => Some(None),
        Given::Wrong => None,
    }
}

pub(super) fn budget_name(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    let name = line(entry, LONGEST_NAME, "Monthly-Bandwidth-Limit", problems)?;
    if name.contains(['/', '\\', '?', '#', '%']) {
        let message = format!("`{}`: {} is no name of a budget", entry.key, quoted(name));
        let hint = "write the name that the portal shows under Cost Management, Budgets".to_owned();
        problems.error(entry.span(), message, Some(hint));
        return None;
    }
    Some(name.to_owned())
}

/// Eight, four, four, four and twelve hexadecimal digits.
fn id(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    let id = text(entry, EXAMPLE_ID, problems)?.trim();
    let parts: Vec<&str> = id.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let is_id =
        lengths == [8, 4, 4, 4, 12] && parts.concat().bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        return Some(id.to_ascii_lowercase());
    }
    let message = format!("`{}`: {} is no id", entry.key, quoted(id));
    let hint = format!("write it as Azure shows it, like \"{EXAMPLE_ID}\"");
    problems.error(entry.span(), message, Some(hint));
    None
}

fn resource_group(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    let name = line(entry, 90, "my-group", problems)?;
    let is_name = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')'))
        && !name.ends_with('.');
    if !is_name {
        let message = format!("`{}`: {} is no resource group", entry.key, quoted(name));
        let hint = "write its name alone, without the path around it".to_owned();
        problems.error(entry.span(), message, Some(hint));
    }
    is_name.then(|| name.to_owned())
}

fn identity(section: &Section<'_>, problems: &mut Problems) -> Given<Identity> {
    let mut given: Vec<Entry<'_>> = ["client_id", "object_id", "msi_res_id"]
        .into_iter()
        .filter_map(|key| section.get(key))
        .collect();
    given.sort_by_key(|entry| entry.key_span().start);
    for entry in given.iter().skip(1) {
        let message = format!("`{}` and `{}` exclude each other", given[0].key, entry.key);
        let hint = "keep the one that names the identity, or none for the machine's own".to_owned();
        problems.error(entry.key_span(), message, Some(hint));
    }
    let is_one = given.len() < 2;
    let mut first = Given::Not;
    for entry in given {
        let read = |entry: Entry<'_>, problems: &mut Problems| match entry.key {
            "client_id" => id(entry, problems).map(Identity::Client),
            "object_id" => id(entry, problems).map(Identity::Object),
            _ => resource_id(entry, problems).map(Identity::Resource),
        };
        // All are read, so that each wrong one is reported.
        first = first.or(Given::read(Some(entry), problems, read));
    }
    if is_one { first } else { Given::Wrong }
}

fn resource_id(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    const EXAMPLE: &str = "/subscriptions/…/resourceGroups/…/providers/\
                           Microsoft.ManagedIdentity/userAssignedIdentities/…";
    let id = line(entry, 1024, EXAMPLE, problems)?;
    let is_id = id.to_ascii_lowercase().starts_with("/subscriptions/")
        && !id.contains([' ', '?', '#', '%', '&']);
    if !is_id {
        let message = format!("`{}`: {} is no resource id", entry.key, quoted(id));
        problems.error(entry.span(), message, Some(format!("write \"{EXAMPLE}\"")));
    }
    is_id.then(|| id.to_owned())
}

fn cloud(entry: Entry<'_>, problems: &mut Problems) -> Option<Cloud> {
    let word = text(entry, "public", problems)?;
    match word {
        "public" => Some(Cloud::Public),
        "us-government" => Some(Cloud::UsGovernment),
        "china" => Some(Cloud::China),
        _ => {
            let message = format!("`cloud` is {}, which is none of its words", quoted(word));
            let hint = "write cloud = \"public\", \"us-government\" or \"china\"".to_owned();
            problems.error(entry.span(), message, Some(hint));
            None
        }
    }
}

fn endpoint(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    const EXAMPLE: &str = "https://management.azure.com";
    let address = address(entry, EXAMPLE, problems)?;
    if !address.is_encrypted && !address.is_on_this_machine() {
        let message = "`endpoint` is not https: the token would cross the network in clear";
        let hint = format!("write endpoint = \"{EXAMPLE}\", or leave it out");
        problems.error(entry.span(), message, Some(hint));
        return None;
    }
    Some(address.text())
}

fn imds_endpoint(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    const EXAMPLE: &str = "http://169.254.169.254";
    let address = address(entry, EXAMPLE, problems)?;
    if address.is_encrypted {
        let message = "`imds_endpoint` is https, which the identity service does not speak";
        let hint = format!("write imds_endpoint = \"{EXAMPLE}\", or leave it out");
        problems.error(entry.span(), message, Some(hint));
        return None;
    }
    if !address.is_on_this_machine() {
        let message = "`imds_endpoint` is neither this machine nor 169.254.169.254: the token would cross \
                       the network in clear";
        let hint = format!("write imds_endpoint = \"{EXAMPLE}\", or leave it out");
        problems.error(entry.span(), message, Some(hint));
        return None;
    }
    Some(address.text())
}

/// A base address; what is wrong is reported without repeating more of it than a right one has.
pub(super) fn address(entry: Entry<'_>, example: &str, problems: &mut Problems) -> Option<Address> {
    let written = text(entry, example, problems)?.trim();
    Address::parse(written)
        .map_err(|wrong| {
            let scheme = example.split("://").next().unwrap_or_default();
            let meant = Address::meant(written, scheme).map(|it| it.text());
            let hint = format!(
                "write {} = \"{}\"",
                entry.key,
                meant.as_deref().unwrap_or(example)
            );
            problems.error(entry.span(), format!("`{}` {wrong}", entry.key), Some(hint));
        })
        .ok()
}
