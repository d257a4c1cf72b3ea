//! The token bucket filter's configuration message (`linux/pkt_sched.h`, `net/sched/sch_tbf.c`).

use super::socket::{attributes, push_attribute};

const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;
const TCA_TBF_PRATE64: u16 = 5;
const TCA_TBF_BURST: u16 = 6;
const TCA_TBF_PBURST: u16 = 7;
const TC_LINKLAYER_ETHERNET: u8 = 1;

/// A token bucket: full speed (or `peak`) while there are tokens, then `rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tbf {
    /// How fast tokens come in, bytes per second, at least 1.
    pub rate: u64,
    /// The bucket's size, bytes; full after every change. It must hold the largest packet:
    /// the kernel drops what is larger.
    pub burst: u32,
    /// How much may wait, bytes.
    pub limit: u32,
    /// A second, small bucket that caps the speed while there are tokens.
    pub peak: Option<Peak>,
}

/// The cap while there are tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// Bytes per second; the kernel refuses one that is not above the bucket's `rate`.
    pub rate: u64,
    /// The bucket's size, bytes. No packet above it passes whole.
    pub burst: u32,
}

impl Tbf {
    /// The content of `TCA_OPTIONS`: as iproute2 sends it, but without the rate tables, which the
    /// kernel ignores when the link layer is named.
    pub fn options(&self) -> Vec<u8> {
        let (peak_rate, peak_burst) = self.peak.map_or((0, 0), |peak| (peak.rate, peak.burst));
        let mut parms = Vec::with_capacity(36);
        push_rate(&mut parms, self.rate, peak_burst);
        if peak_rate == 0 {
            parms.resize(24, 0);
        } else {
            push_rate(&mut parms, peak_rate, peak_burst);
        }
        parms.extend_from_slice(&self.limit.to_ne_bytes());
        parms.extend_from_slice(&ticks(self.burst, self.rate).to_ne_bytes());
        parms.extend_from_slice(&ticks(peak_burst, peak_rate).to_ne_bytes());

        let mut options = Vec::with_capacity(88);
        push_attribute(&mut options, TCA_TBF_PARMS, &parms);
        // The kernel computes the bucket from this one; the ticks above overflow at these sizes.
        push_attribute(&mut options, TCA_TBF_BURST, &self.burst.to_ne_bytes());
        if self.rate > u64::from(u32::MAX) {
            push_attribute(&mut options, TCA_TBF_RATE64, &self.rate.to_ne_bytes());
        }
        if peak_rate > 0 {
            if peak_rate > u64::from(u32::MAX) {
                push_attribute(&mut options, TCA_TBF_PRATE64, &peak_rate.to_ne_bytes());
            }
            push_attribute(&mut options, TCA_TBF_PBURST, &peak_burst.to_ne_bytes());
        }
        options
    }
}

/// What a bucket's dump can be believed for: its rates, but not its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// How fast tokens come in, bytes per second.
    pub rate: u64,
    /// The cap while there are tokens, bytes per second; 0 is none.
    pub peak: u64,
}

impl Rates {
    /// Reads `TCA_OPTIONS` as the kernel dumps them; `None` when they are not a bucket's.
    pub fn parse(options: &[u8]) -> Option<Self> {
        let mut rates = None;
        let (mut wide_rate, mut wide_peak) = (None, None);
        for attribute in attributes(options, 0) {
            let value = attribute.value();
            let wide = || value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
            match attribute.kind() {
                TCA_TBF_PARMS => {
                    // struct tc_tbf_qopt: two of tc_ratespec, each with its rate at offset 8.
                    let word = |offset: usize| value.get(offset..)?.first_chunk();
                    rates = Some(Self {
                        rate: u32::from_ne_bytes(*word(8)?).into(),
                        peak: u32::from_ne_bytes(*word(20)?).into(),
                    });
                }
                TCA_TBF_RATE64 => wide_rate = wide(),
                TCA_TBF_PRATE64 => wide_peak = wide(),
                _ => {}
            }
        }
        rates.map(|rates| Self {
            rate: wide_rate.unwrap_or(rates.rate),
            peak: wide_peak.unwrap_or(rates.peak),
        })
    }
}

/// `struct tc_ratespec`; a rate that doesn't fit is all ones and travels in an attribute.
fn push_rate(parms: &mut Vec<u8>, rate: u64, mtu: u32) {
    // What iproute2 would index its rate table by: 256 cells up to the largest packet.
    let largest = if mtu == 0 { 2047 } else { mtu };
    let cell_log = (0u8..31).find(|log| largest >> log <= 255).unwrap_or(31);
    parms.extend_from_slice(&[cell_log, TC_LINKLAYER_ETHERNET]);
    parms.extend_from_slice(&0u16.to_ne_bytes());
    parms.extend_from_slice(&(-1i16).to_ne_bytes());
    parms.extend_from_slice(&0u16.to_ne_bytes());
    parms.extend_from_slice(&u32::try_from(rate).unwrap_or(u32::MAX).to_ne_bytes());
}

/// The time `bytes` take at `rate` in scheduler ticks of 64 ns, cut to 32 bits as iproute2 does.
fn ticks(bytes: u32, rate: u64) -> u32 {
    let rate = rate.min(u64::from(u32::MAX));
    if rate == 0 {
        return 0;
    }
    let microseconds = (u64::from(bytes) * 1_000_000 / rate) & u64::from(u32::MAX);
    let low = (microseconds * 125 / 8) & u64::from(u32::MAX);
    u32::try_from(low).expect("was cut to 32 bits")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::qdisc::{Handle, Parent, replace_message};
    use super::super::socket::frame;
    use super::*;
    use netlink_packet_core::NlasIterator;
    use proptest::prelude::*;

    /// What `tc` sent, without its rate tables; lengths and the sequence number follow from that.
    fn captured(text: &str) -> Vec<u8> {
        let bytes: Vec<u8> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::split_whitespace)
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        let sequence = u32::from_ne_bytes(*bytes[8..].first_chunk().unwrap());
        let mut body = bytes[16..36].to_vec();
        for attribute in NlasIterator::new(&bytes[36..]) {
            let attribute = attribute.unwrap();
            let mut value = attribute.value().to_vec();
            if attribute.kind() == 2 {
                value = Vec::new();
                for option in NlasIterator::new(attribute.value()) {
                    let option = option.unwrap();
                    // TCA_TBF_RTAB and TCA_TBF_PTAB
                    if !matches!(option.kind(), 2 | 3) {
                        push_attribute(&mut value, option.kind(), option.value());
                    }
                }
            }
            push_attribute(&mut body, attribute.kind(), &value);
        }
        frame(36, 0x505, sequence, &body)
    }

    proptest! {
        #[test]
        fn rates_are_read_back(rate in 1u64..1 << 50, peak in prop::option::of(1u64..1 << 50)) {
            let tbf = Tbf {
                rate,
                burst: 3000,
                limit: 3000,
                peak: peak.map(|rate| Peak { rate, burst: 3000 }),
            };
            let expected = Rates { rate, peak: peak.unwrap_or(0) };
            prop_assert_eq!(Rates::parse(&tbf.options()), Some(expected));
        }

        #[test]
        fn no_options_make_it_fall_over(options in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Rates::parse(&options);
        }
    }

    fn ours(tbf: &Tbf, like: &[u8]) -> Vec<u8> {
        let sequence = u32::from_ne_bytes(*like[8..].first_chunk().unwrap());
        let body = replace_message(3, Parent::Root, Handle::OURS, "tbf", &tbf.options());
        frame(36, 0x505, sequence, &body)
    }

    #[test]
    fn a_large_bucket_is_the_message_of_tc() {
        let like = captured(include_str!("../captures/tbf-burst.hex"));
        let tbf = Tbf {
            rate: 125_000,
            burst: 500 << 20,
            limit: 1 << 20,
            peak: None,
        };
        assert_eq!(ours(&tbf, &like), like);
    }

    #[test]
    fn a_peak_rate_is_the_message_of_tc() {
        let like = captured(include_str!("../captures/tbf-peakrate.hex"));
        let peak = Some(Peak {
            rate: 12_500_000,
            burst: 3000,
        });
        let tbf = Tbf {
            rate: 125_000,
            burst: 50 << 10,
            limit: 64 << 10,
            peak,
        };
        assert_eq!(ours(&tbf, &like), like);
    }

    #[test]
    fn a_rate_beyond_32_bits_is_the_message_of_tc() {
        let like = captured(include_str!("../captures/tbf-rate64.hex"));
        let tbf = Tbf {
            rate: 5_000_000_000,
            burst: 500 << 20,
            limit: 1 << 20,
            peak: None,
        };
        assert_eq!(ours(&tbf, &like), like);
    }

    proptest! {
        #[test]
        fn the_bucket_s_size_is_always_sent_in_bytes(rate in 1u64.., burst: u32, limit: u32) {
            let options = Tbf { rate, burst, limit, peak: None }.options();
            let sent: Vec<_> = NlasIterator::new(&options)
                .map(|option| option.unwrap())
                .filter(|option| option.kind() == TCA_TBF_BURST)
                .map(|option| option.value().to_vec())
                .collect();
            prop_assert_eq!(sent, [burst.to_ne_bytes()]);
        }
    }
}
