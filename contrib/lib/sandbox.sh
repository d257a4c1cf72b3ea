# shellcheck shell=bash disable=SC2034,SC2154
# A place where bwflow can be tried without touching the host: own network, process and mount
# namespaces, own /run, own bus. Everything in it dies with its first process, by the kernel's
# hand, also after SIGKILL. Sourced after say.sh; expects $repo and $binaries.
#
# Inside, the link with the budget is $SANDBOX_LINK; its other end is in the namespace `peer`.

readonly SANDBOX_LINK=wan0
readonly SANDBOX_ADDRESS=10.86.0.1
readonly SANDBOX_PEER=10.86.0.2
# Unprivileged users that every Debian has, in place of those an installation creates.
readonly SANDBOX_DAEMON_USER=daemon
readonly SANDBOX_HELPER_USER=nobody

# sandbox_run COMMAND...: runs a command as the first process of a new sandbox. SIGINT, SIGTERM and
# SIGHUP reach it as SIGTERM, so that it can end in order; the exit code is the command's.
sandbox_run() {
    local code=0 signalled=
    # Should this shell be killed, `unshare` goes too, and by --kill-child all that is inside.
    setpriv --pdeathsig KILL -- unshare --net --mount --pid --fork --kill-child=KILL \
        --mount-proc --propagation private -- "$@" <&0 &
    sandbox_pid=$!
    trap 'signalled=1; sandbox_signal' INT TERM HUP
    wait "$sandbox_pid" || code=$?
    # `wait` also returns when a signal arrives; the child may still be tidying up.
    while kill -0 "$sandbox_pid" 2>/dev/null; do
        code=0
        wait "$sandbox_pid" || code=$?
    done
    trap - INT TERM HUP
    if [[ -n $signalled ]]; then return 130; fi
    return "$code"
}

# `unshare` itself ignores SIGTERM while it waits, so its child is told.
sandbox_signal() {
    local inner
    read -r inner _ <"/proc/$sandbox_pid/task/$sandbox_pid/children" || true
    kill -TERM "${inner:-$sandbox_pid}" 2>/dev/null || true
}

# Everything below runs inside.

# sandbox_network: the link, its peer, and a /run of our own for what `ip netns` and the bus leave.
sandbox_network() {
    mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run
    mkdir -p /run/sandbox/{bin,bus,daemon,helper}
    # The helper's user may not be able to enter the checkout, e.g. below /root.
    install -m 0755 "$binaries"/{bwflowd,bwflow-helper,bwflowctl} /run/sandbox/bin/
    binaries=/run/sandbox/bin
    ip netns add peer
    ip link set lo up
    ip link add "$SANDBOX_LINK" type veth peer name eth0 netns peer
    ip address add "$SANDBOX_ADDRESS/30" dev "$SANDBOX_LINK"
    ip -n peer address add "$SANDBOX_PEER/30" dev eth0
    ip -n peer link set lo up
    ip -n peer link set eth0 up
    ip link set "$SANDBOX_LINK" up
    wait_for 5 "$SANDBOX_LINK is up" ip route get "$SANDBOX_PEER"
}

# sandbox_bus: a system bus with the shipped policy, the users in it replaced.
sandbox_bus() {
    local dir=/run/sandbox/bus
    sed -e "s/user=\"bwflowd\"/user=\"$SANDBOX_DAEMON_USER\"/" \
        -e "s/user=\"bwflow-helper\"/user=\"$SANDBOX_HELPER_USER\"/" \
        "$repo/dbus/org.bwflow1.conf" >"$dir/org.bwflow1.conf"
    sed -e "s|@SOCKET@|$dir/socket|" -e "s|@POLICY@|$dir/org.bwflow1.conf|" \
        "$repo/contrib/lib/bus.conf.in" >"$dir/bus.conf"
    export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$dir/socket
    dbus-daemon --config-file="$dir/bus.conf" --nofork --nopidfile >/run/sandbox/bus.log 2>&1 &
    wait_for 5 "the private bus listens" test -S "$dir/socket"
}

# sandbox_daemons CONFIG: bwflowd and the helper, the way an installation runs them. Sets
# $daemon_pid and $helper_pid; returns when the link is published.
sandbox_daemons() {
    install -m 0644 "$1" /run/sandbox/config.toml
    chown "$SANDBOX_HELPER_USER" /run/sandbox/helper
    "$binaries/bwflowd" --user "$SANDBOX_DAEMON_USER" --helper-user "$SANDBOX_HELPER_USER" \
        --runtime-directory /run/sandbox/daemon --state-directory /run/sandbox/state \
        >/run/sandbox/bwflowd.log 2>&1 &
    daemon_pid=$!
    setpriv --reuid "$SANDBOX_HELPER_USER" --regid nogroup --clear-groups --no-new-privs \
        --bounding-set=-all --inh-caps=-all \
        "$binaries/bwflow-helper" --config /run/sandbox/config.toml \
        --state-directory /run/sandbox/helper >/run/sandbox/helper.log 2>&1 &
    helper_pid=$!
    if ! wait_for 10 "bwflowctl reports $SANDBOX_LINK" link_published "$SANDBOX_LINK"; then
        sandbox_logs
        return 1
    fi
}

# link_published LINK: the daemon has a ledger for it.
link_published() {
    local json
    json=$("$binaries/bwflowctl" report --json 2>/dev/null) && grep -q "\"interface\": *\"$1\"" <<<"$json"
}

sandbox_logs() {
    local log
    for log in bwflowd helper bus; do
        if [[ -s /run/sandbox/$log.log ]]; then
            say "--- $log said:"
            tail -n 20 "/run/sandbox/$log.log" >&2
        fi
    done
}

# json_number KEY: the first number under this key in the JSON on stdin. All of stdin is read, here
# and below: under pipefail a writer that is cut off fails the whole pipe.
json_number() {
    grep -o "\"$1\": *-\?[0-9]*" | sed -n '1s/.*: *//p'
}

# json_word KEY: likewise, a string.
json_word() {
    grep -o "\"$1\": *\"[^\"]*\"" | sed -n '1s/.*: *"\(.*\)"$/\1/p'
}

# peer_received: bytes that have come out at the other end.
peer_received() {
    ip netns exec peer cat /sys/class/net/eth0/statistics/rx_bytes
}
