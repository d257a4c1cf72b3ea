//! Configurations whose period has only just begun, so that tests know what has accrued.

use std::process::Command;

use bwflow_proto::config::{Config, load_str};

/// A zone and billing day whose period began less than an hour ago: what has dripped in since the
/// period's start is then as good as nothing, and known.
///
/// # Panics
/// When `date` fails.
pub fn young_period() -> (String, u8) {
    let utc = |format: &str| -> i64 {
        let output = Command::new("date").args(["-u", format]).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .trim_start_matches('0')
            .parse()
            .unwrap_or(0)
    };
    // Local midnight lies `hour` hours back, so the zone is `hour` hours behind UTC. "Etc/GMT+5"
    // is POSIX for five hours behind; beyond +12 the zone ahead has the same midnight.
    let hour = utc("+%H");
    let zone = if hour <= 12 {
        format!("Etc/GMT+{hour}")
    } else {
        format!("Etc/GMT-{}", 24 - hour)
    };
    let output = Command::new("date")
        .env("TZ", &zone)
        .arg("+%d")
        .output()
        .unwrap();
    let day = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    (zone, day)
}

/// As [`young`], but the period began a day earlier: what happened some minutes ago lies in it, also
/// right after the full hour.
///
/// # Panics
/// When `date` fails.
pub fn day_old(budget: &str, burst: &str, more: &str) -> String {
    let (zone, day) = young_period();
    let output = Command::new("date")
        .env("TZ", &zone)
        .args(["-d", "yesterday", "+%-d"])
        .output()
        .unwrap();
    let yesterday = String::from_utf8(output.stdout).unwrap();
    young(budget, burst, more).replace(
        &format!("billing_day = {day}\n"),
        &format!("billing_day = {}\n", yesterday.trim()),
    )
}

/// A configuration for [`crate::net::LINK`] with a period that began less than an hour ago.
pub fn young(budget: &str, burst: &str, more: &str) -> String {
    let (zone, day) = young_period();
    format!(
        "[bandwidth]\nmonthly_budget = \"{budget}\"\npre_charge = \"{burst}\"\n\
         billing_day = {day}\ntimezone = \"{zone}\"\n\n[network]\ninterface = \"{}\"\n{more}",
        crate::net::LINK
    )
}

/// What bwflow makes of a configuration.
///
/// # Panics
/// When it is wrong.
pub fn parsed(text: &str) -> Config {
    load_str("test", text)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}
