//! What an interface may be called.

/// Accepts a name that an interface can have (`dev_valid_name` in `net/core/dev.c`).
///
/// # Errors
/// What such a name looks like.
pub fn check_name(name: &str) -> Result<(), String> {
    let valid = !name.is_empty()
        && name.len() < 16
        && name != "."
        && name != ".."
        && !name
            .bytes()
            .any(|byte| byte == b'/' || byte == b':' || byte.is_ascii_whitespace() || byte == 0);
    if valid {
        Ok(())
    } else {
        Err(
            "not the name of a network interface: it has 1 to 15 bytes, no '/', ':' or space"
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_the_kernel_has_them() {
        for name in ["a", "wan0", "wg-home.7", "fifteen-bytes-l", "\u{e9}"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a:b",
            "a b",
            "a\0",
            "sixteen-bytes-lo",
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
