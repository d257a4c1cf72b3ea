# machine: -s bookworm
# machine: -s trixie
# shellcheck shell=bash
# The package from its installation to its purge: nothing runs that is not configured; whatever is
# restarted, in whatever order, and an upgrade too, the limit stays in the kernel; removing lifts it
# and leaves what is known; purging leaves nothing.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

# How soon everything has to be right again.
readonly CONSISTENT_MS=2000

helper_present() { busctl --quiet status org.bwflow1.Helper; }
consistent() { state_is throttled && helper_present && limited && throttle_known; }
throttle_known() { [[ $(bwflowctl status --json) == *'"the package"'* ]]; }

package() {
    dpkg "$@" >/tmp/dpkg.log 2>&1 || failed "dpkg $*: $(cat /tmp/dpkg.log)"
}

# disturbed WHAT COMMAND...: everything is right again within two seconds of the beginning.
disturbed() {
    local what=$1 begun took
    shift
    # The bus has a limit of its own on how often it is started, and this is no test of that.
    systemctl reset-failed dbus.service dbus.socket polkit.service 2>/dev/null || true
    begun=$EPOCHREALTIME
    "$@" || failed "$what"
    wait_for 10 "everything is right after $what" consistent || failed "$what is not got over"
    took=$(milliseconds_since "$begun")
    ((took <= CONSISTENT_MS)) || failed "after $what it took $took ms until everything was right"
    if lifted; then failed "$what lifted the limit"; fi
    worst=$((took > worst ? took : worst))
    echo "MEASURED consistent $took ms after $what, never lifted"
}

killed() {
    local process
    process=$(main_pid "$1")
    kill -KILL "$process"
    wait_for 5 "$1 is dead" gone "$process"
}
together() {
    local unit jobs=()
    for unit in "$@"; do
        systemctl restart "$unit" &
        jobs+=("$!")
    done
    # A job may be overtaken by another; what counts is how it ends.
    wait "${jobs[@]}" || true
}

make_link
before=$(root_qdisc)
package --install /payload/bwflow.deb
for service in "${SERVICES[@]}"; do
    ! active "$service" || failed "$service runs without a configuration"
    systemctl is-enabled --quiet "$service" || failed "$service does not start at boot"
done
[[ -z $(systemctl --failed --no-legend) ]] || failed "an installation without a configuration makes failures"
for command in report status "throttle 1Mbit --interface $SANDBOX_LINK"; do
    begun=$EPOCHREALTIME code=0
    # shellcheck disable=SC2086
    said=$(bwflowctl $command 2>&1) || code=$?
    took=$(milliseconds_since "$begun")
    [[ $code == 3 && $said == *"not running"* ]] ||
        failed "without a configuration 'bwflowctl $command' exits with $code and says: $said"
    ((took < 1000)) || failed "without a configuration 'bwflowctl $command' takes $took ms"
    ! active bwflowd || failed "'bwflowctl $command' started what is not configured"
done
echo "MEASURED unconfigured: nothing runs, nothing failed, bwflowctl exits with 3 after $took ms: $said"

configure "1 MB"
systemctl start "${SERVICES[@]}" || failed "a configured bwflow does not start"
wait_for 10 "the link is armed" state_is armed || failed "a configured bwflow does not work"
bwflowctl throttle 2Mbit --for 1h --reason "the package" || failed "root may not throttle"
spend 1500000
wait_for 20 "the link is throttled" consistent || failed "the budget is used up, yet nothing holds the link"

daemon=$(main_pid bwflowd) helper=$(main_pid bwflow-helper)
for set in CapEff CapPrm CapBnd; do
    [[ $(process_field "$daemon" "$set") == 0000000000001000 ]] ||
        failed "bwflowd: $set is $(process_field "$daemon" "$set"), not exactly CAP_NET_ADMIN"
done
for set in CapInh CapAmb; do
    [[ $(process_field "$daemon" "$set") == 0000000000000000 ]] || failed "bwflowd: $set is not empty"
done
for set in CapEff CapPrm CapBnd CapInh CapAmb; do
    [[ $(process_field "$helper" "$set") == 0000000000000000 ]] || failed "bwflow-helper: $set is not empty"
done
for process in "$daemon" "$helper"; do
    [[ $(process_field "$process" NoNewPrivs) == 1 && $(process_field "$process" Seccomp) == 2 ]] ||
        failed "process $process may gain privileges, or no system call is forbidden to it"
done
echo "MEASURED bwflowd: CapEff = CapPrm = CapBnd = CAP_NET_ADMIN; bwflow-helper: none; both: NoNewPrivs 1, Seccomp 2"

[[ $(property bwflowd WatchdogUSec) == 3min && $(property bwflowd Type) == notify ]] || failed "no watchdog"
stat -c %a:%U /var/lib/bwflowd /var/lib/bwflow | grep -qxF 700:bwflowd || failed "others may read what was decided"

# The control: a stop does lift, and the watcher sees it.
watch_queue
systemctl stop bwflowd
[[ $(root_qdisc) == "$before" ]] || failed "a stop leaves a limit"
wait_for 5 "the watcher sees a lifted limit" lifted >/dev/null || failed "the watcher does not see that a limit is lifted"
# The helper goes on and has figures to hand over; that is no reason to start what was stopped.
busctl call org.bwflow1.Helper /org/bwflow1/helper org.bwflow1.Helper Refresh 2>/dev/null &&
    failed "the helper has handed figures to a bwflowd that was stopped"
active bwflow-helper || failed "bwflow-helper ended with bwflowd"
[[ $(property bwflowd ActiveState) == inactive ]] || failed "the helper started a bwflowd that somebody had stopped"
systemctl start bwflowd
wait_for 10 "the link is throttled again" consistent || failed "bwflowd does not start again"
kill "$watcher"

watch_queue
worst=0
disturbed "restart of bwflowd" systemctl restart bwflowd
disturbed "restart of bwflow-helper" systemctl restart bwflow-helper
disturbed "restart of polkit" systemctl restart polkit
disturbed "restart of dbus" systemctl restart dbus
disturbed "restart of both services" systemctl restart "${SERVICES[@]}"
disturbed "restart of dbus, polkit, bwflow-helper, bwflowd at once" together dbus polkit bwflow-helper bwflowd
disturbed "restart of bwflowd, bwflow-helper, dbus at once" together bwflowd bwflow-helper dbus
disturbed "restart of bwflow-helper, dbus, bwflowd, polkit at once" together bwflow-helper dbus bwflowd polkit
disturbed "SIGKILL of the bus" killed dbus
disturbed "SIGKILL of bwflowd" killed bwflowd
disturbed "SIGKILL of bwflow-helper" killed bwflow-helper
disturbed "reload of the bus" systemctl reload dbus
echo "MEASURED the longest of them took $worst ms"

old=$(main_pid bwflowd)
# How long dpkg takes is its own affair; the limit is there all the while.
package --install /payload/upgrade.deb
disturbed "upgrade" true
[[ $(main_pid bwflowd) != "$old" ]] || failed "an upgrade leaves the old bwflowd running"
package --install /payload/bwflow.deb
disturbed "downgrade" true

used() { bwflowctl report --json | json_number used_bytes; }
charged=$(used)
package --remove bwflow
[[ $(root_qdisc) == "$before" ]] || failed "removed, and yet there is a limit: $(root_qdisc)"
for file in /etc/bwflow/config.toml /var/lib/bwflow/ledger.db /var/lib/bwflowd/claims.json; do
    [[ -s $file ]] || failed "removing took $file"
done
for service in "${SERVICES[@]}"; do ! active "$service" || failed "$service outlives its package"; done
[[ -z $(systemctl --failed --no-legend) ]] || failed "removing makes failures"

package --install /payload/bwflow.deb
wait_for 10 "everything is as before the removal" consistent || failed "reinstalled, but not as before"
(($(used) >= charged)) || failed "the ledger forgot: $(used) bytes used, $charged before"
echo "MEASURED removed and installed again: $charged bytes used before, $(used) after; the throttle is still known"

package --purge bwflow
[[ $(root_qdisc) == "$before" ]] || failed "purged, and yet there is a limit: $(root_qdisc)"
left=$(find /etc /usr /var/lib /run -name '*bwflow*' -not -path '/usr/local/*' 2>/dev/null || true)
[[ -z $left ]] || failed "purging left $left"
[[ -z $(systemctl --failed --no-legend) ]] || failed "purging makes failures"
echo "the package: all checks passed"
