# machine: -s bookworm -e curl
# machine: -s trixie -e curl
# shellcheck shell=bash
# The media server's key, its certificate's password and the cloud's token are seen nowhere but where
# they belong: not in the journal at its most talkative, not on the bus, not in what is shown, kept or
# told to other processes, also when a server throws them back. A key that others may read is refused,
# and the link is still counted.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh
# shellcheck source=tests/machine/cloud.sh
source /payload/cloud.sh

# One a line; never on a command line, where it would be found.
readonly SECRETS=/root/secrets KEY_FILE=/etc/bwflow/jellyfin-api-key

# configure_spending LINE: with that line more about the media server.
configure_spending() {
    configure "10 TB"
    cat >>/etc/bwflow/config.toml <<CONF

[spend]
enabled = true

[spend.azure]
budget_name = "Monthly-Bandwidth-Limit"
endpoint = "http://$ARM"
imds_endpoint = "http://$IMDS"

[[spend.tier]]
name = "high"
up_to_percent = 50
bitrate = "4 Mbit/s"

[[spend.tier]]
name = "disabled"
off = true
link_rate = "1 Mbit/s"

[spend.jellyfin]
url = "http://$JELLYFIN"
$1
CONF
}

# talkative UNIT...: they log all they can.
talkative() {
    local unit
    for unit in "$@"; do
        mkdir -p "/run/systemd/system/$unit.service.d"
        {
            echo "[Service]"
            echo "ExecStart="
            systemctl cat "$unit" | sed -n 's/^\(ExecStart=.*\)/\1 --log-level trace/p'
        } >"/run/systemd/system/$unit.service.d/talk.conf"
    done
    systemctl daemon-reload
}

secrets() {
    echo "$API_KEY"
    control here GET /state | grep -oP '"(CertificatePassword|text)":"\K[^"]+'
}

# conceals PLACE COMMAND...: what the command prints holds no secret.
conceals() {
    "${@:2}" >/tmp/place 2>&1 || true
    [[ -s /tmp/place ]] || failed "$1 is empty, so that nothing can be found in it"
    if grep --binary-files=text --quiet --fixed-strings --file "$SECRETS" /tmp/place; then
        failed "$1 has a secret: $(grep --binary-files=text --only-matching --fixed-strings --file "$SECRETS" /tmp/place | sort | uniq -c)"
    fi
    places=$((places + 1))
}
everywhere() {
    local process file places=0
    conceals "the journal" journalctl --output export --all
    conceals "bwflowctl spend" bwflowctl spend
    conceals "bwflowctl spend --json" bwflowctl spend --json
    conceals "bwflowctl report --json" bwflowctl report --json
    conceals "bwflowctl status --json" bwflowctl status --json
    conceals "bwflowctl doctor" bwflowctl doctor
    conceals "the daemon's objects" busctl call org.bwflow1 /org/bwflow1 org.freedesktop.DBus.ObjectManager GetManagedObjects
    conceals "the helper's properties" busctl call org.bwflow1.Helper /org/bwflow1/helper org.freedesktop.DBus.Properties GetAll s org.bwflow1.Helper
    conceals "the helper's interfaces" busctl introspect org.bwflow1.Helper /org/bwflow1/helper
    conceals "what went over the bus" cat /tmp/bus
    conceals "systemctl show" systemctl show "${SERVICES[@]}"
    conceals "the process list" ps auxeww
    for process in $(main_pid bwflowd) $(main_pid bwflow-helper); do
        for file in cmdline environ; do
            conceals "$file of process $process" cat "/proc/$process/$file"
        done
    done
    conceals "the state on the disk" find /var/lib/bwflow /var/lib/bwflowd /run/bwflowd -type f -printf '%p\n' -exec cat {} +
    echo "MEASURED no secret of $(wc -l <"$SECRETS") in $places places; the journal has $(journalctl --output cat | wc -l) lines"
}

link_sent() { cat "/sys/class/net/$SANDBOX_LINK/statistics/tx_bytes"; }
used() { bwflowctl report --json | json_number used_bytes; }
counted() {
    local flowed=$(($(link_sent) - sent))
    ((flowed > 10000 && $(used) - before >= flowed))
}
refused() { guard_is JellyfinState refused; }

# refuses MODE OWNER CURE: a key file like that is refused, with this cure, and bytes are counted on.
refuses() {
    local told before sent
    chmod "$1" "$KEY_FILE"
    chown "$2" "$KEY_FILE"
    systemctl restart bwflow-helper
    wait_for 20 "the key is refused" refused || failed "a key file of $2 with mode $1 is taken: $(guard JellyfinState)"
    told=$(guard JellyfinError)
    [[ $told == *"$3"* ]] || failed "a key file of $2 with mode $1 is refused without its cure: $told"
    sent=$(link_sent) before=$(used)
    spend 20000
    wait_for 20 "what flows is counted" counted || failed "without the key nothing is counted: $(bwflowctl report)"
    echo "MEASURED mode $1 of $2: $told"
}

make_link
start_cloud here
control here PATCH /state '{"jellyfin":{"network":{"CertificatePassword":"not-for-your-eyes"}}}' >/dev/null
charge 30
mkdir -p /etc/credstore
(umask 077 && echo "$API_KEY" >/etc/credstore/jellyfin-api-key)
dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
talkative "${SERVICES[@]}"
configure_spending ''
busctl monitor org.bwflow1 org.bwflow1.Helper >/tmp/bus 2>&1 &
monitor=$!

# Servers that throw back what they were sent.
control here PATCH /state '{"faults":[
    {"service":"jellyfin","path":"/System/Configuration","does":{"answer":{"status":500,"headers":[["content-type","text/plain"]],"body":"Authorization: MediaBrowser Token=\"'"$API_KEY"'\""}}},
    {"service":"arm","path":"","does":{"answer":{"status":403,"headers":[["content-type","application/json"]],"body":"{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"eyJ0eXAiOiJKV1QifQ.e30.fake-token-0\"}}"}}}]}' >/dev/null
systemctl start "${SERVICES[@]}"
complains() { [[ -n $(guard CostError) ]]; }
wait_for 30 "the cloud refuses" complains || failed "the guard does not say that the cloud refuses"
secrets >"$SECRETS"
(($(wc -l <"$SECRETS") >= 3)) || failed "there are no secrets to look for: $(cat "$SECRETS")"
# What finds them where they are finds them elsewhere.
grep --quiet --fixed-strings --file "$SECRETS" /etc/credstore/jellyfin-api-key || failed "the search finds nothing"
everywhere

# From the beginning, and all the way to off.
systemctl stop bwflow-helper
find /var/lib/bwflow -name 'spend*' -delete
control here PATCH /state '{"faults":[]}' >/dev/null
charge 142.5
systemctl start bwflow-helper
wait_for 60 "remote streaming is off" guard_is JellyfinRemoteAccess no || failed "it is $(guard Tier), $(guard JellyfinState) $(guard JellyfinError)"
guard_is JellyfinState held || failed "$(guard JellyfinState) $(guard JellyfinError)"
secrets >"$SECRETS"
everywhere
no_misdeeds here

install -m 0600 -o bwflow-helper -g bwflow-helper /etc/credstore/jellyfin-api-key "$KEY_FILE"
rm /etc/credstore/jellyfin-api-key
configure_spending "api_key_file = \"$KEY_FILE\""
refuses 0644 bwflow-helper:bwflow-helper "chmod 600 $KEY_FILE"
refuses 0640 bwflow-helper:daemon "chmod 600 $KEY_FILE"
refuses 0600 daemon:daemon "chown bwflow-helper $KEY_FILE"
chmod 0600 "$KEY_FILE"
chown bwflow-helper "$KEY_FILE"
systemctl restart bwflow-helper
wait_for 30 "the key is taken" guard_is JellyfinState held || failed "a private key is not taken: $(guard JellyfinState) $(guard JellyfinError)"
everywhere
end_process "$monitor" 5
echo "spend-secrets: all checks passed"
