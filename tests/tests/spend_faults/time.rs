//! Clocks, periods, restarts, lost memory.

use std::fs;

use bwflow_tests::fake::Service::Arm;
use bwflow_tests::fake::fault::{Does, Fault};

use super::row::{Expected, HIGH, MEDIUM, OFF, Row};
use super::scene::{HOUR, Scene};

const DAY: i64 = 24 * HOUR;
/// From the 22nd of November to the first of December.
const INTO_DECEMBER: i64 = 9 * DAY;

/// What was bwflow's is forgotten: a value that is stricter than wanted counts as an administrator's,
/// and stays.
const FORGOTTEN: Expected = ("high", 2_000_000, true, "foreign");

fn silence(scene: &mut Scene) {
    scene.set(|state| state.fail(Fault::of(Arm, Does::status(500, &[]))));
}

/// The cloud is silent.
fn silent(name: &'static str, fault: impl FnOnce(&mut Scene) + Send + 'static) -> Row {
    Row::new(name, |scene| {
        silence(scene);
        fault(scene);
    })
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        silent("silence, and a restart", Scene::restart),
        silent("silence, and a boot", Scene::reboot),
        silent("silence, and the clock goes a year ahead", |scene| {
            scene.step_clock(365 * DAY);
        }),
        silent("silence, and the clock goes a year back", |scene| {
            scene.step_clock(-365 * DAY);
        }),
        silent("silence, and the clock goes to next month", |scene| {
            scene.step_clock(INTO_DECEMBER);
        }),
        silent("silence for 35 hours", |_| {}).waiting(35 * HOUR),
        silent("silence for two days", |_| {})
            .waiting(2 * DAY)
            .during(OFF),
        silent("silence for two days, from high", |_| {})
            .spent(30.0, 30.0)
            .waiting(2 * DAY)
            .during(MEDIUM),
        silent("silence for four days, from high", |_| {})
            .spent(30.0, 30.0)
            .waiting(4 * DAY)
            .during(OFF),
        silent("silence into the next month", |_| {})
            .waiting(INTO_DECEMBER)
            .during(OFF)
            .mended(|scene| {
                scene.set(|state| state.faults.clear());
                scene.spend(30.0);
            }),
        Row::new("a new month without a cost", |_| {})
            .spent(140.0, 140.0)
            .waiting(INTO_DECEMBER)
            .during(OFF)
            .mended(|scene| scene.spend(10.0)),
        Row::new("a new month with its first cost", |scene| {
            scene.set(|state| {
                let at = state.clock() + INTO_DECEMBER;
                state.azure.costs.charges =
                    vec![bwflow_tests::fake::azure::Charge::dollars(at, 1.0)];
            });
        })
        .spent(140.0, 140.0)
        .waiting(INTO_DECEMBER)
        .during(HIGH)
        .may_rise(),
        silent("the state is damaged", |scene| {
            scene.with_file(|file| fs::write(file, "{\"version\": 1, \"stand").unwrap());
        })
        .during(OFF)
        .after(FORGOTTEN),
        silent("the state is empty", |scene| {
            scene.with_file(|file| fs::write(file, "").unwrap());
        })
        .during(OFF)
        .after(FORGOTTEN),
        Row::new("the state is damaged, and the cloud answers", |scene| {
            scene.with_file(|file| fs::write(file, "\u{0}\u{0}").unwrap());
        })
        .during(FORGOTTEN)
        .after(FORGOTTEN)
        .may_rise(),
        Row::new("the clock is wrong, and the cloud's counts", |scene| {
            scene.step_clock(40 * DAY);
        })
        .during(HIGH)
        .may_rise(),
        misdated("an answer of the second", "Mon, 02 Nov 2026 00:30:00 GMT"),
        misdated("an answer of last month", "Sat, 31 Oct 2026 12:00:00 GMT"),
        misdated(
            "an answer of years to come",
            "Fri, 03 Dec 2032 12:00:00 GMT",
        ),
        misdated(
            "an answer of two hours ago",
            "Sun, 22 Nov 2026 14:00:00 GMT",
        ),
        misdated(
            "an answer of the second, after a restart",
            "Mon, 02 Nov 2026 00:30:00 GMT",
        )
        .restarted(),
        Row::new("an answer of the second, after a boot", |scene| {
            scene.reboot();
            date(scene, "Mon, 02 Nov 2026 00:30:00 GMT");
        })
        .mended(undated),
        Row::new(
            "an answer of the second, and nothing is remembered",
            |scene| {
                scene.with_file(|file| fs::write(file, "").unwrap());
                date(scene, "Mon, 02 Nov 2026 00:30:00 GMT");
            },
        )
        .during(OFF)
        .mended(undated)
        .after(FORGOTTEN),
        Row::new("the clock goes back, and the machine boots", |scene| {
            scene.step_clock(-40 * DAY);
            scene.reboot();
        })
        .mended(|scene| scene.step_clock(40 * DAY)),
    ]
}

fn date(scene: &Scene, date: &'static str) {
    scene.set(|state| state.date = Some(date.to_owned()));
}

fn undated(scene: &mut Scene) {
    scene.set(|state| state.date = None);
}

/// The cloud's answers have this date.
fn misdated(name: &'static str, at: &'static str) -> Row {
    Row::new(name, move |scene| date(scene, at)).mended(undated)
}
