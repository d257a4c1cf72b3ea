# shellcheck shell=bash disable=SC2034
# What scenarios with the installed package share; /payload/scenario.sh in the machine.

# shellcheck source=contrib/lib/say.sh
source /payload/contrib/lib/say.sh
# shellcheck source=contrib/lib/sandbox.sh
source /payload/contrib/lib/sandbox.sh

binaries=/usr/bin
readonly SERVICES=(bwflowd bwflow-helper)
# Behind the peer, who forwards nothing and says nothing about it.
readonly NOWHERE=10.99.0.1

# Nothing ends a scenario without a word.
trap 'say "FAILED: line $LINENO: $BASH_COMMAND"' ERR

failed() {
    say "FAILED: $1"
    systemctl --no-pager --lines 0 status "${SERVICES[@]}" || true
    journalctl --no-pager --lines 40 || true
    exit 1
}

property() { systemctl show --value --property "$2" "$1"; }
main_pid() { property "$1" MainPID; }
active() { systemctl is-active --quiet "$1"; }
process_field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
root_qdisc() { tc qdisc show dev "$SANDBOX_LINK" | head -n 1; }
limited() { [[ $(root_qdisc) == "qdisc tbf b0f1:"* ]]; }
state_is() { [[ $(bwflowctl report --json | json_word state) == "$1" ]]; }
milliseconds_since() { LC_ALL=C awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }'; }

make_link() {
    ip netns add peer
    ip link add "$SANDBOX_LINK" type veth peer name eth0 netns peer
    ip address add "$SANDBOX_ADDRESS/30" dev "$SANDBOX_LINK"
    ip -n peer address add "$SANDBOX_PEER/30" dev eth0
    ip -n peer link set eth0 up
    ip link set "$SANDBOX_LINK" up
    ip route add default via "$SANDBOX_PEER"
}

# configure BUDGET: all of it burst; past that, 1 Mbit/s.
configure() {
    mkdir -p /etc/bwflow
    cat >/etc/bwflow/config.toml <<CONF
[bandwidth]
monthly_budget = "$1"
pre_charge = "$1"

[network]
interface = "$SANDBOX_LINK"

[throttle]
rate = "1 Mbit/s"
CONF
}

# spend BYTES: sends them at once.
spend() { dd if=/dev/zero bs=1000 count=$(($1 / 1000)) status=none >"/dev/udp/$NOWHERE/9"; }

# install_throttled FILE: an installed, configured bwflow whose budget is used up.
install_throttled() {
    make_link
    configure "1 MB"
    dpkg --install "$1" >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
    wait_for 10 "the link is armed" state_is armed || failed "an installed and configured bwflow does not work"
    spend 1500000
    wait_for 20 "the link is throttled" state_is throttled || failed "the budget is used up, yet nothing holds the link"
    limited || failed "throttled, yet there is no TBF of ours"
}

# The kernel's own record of what happens to the link's queue.
watch_queue() {
    : >/tmp/queue.log
    tc monitor >/tmp/queue.log 2>&1 &
    watcher=$!
    wait_for 5 "tc monitor works" watcher_works || failed "tc monitor records nothing"
}
watcher_works() {
    tc qdisc replace dev lo root pfifo && tc qdisc delete dev lo root && grep -q 'deleted qdisc pfifo .* dev lo' /tmp/queue.log
}

# lifted: whether a limit of ours has been taken off the link since watch_queue.
lifted() { grep -E "deleted qdisc tbf b0f1: dev $SANDBOX_LINK" /tmp/queue.log; }
