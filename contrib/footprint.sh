#!/usr/bin/env bash
# What bwflowd and bwflow-helper cost while nothing happens: memory and CPU time of the release
# build over an idle link at the default poll interval, beside a vnStat that writes every minute.
# Exits with 1 when a limit is passed.
set -euo pipefail

repo=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
# shellcheck source=contrib/lib/say.sh
source "$repo/contrib/lib/say.sh"
# shellcheck source=contrib/lib/install.sh
source "$repo/contrib/lib/install.sh"
# shellcheck source=contrib/lib/sandbox.sh
source "$repo/contrib/lib/sandbox.sh"

readonly DAEMON_RSS_MAX=5000000 DAEMON_ANONYMOUS_MAX=1000000 HELPER_RSS_MAX=12000000 # bytes
readonly CPU_MAX_US=50000                                                            # both, in ten minutes
readonly CPU_SPAN=600
readonly WARM_UP=35

usage() {
    cat <<'USAGE'
usage: contrib/footprint.sh [--seconds N]

Measures the release build in a sandbox for N seconds (600) and checks what the README promises.
Needs root. BWFLOW_PREBUILT=DIR takes the programs from DIR and builds nothing.
USAGE
}

# memory PID KEY: bytes of this kind.
memory() { awk -v k="$2:" '$1 == k { print $2 * 1024 }' "/proc/$1/smaps_rollup"; }

# cpu_us PID: microseconds all threads of a process have run.
cpu_us() { cat "/proc/$1/task"/*/schedstat | awk '{ ns += $1 } END { printf "%d", ns / 1000 }'; }

# check WHAT VALUE LIMIT UNIT-DIVISOR UNIT
check() {
    local verdict=ok
    (($2 <= $3)) || { verdict='TOO MUCH' && failed=1; }
    awk -v w="$1" -v v="$2" -v m="$3" -v d="$4" -v u="$5" -v x="$verdict" \
        'BEGIN { printf "%-34s %9.3f %s  (limit %.2f)  %s\n", w, v / d, u, m / d, x }'
}

# start_vnstat: a vnStat of the sandbox's own, in the place of the host's; sets $vnstat_pid.
start_vnstat() {
    mkdir /run/sandbox/vnstat
    printf '%s\n' 'SaveInterval 1' >/run/sandbox/vnstat.conf
    mount --bind /run/sandbox/vnstat.conf /etc/vnstat.conf
    mount --bind /run/sandbox/vnstat /var/lib/vnstat
    # While vnStat makes its database it does not wait for readers: who asks for it then, ends it.
    vnstatd --initdb >/run/sandbox/vnstat.log 2>&1
    vnstatd --nodaemon --alwaysadd >>/run/sandbox/vnstat.log 2>&1 &
    vnstat_pid=$!
    wait_for 10 "vnStat knows $SANDBOX_LINK" vnstat --json -i "$SANDBOX_LINK"
}
reads_vnstat() { [[ $("$binaries/bwflowctl" report --json | json_word source) == vnstat ]]; }
written() { stat -c %y /var/lib/vnstat/vnstat.db; }

inside() {
    local seconds=$1 daemon_cpu helper_cpu wrote failed=0
    sandbox_network
    start_vnstat
    sandbox_bus
    cat >/run/sandbox/idle.toml <<CONF
[bandwidth]
monthly_budget = "10 TB"
pre_charge = "5 TB"

[network]
interface = "$SANDBOX_LINK"
CONF
    sandbox_daemons /run/sandbox/idle.toml
    wait_for 10 "vnStat is read" reads_vnstat
    step "watching an idle link for $seconds s"
    # Starting is not idling, and the first two looks still fault pages in: scaled up from a short
    # run they would count many times.
    sleep "$WARM_UP"
    wrote=$(written)
    daemon_cpu=$(cpu_us "$daemon_pid") helper_cpu=$(cpu_us "$helper_pid")
    sleep "$seconds" # the measuring time itself
    daemon_cpu=$((($(cpu_us "$daemon_pid") - daemon_cpu) * CPU_SPAN / seconds))
    helper_cpu=$((($(cpu_us "$helper_pid") - helper_cpu) * CPU_SPAN / seconds))

    ((seconds < 120)) || [[ $(written) != "$wrote" ]] || die "vnStat has written nothing"

    check "bwflowd resident" "$(memory "$daemon_pid" Rss)" "$DAEMON_RSS_MAX" 1000000 MB
    check "bwflowd anonymous" "$(memory "$daemon_pid" Anonymous)" "$DAEMON_ANONYMOUS_MAX" 1000000 MB
    check "bwflow-helper resident" "$(memory "$helper_pid" Rss)" "$HELPER_RSS_MAX" 1000000 MB
    printf '%-34s %9.3f MB\n' "bwflow-helper anonymous" "$(memory "$helper_pid" Anonymous)e-6"
    printf '%-34s %9.3f s\n' "bwflowd CPU in 10 min" "${daemon_cpu}e-6"
    printf '%-34s %9.3f s\n' "bwflow-helper CPU in 10 min" "${helper_cpu}e-6"
    check "both CPU in 10 min" $((daemon_cpu + helper_cpu)) "$CPU_MAX_US" 1000000 s
    echo "idle for $seconds s, CPU scaled to 10 min"
    end_process "$helper_pid" 10
    end_process "$daemon_pid" 10
    end_process "$vnstat_pid" 10
    return "$failed"
}

seconds=600
while (($#)); do
    case $1 in
        --seconds)
            seconds=${2:-}
            shift
            ;;
        --inside)
            binaries=$BWFLOW_PREBUILT
            inside "$2"
            exit
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift || break
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "--seconds needs a number" 2
need_root "--seconds $seconds"
install_packages dbus-daemon=dbus ip=iproute2 setpriv=util-linux awk=mawk vnstat=vnstat
build_release
BWFLOW_PREBUILT=$binaries sandbox_run "${BASH_SOURCE[0]}" --inside "$seconds"
