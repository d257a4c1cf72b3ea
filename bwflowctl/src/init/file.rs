//! The text of a configuration with a link's plan in it: written anew, or an old one with as little
//! changed as may be.

use bwflow_proto::config::{Config, Link, Problem, Severity};
use bwflow_proto::units::format_bytes_exact;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::answers::{Answers, link_of};

const GB: u64 = 1_000_000_000;

const HEAD: &str = "\
# The configuration of bwflow. `bwflowctl check-config` checks it and says what it means;
# `systemctl reload bwflow-helper` makes a change take effect; `man bwflow.toml` knows every key.

";

/// What stands behind a key that is written for the first time.
fn remark(key: &str) -> &'static str {
    match key {
        "monthly_budget" => "what the plan pays for in a period",
        "pre_charge" => {
            "the burst: the part that is there on the first day; the rest accrues evenly"
        }
        "billing_day" => "the day a period begins on, 1 to 31; clamped to the month's last day",
        "timezone" => "where a period begins at midnight",
        "count" => "what the provider bills: tx (sent), rx (received), sum or max of both",
        _ => "the link that has the budget",
    }
}

/// A configuration with this plan alone.
pub(super) fn fresh(answers: &Answers) -> String {
    let bandwidth = [
        ("monthly_budget", amount(answers.budget)),
        ("pre_charge", amount(answers.burst)),
        ("billing_day", i64::from(answers.billing_day).into()),
        ("timezone", answers.timezone.as_str().into()),
        ("count", answers.count.as_str().into()),
    ];
    let network = [("interface", Value::from(answers.interface.as_str()))];
    let lines = |keys: &[(&str, Value)]| -> String {
        let line = |(key, value): &(&str, Value)| {
            let setting = format!("{key} = {value}");
            format!("{setting:<27} # {}\n", remark(key))
        };
        keys.iter().map(line).collect()
    };
    format!(
        "{HEAD}[bandwidth]\n{}\n[network]\n{}",
        lines(&bandwidth),
        lines(&network)
    )
}

/// The configuration `text` with this plan for its link, every other key and comment kept. A link that
/// the file does not know takes the place of the one under `[network]`, or else comes last.
///
/// # Errors
/// The problems of a file that cannot be used as it is.
pub(super) fn edited(text: &str, answers: &Answers) -> Result<String, Vec<Problem>> {
    let (before, problems) = match Config::parse(text) {
        Ok((config, _)) => (Some(config), Vec::new()),
        Err(problems) => (None, problems),
    };
    if let Some(before) = &before
        && link_of(before, &answers.interface).is_some_and(|link| answers.are_of(link))
    {
        return Ok(text.to_owned());
    }
    if before.is_none() && text.trim().is_empty() {
        return Ok(fresh(answers));
    }
    let mut document: DocumentMut = text.parse().map_err(|error| vec![unreadable(&error)])?;
    let place = place(&mut document, answers);
    for key in Key::ALL {
        // Looked up anew each time: a burst that is not given changes with its budget.
        let now = Config::parse(&document.to_string()).ok();
        let link = now
            .as_ref()
            .and_then(|(now, _)| link_of(now, &answers.interface));
        if !link.is_some_and(|link| key.is_right(link, answers))
            && let Some(mut home) = plan(&mut document, place)
        {
            key.write(&mut home, answers);
        }
    }
    // What was wrong or missing may be just what has been answered.
    if !problems.is_empty() && Config::parse(&document.to_string()).is_err() {
        return Err(problems);
    }
    Ok(with_line_ends(document.to_string(), text))
}

fn unreadable(error: &toml_edit::TomlError) -> Problem {
    Problem {
        severity: Severity::Error,
        message: error.message().to_owned(),
        span: error.span(),
        hint: None,
    }
}

/// Finds where the link's plan stands, or makes it: which of the `[[link]]`, or `[bandwidth]`.
fn place(document: &mut DocumentMut, answers: &Answers) -> Option<usize> {
    let name = answers.interface.as_str();
    let at = links(document)
        .iter()
        .position(|link| link.as_deref() == Some(name));
    if at.is_some() {
        return at;
    }
    let count = links(document).len();
    if document.get("network").is_none() && count > 0 {
        push_link(document, name);
        return Some(count);
    }
    let network = document.get("network").and_then(Item::as_table_like);
    let was = network.and_then(|network| network.get("interface")?.as_str());
    if was != Some(name)
        && let Some(mut network) = table(document, "network")
    {
        network.put("interface", name.into());
    }
    None
}

/// The names of the `[[link]]`.
fn links(document: &DocumentMut) -> Vec<Option<String>> {
    let name = |link: &dyn TableLike| link.get("interface")?.as_str().map(str::to_owned);
    match document.get("link") {
        Some(Item::ArrayOfTables(links)) => links.iter().map(|link| name(link)).collect(),
        Some(Item::Value(Value::Array(links))) => links
            .iter()
            .map(|link| link.as_inline_table().and_then(|link| name(link)))
            .collect(),
        _ => Vec::new(),
    }
}

fn push_link(document: &mut DocumentMut, name: &str) {
    let mut link = Table::new();
    Home::Table(&mut link).put("interface", name.into());
    let links = document
        .entry("link")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    match links {
        Item::ArrayOfTables(links) => links.push(link),
        Item::Value(Value::Array(links)) => {
            links.push(InlineTable::from_iter([("interface", name)]));
        }
        _ => {}
    }
}

/// A table, which remarks may stand in, or one in braces, where a comment would end the line.
enum Home<'a> {
    Table(&'a mut Table),
    Inline(&'a mut InlineTable),
}

impl Home<'_> {
    fn keys(&mut self) -> &mut dyn TableLike {
        match self {
            Self::Table(table) => *table,
            Self::Inline(table) => *table,
        }
    }

    /// Sets a key; one that is there keeps the comment behind it.
    fn put(&mut self, key: &str, mut wanted: Value) {
        if let Some(Item::Value(old)) = self.keys().get_mut(key) {
            *wanted.decor_mut() = old.decor().clone();
            *old = wanted;
            return;
        }
        if let Self::Table(_) = self {
            wanted.decor_mut().set_prefix(" ");
            wanted
                .decor_mut()
                .set_suffix(format!("   # {}", remark(key)));
        }
        self.keys().insert(key, Item::Value(wanted));
    }

    /// Sets an amount under whichever of its two names is there.
    fn put_amount(&mut self, key: &str, bytes: u64) {
        let in_gigabytes = format!("{key}_gb");
        if self.keys().contains_key(&in_gigabytes) {
            let gigabytes = i64::try_from(bytes / GB);
            if let (0, Ok(gigabytes)) = (bytes % GB, gigabytes) {
                self.put(&in_gigabytes, gigabytes.into());
                return;
            }
            self.keys().remove(&in_gigabytes);
        }
        self.put(key, amount(bytes));
    }
}

/// The table of that name, made where there is none.
fn table<'a>(document: &'a mut DocumentMut, name: &str) -> Option<Home<'a>> {
    let item = document.entry(name).or_insert_with(|| {
        let mut table = Table::new();
        table.decor_mut().set_prefix("\n");
        Item::Table(table)
    });
    home(item)
}

fn home(item: &mut Item) -> Option<Home<'_>> {
    match item {
        Item::Table(table) => Some(Home::Table(table)),
        Item::Value(Value::InlineTable(table)) => Some(Home::Inline(table)),
        _ => None,
    }
}

/// The table in which the plan of that place stands.
fn plan(document: &mut DocumentMut, place: Option<usize>) -> Option<Home<'_>> {
    let Some(at) = place else {
        return table(document, "bandwidth");
    };
    match document.get_mut("link")? {
        Item::ArrayOfTables(links) => links.get_mut(at).map(Home::Table),
        Item::Value(Value::Array(links)) => links
            .get_mut(at)
            .and_then(Value::as_inline_table_mut)
            .map(Home::Inline),
        _ => None,
    }
}

/// A part of a plan.
#[derive(Clone, Copy)]
enum Key {
    Budget,
    Burst,
    BillingDay,
    Timezone,
    Count,
}

impl Key {
    /// Each; the budget before the burst, which is half of it unless it is given.
    const ALL: [Self; 5] = [
        Self::Budget,
        Self::Burst,
        Self::BillingDay,
        Self::Timezone,
        Self::Count,
    ];

    fn is_right(self, link: &Link, answers: &Answers) -> bool {
        match self {
            Self::Budget => link.budget_bytes == answers.budget,
            Self::Burst => link.burst_bytes == answers.burst,
            Self::BillingDay => link.billing_day == answers.billing_day,
            Self::Timezone => link.timezone.iana_name() == Some(answers.timezone.as_str()),
            Self::Count => link.count == answers.count,
        }
    }

    fn write(self, home: &mut Home<'_>, answers: &Answers) {
        match self {
            Self::Budget => home.put_amount("monthly_budget", answers.budget),
            Self::Burst => home.put_amount("pre_charge", answers.burst),
            Self::BillingDay => home.put("billing_day", i64::from(answers.billing_day).into()),
            Self::Timezone => home.put("timezone", answers.timezone.as_str().into()),
            Self::Count => home.put("count", answers.count.as_str().into()),
        }
    }
}

fn amount(bytes: u64) -> Value {
    format_bytes_exact(bytes).into()
}

/// The text with the line ends that `like` has.
fn with_line_ends(text: String, like: &str) -> String {
    if like.contains("\r\n") {
        text.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bwflow_proto::count::Count;

    use super::*;

    fn answers() -> Answers {
        Answers {
            interface: "eth0".to_owned(),
            budget: 100 * GB,
            burst: 50 * GB,
            billing_day: 1,
            count: Count::Tx,
            timezone: "UTC".to_owned(),
        }
    }

    fn means(text: &str) -> Config {
        match Config::parse(text) {
            Ok((config, _)) => config,
            Err(problems) => panic!("{problems:?}\n{text}"),
        }
    }

    #[test]
    fn a_fresh_file_is_right_and_explains_itself() {
        let text = fresh(&answers());
        let config = means(&text);
        assert!(answers().are_of(&config.links[0]), "{text}");
        assert!(text.contains("monthly_budget = \"100 GB\"   # what the plan pays for"));
        assert_eq!(edited("", &answers()).unwrap(), text);
        assert_eq!(edited(&text, &answers()).unwrap(), text);
        assert!(text.lines().all(|line| line.len() <= 120), "{text}");
    }

    #[test]
    fn the_file_of_the_first_version_keeps_its_spelling() {
        let text = "# mine\n[bandwidth]\nmonthly_budget_gb = 100   # total\npre_charge_gb = 50\n\
                    [network]\ninterface = \"eth0\"  # the one\n[daemon]\npoll_interval_seconds = 15\n";
        assert_eq!(edited(text, &answers()).unwrap(), text);
        let other = Answers {
            budget: 200 * GB,
            burst: 1 << 30,
            billing_day: 17,
            ..answers()
        };
        assert_eq!(
            edited(text, &other).unwrap(),
            "# mine\n[bandwidth]\nmonthly_budget_gb = 200   # total\n\
             pre_charge = \"1 GiB\"   # the burst: the part that is there on the first day; the rest accrues evenly\n\
             billing_day = 17   # the day a period begins on, 1 to 31; clamped to the month's last day\n\
             [network]\ninterface = \"eth0\"  # the one\n[daemon]\npoll_interval_seconds = 15\n"
        );
    }

    #[test]
    fn whatever_is_there_the_plan_is_right_and_the_rest_is_kept() {
        let files = [
            "[throttle]\nrate = \"drip\" # slow\n",
            "bandwidth.monthly_budget_gb = 3\nnetwork.interface = \"wan0\"\n",
            "bandwidth = { monthly_budget_gb = 3 }\nnetwork = { interface = \"eth0\" }\n",
            "[bandwidth]\nmonthly_budget_gb = 3\n[[link]]\ninterface = \"wg0\"\n",
            "[[link]]\ninterface = \"eth0\"\nmonthly_budget = \"1 GB\"\n[[link]]\ninterface = \"wg0\"\nmonthly_budget = \"1 GB\"\n",
            "link = [{ interface = \"eth0\", monthly_budget = \"1 GB\" }]\n",
            "link = [{ interface = \"wg0\", monthly_budget = \"1 GB\" }]\n",
            "[bandwidth]\nmonthly_budget_gb = 3\npre_charge_gb = 3\ntimezone = \"Asia/Kathmandu\"\ncount = \"sum\"\n[network]\ninterface = \"eth0\"\n",
            "[bandwidth]\nmonthly_budget = 7\nbilling_day = 0\n",
            "[network]\r\ninterface = \"eth0\"\r\n",
            "\u{feff}[network]\ninterface = \"eth0\"\n",
        ];
        for text in files {
            let edited_text = edited(text, &answers()).unwrap();
            let config = means(&edited_text);
            let link = link_of(&config, "eth0").unwrap();
            assert!(answers().are_of(link), "{text}\n{edited_text}\n{link:?}");
            assert_eq!(
                edited(&edited_text, &answers()).unwrap(),
                edited_text,
                "a second time"
            );
            for kept in ["# slow", "wg0"] {
                assert_eq!(
                    text.contains(kept),
                    edited_text.contains(kept),
                    "{edited_text}"
                );
            }
            let bare = edited_text.replace("\r\n", "").contains('\n');
            assert!(!(text.contains("\r\n") && bare), "{edited_text:?}");
        }
    }

    #[test]
    fn a_file_with_errors_is_left_alone() {
        for wrong in [
            "[bandwith]\nx = 1\n",
            "nonsense",
            "[daemon]\npoll_interval_seconds = 0\n",
        ] {
            assert!(edited(wrong, &answers()).is_err(), "{wrong}");
        }
    }
}
