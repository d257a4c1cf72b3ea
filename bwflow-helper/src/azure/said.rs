//! Foreign texts, made fit to be shown.

/// The longest part that is shown, characters. Azure's explanations need about 200.
const LONGEST: usize = 300;

/// What somebody said, on one line, without what a terminal obeys, shortened, and without `secret`.
pub(super) fn said(text: &str, secret: Option<&str>) -> String {
    let hidden = secret.filter(|it| !it.is_empty());
    let text = hidden.map_or_else(|| text.to_owned(), |it| text.replace(it, "[secret]"));
    let mut shown = String::new();
    for word in text.split_whitespace() {
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.extend(word.chars().filter(|&it| is_harmless(it)));
    }
    if shown.chars().count() > LONGEST {
        shown = shown.chars().take(LONGEST - 1).collect();
        shown.push('…');
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
        assert_eq!(said("as it is", Some("")), "as it is");
        let long = said(&"ä".repeat(1000), None);
        assert_eq!((long.chars().count(), long.ends_with('…')), (300, true));
    }
}
