# machine: -s bookworm
# shellcheck shell=bash
# bwflowctl doctor on a Debian with systemd: well where all is well, and for each trouble the line, the
# cure and the exit code; the cures of the services are carried out word for word.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

# examined CODE: what the doctor says; it must exit with CODE.
examined() {
    local code=0
    bwflowctl doctor >/tmp/doctor 2>&1 || code=$?
    [[ $code == "$1" ]] || failed "the doctor exits with $code instead of $1: $(cat /tmp/doctor)"
}
# says TEXT: whether it was said, blanks counting once.
says() { tr -s ' ' </tmp/doctor | grep -qF -- "$1"; }
must_say() { says "$1" || failed "the doctor does not say '$1': $(cat /tmp/doctor)"; }
# cure_of TEXT: the cure below the line with TEXT.
cure_of() { tr -s ' ' </tmp/doctor | grep -F -A1 -- "$1" | sed -n 's/^ cure: //p' | head -n 1; }
connected() { busctl --quiet status org.bwflow1 && busctl --quiet status org.bwflow1.Helper && state_is open; }

dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
make_link
examined 2
must_say "FAULT configuration /etc/bwflow/config.toml cannot be read"
[[ $(cure_of "FAULT configuration") == "sudo bwflowctl init" ]] || failed "without a configuration init is the cure"

configure "10 GB"
systemctl restart "${SERVICES[@]}"
wait_for 10 "both services are there" connected || failed "the services do not come up"
examined 0
for line in "ok bwflowd runs" "ok capability bwflowd holds exactly CAP_NET_ADMIN" "ok bwflow-helper runs" \
    "ok capability bwflow-helper holds none" "ok polkit knows every action" "ok link $SANDBOX_LINK is there and up" \
    "ok ledger was counted" "ok counting no byte is counted twice" "ok disk"; do
    must_say "$line"
done
! says FAULT || failed "a fault where all is well"
code=0
setpriv --reuid nobody --regid nogroup --clear-groups bwflowctl doctor >/tmp/doctor 2>&1 || code=$?
[[ $code == 0 ]] || failed "for an unprivileged user the doctor exits with $code: $(cat /tmp/doctor)"
must_say "ok capability bwflowd holds exactly CAP_NET_ADMIN"
echo "MEASURED a healthy host: $(grep -c '^ok ' /tmp/doctor) checks are well, also for an unprivileged user"

systemctl disable --quiet bwflowd
examined 0
must_say "WARNING bwflowd will not start at the next boot"
cure=$(cure_of "will not start at the next boot")
bash -c "$cure" 2>/dev/null
examined 0
! says "will not start" || failed "'$cure' does not cure it"

systemctl stop bwflow-helper
examined 3
must_say "FAULT bwflow-helper is not running"
cure=$(cure_of "FAULT bwflow-helper")
bash -c "$cure" 2>/dev/null
wait_for 10 "both services are there" connected || failed "'$cure' does not start it"
examined 0

kill -KILL "$(main_pid bwflowd)"
restarted() { [[ $(property bwflowd NRestarts) == 1 ]] && connected; }
wait_for 10 "bwflowd was restarted" restarted || failed "bwflowd was not restarted"
examined 0
must_say "note bwflowd was restarted once by systemd"

mv /etc/bwflow/config.toml /tmp/
echo "bandwidth = 3" >/etc/bwflow/config.toml
systemctl stop bwflow-helper
systemctl start bwflow-helper 2>/dev/null || true
given_up() { systemctl is-failed --quiet bwflow-helper; }
wait_for 10 "the helper gives up on a wrong configuration" given_up || failed "a wrong configuration is taken"
examined 2
must_say "FAULT configuration /etc/bwflow/config.toml cannot be used"
must_say "FAULT bwflow-helper has failed (exit-code)"
mv /tmp/config.toml /etc/bwflow/
systemctl restart bwflow-helper
wait_for 10 "both services are there" connected || failed "the services do not come up again"

mv /usr/share/polkit-1/actions/org.bwflow1.policy /tmp/
systemctl restart polkit
examined 0
must_say "WARNING polkit does not know org.bwflow1.throttle"
mv /tmp/org.bwflow1.policy /usr/share/polkit-1/actions/
systemctl restart polkit
systemctl mask --quiet --runtime --now polkit
examined 0
must_say "WARNING polkit does not answer"
systemctl unmask --quiet --runtime polkit

tc qdisc replace dev "$SANDBOX_LINK" root handle 1: htb default 1
tc class add dev "$SANDBOX_LINK" parent 1: classid 1:1 htb rate 1gbit
sed -i 's/^\(monthly_budget\|pre_charge\) = .*/\1 = "1 GB"/' /etc/bwflow/config.toml
systemctl reload bwflow-helper
wait_for 10 "the link is blocked" state_is blocked || failed "a tree of classes does not block"
examined 1
must_say "FAULT qdisc $SANDBOX_LINK htb 1: is in the way"
tc qdisc del dev "$SANDBOX_LINK" root
wait_for 10 "the link is armed" state_is armed || failed "without the tree it is still blocked"
examined 0
must_say "ok qdisc $SANDBOX_LINK bwflow's own limit is in force"

# A masked unit is not started again.
systemctl stop bwflow-helper
systemctl mask --quiet --runtime bwflowd
kill -KILL "$(main_pid bwflowd)"
gone_from_bus() { ! busctl --quiet status org.bwflow1 2>/dev/null; }
wait_for 10 "bwflowd is gone" gone_from_bus || failed "a masked bwflowd came back"
limited || failed "the limit went away with bwflowd's SIGKILL"
examined 3
must_say "WARNING qdisc $SANDBOX_LINK a limit of bwflow's is in force, and no bwflowd looks after it"
cure=$(cure_of "a limit of bwflow's is in force")
bash -c "${cure##*take it off: sudo }" || failed "'$cure' fails"
if limited; then failed "'$cure' does not take it off"; fi
echo "MEASURED an orphaned limit is told and taken off by its cure"
echo "doctor: all checks passed"
