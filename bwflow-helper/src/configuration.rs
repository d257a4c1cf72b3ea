//! The configuration file on disk.

use std::path::Path;

use bwflow_proto::config::{Config, load_bytes};

/// Reads and checks the configuration; what is merely worth knowing about it is logged.
///
/// # Errors
/// Everything that is wrong with it, in words for the user.
pub fn load(path: &Path) -> Result<Config, String> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        format!(
            "{name}: the configuration cannot be read: {error}\n\
             hint: write one, or name another with --config"
        )
    })?;
    let loaded = load_bytes(&name, &bytes).map_err(|rejected| rejected.to_string())?;
    for note in &loaded.notes {
        tracing::info!("{note}");
    }
    Ok(loaded.config)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_missing_file_is_named_with_its_cure() {
        let text = load(Path::new("/nonexistent/config.toml")).unwrap_err();
        assert!(text.starts_with("/nonexistent/config.toml: "), "{text}");
        assert!(text.contains("--config"), "{text}");
    }

    #[test]
    fn problems_carry_the_file_and_the_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, "[bandwith]\n").unwrap();
        let text = load(&path).unwrap_err();
        assert!(text.contains("config.toml:1:"), "{text}");
    }
}
