//! `[spend.jellyfin]`: the media server to hold.

use std::path::PathBuf;

use super::Jellyfin;
use super::address::host_and_port;
use super::azure::{address, known};
use crate::config::problem::{Problems, Span};
use crate::config::section::{Entry, Section};
use crate::config::value::{Given, text};
use crate::units::is_unprintable;

const LONGEST_MESSAGE: usize = 500;

/// The table, which is written as `label` at `span`; `None` if a value of it is wrong, which has
/// been reported.
pub(super) fn read(
    section: &Section<'_>,
    label: &str,
    span: Span,
    is_whole: bool,
    problems: &mut Problems,
) -> Option<Jellyfin> {
    let mut is_right = true;
    if let Some(entry) = section.get("api_key") {
        is_right = false;
        let message = "an API key does not belong in this file, which everybody may read";
        let hint = "take it out and put it into /etc/credstore/jellyfin-api-key, mode 0600, owned \
                    by root; it is found there. As it was readable, replace it in Jellyfin";
        problems.error(entry.key_span(), message, Some(hint.to_owned()));
    }
    if let Some(entry) = section.get("subdomain") {
        is_right = false;
        let hint = "write host_header = \"jellyfin.example.com\", the whole name, if a proxy \
                    routes by it";
        problems.error(
            entry.key_span(),
            "`subdomain` says too little to reach Jellyfin",
            Some(hint.to_owned()),
        );
    }
    let url = Given::read(section.get("url"), problems, url);
    if matches!(url, Given::Not) {
        is_right = false;
        if is_whole {
            let message = format!("{label} says not where Jellyfin is");
            let hint = "write url = \"http://10.0.0.2:8096\" below it".to_owned();
            problems.error(span, message, Some(hint));
        }
    }
    let host_header = Given::read(section.get("host_header"), problems, host_header);
    let api_key_file = Given::read(section.get("api_key_file"), problems, api_key_file);
    let message = Given::read(section.get("message"), problems, message);
    let jellyfin = Jellyfin {
        url: known(url)?.unwrap_or_default(),
        host_header: known(host_header)?,
        api_key_file: known(api_key_file)?,
        message: known(message)?.filter(|message| !message.is_empty()),
    };
    is_right.then_some(jellyfin)
}

fn url(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    let address = address(entry, "http://10.0.0.2:8096", problems)?;
    if let Some(server) = address.without_page() {
        let message = "`url` is the address of the page that a browser shows, not of the server";
        let hint = format!("write url = \"{}\"", server.text());
        problems.note(entry.span(), message, Some(hint));
    }
    if !address.is_encrypted && address.is_public() {
        let message = "`url` is not https: the API key crosses the internet in clear";
        let hint = "write https://…, or an address behind a tunnel".to_owned();
        problems.note(entry.span(), message, Some(hint));
    }
    Some(address.text())
}

fn host_header(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    const EXAMPLE: &str = "jellyfin.example.com";
    let host = text(entry, EXAMPLE, problems)?.trim();
    match host_and_port(host) {
        Ok(_) => Some(host.to_ascii_lowercase()),
        Err(wrong) => {
            let wrong = if host.contains("://") {
                "is an address, not a host"
            } else {
                wrong
            };
            let hint = format!("write host_header = \"{EXAMPLE}\", with :port if it is needed");
            problems.error(entry.span(), format!("`host_header` {wrong}"), Some(hint));
            None
        }
    }
}

fn api_key_file(entry: Entry<'_>, problems: &mut Problems) -> Option<PathBuf> {
    const EXAMPLE: &str = "/etc/bwflow/jellyfin-api-key";
    let path = text(entry, EXAMPLE, problems)?;
    // Not repeated: whoever mistakes it writes the key itself.
    let wrong = if path.contains(is_unprintable) {
        "holds a character that cannot be shown"
    } else if !path.starts_with('/') {
        "is no path from the root on"
    } else if path.ends_with('/') {
        "names a directory"
    } else {
        return Some(PathBuf::from(path));
    };
    let hint = format!("write the file that holds the key: api_key_file = \"{EXAMPLE}\"");
    problems.error(entry.span(), format!("`api_key_file` {wrong}"), Some(hint));
    None
}

/// May be empty, which tells nobody anything.
fn message(entry: Entry<'_>, problems: &mut Problems) -> Option<String> {
    let message = text(entry, "The budget for streaming is used up.", problems)?.trim();
    let wrong = if message.chars().count() > LONGEST_MESSAGE {
        format!("is longer than {LONGEST_MESSAGE} characters")
    } else if message.contains(is_unprintable) {
        "holds a character that cannot be shown".to_owned()
    } else {
        return Some(message.to_owned());
    };
    let hint = "write one short sentence".to_owned();
    problems.error(entry.span(), format!("`message` {wrong}"), Some(hint));
    None
}
