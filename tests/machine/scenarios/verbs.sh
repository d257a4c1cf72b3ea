# machine: -s bookworm
# machine: -s trixie
# shellcheck shell=bash
# An unprivileged user and the real polkit: everything may be read, every verb is refused and has
# changed nothing; a rule that grants one verb grants this one alone; without polkit only root is served.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

readonly RULES=/etc/polkit-1/rules.d
readonly VERBS=(
    "throttle 3Mbit" "throttle 3Mbit --for 1h --reason mine" "throttle --clear"
    "override --for 1h" "override --rate 50Mbit" "override --add 1GB" "override --for 1h --add 1GB"
    "override --clear"
)

as() {
    local user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all --no-new-privs -- "$@" </dev/null
}

# The name needs no escaping.
shown() { busctl get-property org.bwflow1 "/org/bwflow1/link/$SANDBOX_LINK" org.bwflow1.Link "$@"; }

# Whatever a verb can change.
everything() {
    tc qdisc show dev "$SANDBOX_LINK"
    sha256sum /var/lib/bwflowd/*
    shown State Throttle Override PendingTopUps
}

# refused USER WORDS VERB...: exit code 4, words that help, and nothing has changed.
refused() {
    local user=$1 words=$2 code=0 before after
    shift 2
    before=$(everything)
    said=$(as "$user" bwflowctl "$@" 2>&1) || code=$?
    [[ $code == 4 ]] || failed "$user: bwflowctl $* exits with $code, not 4: $said"
    [[ $said == *"$words"* ]] || failed "$user: bwflowctl $* is refused without '$words': $said"
    after=$(everything)
    [[ $after == "$before" ]] || failed "$user: bwflowctl $* was refused and changed something: $(diff <(echo "$before") <(echo "$after"))"
}

make_link
configure "1 GB"
dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
wait_for 10 "the link is published" link_published "$SANDBOX_LINK" || failed "bwflow does not work"
useradd --user-group --no-create-home mallory
groupadd netadmin
useradd --user-group --no-create-home --groups netadmin alice

bwflowctl throttle 5Mbit --reason "set by root" || failed "root may not throttle"
state_is manual || failed "root's throttle does not hold"
bwflowctl override --rate 20Mbit --for 1h || failed "root may not override"
state_is overridden || failed "root's override does not hold"
bwflowctl override --add 1GB || failed "root may not top up"
booked() { [[ $(bwflowctl report --json | json_number topup_bytes) == 1000000000 ]]; }
wait_for 10 "the top-up is booked" booked || failed "root's top-up is not booked"

as mallory bwflowctl report >/tmp/report || failed "a user may not read the report"
grep -q "$SANDBOX_LINK" /tmp/report || failed "a user is shown an empty report"
as mallory bwflowctl status --json >/dev/null || failed "a user may not read the status"

begun=$EPOCHREALTIME
for verb in "${VERBS[@]}"; do
    read -r -a words <<<"$verb"
    refused mallory "" "${words[@]}"
    refused alice "" "${words[@]}"
    refused bwflow-helper "" "${words[@]}"
done
echo "MEASURED $((3 * ${#VERBS[@]})) calls of three users refused with exit code 4 in $(milliseconds_since "$begun") ms, nothing changed: $said"

# The example, as its own comment says to use it.
install -m 0644 /payload/polkit/50-bwflow-example.rules "$RULES/"
throttled_by_alice() { as alice bwflowctl throttle 4Mbit --reason "by a rule" 2>/dev/null; }
wait_for 10 "the rule works" throttled_by_alice || failed "a rule that grants throttle does not grant it: $(as alice bwflowctl throttle 4Mbit 2>&1)"
[[ $(shown Throttle) == *"by a rule"* ]] || failed "alice's throttle is not there"
for verb in "${VERBS[@]}"; do
    read -r -a words <<<"$verb"
    [[ $verb == throttle* ]] || refused alice "" "${words[@]}"
    refused mallory "" "${words[@]}"
done
as alice bwflowctl throttle --clear || failed "who may throttle may not end it"
echo "MEASURED with a rule for throttle alice may throttle and may not override or top up; mallory may nothing"

systemctl mask --now --quiet polkit
for verb in "${VERBS[@]}"; do
    read -r -a words <<<"$verb"
    refused alice polkit "${words[@]}"
done
bwflowctl override --clear || failed "without polkit root is refused"
bwflowctl throttle 5Mbit || failed "without polkit root is refused"
state_is manual || failed "without polkit root's throttle does not hold"
echo "MEASURED without polkit root is served, others are told: $said"
echo "the verbs: all checks passed"
