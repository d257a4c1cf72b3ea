//! What a kernel counter did between two readings.

/// From one reading of a counter to the next, within one boot and of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It moved on by this many bytes.
    Advanced(u64),
    /// It moved on by this many bytes and passed the end of its 32 bits, as some drivers' do.
    Wrapped(u64),
    /// It was set back to zero at some moment in between.
    Reset,
}

impl Step {
    /// A counter that went backwards has wrapped only if it stood in the upper half of the 32-bit
    /// range and has since moved less than half of it. To take anything else for a wrap would
    /// invent up to 4 GiB of traffic.
    pub const fn between(before: u64, now: u64) -> Self {
        const HALF: u64 = 1 << 31;
        const WHOLE: u64 = 1 << 32;
        if now >= before {
            return Self::Advanced(now - before);
        }
        if before >= HALF && before < WHOLE {
            let moved = WHOLE - before + now;
            if moved < HALF {
                return Self::Wrapped(moved);
            }
        }
        Self::Reset
    }

    /// The bytes that were counted; nothing after a reset, which hides how many there were.
    pub const fn bytes(self) -> Option<u64> {
        match self {
            Self::Advanced(bytes) | Self::Wrapped(bytes) => Some(bytes),
            Self::Reset => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_is_the_difference() {
        assert_eq!(Step::between(10, 10), Step::Advanced(0));
        assert_eq!(Step::between(10, 25), Step::Advanced(15));
    }

    #[test]
    fn a_32_bit_wrap_is_carried_on() {
        assert_eq!(Step::between(u64::from(u32::MAX), 9), Step::Wrapped(10));
    }

    #[test]
    fn anything_else_that_falls_was_reset() {
        assert_eq!(Step::between(5_000_000_000, 70), Step::Reset);
        assert_eq!(Step::between(1000, 70), Step::Reset);
        assert_eq!(Step::between((1 << 31) + 5, (1 << 31) - 1), Step::Reset);
    }
}
