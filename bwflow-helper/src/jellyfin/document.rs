//! A configuration of Jellyfin's as it came, of which one member is changed.
//!
//! Jellyfin takes a whole document and resets what is not in it, up to reopening its setup wizard.
//! So every other member goes back exactly as it came, byte by byte: nothing here knows their meaning.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The most members that a configuration can have; Jellyfin's have about 60.
const MOST: usize = 500;

/// Such a document. It may hold secrets (a certificate's password), so it cannot be printed.
pub(super) struct Document {
    /// In the order in which they came; no name twice, whatever its case.
    members: Vec<(String, Box<RawValue>)>,
}

impl Document {
    /// Reads an object.
    ///
    /// # Errors
    /// What it is instead; says nothing of its contents.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("a configuration that is no proper JSON object (line {line}, column {column})")
        })
    }

    /// A member's text, by its exact name.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        let member = self.members.iter().find(|(it, _)| it == name)?;
        Some(member.1.get())
    }

    /// A member that is a 32-bit number.
    ///
    /// # Errors
    /// When it is absent or something else.
    pub(super) fn integer(&self, name: &str) -> Result<i64, String> {
        let number = self.required(name)?.parse::<i32>();
        let number =
            number.map_err(|_| format!("a configuration whose {name} is no whole number"))?;
        Ok(i64::from(number))
    }

    /// A member that is true or false.
    ///
    /// # Errors
    /// When it is absent or something else.
    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        let flag = self.required(name)?.parse();
        flag.map_err(|_| format!("a configuration whose {name} is neither true nor false"))
    }

    /// A member that is a list of texts; empty if it is absent or something else.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let read = self
            .raw(name)
            .map(serde_json::from_str::<Option<Vec<String>>>);
        read.and_then(Result::ok).flatten().unwrap_or_default()
    }

    /// The document to send with one of its members changed; `value` is JSON.
    ///
    /// # Errors
    /// When there is no such member: nothing is ever added.
    pub(super) fn with(&self, name: &str, value: &str) -> Result<Vec<u8>, String> {
        self.required(name)?;
        let mut text = String::from("{");
        for (index, (member, raw)) in self.members.iter().enumerate() {
            let quoted = serde_json::to_string(member).map_err(|error| error.to_string())?;
            let comma = if index > 0 { "," } else { "" };
            let raw = if member == name { value } else { raw.get() };
            text.extend([comma, &quoted, ":", raw]);
        }
        text.push('}');
        Ok(text.into_bytes())
    }

    fn required(&self, name: &str) -> Result<&str, String> {
        if let Some(raw) = self.raw(name) {
            return Ok(raw);
        }
        let is_there = |it: &&(String, _)| it.0.eq_ignore_ascii_case(name);
        Err(match self.members.iter().find(is_there) {
            Some(_) => format!("a configuration that spells {name} in another case"),
            None => format!("a configuration without {name}"),
        })
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            if members.len() == MOST {
                return Err(A::Error::custom("too many members"));
            }
            // Jellyfin would take either of them.
            if members.iter().any(|(it, _)| it.eq_ignore_ascii_case(&name)) {
                return Err(A::Error::custom("a member comes twice"));
            }
            members.push((name, value));
        }
        Ok(Document { members })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_but_one_member_go_back_as_they_came() {
        let came = concat!(
            r#"{"Z":1.50,"A":{"b":[1e5, 12345678901234567890.10]},"RemoteClientBitrateLimit":0,"#,
            r#""x\n":"\u0041\ud83d\ude00","E":[],"N":null}"#
        );
        let document = Document::parse(came.as_bytes()).unwrap();
        let sent = document
            .with("RemoteClientBitrateLimit", "2000000")
            .unwrap();
        assert_eq!(
            String::from_utf8(sent).unwrap(),
            came.replace(
                r#""RemoteClientBitrateLimit":0"#,
                r#""RemoteClientBitrateLimit":2000000"#
            )
        );
    }

    #[test]
    fn nothing_is_added_to_what_lacks_it() {
        let document = Document::parse(br#"{"remoteclientbitratelimit":0,"B":true}"#).unwrap();
        let error = document.with("RemoteClientBitrateLimit", "1").unwrap_err();
        assert!(error.contains("another case"), "{error}");
        assert!(document.with("C", "1").unwrap_err().contains("without C"));
        assert!(document.integer("B").is_err() && document.integer("C").is_err());
        assert_eq!(document.flag("B"), Ok(true));
    }

    #[test]
    fn what_is_no_object_is_refused_without_being_quoted() {
        for text in [
            &b""[..],
            b"null",
            b"[]",
            b"1",
            br#""secret""#,
            br#"{"a":"secret"} x"#,
            br#"{"a":"secret""#,
            br#"{"a":"secret","A":"secret"}"#,
            b"{\"a\":\"secret\xff\"}",
        ] {
            let error = Document::parse(text).err().unwrap();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn only_whole_numbers_of_32_bits_are_numbers() {
        for (text, number) in [
            ("2147483647", Some(2_147_483_647)),
            ("-1", Some(-1)),
            ("2147483648", None),
            ("1.0", None),
            ("1e3", None),
            (r#""1""#, None),
            ("null", None),
            ("true", None),
        ] {
            let document = Document::parse(format!(r#"{{"N":{text}}}"#).as_bytes()).unwrap();
            assert_eq!(document.integer("N").ok(), number, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_document_survives(
            members in proptest::collection::btree_map("[a-z]{1,8}", ".{0,9}", 0..9),
            limit in any::<i32>(),
        ) {
            let mut tree: serde_json::Map<_, _> =
                members.into_iter().map(|(name, text)| (name, text.into())).collect();
            tree.insert("Limit".to_owned(), 0.into());
            let text = serde_json::to_vec(&tree).unwrap();
            let sent = Document::parse(&text).unwrap().with("Limit", &limit.to_string()).unwrap();
            tree.insert("Limit".to_owned(), limit.into());
            let sent: serde_json::Map<_, _> = serde_json::from_slice(&sent).unwrap();
            prop_assert_eq!(sent, tree);
        }
    }
}
