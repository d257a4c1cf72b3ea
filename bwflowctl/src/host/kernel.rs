//! Which parts the kernel has, as its files tell everybody.

use super::files::Files;

/// What `exclude` needs: the modules and their options in the kernel's configuration.
pub(crate) const EXCLUSION: [(&str, &str); 2] = [
    ("nf_tables", "CONFIG_NF_TABLES"),
    ("sch_htb", "CONFIG_NET_SCH_HTB"),
];

/// Whether a part of the kernel is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// In the kernel, or loaded.
    Present,
    /// A module that the kernel can load.
    Loadable,
    Absent,
    /// Neither the modules nor the kernel's configuration can be read.
    Unknown,
}

/// Looks for a part by its module's name and its option in the kernel's configuration.
pub(crate) fn part(files: &Files, module: &str, option: &str) -> Part {
    if files.has(&format!("/sys/module/{module}")) {
        return Part::Present;
    }
    let release = files.line("/proc/sys/kernel/osrelease").unwrap_or_default();
    let listed = |list: &str| -> Option<bool> {
        let text = files.read(&format!("/lib/modules/{release}/{list}")).ok()?;
        Some(lists(&text, module))
    };
    let (builtin, loadable) = (listed("modules.builtin"), listed("modules.dep"));
    if builtin == Some(true) {
        return Part::Present;
    }
    if loadable == Some(true) {
        return Part::Loadable;
    }
    let configured = files
        .read(&format!("/boot/config-{release}"))
        .ok()
        .map(|text| configured(&text, option));
    match (configured, builtin, loadable) {
        (Some(Some('y')), ..) => Part::Present,
        // Built as a module that is not installed, or not built at all.
        (Some(_), ..) | (None, Some(_), Some(_)) => Part::Absent,
        _ => Part::Unknown,
    }
}

/// Whether a module is in one of depmod's lists, whose lines begin with a path.
fn lists(text: &str, module: &str) -> bool {
    text.lines().any(|line| {
        let path = line.split(':').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        let name = file.split(".ko").next().unwrap_or_default();
        name.replace('-', "_") == module
    })
}

/// `y` or `m`, if the option is set.
fn configured(text: &str, option: &str) -> Option<char> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(option)?.strip_prefix('='))?;
    line.chars().next()
}

/// Whether modules may still be loaded.
pub(crate) fn may_load(files: &Files) -> bool {
    files.line("/proc/sys/kernel/modules_disabled").as_deref() != Some("1")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn written(texts: &[(&str, &str)]) -> (tempfile::TempDir, Files) {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::new(directory.path());
        for (name, text) in texts {
            let path = files.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (directory, files)
    }

    const RELEASE: (&str, &str) = ("/proc/sys/kernel/osrelease", "6.1.0-9\n");

    fn tbf(texts: &[(&str, &str)]) -> Part {
        let (_directory, files) = written(&[&[RELEASE], texts].concat());
        part(&files, "sch_tbf", "CONFIG_NET_SCH_TBF")
    }

    #[test]
    fn a_part_is_found_wherever_the_kernel_keeps_it() {
        let dep = "kernel/net/sched/sch_tbf.ko.xz: kernel/net/core/x.ko\n";
        let other = "kernel/net/sched/sch_htb.ko:\n";
        let (builtin, list) = (
            "/lib/modules/6.1.0-9/modules.builtin",
            "/lib/modules/6.1.0-9/modules.dep",
        );
        let config = "/boot/config-6.1.0-9";
        assert_eq!(tbf(&[("/sys/module/sch_tbf/x", "")]), Part::Present);
        assert_eq!(
            tbf(&[(builtin, "kernel/net/sched/sch_tbf.ko\n")]),
            Part::Present
        );
        assert_eq!(tbf(&[(builtin, ""), (list, dep)]), Part::Loadable);
        assert_eq!(tbf(&[(builtin, ""), (list, other)]), Part::Absent);
        assert_eq!(tbf(&[(config, "CONFIG_NET_SCH_TBF=y\n")]), Part::Present);
        assert_eq!(
            tbf(&[(config, "# CONFIG_NET_SCH_TBF is not set\n")]),
            Part::Absent
        );
        assert_eq!(tbf(&[]), Part::Unknown);
    }
}
