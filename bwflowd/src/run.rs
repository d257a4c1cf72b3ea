//! From the command line to the end of the program.

use std::fs;
use std::io;
use std::os::unix::fs::lchown;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use nix::unistd::geteuid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info};

use crate::args::Args;
use crate::board::Board;
use crate::bus::server::Server;
use crate::enforcer::Enforcer;
use crate::kernel::Linux;
use crate::memory::Memory;
use crate::netlink::monitor::Monitor;
use crate::privilege::{find_user, keep_net_admin, require_net_admin};

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
    let (helper_uid, _) = find_user(&args.helper_user).context("--helper-user")?;
    prepare_directory(args)?;
    keep_net_admin(&args.user)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(args, helper_uid.as_raw()))
}

/// Creates the runtime directory for the user that we are about to become.
fn prepare_directory(args: &Args) -> Result<()> {
    let directory = &args.runtime_directory();
    let create = || -> io::Result<()> {
        fs::create_dir_all(directory)?;
        if geteuid().is_root() {
            let (uid, gid) = find_user(&args.user).map_err(io::Error::other)?;
            // Never through a link: whoever could place one would be given what it points to.
            lchown(directory, Some(uid.as_raw()), Some(gid.as_raw()))?;
        }
        Ok(())
    };
    create().with_context(|| format!("--runtime-directory {}", directory.display()))
}

async fn serve(args: &Args, helper_uid: u32) -> Result<()> {
    let mut kernel = Linux::connect().context("no connection to the kernel's rtnetlink")?;
    let mut monitor = Monitor::open(kernel.port()).context("no notifications from the kernel")?;
    let board = Arc::new(Board::default());
    let memory = Memory::open(&args.runtime_directory());
    let adopted = kernel
        .shaped_names()
        .context("the links' disciplines cannot be read")?;
    let mut enforcer = Enforcer::new(kernel, memory, board.clone());
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
    info!("ready");
    let worked = tokio::select! {
        () = server.serve(session) => Ok(()),
        worked = enforcer.run(&mut monitor, &mut received, stop) => worked,
    };
    if worked.is_ok() && !args.keep_on_exit {
        enforcer.release_all();
    }
    info!("stopped");
    worked.context("the kernel's notifications failed; limits stay in force")
}
