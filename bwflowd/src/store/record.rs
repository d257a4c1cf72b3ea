//! The file as it is on disk, and what must hold of one that is believed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use bwflow_proto::claim::{Claim, MAX_DURATION_USEC, MAX_RATE, MAX_REASON, TopUp};
use serde::{Deserialize, Serialize};

use crate::claims::{Claims, End, MAX_TOP_UPS, Standing};
use crate::clock::{Clock, usec};
use crate::enforcer::MAX_LINKS;
use crate::name::check_name;

const VERSION: u32 = 1;
/// The longest user name, bytes: Linux has no longer ones (`LOGIN_NAME_MAX`).
const MAX_OWNER: usize = 256;

/// The whole file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    version: u32,
    /// The boot that `CLOCK_BOOTTIME` counted.
    pub(super) boot: String,
    /// Both clocks when it was written, microseconds.
    boottime_usec: u64,
    wall_usec: u64,
    links: BTreeMap<String, Link>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    throttle: Option<Record>,
    #[serde(rename = "override", default, skip_serializing_if = "Option::is_none")]
    override_claim: Option<Record>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    top_ups: Vec<TopUpRecord>,
    granted: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    rate_bytes_per_second: u64,
    owner_uid: u32,
    owner: String,
    reason: String,
    set_at_usec: u64,
    expires_usec: u64,
    /// Present if a duration was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_boottime_usec: Option<u64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopUpRecord {
    id: String,
    bytes: u64,
    /// Present in a correction only: version 0.2 wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_bytes: Option<u64>,
    owner_uid: u32,
    owner: String,
    reason: String,
    at_usec: u64,
}

impl File {
    pub(super) fn new(boot: &str, clock: &Clock, links: &BTreeMap<String, Claims>) -> Self {
        let links = links.iter().map(|(name, claims)| {
            let link = Link {
                throttle: claims.throttle.as_ref().map(Record::of),
                override_claim: claims.override_claim.as_ref().map(Record::of),
                top_ups: claims.top_ups.iter().map(TopUpRecord::of).collect(),
                granted: claims.granted,
            };
            (name.clone(), link)
        });
        Self {
            version: VERSION,
            boot: boot.to_owned(),
            boottime_usec: clock.boottime_usec(),
            wall_usec: clock.wall_usec,
            links: links.collect(),
        }
    }

    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads a file; says what makes no sense in it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let file: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if file.version != VERSION {
            return Err(format!("version {} is not known", file.version));
        }
        if file.links.len() > MAX_LINKS {
            return Err("too many links".to_owned());
        }
        let mut ids = BTreeSet::new();
        for (name, link) in &file.links {
            check_name(name)?;
            let sane = |record: &Option<Record>, least| {
                record
                    .as_ref()
                    .is_none_or(|record| record.is_sane(least, file.boottime_usec))
            };
            if !sane(&link.throttle, 1) || !sane(&link.override_claim, 0) {
                return Err(format!("{name}: a claim out of bounds"));
            }
            let top_ups = &link.top_ups;
            if top_ups.len() > MAX_TOP_UPS
                || !top_ups.iter().all(|it| it.is_sane() && ids.insert(&it.id))
            {
                return Err(format!("{name}: top-ups out of bounds"));
            }
        }
        Ok(file)
    }

    /// Both clocks when it was written.
    pub(super) fn clock(&self) -> Clock {
        Clock {
            boottime: Duration::from_micros(self.boottime_usec),
            wall_usec: self.wall_usec,
        }
    }

    pub(super) fn into_claims(self) -> BTreeMap<String, Claims> {
        let links = self.links.into_iter().map(|(name, link)| {
            let claims = Claims {
                throttle: link.throttle.map(Record::into_standing),
                override_claim: link.override_claim.map(Record::into_standing),
                top_ups: link.top_ups.into_iter().map(TopUpRecord::into_it).collect(),
                granted: link.granted,
            };
            (name, claims)
        });
        links.filter(|(_, claims)| !claims.is_empty()).collect()
    }
}

fn is_text(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(char::is_control)
}

impl Record {
    fn of(standing: &Standing) -> Self {
        let claim = &standing.claim;
        Self {
            rate_bytes_per_second: claim.rate_bytes_per_second,
            owner_uid: claim.owner_uid,
            owner: claim.owner.clone(),
            reason: claim.reason.clone(),
            set_at_usec: claim.set_at_usec,
            expires_usec: claim.expires_usec,
            expires_boottime_usec: match standing.end {
                End::Boottime(at) => Some(usec(at)),
                End::Never | End::Wall => None,
            },
        }
    }

    fn is_sane(&self, least: u64, written_boottime_usec: u64) -> bool {
        let latest = written_boottime_usec.saturating_add(MAX_DURATION_USEC);
        (least..=MAX_RATE).contains(&self.rate_bytes_per_second)
            && is_text(&self.owner, MAX_OWNER)
            && is_text(&self.reason, MAX_REASON)
            && self.expires_boottime_usec.is_none_or(|at| at <= latest)
    }

    fn into_standing(self) -> Standing {
        let end = match (self.expires_boottime_usec, self.expires_usec) {
            (Some(at), _) => End::Boottime(Duration::from_micros(at)),
            (None, 0) => End::Never,
            (None, _) => End::Wall,
        };
        Standing {
            claim: Claim {
                rate_bytes_per_second: self.rate_bytes_per_second,
                owner_uid: self.owner_uid,
                owner: self.owner,
                reason: self.reason,
                set_at_usec: self.set_at_usec,
                expires_usec: self.expires_usec,
            },
            end,
        }
    }
}

impl TopUpRecord {
    fn of(top_up: &TopUp) -> Self {
        Self {
            id: top_up.id.clone(),
            bytes: top_up.bytes,
            used_bytes: top_up.used_bytes,
            owner_uid: top_up.owner_uid,
            owner: top_up.owner.clone(),
            reason: top_up.reason.clone(),
            at_usec: top_up.at_usec,
        }
    }

    fn is_sane(&self) -> bool {
        self.clone().into_it().is_valid()
            && is_text(&self.owner, MAX_OWNER)
            && is_text(&self.reason, MAX_REASON)
    }

    fn into_it(self) -> TopUp {
        TopUp {
            id: self.id,
            bytes: self.bytes,
            used_bytes: self.used_bytes,
            owner_uid: self.owner_uid,
            owner: self.owner,
            reason: self.reason,
            at_usec: self.at_usec,
        }
    }
}
