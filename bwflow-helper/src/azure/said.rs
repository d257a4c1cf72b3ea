//! Foreign texts, made fit to be shown.

/// The longest part that is shown, characters. Azure's explanations need about 200.
const LONGEST: usize = 300;

/// The longest part that is looked at, characters.
const READ: usize = 16 * LONGEST;
/// The least part of a secret that is hidden, bytes.
const PIECE: usize = 16;

/// What somebody said, on one line, without what a terminal obeys, shortened, and without `secret`.
pub(super) fn said(text: &str, secret: Option<&str>) -> String {
    // Only what will be seen tells whether there is a secret in it.
    let text = without(&bare(text), secret);
    if text.chars().count() <= LONGEST {
        return text;
    }
    let shown = text.chars().take(LONGEST - 1);
    shown.chain(['…']).collect()
}

/// A text without `secret`, nor a longer piece of it.
pub(super) fn without(text: &str, secret: Option<&str>) -> String {
    let Some(secret) = secret.filter(|it| !it.is_empty()) else {
        return text.to_owned();
    };
    let least = PIECE.min(secret.len());
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        // How much of the secret begins here.
        let piece = |to: &usize| rest.get(..*to).is_some_and(|it| secret.contains(it));
        let longest = (least..=rest.len()).take_while(piece).last();
        if let Some(end) = longest {
            shown.push_str("[secret]");
            rest = rest.get(end..).unwrap_or_default();
        } else {
            shown.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    shown
}

/// The text on one line, without what a terminal obeys or does not show.
pub(super) fn bare(text: &str) -> String {
    let text: String = text.chars().take(READ).collect();
    let mut shown = String::new();
    for word in text.split_whitespace() {
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.extend(word.chars().filter(|&it| is_harmless(it)));
    }
    shown
}

/// Neither a control character nor one that turns the direction of writing or is not seen.
fn is_harmless(it: char) -> bool {
    !it.is_control()
        && !matches!(it, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_obey_nobody_and_stay_short() {
        assert_eq!(
            said("Too \u{1b}[31mmany\r\n  requests\u{202e}. ", None),
            "Too [31mmany requests."
        );
        assert_eq!(
            said("token abc.def is bad", Some("abc.def")),
            "token [secret] is bad"
        );
        assert_eq!(
            said("token ab\u{200b}c.d\u{1b}ef is bad", Some("abc.def")),
            "token [secret] is bad"
        );
        let long = "0123456789abcdefghijklmnopqrstuvwxyz";
        assert_eq!(
            said("ä 456789abcdefghijklmnö 0123456789abcde", Some(long)),
            "ä [secret]ö 0123456789abcde"
        );
        assert_eq!(said("as it is", Some("")), "as it is");
        let long = said(&"ä".repeat(1000), None);
        assert_eq!((long.chars().count(), long.ends_with('…')), (300, true));
    }
}
