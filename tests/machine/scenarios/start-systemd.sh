# machine: -s bookworm
# machine: -s trixie
# shellcheck shell=bash
# contrib/start.sh on a Debian with systemd: two confined services out of a package, a report, a limit
# when the budget is used up, nothing left on the link after a stop, nothing left of it after
# --uninstall; without dpkg the same out of /usr/local, which a package then replaces.
set -euo pipefail

repo=/payload
# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh
export BWFLOW_DEB=/payload/bwflow.deb

runs_from() { [[ $(readlink "/proc/$(main_pid bwflowd)/exe") == "$1" ]]; }

code=0
output=$("$repo/contrib/start.sh" </dev/null 2>&1) || code=$?
[[ $code == 2 && $output == *"no default route"* ]] ||
    failed "without a default route start.sh must say so and exit with 2; it exited with $code: $output"
[[ ! -e /usr/local/bin/bwflowd && ! -e /usr/sbin/bwflowd ]] ||
    failed "start.sh installed something before it refused"

make_link
before=$(tc qdisc show dev "$SANDBOX_LINK")

"$repo/contrib/start.sh" </dev/null >/tmp/report || failed "start.sh exited with $?"
cat /tmp/report
grep -q "$SANDBOX_LINK" /tmp/report || failed "no report was printed"
for service in bwflowd bwflow-helper; do
    active "$service" || failed "$service is not active"
    [[ $(property "$service" NRestarts) == 0 ]] || failed "$service was restarted"
done
runs_from /usr/sbin/bwflowd || failed "bwflowd does not run out of the package"
state_is open || failed "a new link with 50 GB left is not open"
[[ $(tc qdisc show dev "$SANDBOX_LINK") == "$before" ]] || failed "an open link has another qdisc than before"

daemon=$(main_pid bwflowd) helper=$(main_pid bwflow-helper)
[[ $(stat -c %U "/proc/$daemon") == bwflowd ]] || failed "bwflowd runs as another user"
[[ $(stat -c %U "/proc/$helper") == bwflow-helper ]] || failed "bwflow-helper runs as another user"
[[ $(process_field "$daemon" CapPrm) == 0000000000001000 ]] || failed "bwflowd has not exactly CAP_NET_ADMIN"
[[ $(process_field "$daemon" CapAmb) == 0000000000000000 ]] || failed "bwflowd keeps ambient capabilities"
[[ $(process_field "$helper" CapPrm) == 0000000000000000 ]] || failed "bwflow-helper has capabilities"
echo "MEASURED bwflowd has exactly CAP_NET_ADMIN, bwflow-helper has no capability"

refusal=$(busctl call org.bwflow1 /org/bwflow1 org.bwflow1.Enforcer Forget s "$SANDBOX_LINK" 2>&1) &&
    failed "root may call the Enforcer"
[[ $refusal == *[Dd]enied* ]] || failed "the Enforcer refused root in other words: $refusal"
echo "MEASURED root is refused by the Enforcer: $refusal"

sed -i -e 's/^monthly_budget = .*/monthly_budget = "20 MB"/' -e 's/^# pre_charge = .*/pre_charge = "20 MB"/' /etc/bwflow/config.toml
systemctl reload bwflow-helper || failed "bwflow-helper cannot be reloaded"
wait_for 10 "the new budget is in force" state_is armed || failed "a reload did not bring the new budget"

ip netns exec peer iperf3 --server --one-off >/dev/null 2>&1 &
wait_for 5 "iperf3 listens" ip netns exec peer bash -c 'ss -Hltn | grep -q :5201'
iperf3 --client "$SANDBOX_PEER" --time 600 >/dev/null 2>&1 &
source_pid=$!
wait_for 20 "the link is throttled" state_is throttled || failed "the budget is used up, yet nothing holds the link"
limited || failed "throttled, yet there is no TBF of ours"
echo "MEASURED $(tc qdisc show dev "$SANDBOX_LINK" | head -n 1)"

kill -KILL "$daemon"
wait_for 10 "bwflowd is back" bash -c "busctl status org.bwflow1 && [[ \$(systemctl show --value -p MainPID bwflowd) != $daemon ]]" ||
    failed "bwflowd did not come back after SIGKILL"
limited || failed "the limit went away with bwflowd's SIGKILL"
wait_for 20 "the link is throttled again" state_is throttled || failed "the state was lost with bwflowd's SIGKILL"
end_process "$source_pid" 5

sum=$(sha256sum /etc/bwflow/config.toml)
"$repo/contrib/start.sh" --budget 1TB </dev/null >/tmp/again || failed "the second start.sh exited with $?"
[[ $(sha256sum /etc/bwflow/config.toml) == "$sum" ]] || failed "the second start.sh changed the configuration"
grep -q "$SANDBOX_LINK" /tmp/again || failed "the second start.sh printed no report"

systemctl stop bwflow-helper bwflowd
[[ $(tc qdisc show dev "$SANDBOX_LINK") == "$before" ]] ||
    failed "after the stop the link has another qdisc than before: $(tc qdisc show dev "$SANDBOX_LINK")"
echo "MEASURED after the stop: $(tc qdisc show dev "$SANDBOX_LINK")"

# purged: --uninstall --purge leaves nothing.
purged() {
    local left
    "$repo/contrib/start.sh" --uninstall --purge
    left=$(ls -d /usr/local/bin/bwflow* /usr/sbin/bwflow* /etc/bwflow /var/lib/bwflow* /etc/systemd/system/*bwflow* \
        /etc/systemd/system/*/*bwflow* /etc/dbus-1/system.d/org.bwflow1.conf \
        /usr/local/share/dbus-1/system-services/* 2>/dev/null || true)
    [[ -z $left ]] || failed "--uninstall --purge left $left"
    if getent passwd bwflowd bwflow-helper; then failed "--uninstall --purge left users"; fi
    if dpkg-query --show bwflow 2>/dev/null; then failed "--uninstall --purge left the package"; fi
}
purged

# A host without packages; dpkg itself is hidden from start.sh.
mv /usr/bin/dpkg{,.hidden}
hash -r
BWFLOW_DEB='' BWFLOW_PREBUILT=/payload/bin "$repo/contrib/start.sh" --budget 1MB --burst 1MB </dev/null >/tmp/local ||
    failed "start.sh without dpkg exited with $?"
mv /usr/bin/dpkg{.hidden,}
runs_from /usr/local/bin/bwflowd || failed "without dpkg bwflowd does not run out of /usr/local"
wait_for 10 "the link is armed" state_is armed || failed "bwflow out of /usr/local does not work"
spend 1500000
wait_for 20 "the link is throttled" state_is throttled || failed "bwflow out of /usr/local holds nothing"

"$repo/contrib/start.sh" </dev/null >/tmp/replaced || failed "the package does not replace /usr/local: start.sh exited with $?"
left=$(ls -d /usr/local/bin/bwflow* /etc/systemd/system/bwflow* /etc/dbus-1/system.d/org.bwflow1.conf \
    /usr/local/share/dbus-1/system-services/* 2>/dev/null || true)
[[ -z $left ]] || failed "the package came, but of the earlier installation there is still $left"
runs_from /usr/sbin/bwflowd || failed "the package is installed, but bwflowd runs from elsewhere"
for service in "${SERVICES[@]}"; do
    systemctl is-enabled --quiet "$service" || failed "$service does not start at boot any more"
done
wait_for 10 "the link is throttled" state_is throttled || failed "the state was lost with the change to a package"
limited || failed "the limit was lost with the change to a package"

"$repo/contrib/start.sh" --uninstall
[[ $(tc qdisc show dev "$SANDBOX_LINK") == "$before" ]] || failed "--uninstall left a limit"
[[ -e /etc/bwflow/config.toml && -e /var/lib/bwflow/ledger.db ]] || failed "--uninstall took the ledger or the configuration"
[[ ! -e /usr/sbin/bwflowd ]] || failed "--uninstall left the programs"
"$repo/contrib/start.sh" </dev/null >/dev/null || failed "start.sh after --uninstall exited with $?"
wait_for 10 "the link is throttled" state_is throttled || failed "the old ledger is not used after a new installation"
purged
echo "start.sh with systemd: all checks passed"
