//! Long lists, read without keeping what is not needed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most elements that are kept. A household has a dozen sessions.
const MOST: usize = 1000;

/// What `keep` makes of each element's text. The elements are read one at a time: what is left out
/// takes no memory, however many there are.
///
/// # Errors
/// When it is no list.
pub(super) fn each<T>(
    text: &[u8],
    keep: impl FnMut(&str) -> Option<T>,
) -> Result<Vec<T>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let kept = reader.deserialize_seq(Each(keep, PhantomData))?;
    reader.end()?;
    Ok(kept)
}

/// A member, if it is there and as it should be.
pub(super) fn member<'a, T: serde::Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

struct Each<T, F>(F, PhantomData<T>);

impl<'de, T, F: FnMut(&str) -> Option<T>> Visitor<'de> for Each<T, F> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MOST {
            let Some(element) = list.next_element::<&RawValue>()? else {
                return Ok(kept);
            };
            kept.extend((self.0)(element.get()));
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_so_much_is_kept() {
        let even = |text: &str| text.parse::<u32>().ok().filter(|it| it % 2 == 0);
        assert_eq!(each(b" [2, 3, null, {}, 4] ", even).unwrap(), [2, 4]);
        let long = format!("[{}2]", "2,".repeat(5000));
        assert_eq!(each(long.as_bytes(), even).unwrap().len(), MOST);
        for text in ["{}", "", "[2", "[2] x", "5", "null"] {
            assert!(each(text.as_bytes(), even).is_err(), "{text}");
        }
    }
}
