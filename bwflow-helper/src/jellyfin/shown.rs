//! Foreign texts, made fit to be shown: the one place where Jellyfin's words pass.

use super::key::ApiKey;

/// A text on one line, without what a terminal obeys and what nobody sees, without the key, and cut
/// to so many characters.
///
/// In this order: what is not seen could hide the key, and a cut could leave half of it.
pub(super) fn shown(text: &str, key: &ApiKey, longest: usize) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|it| is_seen(*it)));
    }
    cut(key.redact(line.trim()), longest)
}

/// The same for what is only ASCII without spaces: a version, an address, a type.
pub(super) fn shown_plain(text: &str, key: &ApiKey) -> String {
    let plain: String = text.chars().filter(char::is_ascii_graphic).collect();
    key.redact(&plain)
}

/// The first so many characters.
pub(super) fn cut(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
    }
    text
}

/// Neither a control character, nor one that turns the direction of writing, nor one that has no
/// looks (Unicode's `Default_Ignorable_Code_Point`).
fn is_seen(it: char) -> bool {
    !it.is_control()
        && !matches!(it,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_obey_nobody_and_keep_no_key() {
        let key = ApiKey::of("5ecret/key");
        for (text, expected) in [
            ("as it is", "as it is"),
            (" two\n lines\t", "two lines"),
            ("\u{1b}[31mred\u{202e}\u{2066}\u{200b}", "[31mred"),
            ("is 5ecret/key known", "is [key] known"),
            ("5ECRET/Key5ecret%2Fkey", "[key][key]"),
            ("5ecr\u{200b}et/\u{ad}k\u{fe0f}ey", "[key]"),
            ("ää5ecret/keyää", "ää[key]ää"),
        ] {
            assert_eq!(shown(text, &key, 64), expected, "{text:?}");
        }
        assert_eq!(shown("ä 5ecret/key", &key, 6), "ä [key");
        assert_eq!(shown_plain("5ec ret\u{e9}/key", &key), "[key]");
    }
}
