//! What a configuration means, for people.

use bwflow_proto::config::{Config, Link, Throttle};
use bwflow_proto::units::{format_bytes_exact, format_duration, format_rate};

use super::spend;
use crate::grid::{Column, Grid};

const LONGEST_MONTH_SECONDS: u64 = 31 * 86_400;

/// The verdict and every link's plan.
pub(super) fn render(file_name: &str, config: &Config) -> String {
    use Column::{Figures, Words};
    let links = match config.links.len() {
        1 => "1 link".to_owned(),
        links => format!("{links} links"),
    };
    let interval = format_duration(config.poll_interval);
    let mut grid = Grid::new(vec![
        ("LINK", Words),
        ("BUDGET", Figures),
        ("BURST", Figures),
        ("DAY", Figures),
        ("TIME ZONE", Words),
        ("COUNTED", Words),
        ("HELD TO", Words),
    ]);
    for link in &config.links {
        grid.push(row(link));
    }
    let has_drip = config
        .links
        .iter()
        .any(|link| link.throttle == Throttle::Drip && drip(link) > 0);
    let legend = if has_drip {
        "\nThe drip is that of a month of 31 days; in a shorter one it is higher.\n"
    } else {
        ""
    };
    let excluded: String = config.links.iter().filter_map(excluded).collect();
    let gap = if excluded.is_empty() { "" } else { "\n" };
    format!(
        "{file_name} is right: {links}, looked at at least every {interval}\n\n{}{gap}{excluded}{legend}{}",
        grid.render(false),
        spend::paragraph(config.spend.as_ref())
    )
}

/// A line with the networks that are not charged, if there are any: too many for a column.
fn excluded(link: &Link) -> Option<String> {
    let networks: Vec<String> = link.exclude.iter().map(ToString::to_string).collect();
    let name = &link.interface;
    (!networks.is_empty()).then(|| {
        format!(
            "{name}: neither charged nor held back: {}\n",
            networks.join(", ")
        )
    })
}

/// What accrues in the longest month, bytes per second.
const fn drip(link: &Link) -> u64 {
    link.budget_bytes.saturating_sub(link.burst_bytes) / LONGEST_MONTH_SECONDS
}

fn row(link: &Link) -> Vec<String> {
    vec![
        link.interface.clone(),
        format_bytes_exact(link.budget_bytes),
        format_bytes_exact(link.burst_bytes),
        link.billing_day.to_string(),
        link.timezone.iana_name().unwrap_or("-").to_owned(),
        link.count.to_string(),
        match link.throttle {
            Throttle::Drip if drip(link) == 0 => {
                format!("min_rate {}", format_rate(link.min_rate))
            }
            Throttle::Drip => format!("drip {}", format_rate(drip(link))),
            Throttle::Rate(rate) => format_rate(rate),
        },
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_plan_is_a_line() {
        let text = "[bandwidth]\nmonthly_budget = \"1.5 TiB\"\n[network]\ninterface = \"eth0\"\n\
                    [[link]]\ninterface = \"wwan0\"\nmonthly_budget = \"20 GB\"\n\
                    timezone = \"Europe/Berlin\"\nbilling_day = 17\nrate = \"2 Mbit/s\"\n\
                    [[link]]\ninterface = \"wg0\"\nmonthly_budget = \"9 GB\"\n\
                    pre_charge = \"9 GB\"\nexclude = [\"fd00::/8\", \"10.0.0.0/8\"]\n";
        let (config, _) = Config::parse(text).unwrap();
        assert_eq!(
            render("c.toml", &config),
            "\
c.toml is right: 3 links, looked at at least every 15s

LINK    BUDGET    BURST  DAY  TIME ZONE      COUNTED  HELD TO
eth0   1.5 TiB  768 GiB    1  UTC            tx       drip 2.46 Mbit/s
wwan0    20 GB    10 GB   17  Europe/Berlin  tx       2 Mbit/s
wg0       9 GB     9 GB    1  UTC            tx       min_rate 64 kbit/s

wg0: neither charged nor held back: 10.0.0.0/8, fd00::/8

The drip is that of a month of 31 days; in a shorter one it is higher.
"
        );
    }
}
