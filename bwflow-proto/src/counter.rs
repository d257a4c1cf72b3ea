//! What a link has carried between two readings of a kernel counter.

/// Bytes counted from `before` to `now` by one counter of one interface within one boot.
///
/// A counter that went backwards has either wrapped at 32 bits, as some drivers' do, or was reset
/// and began again at zero. It is taken for a wrap only if it stood in the upper half of the
/// 32-bit range and the wrap would mean less than 2 GiB; anything else would invent traffic.
pub const fn advance(before: u64, now: u64) -> u64 {
    const RANGE: u64 = 1 << 32;
    const HALF: u64 = 1 << 31;
    if now >= before {
        return now - before;
    }
    if before >= HALF && before < RANGE {
        let wrapped = now + (RANGE - before);
        if wrapped < HALF {
            return wrapped;
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_is_the_difference() {
        assert_eq!(advance(10, 10), 0);
        assert_eq!(advance(10, 25), 15);
    }

    #[test]
    fn a_32_bit_wrap_is_carried_on() {
        assert_eq!(advance(u64::from(u32::MAX), 9), 10);
    }

    #[test]
    fn a_reset_starts_again_at_zero() {
        assert_eq!(advance(5_000_000_000, 70), 70);
        assert_eq!(advance(1000, 70), 70);
        assert_eq!(advance((1 << 31) + 5, (1 << 31) - 1), (1 << 31) - 1);
    }
}
