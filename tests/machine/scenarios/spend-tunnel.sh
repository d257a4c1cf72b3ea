# machine: -s bookworm -e wireguard-tools -e wireguard-go -e nginx-light -e curl
# machine: -k -s bookworm -b 2 -e wireguard-tools -e nginx-light -e curl
# shellcheck shell=bash
# The spend guard where it is meant to be: this machine is the virtual one in the cloud, with a proxy
# that leads through a WireGuard tunnel to a proxy at home, and by its Host to the media server. What
# the cloud bills, and what the link sends meanwhile, reaches the media server through the tunnel, and
# the link's cap at once, whatever becomes of the tunnel.
#
# In the container WireGuard is a program, and the cap is measured at every tier; the virtual machine
# has Debian's own and reboots while a tier holds. Its processor is emulated: there a cap must not be
# passed, and must be reached by and large.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh
# shellcheck source=tests/machine/cloud.sh
source /payload/cloud.sh

readonly CLIENT=198.51.100.2 AT_HOME=203.0.113.2 NAME=jellyfin.svc.example.com
readonly DISK=/state MEASURE_SECONDS=6 SESSION=00000000000000000000000000000001
# Mbit/s, by tier; the first tier has no cap. A dollar is 4 MB, so that the link's own traffic counts.
if modprobe -q wireguard; then
    readonly VIRTUAL=1 HIGH=4 MEDIUM=2 OFF=1 REACHED=0.8 FILM=0.5
else
    readonly VIRTUAL='' HIGH=20 MEDIUM=5 OFF=2 REACHED=0.98 FILM=0.9
fi

# join NAMESPACE ROUTER ADDRESS: connects it to the internet, which is the other end of the link.
join() {
    ip netns add "$1"
    ip -n "$1" link set lo up
    ip -n peer link add "$1" type veth peer name eth0 netns "$1"
    ip -n peer address add "$2/30" dev "$1"
    ip -n peer link set "$1" up
    ip -n "$1" address add "$3/30" dev eth0
    ip -n "$1" link set eth0 up
    ip -n "$1" route add default via "$2"
}

# add_wireguard NAMESPACE DEVICE
add_wireguard() {
    if [[ -n $VIRTUAL ]]; then
        inside "$1" ip link add "$2" type wireguard
    else
        inside "$1" wireguard-go "$2" >/dev/null 2>&1
    fi
}

# As at home: behind somebody's router, so that home calls and keeps the tunnel open.
lay_tunnel() {
    local here home
    here=$(wg genkey) home=$(wg genkey)
    add_wireguard here wg0
    wg set wg0 private-key <(echo "$here") listen-port 51820 \
        peer "$(wg pubkey <<<"$home")" allowed-ips 10.0.0.2/32
    ip address add 10.0.0.1/24 dev wg0
    ip link set wg0 up
    add_wireguard home wg1
    inside home wg set wg1 private-key <(echo "$home") peer "$(wg pubkey <<<"$here")" \
        allowed-ips 10.0.0.1/32 endpoint "$SANDBOX_ADDRESS:51820" persistent-keepalive 25
    ip -n home address add 10.0.0.2/24 dev wg1
    ip -n home link set wg1 up
    wait_for 20 "the tunnel works" ping -c 1 -W 1 10.0.0.2 || failed "there is no tunnel: $(wg show)"
}

# Both proxies pass on whom they forward for; the one at home goes by the name, and has a film that
# no limit of the media server's reaches.
start_proxies() {
    local forward
    # shellcheck disable=SC2016
    forward='proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'
    cat >/etc/nginx/sites-enabled/default <<CONF
server { listen 80; server_name $NAME; location / { proxy_pass http://10.0.0.2:8080; proxy_buffering off; $forward } }
CONF
    cat >/tmp/home.conf <<CONF
pid /run/home.pid;
error_log stderr;
events { }
http {
    access_log off;
    server { listen 10.0.0.2:8080 default_server; return 421; }
    server {
        listen 10.0.0.2:8080;
        server_name $NAME;
        location / { proxy_pass http://$JELLYFIN; $forward }
        location /film { root /tmp; }
    }
}
CONF
    truncate --size 1G /tmp/film
    systemctl restart nginx
    inside home nginx -c /tmp/home.conf
    wait_for 20 "the media server answers a client" client_gets 200 || failed "the proxies do not lead to the media server"
    [[ $(status_of curl http://10.0.0.2:8080/) == 421 ]] || failed "the proxy at home does not go by the name"
}

status_of() { "$@" --silent --output /dev/null --max-time 10 --write-out '%{http_code}' || true; }
as_client() { inside client curl --resolve "$NAME:80:$SANDBOX_ADDRESS" "http://$NAME$1" "${@:2}"; }
client_gets() { [[ $(status_of as_client /System/Info/Public) == "$1" ]]; }
home_gets() { [[ $(status_of inside home curl --header "Host: $NAME" http://10.0.0.2:8080/System/Info/Public) == "$1" ]]; }


# What the media server itself has.
jellyfin() { control home GET /state | grep -oP "$1"; }
bitrate_is() { [[ $(jellyfin '"configuration":\{.*?"RemoteClientBitrateLimit":\K[-0-9]+') == "$1" ]]; }
remote_access_is() { [[ $(jellyfin '"network":\{.*?"EnableRemoteAccess":\K[a-z]+') == "$1" ]]; }
plays() { [[ $(jellyfin '"sessions":\[\{.*?"bitrate":\K[0-9]+(?=,"id")') == [1-9]* ]]; }
cap_is() { (($(bwflowctl report --json | json_number limit_bytes_per_second) == $1 * 125000)); }
uncapped() { [[ $(root_qdisc) != *" b0f1: "* ]]; }

configure_spending() {
    mkdir -p /etc/bwflow
    cat >/etc/bwflow/config.toml <<CONF
[bandwidth]
monthly_budget = "10 TB"
pre_charge = "10 TB"

[network]
interface = "$SANDBOX_LINK"

[daemon]
poll_interval_seconds = 3

[spend]
enabled = true
check_interval = "1m"
price_per_gb = 250
currency = "USD"

[spend.azure]
budget_name = "Monthly-Bandwidth-Limit"
fallback_budget = 100
endpoint = "http://$ARM"
imds_endpoint = "http://$IMDS"

[[spend.tier]]
name = "free"
up_to_percent = 25
bitrate = "8 Mbit/s"

[[spend.tier]]
name = "high"
up_to_percent = 50
bitrate = "4 Mbit/s"
link_rate = "$HIGH Mbit/s"

[[spend.tier]]
name = "medium"
up_to_percent = 90
bitrate = "2 Mbit/s"
link_rate = "$MEDIUM Mbit/s"

[[spend.tier]]
name = "disabled"
off = true
link_rate = "$OFF Mbit/s"

[spend.jellyfin]
url = "http://10.0.0.2:8080"
host_header = "$NAME"
message = "The month's budget is used up."
CONF
    mkdir -p /etc/credstore
    (umask 077 && echo "$API_KEY" >/etc/credstore/jellyfin-api-key)
}

# holds TIER BITRATE RATE: the tier is in force here and in the media server.
holds() {
    wait_for 90 "tier $1 holds" in_force "$1" "$2" "$3" || failed "$1 does not hold: tier $(guard Tier) ($(guard TierReason)), $(guard JellyfinState) $(guard JellyfinError), $(root_qdisc)"
}
in_force() {
    guard_is Tier "$1" && guard_is JellyfinState held && bitrate_is "$2" && if (($3)); then cap_is "$3"; else uncapped; fi
}

# Sets $sent to the bytes the link has sent and $at to the moment that was true, without a process:
# in an emulated machine that takes a tenth of a second.
read_sent() {
    local line fields
    while read -r line; do
        if [[ $line == "$SANDBOX_LINK":* ]]; then
            read -r -a fields <<<"${line#*:}"
            sent=${fields[8]}
        fi
    done </proc/net/dev
    at=$EPOCHREALTIME
}
client_received() { inside client cat /sys/class/net/eth0/statistics/rx_bytes; }
backlogged() { tc -s qdisc show dev "$SANDBOX_LINK" | grep -A 2 'qdisc tbf b0f1:' | grep -q 'backlog [1-9]'; }

# measure WHAT MBIT LEAST: what the link sends while more would like to; LEAST is the part that must be reached.
measure() {
    local sent at before begun received
    wait_for 20 "$1 fills the link" backlogged || failed "$1 does not fill the link: $(cat /tmp/iperf3)"
    sleep 1 # what was sent before it was full
    received=$(client_received)
    read_sent
    before=$sent begun=$at
    sleep "$MEASURE_SECONDS" # the measuring time itself
    read_sent
    received=$(($(client_received) - received))
    LC_ALL=C awk -v bytes="$((sent - before))" -v got="$received" -v t0="$begun" -v t1="$at" -v m="$2" -v least="$3" -v what="$1" 'BEGIN {
        rate = bytes * 8 / (t1 - t0) / 1e6
        printf "MEASURED cap %g Mbit/s, %s: %.4f Mbit/s over %.2f s, of which the client got %.1f %%\n", m, what, rate, t1 - t0, got * 100 / bytes
        exit !(rate < m * 1.02 && rate > m * least)
    }' || failed "the cap of $2 Mbit/s does not hold"
}

no_stream() { inside client bash -c '! ss -Htn | grep -q ":5201\|:80"'; }
server_listens() { inside client bash -c 'ss -Hltn | grep -q :5201'; }

# cap_holds MBIT: for a stream from here, and for one from home that a client does not want limited.
cap_holds() {
    local server stream
    inside client iperf3 --server --one-off >/dev/null 2>&1 &
    server=$!
    wait_for 20 "iperf3 listens" server_listens || failed "iperf3 does not listen"
    iperf3 --client "$CLIENT" --time 600 >/tmp/iperf3 2>&1 &
    stream=$!
    measure "iperf3" "$1" "$REACHED"
    kill "$stream" "$server" 2>/dev/null || true
    wait "$stream" "$server" || true
    # Beside it, the tunnel's own traffic has its part in the queue.
    ip netns exec client curl --silent --output /dev/null --resolve "$NAME:80:$SANDBOX_ADDRESS" "http://$NAME/film" &
    stream=$!
    measure "a film through the tunnel, whose client asks for no limit" "$1" "$FILM"
    kill "$stream"
    wait "$stream" || true
    wait_for 30 "nothing is sent any more" no_stream || failed "the streams do not end"
}

# send MEGABYTES: as fast as the link goes.
send() {
    local server
    inside client iperf3 --server --one-off >/dev/null 2>&1 &
    server=$!
    wait_for 20 "iperf3 listens" server_listens || failed "iperf3 does not listen"
    iperf3 --client "$CLIENT" --bytes "$1M" >/tmp/iperf3 2>&1 || failed "iperf3: $(cat /tmp/iperf3)"
    wait "$server" || true
}

install() {
    dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
}

make_world() {
    make_link
    # Of segments that leave uncut the interface counts one header, and the bucket all: up to 4 %.
    ip link set "$SANDBOX_LINK" gso_max_segs 1
    join home 203.0.113.1 "$AT_HOME"
    join client 198.51.100.1 "$CLIENT"
    ip netns exec peer sysctl --quiet --write net.ipv4.ip_forward=1
    lay_tunnel
    start_cloud here
    start_cloud home
    # Whom the proxies forward for is believed, so that the client is known to be outside.
    local proxies='{"KnownProxies":["127.0.0.1","10.0.0.1"]}'
    control home PATCH /state '{"jellyfin":{"network":'"$proxies"',"network_at_start":'"$proxies"'}}' >/dev/null
    start_proxies
}

# Somebody outside watches, at the limit that holds now.
watch() {
    control home PATCH /state '{"jellyfin":{"sessions":[{"id":"'"$SESSION"'","address":"'"$CLIENT"'","via":["10.0.0.1","127.0.0.1"],"item":{"name":"A film","bitrate":40000000}}]}}' >/dev/null
    control home POST "/play?session=$SESSION" >/dev/null
    plays || failed "nobody can watch: $(jellyfin '"sessions":.*')"
}

# lower TIER MEGABYTES: what the link sends costs so much that the tier goes down, without the cloud's
# having reported any of it. An override lets it pass, but not for nothing.
lower() {
    [[ $1 == high ]] || bwflowctl override --for 1m --reason "a backup" >/dev/null
    send "$2"
    [[ $1 == high ]] || bwflowctl override --clear >/dev/null
    wait_for 60 "tier $1 is decided" checked_to "$1" || failed "after $2 MB the tier is $(guard Tier): $(guard TierReason) $(cat /tmp/spend)"
}
begin() {
    make_world
    charge 30
    configure_spending
    install
    holds free 8000000 0
    watch
    echo "MEASURED $(guard BasisPoints) hundredths of a percent are spent: $(guard Tier), $(guard JellyfinState) through the tunnel"

    lower high 60
    holds high 4000000 "$HIGH"
    [[ -n $VIRTUAL ]] || cap_holds "$HIGH"

    ip -n home link set wg1 down
    lower medium 130
    cap_is "$MEDIUM" || failed "without the tunnel, the link is not capped either: $(root_qdisc)"
    guard_is JellyfinState unreachable || guard_is JellyfinState pending || failed "without the tunnel the media server is $(guard JellyfinState)"
    bitrate_is 4000000 || failed "the media server has heard of it without the tunnel"
    echo "MEASURED without the tunnel: $(guard JellyfinState), $(guard JellyfinError); $(root_qdisc)"
    ip -n home link set wg1 up
    begun=$EPOCHREALTIME
    holds medium 2000000 "$MEDIUM"
    echo "MEASURED $(milliseconds_since "$begun") ms after the tunnel is back, the tier has arrived, without a hand"
    cap_holds "$MEDIUM"

    watch_queue
    systemctl restart bwflow-helper
    holds medium 2000000 "$MEDIUM"
    kill -KILL "$(main_pid bwflow-helper)"
    wait_for 20 "the helper is back" guard_is JellyfinState held
    holds medium 2000000 "$MEDIUM"
    if lifted; then failed "the helper's end lifted the cap"; fi
    # shellcheck disable=SC2154
    end_process "$watcher" 5

    watch
    charge 142.5
    wait_for 90 "remote streaming is off" checked_to disabled || failed "at 95 % the tier is $(guard Tier)"
    is_off
    if plays; then failed "what played goes on: $(jellyfin '"sessions":.*')"; fi
    [[ $(jellyfin '"messages":\[\[.*?\]') == *"budget is used up"* ]] || failed "nobody was told: $(jellyfin '"messages":.*')"
    [[ -n $VIRTUAL ]] || cap_holds "$OFF"
}

is_off() {
    holds disabled 2000000 "$OFF"
    guard_is JellyfinRemoteAccess no || failed "remote access is $(guard JellyfinRemoteAccess)"
    remote_access_is false || failed "the media server answers the outside"
    client_gets 503 || failed "a client outside gets $(status_of as_client /System/Info/Public)"
    home_gets 200 || failed "at home, too, nothing is answered"
}

# Only what the cloud reports lifts anything.
back_on() {
    holds high 4000000 "$HIGH"
    remote_access_is true || failed "remote access stays off"
    client_gets 200 || failed "a client outside gets $(status_of as_client /System/Info/Public)"
}

end() {
    no_misdeeds here
    no_misdeeds home
    if journalctl --output cat | grep -F "$API_KEY"; then failed "the journal has the key"; fi
    bwflowctl spend
    [[ $(bwflowctl spend --json | json_word bandwidth_limit) == "$(guard Tier)" ]] || failed "bwflowctl spend --json: $(bwflowctl spend --json)"
    echo "spend-tunnel: all checks passed"
}

keep_state() {
    ((BOOT > 1)) || mkfs.ext4 -q /dev/vda
    mkdir -p "$DISK"
    mount /dev/vda "$DISK"
    mkdir -p "$DISK/bwflow" /var/lib/bwflow
    mount --bind "$DISK/bwflow" /var/lib/bwflow
}

uname -sr
if [[ -n $VIRTUAL ]]; then keep_state; fi
if ((BOOT == 1)); then
    begin
    if [[ -z $VIRTUAL ]]; then
        charge 3
        wait_for 90 "the tier goes up again" checked_to high || failed "with little spent the tier is $(guard Tier): $(guard TierReason)"
        back_on
        end
        exit 0
    fi
    control home GET /state >"$DISK/home"
    touch "$DISK/off"
    sync
    systemctl reboot
    sleep infinity # until the machine goes down
fi
[[ -e $DISK/off ]] || failed "the first boot did not come to its end"
make_world
control home PATCH /state "$(cat "$DISK/home")" >/dev/null
# Should the cloud be asked, it takes its time; what holds meanwhile is what held before.
control here PATCH /state '{"faults":[{"service":"arm","path":"","does":{"slow":10000}}]}' >/dev/null
install
configure_spending
systemctl start "${SERVICES[@]}"
wait_for 9 "the cap of before holds" cap_is "$OFF" || failed "after a reboot nothing holds the link: $(root_qdisc)"
client_gets 503 || failed "a client outside gets $(status_of as_client /System/Info/Public)"
guard_is Tier disabled || [[ -z $(guard Tier) ]] || failed "before the cloud has answered, the tier is $(guard Tier)"
echo "MEASURED after a reboot: $(root_qdisc)"
wait_for 60 "the media server is held" guard_is JellyfinState held || failed "after a reboot the media server is $(guard JellyfinState) $(guard JellyfinError)"
guard_is Tier disabled || failed "after a reboot the tier is $(guard Tier): $(guard TierReason)"
end
