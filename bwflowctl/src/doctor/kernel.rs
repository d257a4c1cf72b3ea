//! Whether the kernel has what holds a link.

use super::finding::Finding;
use crate::host::kernel::Part;

const CHECK: &str = "kernel";

/// Judges one part. `need` says what it is for; without one that is only nice to have, all works.
pub(super) fn judge(
    module: &str,
    part: Part,
    is_required: bool,
    need: &str,
    may_load: bool,
) -> Finding {
    match part {
        Part::Present => Finding::ok(CHECK, format!("{module} is there: {need}")),
        Part::Loadable if may_load => Finding::ok(CHECK, format!("{module} can be loaded: {need}")),
        Part::Loadable => Finding::fault(
            CHECK,
            1,
            format!("{module} is not loaded, and this kernel loads no more modules: {need}"),
            format!("echo {module} | sudo tee /etc/modules-load.d/bwflow.conf; reboot"),
        ),
        Part::Absent if is_required => Finding::fault(
            CHECK,
            1,
            format!("has no {module}: {need}"),
            "install the kernel's extra modules (e.g. linux-modules-extra-$(uname -r)) or another \
             kernel",
        ),
        Part::Absent => Finding::note(CHECK, format!("has no {module}: {need}")),
        Part::Unknown => Finding::note(
            CHECK,
            format!("it cannot be told whether {module} is there: {need}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Grade;

    #[test]
    fn only_what_is_required_is_a_fault() {
        let grade = |part, required, may_load| judge("m", part, required, "why", may_load).grade;
        assert_eq!(grade(Part::Absent, true, true), Grade::Fault);
        assert_eq!(grade(Part::Absent, false, true), Grade::Note);
        assert_eq!(grade(Part::Loadable, true, true), Grade::Ok);
        assert_eq!(grade(Part::Loadable, true, false), Grade::Fault);
        assert_eq!(grade(Part::Unknown, true, true), Grade::Note);
    }
}
