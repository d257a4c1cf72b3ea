//! From whatever started us to one user with exactly CAP_NET_ADMIN.

use anyhow::{Context as _, Result, ensure};
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, geteuid, setgroups, setresgid, setresuid};

/// Finds a user by name or number.
///
/// # Errors
/// There is no such user.
pub fn find_user(user: &str) -> Result<(Uid, Gid)> {
    let found = match user.parse::<u32>() {
        Ok(number) => User::from_uid(Uid::from_raw(number))?,
        Err(_) => User::from_name(user)?,
    };
    let found = found.with_context(|| {
        format!(
            "there is no user {user:?}; create it with: useradd --system --shell \
             /usr/sbin/nologin {user}"
        )
    })?;
    Ok((found.uid, found.gid))
}

/// Makes sure that CAP_NET_ADMIN is there to be kept.
///
/// # Errors
/// It is not; the error says how to give it.
pub fn require_net_admin() -> Result<()> {
    ensure!(
        caps::has_cap(None, CapSet::Permitted, Capability::CAP_NET_ADMIN)?,
        "CAP_NET_ADMIN is missing, without which no limit can be set: start bwflowd as root (it \
         keeps only this capability), by its systemd unit (AmbientCapabilities=CAP_NET_ADMIN), or \
         give it to the program with: setcap cap_net_admin=ep /path/to/bwflowd"
    );
    Ok(())
}

/// Keeps exactly CAP_NET_ADMIN, as `user` when started as root, and verifies the result. Must be
/// called before there is a second thread, since Linux keeps capabilities per thread.
///
/// # Errors
/// CAP_NET_ADMIN is missing, the user does not exist, or the kernel did not do as told.
pub fn keep_net_admin(user: &str) -> Result<()> {
    require_net_admin()?;
    let permitted = caps::read(None, CapSet::Permitted)?;
    let only = CapsHashSet::from([Capability::CAP_NET_ADMIN]);
    if permitted.contains(&Capability::CAP_SETPCAP) {
        caps::set(None, CapSet::Effective, &permitted)?;
        for capability in caps::all() {
            if caps::has_cap(None, CapSet::Bounding, capability)? {
                caps::drop(None, CapSet::Bounding, capability)
                    .with_context(|| format!("{capability} stays in the bounding set"))?;
            }
        }
    }
    if geteuid().is_root() {
        let (uid, gid) = find_user(user)?;
        ensure!(!uid.is_root(), "--user must not be root");
        prctl::set_keepcaps(true)?;
        setgroups(&[]).context("the supplementary groups cannot be dropped")?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        prctl::set_keepcaps(false)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &only)?;
    caps::set(None, CapSet::Permitted, &only)?;
    caps::clear(None, CapSet::Inheritable)?;
    prctl::set_no_new_privs()?;
    verify(&only)
}

/// Reads back what the kernel made of it.
fn verify(only: &CapsHashSet) -> Result<()> {
    for set in [CapSet::Effective, CapSet::Permitted] {
        let got = caps::read(None, set)?;
        ensure!(
            got == *only,
            "the {set:?} set is {got:?}, not exactly CAP_NET_ADMIN"
        );
    }
    for set in [CapSet::Inheritable, CapSet::Ambient] {
        let got = caps::read(None, set)?;
        ensure!(got.is_empty(), "the {set:?} set is {got:?}, not empty");
    }
    let bounding = caps::read(None, CapSet::Bounding)?;
    // A service manager may have left the one capability here; it cannot be used again, since
    // no_new_privs keeps every later program from gaining anything.
    if !bounding.is_subset(only) {
        tracing::warn!(
            ?bounding,
            "the bounding set could not be emptied without CAP_SETPCAP"
        );
    }
    ensure!(prctl::get_no_new_privs()?, "no_new_privs is not set");
    ensure!(!geteuid().is_root(), "still root");
    Ok(())
}
