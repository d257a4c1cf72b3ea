# machine:
# shellcheck shell=bash
# contrib/start.sh on a Debian with systemd: two confined services, a report, a limit when the budget
# is used up, nothing left on the link after a stop, nothing left of it after --uninstall.
set -euo pipefail

repo=/payload
# shellcheck source=contrib/lib/say.sh
source "$repo/contrib/lib/say.sh"
# shellcheck source=contrib/lib/sandbox.sh
source "$repo/contrib/lib/sandbox.sh"
export BWFLOW_PREBUILT=/payload/bin

failed() {
    say "FAILED: $1"
    systemctl --no-pager status bwflowd bwflow-helper || true
    journalctl --no-pager --lines 30 || true
    exit 1
}
state_is() { [[ $(bwflowctl report --json | json_word state) == "$1" ]]; }
property() { systemctl show --value --property "$2" "$1"; }
limited() { tc qdisc show dev "$SANDBOX_LINK" | grep -q '^qdisc tbf b0f1:'; }

set +e
output=$("$repo/contrib/start.sh" </dev/null 2>&1)
code=$?
set -e
[[ $code == 2 && $output == *"no default route"* ]] ||
    failed "without a default route start.sh must say so and exit with 2; it exited with $code: $output"
[[ ! -e /usr/local/bin/bwflowd && ! -e /etc/dbus-1/system.d/org.bwflow1.conf ]] ||
    failed "start.sh installed something before it refused"

ip netns add peer
ip link add "$SANDBOX_LINK" type veth peer name eth0 netns peer
ip address add "$SANDBOX_ADDRESS/30" dev "$SANDBOX_LINK"
ip -n peer address add "$SANDBOX_PEER/30" dev eth0
ip -n peer link set eth0 up
ip link set "$SANDBOX_LINK" up
ip route add default via "$SANDBOX_PEER"
before=$(tc qdisc show dev "$SANDBOX_LINK")

"$repo/contrib/start.sh" </dev/null >/tmp/report || failed "start.sh exited with $?"
cat /tmp/report
grep -q "$SANDBOX_LINK" /tmp/report || failed "no report was printed"
for service in bwflowd bwflow-helper; do
    systemctl is-active --quiet "$service" || failed "$service is not active"
    [[ $(property "$service" NRestarts) == 0 ]] || failed "$service was restarted"
done
state_is open || failed "a new link with 50 GB left is not open"
[[ $(tc qdisc show dev "$SANDBOX_LINK") == "$before" ]] || failed "an open link has another qdisc than before"

daemon=$(property bwflowd MainPID) helper=$(property bwflow-helper MainPID)
[[ $(stat -c %U "/proc/$daemon") == bwflowd ]] || failed "bwflowd runs as another user"
[[ $(stat -c %U "/proc/$helper") == bwflow-helper ]] || failed "bwflow-helper runs as another user"
capabilities() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
[[ $(capabilities "$daemon" CapPrm) == 0000000000001000 ]] || failed "bwflowd has not exactly CAP_NET_ADMIN"
[[ $(capabilities "$daemon" CapAmb) == 0000000000000000 ]] || failed "bwflowd keeps ambient capabilities"
[[ $(capabilities "$helper" CapPrm) == 0000000000000000 ]] || failed "bwflow-helper has capabilities"
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

"$repo/contrib/start.sh" --uninstall --purge
left=$(ls -d /usr/local/bin/bwflow* /etc/bwflow /var/lib/bwflow /etc/systemd/system/bwflow* \
    /etc/dbus-1/system.d/org.bwflow1.conf 2>/dev/null || true)
[[ -z $left ]] || failed "--uninstall --purge left $left"
getent passwd bwflowd bwflow-helper && failed "--uninstall left users"
echo "start.sh with systemd: all checks passed"
