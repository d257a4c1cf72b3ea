# machine: -k
# shellcheck shell=bash
# What ends by itself ends on time: also when somebody sets the clock, while the machine sleeps, and
# over a restart of the daemon.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

# An emulated machine is slow, a decision that ends late is not.
readonly LATE_MS=2000

held_to() { [[ $(bwflowctl report --json | json_number limit_bytes_per_second) == "$1" ]]; }
decides() { bwflowctl "$@" || failed "bwflowctl $* exits with $?"; }
uptime_ms() { sed 's/\.\([0-9]*\) .*/\10/' /proc/uptime; }

# ends_within MS WHAT: the link is open again, and that did not take longer.
ends_within() {
    local begun=$EPOCHREALTIME took
    wait_for 30 "$2" state_is open || failed "$2: it has not ended"
    took=$(milliseconds_since "$begun")
    ((took <= $1)) || failed "$2: it took $took ms"
    echo "MEASURED $2: over $took ms later"
}

make_link
configure "10 TB"
dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
wait_for 20 "the link is open" state_is open || failed "an installed and configured bwflow does not work"

decides throttle 8Mbit --for 20s
begun=$(uptime_ms)
date --set "+2 hours" >/dev/null
systemctl restart bwflowd
wait_for 10 "bwflowd is back" held_to 1000000 || failed "a clock that was set ahead ended a duration"
date --set "-4 hours" >/dev/null
held_to 1000000 || failed "a clock that was set back ended a duration"
wait_for 40 "20 s are over" state_is open || failed "a clock that was set back keeps a duration alive"
took=$(($(uptime_ms) - begun))
((took >= 19000 && took <= 20000 + LATE_MS)) || failed "20 s took $took ms"
echo "MEASURED a duration of 20 s ended after $took ms, over a restart and with the clock set ahead and back"

decides throttle 8Mbit --until "$(date --utc --date '+1 hour' +%FT%TZ)"
date --set "+30 minutes" >/dev/null
held_to 1000000 || failed "a time of day ended half an hour early"
date --set "+31 minutes" >/dev/null
ends_within "$LATE_MS" "the clock was set past a time of day"
date --set "-61 minutes" >/dev/null
state_is open || failed "a clock that was set back brought back what had ended"

decides override --rate 8Mbit --for 10s
# The uptime goes on during sleep, the time that timers are counted in does not.
awake_ms() { sed -n 's/^now at \([0-9]*\)[0-9]\{6\} nsecs/\1/p' /proc/timer_list; }
before=$(uptime_ms) awake=$(awake_ms)
rtcwake --mode mem --seconds 20 >/tmp/rtcwake 2>&1 || failed "the machine cannot sleep: $(cat /tmp/rtcwake)"
ends_within "$LATE_MS" "a duration ended while the machine slept"
slept=$(($(uptime_ms) - before - ($(awake_ms) - awake)))
((slept >= 10000)) || failed "the machine slept only $slept ms, which shows nothing"
echo "MEASURED the machine slept $slept ms"
[[ $(bwflowctl status --json) != *'"rate_bytes_per_second": 1000000'* ]] || failed "an ended override is still shown"
echo "clock: all checks passed"
