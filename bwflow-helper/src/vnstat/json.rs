//! What `vnstat --json` prints, for a database that cannot be read: rows only, since the counters
//! are not in it. Pure.

use serde_json::Value;

use super::database::stretch;
use super::dates::{Dates, Grain};
use super::plausible;
use super::rows::Rows;
use crate::counter::Counters;
use crate::ledger::imports::Stretch;

/// The tables by their names in the JSON of vnStat 1 and of vnStat 2.
const TABLES: [(&str, &str, Grain); 4] = [
    ("", "fiveminute", Grain::FiveMinutes),
    ("hours", "hour", Grain::Hour),
    ("days", "day", Grain::Day),
    ("months", "month", Grain::Month),
];

/// The rows of an interface. vnStat 1 (`jsonversion` "1") counts in KiB, vnStat 2 ("2") in bytes.
///
/// # Errors
/// In words for the user, when the text is not vnStat's or does not hold the interface.
pub fn rows(text: &str, interface: &str, dates: &Dates) -> Result<Rows, String> {
    let root: Value = serde_json::from_str(text)
        .map_err(|error| format!("vnstat --json prints what is no JSON: {error}"))?;
    let version = root["jsonversion"].as_str().unwrap_or_default();
    let unit = match version {
        "1" => 1024,
        "2" => 1,
        _ => {
            return Err(format!(
                "vnstat --json has an unknown jsonversion {version:?}"
            ));
        }
    };
    let interfaces = root["interfaces"].as_array();
    let found = interfaces.into_iter().flatten().find(|entry| {
        let name = if version == "1" { "id" } else { "name" };
        entry[name] == interface
    });
    let entry = found.ok_or_else(|| format!("vnStat does not know {interface}"))?;
    let updated = &entry["updated"];
    let updated_usec = text_of(&updated["date"], Some(&updated["time"]))
        .and_then(|text| dates.instant(&text))
        .ok_or_else(|| "vnstat --json does not say when it was updated".to_owned())?;
    let table = |index: usize| {
        let (old, new, grain) = TABLES[index];
        let name = if version == "1" { old } else { new };
        let mut rows: Vec<Stretch> = entry["traffic"][name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| {
                let date = date_of(row, grain)?;
                let bytes = |key: &str| row[key].as_u64()?.checked_mul(unit);
                let bytes = Counters {
                    tx: bytes("tx")?,
                    rx: bytes("rx")?,
                };
                stretch(&date, bytes, grain, dates, updated_usec)
            })
            .collect();
        // vnStat 1 begins with today.
        rows.sort_by_key(|row| row.start_usec);
        rows
    };
    let rows = Rows {
        five_minutes: table(0),
        hours: table(1),
        days: table(2),
        months: table(3),
    };
    let rows = rows.begun_at(updated_usec);
    plausible::check(&rows).map_err(|why| format!("vnStat's rows are not taken: {why}"))?;
    Ok(rows)
}

/// The date of a row as it stands in the database. The hour is the `id` in vnStat 1, and has a
/// minute in vnStat 2.
fn date_of(row: &Value, grain: Grain) -> Option<String> {
    match grain {
        Grain::Day | Grain::Month => text_of(&row["date"], None),
        Grain::Hour if row["time"].is_null() => {
            let hour = row["id"].as_u64().filter(|hour| *hour < 24)?;
            Some(format!("{} {hour:02}:00:00", text_of(&row["date"], None)?))
        }
        Grain::Hour | Grain::FiveMinutes => text_of(&row["date"], Some(&row["time"])),
    }
}

fn text_of(date: &Value, time: Option<&Value>) -> Option<String> {
    let year = date["year"].as_u64()?;
    let month = date["month"].as_u64()?;
    let day = date["day"].as_u64().unwrap_or(1);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let Some(time) = time else { return Some(date) };
    let hour = time["hour"].as_u64()?;
    let minute = time["minute"].as_u64().or_else(|| time["minutes"].as_u64());
    Some(format!("{date} {hour:02}:{:02}:00", minute.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    fn utc() -> Dates {
        Dates::new(TimeZone::UTC, 1)
    }

    fn row(start: &str, end: &str, tx: u64, rx: u64) -> Stretch {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        Stretch {
            start_usec: at(start),
            end_usec: at(end),
            bytes: Counters { tx, rx },
        }
    }

    #[test]
    fn vnstat_2_counts_in_bytes() {
        let text = r#"{"vnstatversion":"2.6","jsonversion":"2","interfaces":[{"name":"other0"},
            {"name":"wan0","alias":"","created":{"date":{"year":2026,"month":11,"day":1}},
            "updated":{"date":{"year":2026,"month":11,"day":22},"time":{"hour":11,"minute":22}},
            "traffic":{"total":{"rx":410,"tx":496},
            "fiveminute":[{"id":1,"date":{"year":2026,"month":11,"day":22},"time":{"hour":11,"minute":15},"rx":1,"tx":2}],
            "hour":[{"id":1,"date":{"year":2026,"month":11,"day":22},"time":{"hour":10,"minute":0},"rx":3,"tx":4},
                    {"id":2,"date":{"year":2026,"month":11,"day":22},"time":{"hour":11,"minute":0},"rx":1,"tx":2}],
            "day":[{"id":1,"date":{"year":2026,"month":11,"day":22},"rx":4,"tx":6}],
            "month":[{"id":1,"date":{"year":2026,"month":10},"rx":9,"tx":8}],"top":[]}}]}"#;
        let rows = rows(text, "wan0", &utc()).unwrap();
        assert_eq!(
            rows.five_minutes,
            [row("2026-11-22T11:15:00Z", "2026-11-22T11:20:00Z", 2, 1)]
        );
        assert_eq!(
            rows.hours,
            [
                row("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z", 4, 3),
                row("2026-11-22T11:00:00Z", "2026-11-22T11:22:00Z", 2, 1),
            ]
        );
        assert_eq!(
            rows.days,
            [row("2026-11-22T00:00:00Z", "2026-11-22T11:22:00Z", 6, 4)]
        );
        assert_eq!(
            rows.months,
            [row("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", 8, 9)]
        );
    }

    #[test]
    fn vnstat_1_counts_in_kib_and_names_hours_by_their_id() {
        let text = r#"{"vnstatversion":"1.18","jsonversion":"1","interfaces":[{"id":"wan0","nick":"wan0",
            "created":{"date":{"year":2026,"month":11,"day":1}},
            "updated":{"date":{"year":2026,"month":11,"day":22},"time":{"hour":11,"minutes":22}},
            "traffic":{"total":{"rx":410,"tx":496},
            "days":[{"id":0,"date":{"year":2026,"month":11,"day":22},"rx":4,"tx":6},
                    {"id":1,"date":{"year":2026,"month":11,"day":21},"rx":1,"tx":1}],
            "months":[],"tops":[],
            "hours":[{"id":10,"date":{"year":2026,"month":11,"day":22},"rx":4,"tx":6}]}}]}"#;
        let rows = rows(text, "wan0", &utc()).unwrap();
        assert_eq!(
            rows.hours,
            [row(
                "2026-11-22T10:00:00Z",
                "2026-11-22T11:00:00Z",
                6144,
                4096
            )]
        );
        assert_eq!(
            rows.days,
            [
                row("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", 1024, 1024),
                row("2026-11-22T00:00:00Z", "2026-11-22T11:22:00Z", 6144, 4096),
            ]
        );
    }

    #[test]
    fn what_is_not_vnstat_s_or_not_the_link_s_is_refused() {
        for (text, said) in [
            ("Error: no database", "no JSON"),
            (r#"{"jsonversion":"3","interfaces":[]}"#, "jsonversion"),
            (
                r#"{"jsonversion":"2","interfaces":[]}"#,
                "does not know wan0",
            ),
            (
                r#"{"jsonversion":"2","interfaces":[{"name":"wan0"}]}"#,
                "updated",
            ),
        ] {
            let error = rows(text, "wan0", &utc()).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
