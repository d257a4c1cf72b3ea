//! Traffic that is neither charged nor held back, as it crosses the bus.

use zbus::{DeserializeDict, OwnedVariant, SerializeDict, Type, Variant};

/// The most networks that a link may exclude.
pub const MAX_NETWORKS: usize = 256;

/// What a grant excludes, and up to where that was taken into account. Travels as `a{sv}` with
/// the field names in CamelCase.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    SerializeDict,
    DeserializeDict,
    Type,
    Variant,
    OwnedVariant,
)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct Exclusion {
    /// The networks in CIDR notation, at most [`MAX_NETWORKS`].
    pub networks: Vec<String>,
    /// Which count `tx_bytes` and `rx_bytes` are of; 0 when none was known: then nothing is
    /// excluded but what flows from now on.
    pub epoch: u64,
    /// [`Excluded::tx_bytes`] up to which the grant's figures hold.
    pub tx_bytes: u64,
    /// [`Excluded::rx_bytes`] up to which the grant's figures hold.
    pub rx_bytes: u64,
}

/// How much of a link's traffic went to or came from excluded networks. Travels as `a{sv}` with
/// the field names in CamelCase.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    SerializeDict,
    DeserializeDict,
    Type,
    Variant,
    OwnedVariant,
)]
#[zbus(signature = "a{sv}", rename_all = "PascalCase")]
pub struct Excluded {
    /// Which count this is; another number is another count, which began at zero after the last
    /// figures of the one before. 0 when nothing has ever been excluded.
    pub epoch: u64,
    /// Bytes sent to those networks. Never falls within an epoch.
    pub tx_bytes: u64,
    /// Bytes received from those networks. Never falls within an epoch.
    pub rx_bytes: u64,
    /// Why nothing can be excluded now; empty when nothing is wrong.
    pub fault: String,
}
