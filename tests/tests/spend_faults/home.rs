//! What goes wrong with Jellyfin, while the truth is that less may flow than before.

use bwflow_tests::fake::Service::Jellyfin;
use bwflow_tests::fake::fault::{Does, Fault};
use bwflow_tests::fake::jellyfin::Session;
use serde_json::json;

use super::row::{MEDIUM, OFF, Row};
use super::scene::Scene;

/// Everything is known, and the tier goes from high to medium; Jellyfin does not follow.
fn row(
    name: &'static str,
    word: &'static str,
    fault: impl FnOnce(&mut Scene) + Send + 'static,
) -> Row {
    let row = Row::new(name, fault).spent(30.0, 90.0);
    row.during(("medium", 4_000_000, true, word)).after(MEDIUM)
}

fn answer(name: &'static str, word: &'static str, path: &'static str, does: Does) -> Row {
    row(name, word, move |scene| {
        scene.set(|state| state.fail(Fault::of(Jellyfin, does).at(path)));
    })
}

const CONFIGURATION: &str = "/system/configuration";

pub(super) fn rows() -> Vec<Row> {
    let key = "f00dfeedf00dfeedf00dfeedf00dfeed";
    vec![
        row("nobody there", "unreachable", |scene| {
            scene.fake.set_reachable(Jellyfin, false);
        })
        .mended(|scene| scene.fake.set_reachable(Jellyfin, true)),
        row("starting", "pending", |scene| {
            scene.set(|state| state.jellyfin.starting = 1_000_000);
        })
        .mended(|scene| scene.set(|state| state.jellyfin.starting = 0)),
        row("204 and nothing done", "pending", |scene| {
            scene.set(|state| state.jellyfin.ignores = vec!["RemoteClientBitrateLimit".into()]);
        })
        .mended(|scene| scene.set(|state| state.jellyfin.ignores.clear())),
        row("another key", "refused", |scene| {
            scene.set(|state| state.jellyfin.keys = vec!["other".into()]);
        })
        .mended(move |scene| scene.set(|state| state.jellyfin.keys = vec![key.into()])),
        row("another base path", "refused", |scene| {
            scene.set(|state| state.jellyfin.set_base_path("/jellyfin"));
        })
        .mended(|scene| scene.set(|state| state.jellyfin.set_base_path(""))),
        row("another host", "refused", |scene| {
            scene.set(|state| state.jellyfin.hosts = vec!["jellyfin.example.com".into()]);
        })
        .mended(|scene| scene.set(|state| state.jellyfin.hosts.clear())),
        answer("500", "pending", CONFIGURATION, Does::status(500, &[])),
        answer(
            "a page",
            "refused",
            CONFIGURATION,
            Does::typed(200, "text/html", "<html>"),
        ),
        answer(
            "200 with nothing",
            "refused",
            CONFIGURATION,
            Does::status(200, &[]),
        ),
        answer(
            "an empty object",
            "refused",
            CONFIGURATION,
            Does::json(200, &json!({})),
        ),
        answer(
            "half an answer",
            "unreachable",
            CONFIGURATION,
            Does::Truncate,
        ),
        answer(
            "the connection ends",
            "unreachable",
            CONFIGURATION,
            Does::Close,
        ),
        row("a write is carried out and not answered", "held", |scene| {
            scene.set(|state| {
                let fault = Fault::of(Jellyfin, Does::Lose).at(CONFIGURATION).on("POST");
                state.fail(fault.times(1));
            });
        })
        .during(MEDIUM),
        row(
            "it restarts between reading and writing",
            "pending",
            |scene| {
                scene.set(|state| {
                    let then = Does::Then(json!({"jellyfin": {"starting": 1000}}));
                    let fault = Fault::of(Jellyfin, then).at(CONFIGURATION).on("GET");
                    state.fail(fault.times(1));
                });
            },
        )
        .mended(|scene| scene.set(|state| state.jellyfin.starting = 0)),
        row(
            "an administrator changes something between reading and writing",
            "held",
            |scene| {
                scene.set(|state| {
                    let change = json!({"RemoteClientBitrateLimit": 9_000_000});
                    let then = Does::Then(json!({"jellyfin": {"configuration": change}}));
                    let fault = Fault::of(Jellyfin, then).at(CONFIGURATION).on("POST");
                    state.fail(fault.times(1));
                });
            },
        )
        .during(MEDIUM),
        row(
            "an administrator has set something stricter",
            "foreign",
            |scene| {
                scene.set(|state| state.jellyfin.set_limit(1_500_000));
            },
        )
        .during(("medium", 1_500_000, true, "foreign"))
        .after(("medium", 1_500_000, true, "foreign")),
        row(
            "an administrator has set something looser",
            "held",
            |scene| {
                scene.set(|state| state.jellyfin.set_limit(30_000_000));
            },
        )
        .during(MEDIUM),
        row("an administrator has lifted the limit", "held", |scene| {
            scene.set(|state| state.jellyfin.set_limit(0));
        })
        .during(MEDIUM),
        row(
            "off, and bwflow itself counts as remote",
            "refused",
            |scene| {
                scene.set(|state| {
                    state.jellyfin.caller = Some([10, 0, 0, 1].into());
                    let outside = json!(["!10.0.0.1/32"]);
                    state.jellyfin.set_network("LocalNetworkSubnets", outside);
                });
            },
        )
        .spent(90.0, 140.0)
        .during(("disabled", 1_000_000, true, "refused"))
        .mended(|scene| scene.set(|state| state.jellyfin.caller = None))
        .after(OFF),
        row("off, and a viewer goes on", "held", |scene| {
            scene.set(|state| {
                let viewer = Session::new(1, "203.0.113.7", 8_000_000);
                state.jellyfin.watch(Session {
                    obeys: false,
                    ..viewer
                });
            });
        })
        .spent(90.0, 140.0)
        .during(OFF)
        .after(OFF),
        row(
            "off, and the network document cannot be written",
            "pending",
            |scene| {
                scene.set(|state| {
                    let fault = Fault::of(Jellyfin, Does::status(500, &[])).on("POST");
                    state.fail(fault.at("/system/configuration/network"));
                });
            },
        )
        .spent(90.0, 140.0)
        .during(("disabled", 1_000_000, true, "pending"))
        .after(OFF),
    ]
}
