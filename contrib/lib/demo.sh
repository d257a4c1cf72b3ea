# shellcheck shell=bash disable=SC2154
# The demonstration: a plan that is used up within seconds, and what the link does then.
# Sourced after say.sh and sandbox.sh; demo_inside runs in the sandbox.

readonly DEMO_DRIP=125000 # bytes per second: 1 Mbit/s
readonly DEMO_BURST_SECONDS=7
readonly DEMO_SECONDS=24
readonly DEMO_LAST=8 # seconds at the end over which the drip is measured
# What a verdict allows beyond the plan: the bucket's slack that the promise itself names.
readonly DEMO_SLACK=65536

gigabytes() { awk -v b="$1" 'BEGIN { printf "%.9f", b / 1e9 }'; }

# per_second BYTES-PER-SECOND: as a rate, in bits.
per_second() {
    awk -v b="$1" 'BEGIN {
        bits = b * 8
        if (bits >= 1e9) printf "%.2f Gbit/s", bits / 1e9
        else if (bits >= 1e6) printf "%.2f Mbit/s", bits / 1e6
        else printf "%.0f kbit/s", bits / 1e3
    }'
}

grouped() { sed -E ':a; s/^([-+]?[0-9]+)([0-9]{3})/\1 \2/; ta' <<<"$1"; }

# demo_source SECONDS: becomes TCP at full speed from the link to its peer.
demo_source() {
    exec iperf3 --client "$SANDBOX_PEER" --time "$1" --omit 0 >/run/sandbox/iperf3.log 2>&1
}

# A period that began within the last hour, wherever the clock stands, so that little has dripped
# in. Sets $zone, $billing_day, $period_start and $period_seconds.
demo_period() {
    local now=$1 offset day month_start next_start last_day
    offset=$((24 - now % 86400 / 3600))
    ((offset <= 14)) || offset=$((offset - 24))
    zone=Etc/GMT$(printf '%+d' $((-offset)))
    ((offset)) || zone=UTC
    period_start=$(((now + offset * 3600) / 86400 * 86400))
    day=$(date -u -d "@$period_start" +%d)
    billing_day=$((10#$day))
    month_start=$(date -u -d "@$period_start" +%Y-%m-01)
    next_start=$(date -u -d "$month_start + 1 month" +%s)
    last_day=$(date -u -d "$month_start + 2 months - 1 day" +%d)
    if ((billing_day < 10#$last_day)); then last_day=$billing_day; fi
    period_seconds=$((next_start + (10#$last_day - 1) * 86400 - period_start))
    period_start=$((period_start - offset * 3600))
}

demo_configuration() {
    local burst=$1
    cat <<CONF
[bandwidth]
monthly_budget_gb = $(gigabytes $((burst + DEMO_DRIP * period_seconds)))
pre_charge_gb = $(gigabytes "$burst")
billing_day = $billing_day
timezone = "$zone"

[network]
interface = "$SANDBOX_LINK"
CONF
}

# megabytes BYTES: with one digit; what rounds to nothing has no sign.
megabytes() {
    awk -v b="$1" 'BEGIN { m = b / 1e6; if (m < 0 && m > -0.05) m = 0; printf "%.1f", m }'
}

# demo_line T RECEIVED RATE AVAILABLE STATE: one moment, as a line.
demo_line() {
    printf '%5.1f s  %14s  %10s MB received  %11s MB left  %s\n' \
        "$1" "$(per_second "$3")" "$(megabytes "$2")" "$(megabytes "$4")" "$5"
}

# bar PART WHOLE WIDTH
bar() {
    awk -v p="$1" -v w="$2" -v n="$3" 'BEGIN {
        k = w > 0 ? int(p / w * n + 0.5) : 0
        if (k < 0) k = 0; if (k > n) k = n
        for (i = 0; i < n; i++) printf "%s", i < k ? "#" : "."
    }'
}

# Sets $bar_width, so that a bar with its figure fits the terminal.
demo_bar_width() {
    local columns=''
    { read -r _ columns < <(stty size <&3 2>/dev/null) || true; } 3>&1
    # A terminal that does not know its size says 0.
    ((columns > 0)) || columns=80
    bar_width=$((columns - 27))
    ((bar_width <= 50)) || bar_width=50
    ((bar_width >= 5)) || bar_width=5
}

# The same moment as a screen; drawn over the last one.
demo_screen() {
    local t=$1 received=$2 rate=$3 available=$4 state=$5 burst=$6 fastest=$7 bar_width
    demo_bar_width
    printf '\033[H\033[J'
    printf 'bwflow: a plan of %s at once, then %s\n\n' \
        "$(awk -v b="$burst" 'BEGIN { printf "%.2f GB", b / 1e9 }')" "$(per_second "$DEMO_DRIP")"
    printf '  left    [%s] %s MB\n' "$(bar "$available" "$burst" "$bar_width")" "$(megabytes "$available")"
    printf '  speed   [%s] %s\n' "$(bar "$rate" "$fastest" "$bar_width")" "$(per_second "$rate")"
    printf '  state   %s\n\n' "$state"
    printf '  received %s bytes after %.1f s of %s s\n' "$(grouped "$received")" "$t" "$DEMO_SECONDS"
}

now_us() { local now=$EPOCHREALTIME; echo "${now/[.,]/}"; }

# The view: twice a second, until the time is over. Sets $fastest_seen, $drip_seen and $states.
demo_watch() {
    local burst=$1 fastest=$2 start=$3 base=$4
    local now last=$start received=0 before=0 rate=0 t report available state printed=-1
    local mark=0 mark_at=0
    fastest_seen=0 states='' drip_seen=0
    while :; do
        if gone "$daemon_pid" || gone "$helper_pid"; then
            sandbox_logs
            die "a daemon died during the demonstration"
        fi
        sleep 0.5
        # Counter and clock are read together, so that the rate is true whatever a report takes.
        received=$(($(peer_received) - base))
        now=$(now_us)
        rate=$(((received - before) * 1000000 / (now - last)))
        before=$received last=$now
        ((rate <= fastest_seen)) || fastest_seen=$rate
        t=$(awk -v u=$((now - start)) 'BEGIN { printf "%.1f", u / 1e6 }')
        report=$("$binaries/bwflowctl" report --json)
        state=$(json_word state <<<"$report")
        available=$((burst + DEMO_DRIP * (now - start) / 1000000 - received))
        [[ $states == *"$state" ]] || states+="${states:+ -> }$state"
        if [[ -t 1 ]]; then
            demo_screen "$t" "$received" "$rate" "$available" "$state" "$burst" "$fastest" 2>/dev/null || exit 141
        elif ((${t%.*} != printed)); then
            printed=${t%.*}
            # Nobody reads on, as under `head`: no error, and the sandbox ends with this process.
            demo_line "$t" "$received" "$rate" "$available" "$state" 2>/dev/null || exit 141
        fi
        if ((mark_at == 0 && now - start >= (DEMO_SECONDS - DEMO_LAST) * 1000000)); then
            mark=$received mark_at=$now
        fi
        ((now - start < DEMO_SECONDS * 1000000)) || break
    done
    drip_seen=$(((received - mark) * 1000000 / (now - mark_at)))
}

demo_summary() {
    local received=$1 paid=$2 difference verdict code=0
    difference=$((received - paid))
    if ((difference > DEMO_SLACK)); then
        verdict="FAILED: the link sent more than the plan pays for" code=1
    elif ((received * 100 < paid * 95)); then
        verdict="FAILED: the link was held back although the plan had bytes left" code=1
    elif ((drip_seen * 100 < DEMO_DRIP * 80 || drip_seen * 100 > DEMO_DRIP * 120)); then
        verdict="FAILED: nothing over, but the link did not go on at its drip" code=1
    else
        verdict="kept: nothing over, and $(awk -v a="$received" -v b="$paid" 'BEGIN { printf "%.2f", a * 100 / b }') % of the plan used"
    fi
    cat <<SUMMARY

states                    $states
fastest                   $(per_second "$fastest_seen")
over the last $DEMO_LAST s         $(per_second "$drip_seen")
burst + drip * t          $(printf '%20s' "$(grouped "$paid")") bytes
the peer received         $(printf '%20s' "$(grouped "$received")") bytes
difference                $(printf '%20s' "$(grouped "$difference")") bytes
verdict                   $verdict
SUMMARY
    return "$code"
}

# Sandbox's first process: everything that it leaves behind ends with it.
demo_inside() {
    local speed base start available burst now paid received code=0
    trap 'say "stopped; nothing is left behind"; exit 130' TERM INT HUP
    sandbox_network
    ip netns exec peer iperf3 --server >/run/sandbox/iperf3-server.log 2>&1 &
    wait_for 5 "iperf3 listens" ip netns exec peer bash -c 'ss -Hltn | grep -q :5201'
    step "measuring how fast the link goes"
    base=$(peer_received)
    start=$(now_us)
    (demo_source 1) || die "the traffic source failed: $(tail -n 3 /run/sandbox/iperf3.log)"
    speed=$((($(peer_received) - base) * 1000000 / ($(now_us) - start)))
    wait_for 5 "iperf3 is ready again" ip netns exec peer bash -c '! ss -Htn | grep -q :5201'

    available=$((speed * DEMO_BURST_SECONDS))
    ((available >= 600000000)) || available=600000000
    demo_period "$EPOCHSECONDS"
    # The part of the plan that has dripped in since midnight is taken off the burst.
    burst=$((available - DEMO_DRIP * (EPOCHSECONDS - period_start)))
    demo_configuration "$burst" >/run/sandbox/demo.toml
    step "starting a bus, bwflowd and bwflow-helper over a link of $(per_second "$speed")"
    sandbox_bus
    sandbox_daemons /run/sandbox/demo.toml

    step "sending at full speed for $DEMO_SECONDS s"
    base=$(peer_received)
    start=$(now_us)
    demo_source 3600 &
    source_pid=$!
    demo_watch "$available" "$speed" "$start" "$base"
    # The clock first: what arrives between the two readings counts against the link.
    now=$(now_us)
    received=$(($(peer_received) - base))
    end_process "$source_pid" 5
    paid=$((burst + DEMO_DRIP * (now - period_start * 1000000) / 1000000))
    demo_summary "$received" "$paid" || code=$?
    ((code == 0)) || sandbox_logs
    end_process "$helper_pid" 10
    end_process "$daemon_pid" 10
    if [[ $(tc qdisc show dev "$SANDBOX_LINK") == *b0f1:* ]]; then
        say "bwflowd left its limit on the link"
        code=1
    fi
    return "$code"
}
