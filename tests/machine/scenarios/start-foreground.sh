# machine:
# shellcheck shell=bash disable=SC2034
# contrib/start.sh where no systemd and no bus run: it starts a bus, supervises both programs in the
# foreground, brings back what dies, and on SIGTERM ends everything in order.
set -euo pipefail

repo=/payload binaries=/payload/bin
# shellcheck source=contrib/lib/say.sh
source "$repo/contrib/lib/say.sh"
# shellcheck source=contrib/lib/sandbox.sh
source "$repo/contrib/lib/sandbox.sh"
export BWFLOW_PREBUILT=/payload/bin

failed() {
    say "FAILED: $1"
    cat /tmp/start.err >&2 || true
    exit 1
}
state_is() { [[ $(bwflowctl report --json | json_word state) == "$1" ]]; }
limited() { tc qdisc show dev "$SANDBOX_LINK" | grep -q '^qdisc tbf b0f1:'; }
pid_of() { pgrep -x "$1"; }
another() { [[ -n $(pid_of "$1") && $(pid_of "$1") != "$2" ]]; }

inside() {
    # A fresh /run: here neither systemd nor its bus can be seen.
    sandbox_network
    ip route add default via "$SANDBOX_PEER"
    local before start_pid daemon helper code=0
    before=$(tc qdisc show dev "$SANDBOX_LINK")
    "$repo/contrib/start.sh" --burst 20MB --budget 20MB </dev/null >/tmp/start.out 2>/tmp/start.err &
    start_pid=$!
    wait_for 30 "start.sh prints a report" grep -q "$SANDBOX_LINK" /tmp/start.out || failed "no report"
    cat /tmp/start.out

    ip netns exec peer iperf3 --server --one-off >/dev/null 2>&1 &
    wait_for 5 "iperf3 listens" ip netns exec peer bash -c 'ss -Hltn | grep -q :5201'
    iperf3 --client "$SANDBOX_PEER" --time 600 >/dev/null 2>&1 &
    local source_pid=$!
    wait_for 20 "the link is throttled" state_is throttled || failed "nothing holds the link"
    limited || failed "throttled, yet there is no TBF of ours"
    end_process "$source_pid" 5

    daemon=$(pid_of bwflowd) helper=$(pid_of bwflow-helper)
    kill -KILL "$daemon" "$helper"
    wait_for 15 "bwflowd is started again" another bwflowd "$daemon" || failed "bwflowd stayed dead"
    wait_for 15 "bwflow-helper is started again" another bwflow-helper "$helper" || failed "bwflow-helper stayed dead"
    wait_for 20 "the link is throttled again" state_is throttled || failed "the state was lost"

    kill -TERM "$start_pid"
    wait "$start_pid" || code=$?
    ((code == 0)) || failed "start.sh exited with $code on SIGTERM"
    [[ -z $(pid_of bwflowd)$(pid_of bwflow-helper)$(pid_of dbus-daemon) ]] || failed "start.sh left processes"
    [[ $(tc qdisc show dev "$SANDBOX_LINK") == "$before" ]] ||
        failed "after the stop the link has another qdisc than before: $(tc qdisc show dev "$SANDBOX_LINK")"
    tail -n 5 /tmp/start.err
    echo "start.sh in the foreground: all checks passed"
}

if [[ ${1:-} == inside ]]; then inside; else sandbox_run bash "$0" inside; fi
