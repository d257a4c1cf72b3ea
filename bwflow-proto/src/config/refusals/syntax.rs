//! Lines that cannot be read, and what is told about them: the cause alone, and how to mend it.

use crate::config::load_str;

/// The messages and hints of a file of which one line is `line`; the rest of it is right.
fn told(line: &str) -> Vec<(String, String)> {
    told_of(&format!(
        "[bandwidth]\n{line}\nbilling_day = 1\n[network]\ninterface = \"eth0\"\n"
    ))
}

fn told_of(text: &str) -> Vec<(String, String)> {
    let rejected = load_str("c.toml", text).unwrap_err();
    let told = rejected.problems().iter().map(|problem| {
        let hint = problem.hint.clone().unwrap_or_default();
        (problem.message.clone(), hint)
    });
    told.collect()
}

fn pair(message: &str, hint: &str) -> Vec<(String, String)> {
    vec![(message.to_owned(), hint.to_owned())]
}

#[test]
fn a_value_without_quotes_is_shown_with_them() {
    let unquoted = "a string must stand in quotes";
    for (line, hint) in [
        (
            "monthly_budget = 100 GB",
            "write monthly_budget = \"100 GB\"",
        ),
        (
            "monthly_budget = 1,5 TB # of it",
            "write monthly_budget = \"1.5 TB\"",
        ),
        ("monthly_budget = lots", "write monthly_budget = \"100 GB\""),
        ("monthly_budget_gb = 70 GB", "write monthly_budget_gb = 70"),
        (
            "timezone = Europe/Berlin",
            "write timezone = \"Europe/Berlin\"",
        ),
    ] {
        assert_eq!(told(line), pair(unquoted, hint), "{line}");
    }
    assert_eq!(
        told("monthly_budget = “100 GB”"),
        pair(
            "a string must stand in straight quotes",
            "write monthly_budget = \"100 GB\""
        )
    );
}

#[test]
fn a_quote_that_is_missing_is_shown() {
    for line in [
        "monthly_budget = \"100 GB",
        "monthly_budget = '100 GB",
        "monthly_budget = \"100 GB  # a month",
    ] {
        assert_eq!(
            told(line),
            pair(
                "the string is not closed",
                "write monthly_budget = \"100 GB\""
            ),
            "{line}"
        );
    }
    assert_eq!(
        told("monthly_budget = 100 GB\""),
        pair(
            "the string has no quote before it",
            "write monthly_budget = \"100 GB\""
        )
    );
}

#[test]
fn what_goes_on_to_the_end_is_told_where_it_begins() {
    let text = "[bandwidth]\nmonthly_budget = \"\"\"100 GB\n[network]\ninterface = \"eth0\"\n";
    let rejected = load_str("c.toml", text).unwrap_err();
    let [problem] = rejected.problems() else {
        panic!("{rejected}")
    };
    assert_eq!(problem.message, "the string is not closed");
    assert_eq!(problem.span, Some(29..32));
    assert_eq!(
        told("monthly_budget_gb = 1\n[alerts]\nat_percent = [50,"),
        pair("the list above is not closed", "end it with ]")
    );
}

#[test]
fn a_line_of_another_format_is_rewritten() {
    let colon = "`=` belongs between a key and its value, not `:`";
    assert_eq!(
        told("monthly_budget: 100 GB"),
        pair(colon, "write monthly_budget = \"100 GB\"")
    );
    assert_eq!(
        told("monthly_budget_gb: 100"),
        pair(colon, "write monthly_budget_gb = 100")
    );
    assert_eq!(
        told("monthly_budget \"100 GB\""),
        pair(
            "`=` is missing between a key and its value",
            "write monthly_budget = \"100 GB\""
        )
    );
    assert_eq!(
        told_of("bandwidth:\n  monthly_budget_gb: 100\n"),
        [
            (colon.to_owned(), "write [bandwidth] for a table".to_owned()),
            (colon.to_owned(), "write monthly_budget_gb = 100".to_owned()),
        ]
    );
}

#[test]
fn an_open_bracket_is_the_only_thing_told() {
    let rest = "\nmonthly_budget_gb = 100\ncount = \"rx\"\n[network]\ninterface = \"eth0\"\n";
    assert_eq!(
        told_of(&format!("[bandwidth{rest}")),
        pair("unclosed table, expected `]`", "write [bandwidth]")
    );
    let link = "[bandwidth]\nmonthly_budget_gb = 100\n[[link]\ninterface = \"eth0\"\nrate = 5\n";
    assert_eq!(
        told_of(link),
        pair("unclosed array table, expected `]`", "write [[link]]")
    );
}
