//! Why Jellyfin's limit has no effect for somebody, and what mends that: the same words wherever
//! they are told.

use bwflow_proto::spend::Finding;

/// What is wrong, and its cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// One sentence without an end.
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) cure: &'static str,
}

/// Puts a finding of the spend guard into words.
pub(crate) fn trouble(finding: &Finding) -> Trouble {
    let subject = &finding.subject;
    let (found, cure) = match finding.kind.as_str() {
        "clients-local" => (
            format!(
                "a stream comes from {subject}, which Jellyfin takes for its own network: no limit holds \
                 for it"
            ),
            "in Jellyfin's dashboard, Networking: put the addresses of both proxies into Known Proxies, that \
             of the proxy at home as Jellyfin sees it and that of this host in the tunnel; then restart \
             Jellyfin",
        ),
        "known-proxies" => (
            "Jellyfin does not heed X-Forwarded-For, so it takes viewers for the proxy and limits nobody"
                .to_owned(),
            "in Jellyfin's dashboard, Networking: put the addresses of both proxies into Known Proxies; let \
             the proxy at home trust this host's forwarded addresses; then restart Jellyfin",
        ),
        "user-limit" => (
            format!("the limit of user `{subject}` is above the server's and goes before it"),
            "in Jellyfin's dashboard, Users, this user, Playback: lower the bitrate limit, or set it to 0",
        ),
        "self-remote" => (
            "Jellyfin takes bwflow for a remote client, so bwflow cannot switch remote access off"
                .to_owned(),
            "in Jellyfin's dashboard, Networking, LAN networks: add this host's address in the tunnel, \
             and no exclusion (!) that holds it",
        ),
        other => (format!("{other} {subject}"), "see /usr/share/doc/bwflow/spend.md.gz"),
    };
    Trouble {
        found: found.trim_end().to_owned(),
        cure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_cure() {
        for (kind, subject, found, cure) in [
            ("clients-local", "10.0.0.1", "10.0.0.1", "restart Jellyfin"),
            ("known-proxies", "", "X-Forwarded-For", "both proxies"),
            ("user-limit", "anna", "`anna`", "Users"),
            ("self-remote", "", "remote client", "LAN networks"),
            ("of-tomorrow", "x", "of-tomorrow x", "bwflow/spend.md.gz"),
            ("of-tomorrow", "", "of-tomorrow", "bwflow/spend.md.gz"),
        ] {
            let told = trouble(&Finding {
                kind: kind.to_owned(),
                subject: subject.to_owned(),
            });
            assert!(told.found.contains(found), "{told:?}");
            assert!(!told.found.ends_with(' '), "{told:?}");
            assert!(told.cure.contains(cure), "{told:?}");
        }
    }
}
