# machine:
# shellcheck shell=bash disable=SC2034
# contrib/start.sh where no systemd and no bus run: it starts a bus, supervises both programs in the
# foreground, brings back what dies, and ends everything in order on SIGTERM, SIGINT and Ctrl-C.
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


# refuses WORDS ARGUMENT...: start.sh exits with 2, says so, and has changed nothing.
refuses() {
    local words=$1 output code=0
    shift
    output=$("$repo/contrib/start.sh" "$@" </dev/null 2>&1) || code=$?
    [[ $code == 2 && $output == *"$words"* ]] || failed "start.sh $* exited with $code and said: $output"
    [[ ! -e /usr/local/bin/bwflowd && ! -e /etc/bwflow ]] || failed "start.sh $* changed the host before it refused"
    ! getent passwd bwflowd >/dev/null || failed "start.sh $* made a user before it refused"
}

# ended_in_order HOW PID BEFORE
ended_in_order() {
    local code=0
    wait_for 30 "start.sh ends after $1" gone "$2" || failed "$1 does not end start.sh"
    wait "$2" || code=$?
    ((code == 0)) || failed "start.sh exited with $code after $1"
    [[ -z $(pid_of bwflowd)$(pid_of bwflow-helper)$(pid_of dbus-daemon) ]] || failed "$1 left processes"
    [[ $(tc qdisc show dev "$SANDBOX_LINK") == "$3" ]] ||
        failed "after $1 the link has another qdisc than before: $(tc qdisc show dev "$SANDBOX_LINK")"
    echo "$1 ends everything in order"
}

# running: a start.sh with the used-up budget of before has come up.
running() {
    wait_for 30 "start.sh has started everything" grep -q "second terminal" /tmp/start.{out,err} || failed "no start"
    wait_for 20 "the link is limited" limited || failed "no limit after a new start"
}

# ends_on_signal BEFORE TARGET: SIGINT to the process (pid) or to its process group (group).
ends_on_signal() {
    local pid
    # Without job control, what a shell runs in the background ignores SIGINT.
    env --default-signal=INT setsid "$repo/contrib/start.sh" </dev/null >/tmp/start.out 2>/tmp/start.err &
    pid=$!
    running
    if [[ $2 == group ]]; then kill -INT -- "-$pid"; else kill -INT "$pid"; fi
    ended_in_order "SIGINT to the $2" "$pid" "$1"
}

# The terminal's own Ctrl-C: it reaches every process in the foreground.
ends_on_ctrl_c() {
    local pid keyboard
    mkfifo /tmp/keyboard
    env --default-signal=INT script --quiet --return --command "exec $repo/contrib/start.sh" /tmp/start.err \
        </tmp/keyboard >/tmp/start.out &
    pid=$!
    exec {keyboard}>/tmp/keyboard
    running
    printf '\003' >&"$keyboard"
    ended_in_order "Ctrl-C in a terminal" "$pid" "$1"
    exec {keyboard}>&-
}

inside() {
    # A fresh /run: here neither systemd nor its bus can be seen.
    sandbox_network
    refuses "no default route"
    ip route add default via "$SANDBOX_PEER"
    # Two default routes, as on every host with both kinds of addresses.
    ip address add fd86::1/64 dev "$SANDBOX_LINK" nodad
    ip route add default via fd86::2
    refuses "no interface nonesuch" --interface nonesuch
    refuses "--budget needs a value" --budget --burst 1GB
    refuses "'100' has no unit" --budget 100
    refuses "more than the budget" --budget 1GB --burst 2GB
    local before start_pid daemon helper
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
    ended_in_order SIGTERM "$start_pid" "$before"
    tail -n 5 /tmp/start.err
    ends_on_signal "$before" pid
    ends_on_signal "$before" group
    ends_on_ctrl_c "$before"
    echo "start.sh in the foreground: all checks passed"
}

if [[ ${1:-} == inside ]]; then inside; else sandbox_run bash "$0" inside; fi
