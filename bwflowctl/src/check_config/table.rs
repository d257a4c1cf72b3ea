//! What a configuration means, for people.

use bwflow_proto::config::{Config, Link, Throttle};
use bwflow_proto::units::{format_bytes_exact, format_duration, format_rate};

use crate::grid::{Column, Grid};

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
    format!(
        "{file_name} is right: {links}, looked at at least every {interval}\n\n{}",
        grid.render(false)
    )
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
            Throttle::Drip => "the drip".to_owned(),
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
                    timezone = \"Europe/Berlin\"\nbilling_day = 17\nrate = \"2 Mbit/s\"\n";
        let (config, _) = Config::parse(text).unwrap();
        assert_eq!(
            render("c.toml", &config),
            "\
c.toml is right: 2 links, looked at at least every 15s

LINK    BUDGET    BURST  DAY  TIME ZONE      COUNTED  HELD TO
eth0   1.5 TiB  768 GiB    1  UTC            tx       the drip
wwan0    20 GB    10 GB   17  Europe/Berlin  tx       2 Mbit/s
"
        );
    }
}
