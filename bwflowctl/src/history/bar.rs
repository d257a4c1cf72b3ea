//! An amount as a bar.

/// What bars are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Blocks in eighths of a column.
    Blocks,
    /// ASCII, for terminals that know nothing else.
    Ascii,
}

impl Ink {
    /// What the locale's character set allows, by the environment as `setlocale(3)` reads it.
    pub(super) fn of_locale() -> Self {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"];
        Self::of(names.map(|name| std::env::var(name).ok()))
    }

    fn of(values: [Option<String>; 3]) -> Self {
        let decides = values.into_iter().flatten().find(|value| !value.is_empty());
        let charset = decides.unwrap_or_default().to_ascii_lowercase();
        if charset.contains("utf-8") || charset.contains("utf8") {
            Self::Blocks
        } else {
            Self::Ascii
        }
    }
}

/// A bar for `amount` of `most`, which has `width` columns. What is not nothing can be seen.
pub(super) fn bar(amount: u64, most: u64, width: usize, ink: Ink) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let steps = match ink {
        Ink::Blocks => 8,
        Ink::Ascii => 1,
    };
    let whole = u128::try_from(width * steps).unwrap_or(0);
    let length = (u128::from(amount) * whole).div_ceil(u128::from(most.max(1)));
    let length = usize::try_from(length.min(whole)).unwrap_or(0);
    match ink {
        Ink::Blocks => "█".repeat(length / 8) + EIGHTHS[length % 8],
        Ink::Ascii => "#".repeat(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_amount() {
        let blocks = |amount| bar(amount, 80, 10, Ink::Blocks);
        assert_eq!(blocks(0), "");
        assert_eq!(blocks(1), "▏");
        assert_eq!(blocks(12), "█▌");
        assert_eq!(blocks(80), "██████████");
        assert_eq!(blocks(u64::MAX), "██████████");
        assert_eq!(bar(9, 80, 10, Ink::Ascii), "##");
        assert_eq!(bar(1, u64::MAX, 10, Ink::Ascii), "#");
        assert_eq!(bar(0, 0, 10, Ink::Ascii), "");
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let of = |values: [&str; 3]| Ink::of(values.map(|text| Some(text.to_owned())));
        assert_eq!(of(["", "", "de_DE.UTF-8"]), Ink::Blocks);
        assert_eq!(of(["", "C.utf8", "C"]), Ink::Blocks);
        assert_eq!(of(["C", "", "de_DE.UTF-8"]), Ink::Ascii);
        assert_eq!(Ink::of([None, None, None]), Ink::Ascii);
    }
}
