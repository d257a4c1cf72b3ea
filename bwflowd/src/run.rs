//! From the command line to the end of the program.

use std::fs;
use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use nix::unistd::geteuid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::args::Args;
use crate::board::Board;
use crate::bus::server::Server;
use crate::clock::{Clock, boot_id};
use crate::enforcer::Enforcer;
use crate::exclusions::Exclusions;
use crate::grants::Grants;
use crate::job::keeps_limits;
use crate::kernel::{Kernel as _, Linux};
use crate::memory::Memory;
use crate::netlink::monitor::Monitor;
use crate::privilege::{find_user, keep_net_admin, require_net_admin};
use crate::pulse::Pulse;
use crate::shaper::Shaper;
use crate::store::Store;

/// Runs the daemon; 0 at a regular end, 1 when something failed, 2 for wrong usage.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let log = tracing_subscriber::fmt()
        .with_max_level(args.log_level)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(false);
    // The journal has its own clock.
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        log.without_time().init();
    } else {
        log.init();
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!("{failure:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    require_net_admin()?;
    if args.release {
        return release(&args.runtime_directory());
    }
    let (helper_uid, _) = find_user(&args.helper_user).context("--helper-user")?;
    let user = &args.user;
    prepare_directory(&args.runtime_directory(), user).context("--runtime-directory")?;
    prepare_directory(&args.state_directory(), user).context("--state-directory")?;
    keep_net_admin(&args.user)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(args, helper_uid.as_raw()))
}

/// Takes every limit off that an earlier run has left. As whoever calls it, since the users may be
/// gone already.
fn release(runtime_directory: &Path) -> Result<()> {
    let mut kernel = Linux::connect().context("no connection to the kernel's rtnetlink")?;
    let memory = Memory::open(runtime_directory);
    let shaped = kernel
        .shaped_names()
        .context("the links' disciplines cannot be read")?;
    let mut left = Vec::new();
    for name in shaped {
        if let Err(error) = Shaper::new(&name).release(&mut kernel, &memory) {
            left.push(format!("{name}: {error}"));
        }
    }
    let boot = boot_id().unwrap_or_default();
    for name in exempted(&mut kernel, &Exclusions::open(runtime_directory, &boot)) {
        if let Err(error) = kernel.unexempt(&name) {
            left.push(format!("the rules for {name}: {error}"));
        }
    }
    let hint = "take it off with: tc qdisc del dev LINK root";
    ensure!(
        left.is_empty(),
        "a limit stays ({}); {hint}",
        left.join(", ")
    );
    Ok(())
}

/// The links that may have rules of ours. Where nf_tables is not in use it is not asked, since the
/// kernel would load it to answer.
fn exempted(kernel: &mut Linux, known: &Exclusions) -> Vec<String> {
    let mut names = known.names();
    if !names.is_empty() || Path::new("/sys/module/nf_tables").exists() {
        names.extend(kernel.exempted_names().unwrap_or_default());
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Creates a directory for the user that we are about to become.
fn prepare_directory(directory: &Path, user: &str) -> Result<()> {
    let create = || -> io::Result<()> {
        fs::create_dir_all(directory)?;
        if geteuid().is_root() {
            let (uid, gid) = find_user(user).map_err(io::Error::other)?;
            // Never through a link: whoever could place one would be given what it points to.
            lchown(directory, Some(uid.as_raw()), Some(gid.as_raw()))?;
        }
        Ok(())
    };
    create().with_context(|| directory.display().to_string())
}

/// The id of this boot; empty if nobody tells.
fn this_boot() -> String {
    boot_id().unwrap_or_else(|error| {
        warn!(%error, "this boot has no id; durations go by the wall clock over a restart");
        String::new()
    })
}

/// Reads the claims of earlier runs.
fn open_store(args: &Args, boot: &str, kernel: &Linux) -> Result<Store> {
    let clock = Clock {
        boottime: kernel.now(),
        wall_usec: kernel.wall_usec(),
    };
    Store::open(&args.state_directory(), boot, &clock)
        .context("throttles, overrides and top-ups cannot be read, so that they would be lost")
}

async fn serve(args: &Args, helper_uid: u32) -> Result<()> {
    let mut kernel = Linux::connect().context("no connection to the kernel's rtnetlink")?;
    let mut monitor = Monitor::open(kernel.port()).context("no notifications from the kernel")?;
    let board = Arc::new(Board::default());
    let memory = Memory::open(&args.runtime_directory());
    let adopted = kernel
        .shaped_names()
        .context("the links' disciplines cannot be read")?;
    let boot = this_boot();
    let store = open_store(args, &boot, &kernel)?;
    let grants = Grants::open(&args.runtime_directory(), &boot);
    let exclusions = Exclusions::open(&args.runtime_directory(), &boot);
    let mut enforcer = Enforcer::new(kernel, memory, store, grants, exclusions, board.clone());
    for name in adopted {
        enforcer.adopt(&name);
    }
    let (commands, mut received) = mpsc::channel(64);
    let server = Server {
        address: args.address.clone(),
        helper_uid,
        board,
        commands,
    };
    let session = server.connect().await.context(
        "org.bwflow1 cannot be taken on the bus (is the bus running, is its policy installed, \
         is there another bwflowd?)",
    )?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let mut pulse = Pulse::from_environment();
    pulse.ready();
    info!("ready");
    let worked = tokio::select! {
        () = server.serve(session) => Ok(()),
        worked = enforcer.run(&mut monitor, &mut received, &mut pulse, stop) => worked,
    };
    pulse.stopping();
    let keep =
        args.keep_on_exit || (pulse.listened_to() && keeps_limits(args.address.as_deref()).await);
    if worked.is_ok() && !keep {
        enforcer.release_all();
    }
    info!("stopped");
    worked.context("the kernel's notifications failed; limits stay in force")
}
