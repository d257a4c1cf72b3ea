#!/usr/bin/env bash
# Builds, installs and starts bwflow on this host, or shows it at work in a sandbox (--demo).
set -euo pipefail

repo=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
# shellcheck source=contrib/lib/say.sh
source "$repo/contrib/lib/say.sh"
# shellcheck source=contrib/lib/install.sh
source "$repo/contrib/lib/install.sh"
# shellcheck source=contrib/lib/settings.sh
source "$repo/contrib/lib/settings.sh"
# shellcheck source=contrib/lib/supervise.sh
source "$repo/contrib/lib/supervise.sh"
# shellcheck source=contrib/lib/sandbox.sh
source "$repo/contrib/lib/sandbox.sh"
# shellcheck source=contrib/lib/demo.sh
source "$repo/contrib/lib/demo.sh"

readonly CONFIG=/etc/bwflow/config.toml
readonly STATE=/var/lib/bwflow DECISIONS=/var/lib/bwflowd
readonly UNITS=/etc/systemd/system ACTIVATION=/usr/local/share/dbus-1/system-services
readonly ACTIONS=/usr/share/polkit-1/actions

usage() {
    cat <<'USAGE'
usage: contrib/start.sh [--interface IF] [--budget AMOUNT] [--burst AMOUNT]
       contrib/start.sh --demo
       contrib/start.sh --uninstall [--purge]

Installs what is missing, builds bwflow, and runs it on this host (root or sudo).

  --interface IF    the link with the budget (the one with the default route)
  --budget AMOUNT   what the plan pays for in a month (100GB)
  --burst AMOUNT    how much of it is there at once (half of it); the rest accrues evenly
  --demo            show a plan being used up, in a sandbox; nothing on the host is touched
  --uninstall       stop bwflow and remove what this script installed, except
                    /etc/bwflow, /var/lib/bwflow and /var/lib/bwflowd; with --purge those too
  -h, --help        this text

Interface and amounts go into /etc/bwflow/config.toml, which is written only if there is none.
Where systemd and dpkg are, bwflow is installed as a Debian package and runs as two services; with
systemd alone it goes to /usr/local; elsewhere it runs in the foreground until Ctrl-C.
BWFLOW_DEB=FILE installs this package, BWFLOW_PREBUILT=DIR takes the three programs from DIR; neither
builds anything.
USAGE
}

wrong() {
    say "start.sh: $1"
    usage >&2
    exit 2
}

# take OPTION VALUE
take() {
    [[ -n $2 && $2 != -* ]] || wrong "$1 needs a value${2:+, not $2}"
    printf -v "${1#--}" %s "$2"
}

parse() {
    interface='' budget='' burst='' mode=run purge='' inside=''
    while (($#)); do
        case $1 in
            --interface | --budget | --burst)
                take "$1" "${2:-}"
                shift
                ;;
            --interface=* | --budget=* | --burst=*) take "${1%%=*}" "${1#*=}" ;;
            --demo) mode=demo ;;
            --demo-inside) mode=demo inside=1 ;;
            --uninstall) mode=uninstall ;;
            --purge) purge=1 ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) wrong "unknown argument: $1" ;;
        esac
        shift
    done
    [[ $mode == run || -z $interface$budget$burst ]] || wrong "--$mode takes no interface, budget or burst"
    [[ -z $purge || $mode == uninstall ]] || wrong "--purge goes with --uninstall"
}

systemd_runs() { [[ -d /run/systemd/system ]]; }
packages_rule() { systemd_runs && have dpkg && have apt-get; }
bus_answers() { dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId; }
name_owned() {
    local reply
    reply=$(dbus-send --system --print-reply=literal --dest=org.freedesktop.DBus / \
        org.freedesktop.DBus.NameHasOwner "string:$1") && [[ $reply == *'boolean true'* ]]
}
published() { [[ $(bwflowctl report --json 2>/dev/null) == *'"interface"'* ]]; }
report() { bwflowctl report; }

# Sets $draft, a configuration of $interface, $budget and $burst that the program itself has checked;
# empty if there is a configuration already.
draft_configuration() {
    draft=''
    if [[ -e $CONFIG ]]; then
        "$binaries/bwflowctl" check-config "$CONFIG" >&2 || die "$CONFIG has errors; mend them and start again" 2
        return 0
    fi
    local pre_charge='# pre_charge = "50GB"     # the burst: what may flow at once; half of the budget unless given'
    [[ -z $burst ]] || pre_charge="pre_charge = \"$burst\"       # the burst: what may flow at once"
    draft=$(
        cat <<CONF
# What the plan pays for, and which link it is for. \`bwflowctl check-config\` checks this file;
# \`systemctl reload bwflow-helper\` makes a change take effect.

[bandwidth]
monthly_budget = "$budget"
$pre_charge
billing_day = 1
timezone = "UTC"
count = "tx"                # tx, rx, sum or max: what the provider bills

[network]
interface = "$interface"

[daemon]
poll_interval_seconds = 15
CONF
    )
    "$binaries/bwflowctl" check-config - <<<"$draft" >/dev/null || die "nothing was installed; give other values" 2
}

configure() {
    if [[ -z $draft ]]; then
        [[ -z $interface$budget$burst ]] ||
            say "$CONFIG is there already and stays as it is: --interface, --budget and --burst were not used"
        return 0
    fi
    install -D -m 0644 /dev/stdin "$CONFIG" <<<"$draft"
    step "wrote $CONFIG for $interface"
}

# Sets $package, the file to install; builds it where none is given.
find_package() {
    package=${BWFLOW_DEB:-}
    [[ -n $package ]] || package=$(BWFLOW_PREBUILT=$binaries "$repo/contrib/package.sh")
}

# The package replaces what this script put on a host before there was one. The services go on
# meanwhile, and with them a limit.
install_package() {
    # What apt takes for a file has a slash in it.
    local order=(apt-get install -y -qq -o Dpkg::Use-Pty=0 --reinstall --allow-downgrades "$(realpath "$package")")
    step "installing $package"
    if installed_locally; then
        replaced=1
        remove_local_files
        systemctl daemon-reload
    fi
    export DEBIAN_FRONTEND=noninteractive
    # Its dependencies are mostly there; only otherwise is it worth asking the network.
    "${order[@]}" >&2 || { apt-get update -qq >&2 && "${order[@]}" >&2; } || die "the package was not installed; see above"
    hash -r
}

install_locally() {
    install_packages dbus-daemon=dbus dbus-send=dbus ip=iproute2 setpriv=util-linux useradd=passwd
    create_users
    install_files
}

install_units() {
    install -D -m 0644 -t "$UNITS" "$repo"/contrib/systemd/{bwflowd,bwflow-helper}.service
    install -D -m 0644 -t "$ACTIVATION" "$repo/dbus/org.bwflow1.service"
    install -D -m 0644 -t "$ACTIONS" "$repo/polkit/org.bwflow1.policy"
    systemctl daemon-reload
    systemctl enable --quiet --now dbus.socket 2>/dev/null || true
    wait_for 10 "the system bus answers" bus_answers
    systemctl reload dbus 2>/dev/null || true
    replaced=1
}

installed_locally() { [[ -e /usr/local/bin/bwflowd || -e $UNITS/bwflowd.service ]]; }

# remove_local_files: what install_locally and install_units leave, but for the users.
remove_local_files() {
    if [[ -e $UNITS/bwflowd.service ]]; then
        systemctl disable --quiet bwflow-helper bwflowd 2>/dev/null || true
        rm -f "$UNITS"/{bwflowd,bwflow-helper}.service
    fi
    rm -f /usr/local/bin/{bwflowd,bwflow-helper,bwflowctl} /etc/dbus-1/system.d/org.bwflow1.conf \
        "$ACTIVATION/org.bwflow1.service"
    # polkit reads no folder below /usr/local, so this one is where the package has it, too.
    package_installed || rm -f "$ACTIONS/org.bwflow1.policy"
}

run_with_systemd() {
    local verb=start
    systemctl enable --quiet bwflowd bwflow-helper
    # A package has restarted what it replaced.
    [[ -z $replaced ]] || verb=restart
    step "starting bwflowd and bwflow-helper"
    if ! systemctl "$verb" bwflowd bwflow-helper ||
        ! wait_for 15 "the link is published on the bus" published; then
        journalctl --no-pager --lines 20 --unit bwflowd --unit bwflow-helper >&2 || true
        die "bwflow did not start; see above"
    fi
    report
    step "running; 'systemctl stop bwflow-helper bwflowd' lifts the limits"
}

run_in_foreground() {
    bus='' daemon='' helper=''
    # Whatever ends this script, the programs are ended in order. A trap that exits, rather than one
    # that sets a flag, cannot be missed by a `wait` that begins a moment later.
    trap stop_in_order EXIT
    trap "trap '' INT TERM HUP; exit 0" INT TERM HUP
    if bus_answers >/dev/null 2>&1; then
        if name_owned org.bwflow1; then
            say "bwflow runs already; stop it first if the new build is to take its place"
            report
            return 0
        fi
        dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ReloadConfig >/dev/null
    else
        step "starting a system bus"
        mkdir -p /run/dbus
        dbus-uuidgen --ensure
        keep dbus-daemon dbus-daemon --system --nofork --nopidfile &
        bus=$!
        wait_for 10 "the system bus answers" bus_answers
    fi
    step "starting bwflowd and bwflow-helper in the foreground; Ctrl-C ends them"
    install -d -m 0750 -o bwflow-helper -g bwflow-helper "$STATE"
    keep bwflowd /usr/local/bin/bwflowd --user bwflowd --helper-user bwflow-helper &
    daemon=$!
    keep bwflow-helper setpriv --reuid bwflow-helper --regid bwflow-helper --clear-groups \
        --no-new-privs --bounding-set=-all --inh-caps=-all \
        /usr/local/bin/bwflow-helper --config "$CONFIG" --state-directory "$STATE" &
    helper=$!
    wait_for 15 "the link is published on the bus" published || exit 1
    report || exit 1
    step "'bwflowctl status' in a second terminal shows what happens; Ctrl-C here ends it"
    wait -n "$daemon" "$helper" || true
    die "something killed the supervisor of bwflowd or of bwflow-helper; start again"
}

stop_in_order() {
    # Neither a second Ctrl-C nor a terminal or log that is gone may leave a program behind.
    trap '' INT TERM HUP PIPE
    set +e
    [[ -n $bus$daemon$helper ]] || return
    step "stopping bwflow-helper, then bwflowd, which lifts its limits" 2>/dev/null
    release "$helper"
    release "$daemon"
    release "$bus"
    step "stopped" 2>/dev/null
}

# Before a long build: whether its result can be installed at all.
need_sudo() {
    have sudo || die "needs root, and there is no sudo here; run it as root"
    as_root true || die "needs root; run it as root, or give this user sudo"
}

run() {
    [[ -e $CONFIG ]] || settle
    check_package
    check_prebuilt
    if ((EUID != 0)); then
        # Without root only the build is possible; sudo does the rest.
        need_sudo
        [[ -n ${BWFLOW_DEB:-} ]] || build_release
        local arguments=()
        [[ -z $interface ]] || arguments+=(--interface "$interface")
        [[ -z $budget ]] || arguments+=(--budget "$budget")
        [[ -z $burst ]] || arguments+=(--burst "$burst")
        exec sudo BWFLOW_PREBUILT="${binaries:-}" BWFLOW_DEB="${BWFLOW_DEB:-}" "${BASH_SOURCE[0]}" "${arguments[@]}"
    fi
    [[ -n ${BWFLOW_DEB:-} ]] || build_release
    draft_configuration
    export PATH=/usr/local/bin:$PATH
    replaced=''
    if packages_rule; then
        find_package
        configure
        install_package
        run_with_systemd
    elif systemd_runs; then
        install_locally
        configure
        install_units
        run_with_systemd
    else
        install_locally
        configure
        run_in_foreground
    fi
}

# With a package given: whether it can be used. Sets $binaries, so that its own program can check a
# configuration before anything is installed.
check_package() {
    [[ -n ${BWFLOW_DEB:-} ]] || return 0
    packages_rule || die "BWFLOW_DEB is for hosts with systemd, dpkg and apt-get" 2
    [[ $(dpkg-deb --field "$BWFLOW_DEB" Package 2>/dev/null) == bwflow ]] ||
        die "BWFLOW_DEB=$BWFLOW_DEB is no package of bwflow" 2
    BWFLOW_DEB=$(realpath "$BWFLOW_DEB")
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    dpkg-deb --extract "$BWFLOW_DEB" "$unpacked"
    binaries=$unpacked/usr/bin
    unset BWFLOW_PREBUILT
}

demo() {
    if [[ -n $inside ]]; then
        demo_inside
        return
    fi
    check_prebuilt
    ((EUID == 0)) || need_sudo
    install_packages dbus-daemon=dbus ip=iproute2 iperf3=iperf3 setpriv=util-linux awk=mawk
    build_release
    if ((EUID != 0)); then
        # sudo passes signals on and waits, so this process has nothing left to do.
        exec sudo BWFLOW_PREBUILT="$binaries" "${BASH_SOURCE[0]}" --demo
    fi
    local code=0
    BWFLOW_PREBUILT=$binaries sandbox_run "${BASH_SOURCE[0]}" --demo-inside || code=$?
    return "$code"
}

package_status() { dpkg-query --show --showformat '${db:Status-Status}' bwflow 2>/dev/null || echo not-installed; }
package_installed() { [[ $(package_status) == installed ]]; }

uninstall() {
    need_root "--uninstall${purge:+ --purge}"
    if systemd_runs; then
        # Not disabled: a package that comes back would stay so.
        systemctl stop bwflow-helper bwflowd 2>/dev/null || true
    elif have dbus-send && name_owned org.bwflow1 2>/dev/null; then
        die "bwflow is running in the foreground somewhere; end that first (Ctrl-C)"
    fi
    remove_local_files
    # Removed but not purged is known as well.
    if [[ $(package_status) != not-installed ]]; then
        if [[ -n $purge ]]; then dpkg --purge bwflow >&2; else dpkg --remove bwflow >&2; fi
    fi
    if systemd_runs; then systemctl daemon-reload; fi
    rm -rf /run/bwflowd
    if [[ -z $purge ]]; then
        # Users stay as long as files are theirs: the next user made would inherit them.
        step "removed; $CONFIG and what is known of the links, in $STATE and $DECISIONS, are kept (--purge removes them)"
        return
    fi
    rm -rf /etc/bwflow "$STATE" "$DECISIONS"
    local user
    for user in bwflow-helper bwflowd; do
        if getent passwd "$user" >/dev/null; then userdel "$user"; fi
    done
    step "removed"
}

parse "$@"
if [[ -n $inside ]]; then
    binaries=$BWFLOW_PREBUILT
fi
"$mode"
