//! `bwflowctl doctor`: every reason why the promise might not hold here, each with its cure.
//!
//! What is known is gathered first, from files and over the bus; each check then judges what it
//! was given and touches nothing.

mod clock;
mod configuration;
mod counting;
mod disk;
mod finding;
mod json;
mod kernel;
mod lines;
mod links;
mod polkit;
mod process;
mod qdisc;
mod questions;
mod services;
mod spend;
mod vnstat;

use std::path::Path;
use std::time::Duration;

use bwflow_proto::config::Config;
use bwflow_proto::ledger::LedgerView;

use crate::args::Doctor;
use crate::bus::Bus;
use crate::doctor::finding::{Finding, exit_code};
use crate::doctor::questions::Questions;
use crate::doctor::services::Program;
use crate::failure::Failure;
use crate::host;
use crate::host::files::Files;
use crate::host::speed::speed_mbit;
use crate::output::Output;
use crate::snapshot::Snapshot;
use crate::time::now_usec;

/// How long the bus may take to let somebody in, and the daemon to show everything.
const PATIENCE: Duration = Duration::from_secs(3);

/// Examines everything; faults are the failure.
pub(crate) async fn run(
    args: &Doctor,
    address: Option<&str>,
    output: &mut Output,
) -> Result<(), Failure> {
    let findings = examine(args, address).await;
    if args.json {
        output.data(&json::render(&findings)?)?;
    } else {
        output.data(&lines::render(&findings, output.has_color()))?;
        output.talk(&lines::summary(&findings));
    }
    match exit_code(&findings) {
        0 => Ok(()),
        code => Err(Failure::Unwell(code)),
    }
}

/// All that is found, in the order in which one thing follows from another.
async fn examine(args: &Doctor, address: Option<&str>) -> Vec<Finding> {
    let files = Files::new(Path::new("/"));
    let (config, mut findings) = configuration::read(&args.config);
    let mut snapshot = Snapshot::default();
    let mut is_synchronized = None;
    let connected = tokio::time::timeout(PATIENCE, Bus::connect(address)).await;
    match connected.unwrap_or_else(|_| Err(Failure::NoBus("it does not answer".to_owned()))) {
        Ok(bus) => {
            findings.push(Finding::ok("bus", "can be reached"));
            let questions = Questions::new(bus.connection(), &files);
            findings.extend(ask(&questions).await);
            if let Ok(Ok(read)) = tokio::time::timeout(PATIENCE, bus.snapshot()).await {
                snapshot = read;
            }
            if let Some(config) = &config
                && snapshot.has_helper
            {
                findings.extend(configuration::in_force(config, &snapshot.links));
            }
            if snapshot.has_helper
                && let Some(view) = questions.spend().await
            {
                findings.extend(spend::judge(&view));
            }
            is_synchronized = questions.is_synchronized().await;
        }
        Err(failure) => findings.push(Finding::fault(
            "bus",
            failure.exit_code(),
            failure.to_string(),
            "systemctl start dbus",
        )),
    }
    let key = config.as_ref().and_then(|it| spend::Key::look(&files, it));
    findings.extend(key.as_ref().map(spend::judge_key));
    let names = names(config.as_ref(), &snapshot);
    findings.extend(look_at_links(&files, &names, &snapshot).await);
    findings.extend(look_at_kernel(&files, &snapshot, config.as_ref()));
    let vnstat = vnstat::Vnstat::read();
    findings.extend(vnstat::judge(&vnstat));
    if vnstat.program.is_some() {
        for name in names.iter().filter(|name| is_present(&files, name)) {
            let link = vnstat_link(name, config.as_ref(), &snapshot);
            findings.extend(vnstat::judge_link(&vnstat, &link));
        }
    }
    let ledgers = snapshot
        .links
        .iter()
        .filter_map(|link| link.ledger.as_ref());
    findings.extend(clock::judge(&clock::Clock {
        now_usec: now_usec(),
        is_synchronized,
        newest_usec: ledgers
            .map(|ledger| ledger.updated_at_usec)
            .max()
            .unwrap_or(0),
    }));
    findings.push(disk::judge(
        &args.state_directory,
        disk::room(&args.state_directory),
    ));
    findings
}

/// What the bus tells of the services.
async fn ask(questions: &Questions<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_silent = false;
    for program in [Program::Daemon, Program::Helper] {
        let service = questions.service(program).await;
        findings.extend(services::judge(program, &service));
        if let Some(owner) = &service.owner {
            findings.push(services::judge_rights(program, owner));
        }
        let is_there = service.owner.is_some();
        match program {
            Program::Daemon if is_there => match questions.version().await {
                Some(version) => findings.push(services::judge_version(&version)),
                None => {
                    is_silent = true;
                    findings.push(services::silent(program));
                }
            },
            // It publishes to the daemon, and waits for that.
            Program::Helper if is_there && !is_silent => {
                findings.push(services::judge_answer(questions.count_now().await));
            }
            _ => {}
        }
    }
    findings.push(polkit::judge(questions.actions().await.as_deref()));
    findings
}

/// The links that are configured, and those that the daemon holds.
fn names(config: Option<&Config>, snapshot: &Snapshot) -> Vec<String> {
    let configured = config.iter().flat_map(|config| &config.links);
    let mut names: Vec<String> = configured.map(|link| link.interface.clone()).collect();
    for link in &snapshot.links {
        if !names.contains(&link.interface) {
            names.push(link.interface.clone());
        }
    }
    names
}

fn is_present(files: &Files, interface: &str) -> bool {
    files.has(&format!("/sys/class/net/{interface}"))
}

async fn look_at_links(files: &Files, names: &[String], snapshot: &Snapshot) -> Vec<Finding> {
    let roots = qdisc::roots().await;
    let mut findings = Vec::new();
    let mut places = Vec::new();
    for name in names {
        let record = snapshot.links.iter().find(|link| link.interface == *name);
        let directory = format!("/sys/class/net/{name}");
        let index: Option<u32> = files
            .line(&format!("{directory}/ifindex"))
            .and_then(|text| text.parse().ok());
        let flags = files
            .line(&format!("{directory}/flags"))
            .unwrap_or_default();
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
        let root = roots.as_ref().zip(index).map(|(roots, index)| {
            // A link without any queue, a bridge for one, has nothing at its root.
            roots
                .get(&index)
                .cloned()
                .unwrap_or_else(qdisc::Qdisc::none)
        });
        let link = links::Link {
            interface: name.clone(),
            is_present: index.is_some(),
            is_up: flags & 1 == 1,
            root,
            state: record.map(|record| record.state.clone()),
            blocked_by: record.map_or(String::new(), |record| record.blocked_by.clone()),
        };
        findings.extend(links::judge(&link, snapshot.has_daemon));
        findings.extend(
            record
                .and_then(|record| record.ledger.as_ref())
                .and_then(|ledger| links::judge_exclusion(name, ledger)),
        );
        if link.is_present {
            places.push(counting::place(files, name));
        }
    }
    findings.extend(counting::judge(&places));
    findings
}

fn look_at_kernel(files: &Files, snapshot: &Snapshot, config: Option<&Config>) -> Vec<Finding> {
    let may_load = host::kernel::may_load(files);
    let judge = |module: &str, option: &str, is_required: bool, need: &str| {
        kernel::judge(
            module,
            host::kernel::part(files, module, option),
            is_required,
            need,
            may_load,
        )
    };
    // A link that is held proves it, whatever the files say.
    let is_proven = snapshot
        .links
        .iter()
        .any(|link| link.limit_bytes_per_second > 0 || link.state == "armed");
    let tbf = if is_proven {
        Finding::ok("kernel", "holds a link now")
    } else {
        judge(
            "sch_tbf",
            "CONFIG_NET_SCH_TBF",
            true,
            "it holds a link to its rate",
        )
    };
    let fq_codel = judge(
        "sch_fq_codel",
        "CONFIG_NET_SCH_FQ_CODEL",
        false,
        "it keeps a held link usable for several at once",
    );
    let mut findings = vec![tbf, fq_codel];
    let mut planned = config.iter().flat_map(|config| &config.links);
    if planned.any(|link| !link.exclude.is_empty()) {
        for (module, option) in host::kernel::EXCLUSION {
            let need = "`exclude` needs it";
            findings.push(judge(module, option, true, need));
        }
    }
    findings
}

fn vnstat_link(name: &str, config: Option<&Config>, snapshot: &Snapshot) -> vnstat::Link {
    let mut planned = config.iter().flat_map(|config| &config.links);
    let planned = planned.find(|link| link.interface == *name);
    let record = snapshot.links.iter().find(|link| link.interface == *name);
    let zone = match (planned, record) {
        (Some(link), _) => link.timezone.iana_name().unwrap_or("UTC").to_owned(),
        (None, Some(record)) => record.zone().iana_name().unwrap_or("UTC").to_owned(),
        (None, None) => "UTC".to_owned(),
    };
    vnstat::Link {
        interface: name.to_owned(),
        speed: speed_mbit(name),
        zone,
        count: record
            .and_then(|record| record.ledger.as_ref())
            .map(vnstat_count),
    }
}

fn vnstat_count(ledger: &LedgerView) -> vnstat::Count {
    let written = Some(ledger.vnstat_updated_usec).filter(|usec| *usec > 0);
    vnstat::Count {
        note: ledger.source_note.clone(),
        age_seconds: written.map(|usec| now_usec().saturating_sub(usec) / 1_000_000),
        dropped: ledger.vnstat_dropped_bytes,
        invented: ledger.vnstat_invented_bytes,
    }
}
