# machine: -s bookworm -e pkexec,vnstat,tmux
# machine: -s trixie -e pkexec,vnstat,tmux
# shellcheck shell=bash
# A user without privileges configures bwflow: the questions are asked unprivileged, the one write is
# allowed by an administrator's password, through pkexec. Who does not know it, or thinks better of it,
# changes nothing and is told the command for root. Nothing else can be written by that way.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh
# shellcheck source=tests/machine/terminal.sh
source /payload/terminal.sh

readonly PASSWORD='a right password'
readonly QUESTION='Password:'

# Whatever init can change.
everything() {
    find /etc/bwflow /etc/vnstat.conf* -type f -exec sha256sum {} +
    property vnstat MainPID
    for service in "${SERVICES[@]}"; do property "$service" ActiveState; done
}
unchanged() { [[ $(everything) == "$before" ]] || failed "$1 changed something: $(diff <(echo "$before") <(everything))"; }
vnstat_runs() { active vnstat; }

make_link
dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
# vnStat is to date traffic by another clock than the plan's.
ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime
wait_for 20 "vnStat runs" vnstat_runs || failed "vnStat does not run"
useradd --user-group --create-home --shell /bin/bash alice
useradd --user-group --no-create-home --groups sudo boss
echo "boss:$PASSWORD" | chpasswd
shipped=$(sha256sum </etc/vnstat.conf)
before=$(everything)

terminal alice "bwflowctl init"
answers '' '1 TB' '' '17' '' '' yes yes yes
sees "$QUESTION"
shown "Authentication is required to write the configuration of bwflow" || failed "another action is asked about: $(screen)"
keys -l "a wrong password"
keys Enter
sees "sudo bwflowctl init --yes --interface $SANDBOX_LINK --budget '1 TB' --burst '500 GB' --billing-day 17"
ends_with 4
unchanged "a wrong password"

terminal alice "bwflowctl init"
answers '' '1 TB' '' '17' '' '' yes yes yes
sees "$QUESTION"
keys C-c
sees "nothing was changed"
ends_with 130
unchanged "Ctrl-C at the question for the password"

terminal alice "PATH=/nonexistent /usr/bin/bwflowctl init --yes --budget 1TB"
sees "there is no pkexec"
ends_with 4
unchanged "a host without pkexec"
echo "MEASURED a wrong password, Ctrl-C at the password, no pkexec: exit codes 4, 130, 4; nothing changed"

was=$(main_pid vnstat)
begun=$EPOCHREALTIME
terminal alice "bwflowctl init"
answers '' '1 TB' '' '17' '' '' yes yes yes
sees "$QUESTION"
keys -l "$PASSWORD"
keys Enter
sees "wrote /etc/bwflow/config.toml"
sees "restarted vnStat"
sees "started bwflow"
ends_with 0
echo "MEASURED all questions, the right password, both files written, services started: $(milliseconds_since "$begun") ms"
[[ $(stat -c %U:%G:%a /etc/bwflow/config.toml) == root:root:644 ]] || failed "the file is not root's own, readable by all"
bwflowctl check-config >/dev/null || failed "the file that init wrote is not right"
grep -qx 'billing_day = 17 .*' /etc/bwflow/config.toml || failed "the file does not say what was answered"
grep -qx 'UseUTC 1' /etc/vnstat.conf || failed "vnStat was not mended"
[[ $(sha256sum </etc/vnstat.conf.bak) == "$shipped" ]] || failed "vnStat's file was not kept"
[[ $(main_pid vnstat) != "$was" ]] || failed "vnStat was not restarted"
wait_for 20 "vnStat runs again" vnstat_runs || failed "vnStat does not take its file"
wait_for 20 "the link is published" link_published "$SANDBOX_LINK" || failed "bwflow does not run with it"

before=$(everything)
terminal alice "bwflowctl init"
answers '' '' '' '' '' ''
sees "nothing was changed"
ends_with 0
unchanged "a second run"

# Whom a rule lets configure, it lets write this one file, and only what is right.
cat >/etc/polkit-1/rules.d/50-test.rules <<'RULE'
polkit.addRule(function (action, subject) {
    if (action.id == "org.bwflow1.configure" && subject.user == "alice") return polkit.Result.YES;
});
RULE
as_alice() { runuser -u alice -- env SHELL=/bin/bash "$@"; }
by_rule() { as_alice pkexec /usr/bin/bwflowctl init --write-from-stdin </etc/bwflow/config.toml 2>/dev/null; }
wait_for 10 "the rule works" by_rule || failed "a rule that grants configure does not grant it"
unchanged "the same text again"
# refused CODE WORDS...: pkexec bwflowctl WORDS, with $text as its standard input.
refused() {
    local expected=$1 code=0
    shift
    said=$(as_alice pkexec /usr/bin/bwflowctl "$@" <<<"$text" 2>&1) || code=$?
    [[ $code == "$expected" ]] || failed "pkexec bwflowctl $* exits with $code, not $expected: $said"
    unchanged "pkexec bwflowctl $*"
}
text=''
refused 4 init --yes --budget 1GB --output /etc/cron.d/evil
[[ ! -e /etc/cron.d/evil ]] || failed "a rule for configure lets write anything"
refused 2 init --write-from-stdin --output /etc/cron.d/evil
refused 127 throttle 1Mbit
text='[bandwith]'
refused 2 init --write-from-stdin
[[ $said == *'did you mean'* ]] || failed "no hint: $said"
echo "MEASURED a rule for configure: the one file and nothing else; a wrong text: $(head -n 1 <<<"$said")"
echo "init: all checks passed"
