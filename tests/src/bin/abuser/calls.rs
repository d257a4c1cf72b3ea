//! Calls of every wrong kind, and right ones that are not authorised.

use std::collections::HashMap;

use zbus::message::{Builder, Flags, Message};
use zbus::{Variant, wire::DynamicType};

use super::random::Random;

const LINK: &str = "/org/bwflow1/link/wan0";
const RATES: [u64; 8] = [0, 1, 2, 7_999, 125_000, 1 << 40, u64::MAX - 1, u64::MAX];
const TIMES: [u64; 6] = [0, 1, 1_000_000_000_000_000, 1 << 62, u64::MAX - 1, u64::MAX];
const WORDS: [&str; 14] = [
    "",
    "/",
    "..",
    ".",
    "../../etc/shadow",
    "wan0",
    "wan0/",
    "a b",
    "%s%n",
    "\u{1b}[2J",
    "é",
    "'; rm -rf /",
    "\u{202e}",
    "sixteen-letters-",
];
const KEYS: [&str; 12] = [
    "DurationUSec",
    "UntilUSec",
    "RateBytesPerSecond",
    "TopUpBytes",
    "Reason",
    "Force",
    "duration_usec",
    "Colour",
    "",
    "..",
    "Force ",
    "OwnerUID",
];
const MEMBERS: [&str; 11] = [
    "Throttle",
    "ClearThrottle",
    "Override",
    "ClearOverride",
    "TopUp",
    "Correct",
    "SetGrant",
    "PublishLedger",
    "Forget",
    "ConfirmTopUps",
    "Nonsense",
];
const INTERFACES: [&str; 6] = [
    "org.bwflow1.Link",
    "org.bwflow1.Manager",
    "org.bwflow1.Enforcer",
    "org.freedesktop.DBus.Properties",
    "org.freedesktop.DBus.Introspectable",
    "a.b",
];
const PATHS: [&str; 9] = [
    LINK,
    "/",
    "/org/bwflow1",
    "/org/bwflow1/link",
    "/org/bwflow1/link/_",
    "/org/bwflow1/link/_2e_2e",
    "/org/bwflow1/link/wan0/wan0",
    "/org/bwflow1/link/_00",
    "/a",
];
const PROPERTIES: [&str; 8] = [
    "State",
    "Throttle",
    "Override",
    "PendingTopUps",
    "Grant",
    "Ledger",
    "Interface",
    "Nothing",
];
/// A text that no name and no option has.
const HUGE: usize = 10_000_000;

fn call<'a>(path: &'a str, interface: &'a str, member: &'a str) -> Builder<'a> {
    Message::method_call(path, member)
        .destination("org.bwflow1")
        .interface(interface)
}

fn verb(member: &str) -> Builder<'_> {
    call(LINK, "org.bwflow1.Link", member)
}

fn built<B: serde::Serialize + DynamicType>(builder: Builder<'_>, body: &B) -> Message {
    builder.build(body).unwrap()
}

/// A verb that would be carried out, were it authorised, and may wait for a password.
pub(crate) fn interactive() -> Message {
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    built(
        verb("Throttle").with_flags(Flags::ALLOW_INTERACTIVE_AUTH),
        &(125_000_u64, none),
    )
}

/// A verb to whose refusal nobody listens.
pub(crate) fn unanswered() -> Message {
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    built(
        verb("Throttle").with_flags(Flags::NO_REPLY_EXPECTED),
        &(125_000_u64, none),
    )
}

/// A call of a service's that is longer than any of them needs.
pub(crate) fn long(name: &str, path: &str, interface: &str) -> Message {
    let builder = Message::method_call(path, "Nonsense")
        .destination(name)
        .interface(interface)
        .with_flags(Flags::NO_REPLY_EXPECTED);
    built(builder, &"x".repeat(HUGE))
}

fn value(random: &mut Random) -> Variant<'static> {
    match random.below(8) {
        0 => Variant::from(random.next()),
        1 => Variant::from(*random.pick(&TIMES)),
        2 => Variant::from(*random.pick(&WORDS)),
        3 => Variant::from(random.below(2) == 0),
        4 => Variant::from(-1_i64),
        5 => Variant::from(f64::NAN),
        6 => Variant::from("x".repeat(random.below(6_000))),
        _ => Variant::from(vec![vec![random.next()]; random.below(20)]),
    }
}

fn options(random: &mut Random) -> HashMap<String, Variant<'static>> {
    let count = random.below(5);
    (0..count)
        .map(|_| ((*random.pick(&KEYS)).to_owned(), value(random)))
        .collect()
}

/// Options of the right types.
fn sound_options(random: &mut Random) -> HashMap<&'static str, Variant<'static>> {
    let mut options = HashMap::new();
    for key in &KEYS[..6] {
        if random.below(3) == 0 {
            let value = match *key {
                "Reason" => Variant::from(*random.pick(&WORDS)),
                "Force" => Variant::from(random.below(2) == 0),
                _ => Variant::from(*random.pick(&TIMES)),
            };
            options.insert(*key, value);
        }
    }
    options
}

/// One call of any kind.
pub(crate) fn any(random: &mut Random) -> Message {
    let mut flags = Flags::default();
    if random.below(16) == 0 {
        flags |= Flags::ALLOW_INTERACTIVE_AUTH;
    }
    let member = *random.pick(&MEMBERS);
    let path = *random.pick(&PATHS);
    let interface = *random.pick(&INTERFACES);
    let number = *random.pick(&RATES);
    let huge = random.below(1_000) == 0;
    match random.below(12) {
        _ if huge => gigantic(flags, random),
        0 => built(verb(member).with_flags(flags), &(number, options(random))),
        1 => built(verb(member).with_flags(flags), &(options(random),)),
        2 | 3 => built(
            verb(random.pick::<&str>(&["Throttle", "TopUp", "Correct"])).with_flags(flags),
            &(number, sound_options(random)),
        ),
        4 => built(
            verb("Override").with_flags(flags),
            &(sound_options(random),),
        ),
        5 => built(
            verb(member).with_flags(flags),
            &(*random.pick(&WORDS), number),
        ),
        6 => built(verb(member).with_flags(flags), &()),
        7 => built(
            verb(member).with_flags(flags),
            &(number, sound_options(random), *random.pick(&WORDS)),
        ),
        8 => built(
            call(path, interface, member).with_flags(flags),
            &(value(random),),
        ),
        9 => built(
            call(path, "org.freedesktop.DBus.Properties", "Set").with_flags(flags),
            &("org.bwflow1.Link", *random.pick(&PROPERTIES), value(random)),
        ),
        10 => built(
            call(
                path,
                "org.freedesktop.DBus.Properties",
                random.pick::<&str>(&["Get", "GetAll"]),
            )
            .with_flags(flags),
            &(*random.pick(&INTERFACES), *random.pick(&PROPERTIES)),
        ),
        _ => built(
            call(path, "org.bwflow1.Enforcer", member).with_flags(flags),
            &(*random.pick(&WORDS), options(random)),
        ),
    }
}

/// Calls with 10 MB where a few bytes belong.
fn gigantic(flags: Flags, random: &mut Random) -> Message {
    let text = random.pick(&["x", "/", ".."]).repeat(HUGE);
    let text = &text[..HUGE];
    match random.below(4) {
        0 => {
            let options = HashMap::from([("Reason", Variant::from(text))]);
            built(verb("Throttle").with_flags(flags), &(125_000_u64, options))
        }
        1 => {
            let options = HashMap::from([(text, Variant::from(1_u64))]);
            built(verb("Override").with_flags(flags), &(options,))
        }
        2 => built(
            call(LINK, "org.freedesktop.DBus.Properties", "Get").with_flags(flags),
            &("org.bwflow1.Link", text),
        ),
        _ => built(verb("ClearThrottle").with_flags(flags), &(text,)),
    }
}
