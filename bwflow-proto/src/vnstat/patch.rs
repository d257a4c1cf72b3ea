//! One setting of vnStat's configuration changed, and nothing else of the file.

use super::setting;

/// The text with `keyword` set to `value`, so that vnStat reads it so: where it is set, else where it
/// stands commented out with its default, else behind `neighbour` (set or commented out), else at the
/// end. Every other line stays as it is.
pub fn with_setting(text: &str, keyword: &str, value: &str, neighbour: Option<&str>) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let set = |line: &str| is_setting(line, keyword);
    let offered = |line: &str| uncommented(line).is_some_and(set);
    let beside = |line: &str| {
        neighbour.is_some_and(|neighbour| {
            is_setting(line, neighbour)
                || uncommented(line).is_some_and(|line| is_setting(line, neighbour))
        })
    };
    let find = |is_it: &dyn Fn(&str) -> bool| lines.iter().position(|line| is_it(line));
    let replaced = find(&set).or_else(|| find(&offered));
    if let Some(at) = replaced {
        lines[at] = format!(
            "{}{}",
            with_value(&lines[at], keyword, value),
            end_of(&lines[at])
        );
    } else {
        let at = find(&beside).map_or(lines.len(), |at| at + 1);
        let end = lines.first().map_or("\n", |line| end_of(line));
        let end = if end.is_empty() { "\n" } else { end }.to_owned();
        if let Some(before) = at.checked_sub(1).and_then(|at| lines.get_mut(at))
            && end_of(before).is_empty()
        {
            before.push_str(&end);
        }
        lines.insert(at, format!("{keyword} {value}{end}"));
    }
    lines.concat()
}

/// Whether vnStat reads the keyword from the line; an empty value it passes over.
fn is_setting(line: &str, keyword: &str) -> bool {
    let line = line.trim_end_matches(['\n', '\r']);
    setting(line)
        .is_some_and(|(word, value)| word.eq_ignore_ascii_case(keyword) && !value.is_empty())
}

/// What the line would be without the sign by which vnStat's own file comments a default out.
fn uncommented(line: &str) -> Option<&str> {
    line.strip_prefix([';', '#'])
}

/// The line's own spelling and spacing with another value.
fn with_value(line: &str, keyword: &str, value: &str) -> String {
    let line = uncommented(line).unwrap_or(line);
    let (word, rest) = line.split_at(keyword.len().min(line.len()));
    let gap = rest.find(|c: char| !matches!(c, ' ' | '\t' | '='));
    let gap = gap.map_or(" ", |end| &rest[..end]);
    format!("{word}{gap}{value}")
}

fn end_of(line: &str) -> &str {
    &line[line.trim_end_matches(['\n', '\r']).len()..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vnstat::Settings;

    #[test]
    fn a_default_that_is_commented_out_comes_in_where_it_stands() {
        let text = "# database uses UTC\n;UseUTC 0\n\n;Next 1\n";
        let patched = with_setting(text, "UseUTC", "1", None);
        assert_eq!(patched, "# database uses UTC\nUseUTC 1\n\n;Next 1\n");
        assert!(Settings::parse(&patched).use_utc);
        assert_eq!(with_setting(&patched, "UseUTC", "1", None), patched);
    }

    #[test]
    fn what_is_set_is_changed_there_and_keeps_its_spelling() {
        let text = "useutc   0\r\n;UseUTC 0\r\n";
        assert_eq!(
            with_setting(text, "UseUTC", "1", None),
            "useutc   1\r\n;UseUTC 0\r\n"
        );
        // vnStat counts the first of two.
        let twice = "UseUTC=0\nUseUTC 0\n";
        let patched = with_setting(twice, "UseUTC", "1", None);
        assert_eq!(patched, "UseUTC=1\nUseUTC 0\n");
        assert!(Settings::parse(&patched).use_utc);
    }

    #[test]
    fn what_stands_nowhere_comes_behind_its_neighbour_or_to_the_end() {
        let text = ";MaxBandwidth 1000\n\n#MaxBWeth0 8\n";
        assert_eq!(
            with_setting(text, "MaxBWwg0", "50000", Some("MaxBandwidth")),
            ";MaxBandwidth 1000\nMaxBWwg0 50000\n\n#MaxBWeth0 8\n"
        );
        assert_eq!(with_setting("A 1", "B", "2", Some("C")), "A 1\nB 2\n");
        assert_eq!(with_setting("", "B", "2", None), "B 2\n");
    }

    #[test]
    fn prose_in_a_comment_is_no_setting() {
        let text = "# UseUTC 1 would be wrong here\n#UseUTC\n";
        assert_eq!(
            with_setting(text, "UseUTC", "1", None),
            format!("{text}UseUTC 1\n")
        );
    }

    #[test]
    fn whatever_the_file_holds_vnstat_reads_the_value() {
        for text in [
            "",
            "\n",
            "x",
            "UseUTC",
            "UseUTC \"\"\n",
            ";UseUTC 0",
            "\u{e9};UseUTC\n",
            "UseUTC 7\n",
        ] {
            let patched = with_setting(text, "UseUTC", "1", Some("MaxBandwidth"));
            assert!(Settings::parse(&patched).use_utc, "{text:?}: {patched:?}");
        }
    }
}
