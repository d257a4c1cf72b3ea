# machine: -k -s bookworm -e nftables
# shellcheck shell=bash
# Under Debian's own kernel and the units' sandboxes: what goes to excluded networks runs free while
# the rest of the link is held to its rate, with fq_codel inside the bucket; --release leaves nothing.
# Free traffic that fills the link itself goes first, so it is of a rate here that leaves room.
# How exactly the rate is reached is measured by the system tests under the host's kernel; here, where
# the processor is emulated, it must not be passed, and must be reached by and large.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

readonly FREE_ADDRESS=10.87.0.1 FREE_PEER=10.87.0.2
readonly MEASURE_SECONDS=10
# Mbit/s, above what the link is held to.
readonly FREE_RATE=20

# A budget of a megabyte that is all burst: used up in a moment, and then the rate holds.
configure_excluding() {
    mkdir -p /etc/bwflow
    cat >/etc/bwflow/config.toml <<CONF
[bandwidth]
monthly_budget = "1 MB"
pre_charge = "1 MB"
exclude = ["10.87.0.0/16", "fd00:87::/32"]

[network]
interface = "$SANDBOX_LINK"

[throttle]
rate = "$1 Mbit/s"
CONF
}

loaded() { grep -q "^$1 " /proc/modules; }
in_peer() { ip netns exec peer "$@"; }
listening() { in_peer ss -Hltn | grep -q "$1:5201"; }
limit_is() {
    local report
    report=$(bwflowctl report --json)
    [[ $(json_word state <<<"$report") == throttled ]] &&
        (($(json_number limit_bytes_per_second <<<"$report") == $1))
}

# Counts at the other end what comes for each address, which nothing of ours has a part in.
count_at_peer() {
    in_peer nft -f - <<NFT
table netdev count {
    counter held { }
    counter free { }
    chain in {
        type filter hook ingress device "eth0" priority 0; policy accept;
        ip daddr $SANDBOX_PEER counter name "held"
        ip daddr $FREE_PEER counter name "free"
    }
}
NFT
}

# read_counts: sets $sent to the bytes the link has sent and $at to the moment that was true, without
# starting a process, which takes a tenth of a second in an emulated machine; and afterwards $held and
# $free to what has come for each address, with the link-layer headers that are off where it is counted.
read_counts() {
    local name line fields counters
    while read -r line; do
        if [[ $line == "$SANDBOX_LINK":* ]]; then
            read -r -a fields <<<"${line#*:}"
            sent=${fields[8]}
        fi
    done </proc/net/dev
    at=$EPOCHREALTIME
    counters=$(in_peer nft list counters netdev)
    for name in held free; do
        printf -v "$name" %s "$(awk -v name="$name" '$1 == "counter" { its = $2 == name }
            its && $1 == "packets" { print $4 + 14 * $2 }' <<<"$counters")"
    done
}

# over_time WORDS CONDITION: measures for a while; the condition is awk's, over the rates `sent`, `held`
# and `free`, and `m`, what the link is to be held to, Mbit/s.
over_time() {
    local sent held free at sent_before held_before free_before begun
    sleep 2 # what the change before left in the queue
    read_counts
    sent_before=$sent held_before=$held free_before=$free begun=$at
    sleep "$MEASURE_SECONDS" # the measuring time itself
    read_counts
    LC_ALL=C awk -v sent="$((sent - sent_before))" -v held="$((held - held_before))" \
        -v free="$((free - free_before))" -v a="$begun" -v b="$at" \
        -v m="$mbit" -v rate="$FREE_RATE" -v words="$1" 'BEGIN {
        t = b - a; sent *= 8 / t / 1e6; held *= 8 / t / 1e6; free *= 8 / t / 1e6
        printf "MEASURED limit %d Mbit/s, %s: sent %.4f Mbit/s, of it held %.4f and free %.4f, over %.2f s\n",
            m, words, sent, held, free, t
        exit !('"$2"')
    }'
}

measure() {
    local mbit=$1 streams=()
    configure_excluding "$mbit"
    systemctl kill --signal HUP --kill-whom main bwflow-helper
    iperf3 --client "$SANDBOX_PEER" --time 600 >/tmp/held.log 2>&1 &
    streams+=("$!")
    wait_for 30 "the link is throttled to $mbit Mbit/s" limit_is $((mbit * 125000)) ||
        failed "the link is not held to $mbit Mbit/s"
    tc qdisc show dev "$SANDBOX_LINK"
    [[ $(root_qdisc) == "qdisc htb b0f1: root"* ]] || failed "there are no lanes"
    tc qdisc show dev "$SANDBOX_LINK" | grep -q '^qdisc tbf .* parent b0f1:1 ' || failed "the bucket is not in its lane"
    tc qdisc show dev "$SANDBOX_LINK" | grep -q '^qdisc fq_codel ' || failed "there is no fq_codel in the bucket"
    over_time "alone" 'sent > m * 0.8 && sent < m * 1.02 && free == 0' || failed "not held to $mbit Mbit/s"
    iperf3 --client "$FREE_PEER" --bitrate "${FREE_RATE}M" --time 600 >/tmp/free.log 2>&1 &
    streams+=("$!")
    over_time "beside free traffic" 'held > m * 0.5 && held < m * 1.05 && free > rate * 0.9' ||
        failed "more than $mbit Mbit/s, or what is excluded is held"
    kill "${streams[@]}"
    wait "${streams[@]}" || true
    wait_for 20 "the servers are free again" no_streams || failed "the servers remain busy"
}
no_streams() { ! in_peer ss -Htn | grep -q :5201; }

uname -sr
make_link
ip address add "$FREE_ADDRESS/30" dev "$SANDBOX_LINK"
ip -n peer address add "$FREE_PEER/30" dev eth0
for address in "$SANDBOX_PEER" "$FREE_PEER"; do
    ip netns exec peer iperf3 --server --bind "$address" >/dev/null 2>&1 &
    wait_for 20 "iperf3 listens" listening "$address" || failed "iperf3 does not listen on $address"
done
for module in nf_tables sch_htb sch_tbf; do
    ! loaded "$module" || failed "$module is loaded before anybody needs it"
done
configure_excluding 1
dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
wait_for 10 "the link is armed" state_is armed || failed "an installed and configured bwflow does not work"
for module in nf_tables sch_htb sch_tbf; do
    loaded "$module" || failed "$module was not loaded by itself"
done
nft list tables | grep -qx "table netdev bwflow_$SANDBOX_LINK" || failed "there are no rules"
count_at_peer
# An emulated processor cannot fill 100 Mbit/s; the system tests do, under the host's kernel.
for mbit in 1 10; do
    measure "$mbit"
done
excluded=$(bwflowctl report --json | json_number excluded_bytes)
((excluded > 1000000)) || failed "only $excluded bytes are told to be excluded"
echo "MEASURED $excluded bytes excluded; bwflowd's CPU time: $(ps -o time= -p "$(main_pid bwflowd)")"

systemctl stop "${SERVICES[@]}"
/usr/sbin/bwflowd --release || failed "--release fails"
if tc qdisc show dev "$SANDBOX_LINK" | grep 'b0f[0-9]:'; then failed "a discipline was left on the link"; fi
if nft list ruleset | grep bwflow; then failed "rules were left"; fi
