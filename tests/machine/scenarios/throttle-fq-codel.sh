# machine: -k
# shellcheck shell=bash
# Under Debian's own kernel: a link whose budget is used up is held to its rate, and stays usable
# beside a saturating stream, because fq_codel sits inside our TBF.
set -euo pipefail

repo=/payload binaries=/payload/bin
# shellcheck source=contrib/lib/say.sh
source "$repo/contrib/lib/say.sh"
# shellcheck source=contrib/lib/sandbox.sh
source "$repo/contrib/lib/sandbox.sh"

readonly MEASURE_SECONDS=10

# A budget of a megabyte that is all burst: used up in a moment, and then the rate holds.
configuration() {
    cat <<CONF
[bandwidth]
monthly_budget = "1 MB"
pre_charge = "1 MB"

[network]
interface = "$SANDBOX_LINK"

[throttle]
rate = "$1 Mbit/s"
CONF
}

limit_is() {
    local report
    report=$("$binaries/bwflowctl" report --json)
    [[ $(json_word state <<<"$report") == throttled ]] &&
        (($(json_number limit_bytes_per_second <<<"$report") == $1))
}

# percentile P: of the numbers on stdin.
percentile() {
    sort -n | awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p / 100 + 0.5); if (i < 1) i = 1; print v[i] }'
}

# Sets $sent to the bytes the link has sent, and $at to the moment that was true, without starting
# a process: in an emulated machine that takes a tenth of a second.
read_sent() {
    local line fields
    while read -r line; do
        if [[ $line == "$SANDBOX_LINK":* ]]; then
            read -r -a fields <<<"${line#*:}"
            sent=${fields[8]}
        fi
    done </proc/net/dev
    at=$EPOCHREALTIME
}

measure() {
    local mbit=$1 failed=0 sent at before begun received elapsed achieved p50 p99 answered
    configuration "$mbit" >/run/sandbox/config.toml
    kill -HUP "$helper_pid"
    iperf3 --client "$SANDBOX_PEER" --time 600 >/run/sandbox/iperf3.log 2>&1 &
    local source_pid=$!
    if ! wait_for 30 "the link is throttled to $mbit Mbit/s" limit_is $((mbit * 125000)); then
        "$binaries/bwflowctl" report >&2
        sandbox_logs
        return 1
    fi
    if ! tc qdisc show dev "$SANDBOX_LINK" | grep -q '^qdisc fq_codel .* parent b0f1:'; then
        say "no fq_codel inside our TBF:"
        failed=1
    fi
    tc qdisc show dev "$SANDBOX_LINK"
    ping -n -i 0.1 -w $((MEASURE_SECONDS + 2)) "$SANDBOX_PEER" >/run/sandbox/ping.log &
    local ping_pid=$!
    received=$(peer_received)
    read_sent
    before=$sent begun=$at
    sleep "$MEASURE_SECONDS" # the measuring time itself
    read_sent
    received=$(($(peer_received) - received))
    elapsed=$(awk -v a="$begun" -v b="$at" 'BEGIN { print b - a }')
    wait "$ping_pid" || true
    end_process "$source_pid" 5
    wait_for 20 "iperf3's server is free again" ip netns exec peer bash -c '! ss -Htn | grep -q :5201'

    achieved=$(awk -v b="$((sent - before))" -v t="$elapsed" 'BEGIN { printf "%.4f", b * 8 / t / 1e6 }')
    answered=$(grep -c 'time=' /run/sandbox/ping.log || true)
    p50=$(sed -n 's/.*time=\([0-9.]*\).*/\1/p' /run/sandbox/ping.log | percentile 50)
    p99=$(sed -n 's/.*time=\([0-9.]*\).*/\1/p' /run/sandbox/ping.log | percentile 99)
    echo "MEASURED limit $mbit Mbit/s: achieved $achieved Mbit/s over $elapsed s; ping beside it: p50 $p50 ms, p99 $p99 ms, $answered answers"
    awk -v a="$achieved" -v m="$mbit" 'BEGIN { exit !(a > m * 0.98 && a < m * 1.02) }' ||
        { say "FAILED: not within 2 % of $mbit Mbit/s" && failed=1; }
    # What was sent must have arrived, too.
    ((received * 100 > (sent - before) * 98)) ||
        { say "FAILED: $((sent - before)) bytes were sent, the peer received $received" && failed=1; }
    ((answered >= 50)) || { say "FAILED: only $answered pings were answered" && failed=1; }
    if ((mbit == 1)); then
        awk -v p="$p50" 'BEGIN { exit !(p != "" && p < 60) }' ||
            { say "FAILED: median ping of 60 ms or more at 1 Mbit/s" && failed=1; }
    fi
    return "$failed"
}

inside() {
    local failed=0 mbit
    sandbox_network
    ip netns exec peer iperf3 --server >/run/sandbox/iperf3-server.log 2>&1 &
    wait_for 20 "iperf3 listens" ip netns exec peer bash -c 'ss -Hltn | grep -q :5201'
    sandbox_bus
    configuration 1 >/tmp/first.toml
    sandbox_daemons /tmp/first.toml
    # An emulated processor cannot fill 100 Mbit/s; the system tests do, under the host's kernel.
    for mbit in 1 10; do
        measure "$mbit" || failed=1
    done
    end_process "$helper_pid" 20
    end_process "$daemon_pid" 20
    if tc qdisc show dev "$SANDBOX_LINK" | grep 'b0f1:'; then
        say "FAILED: a limit was left on the link"
        failed=1
    fi
    return "$failed"
}

if [[ ${1:-} == inside ]]; then
    inside
else
    uname -sr
    modprobe -a sch_tbf sch_fq_codel veth
    sandbox_run bash "$0" inside
fi
