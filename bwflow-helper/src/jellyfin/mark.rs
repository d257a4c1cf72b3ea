//! By what a key is known again without being kept.

use ring::digest::SHA256_OUTPUT_LEN;
use ring::hmac::{HMAC_SHA256, Key, sign, verify};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

/// A random salt, and the key's HMAC-SHA-256 with it. The key has 128 random bits, so that nobody
/// finds it by trying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    salt: [u8; 16],
    hash: [u8; SHA256_OUTPUT_LEN],
}

impl Mark {
    /// A new mark; nothing if the system has no random numbers.
    pub(super) fn new(secret: &str) -> Option<Self> {
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).ok()?;
        let hash = sign(&Key::new(HMAC_SHA256, &salt), secret.as_bytes());
        let hash = hash.as_ref().try_into().ok()?;
        Some(Self { salt, hash })
    }

    /// Whether it is this secret's.
    pub(super) fn is_of(&self, secret: &str) -> bool {
        let salt = Key::new(HMAC_SHA256, &self.salt);
        verify(&salt, secret.as_bytes(), &self.hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_key_is_known_again_and_no_other_is() {
        let mark = Mark::new("f00d").unwrap();
        assert!(mark.is_of("f00d") && !mark.is_of("f00e") && !mark.is_of(""));
        // Nobody sees that two servers have the same.
        assert_ne!(mark, Mark::new("f00d").unwrap());
        let kept = serde_json::to_string(&mark).unwrap();
        assert!(!kept.contains("f00d"));
        assert_eq!(serde_json::from_str::<Mark>(&kept).unwrap(), mark);
    }
}
