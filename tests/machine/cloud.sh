# shellcheck shell=bash disable=SC2034
# The cloud and the media server of the spend guard's scenarios; /payload/cloud.sh in the machine.
# Sourced after scenario.sh.

# What the media server takes as its administrator's key.
readonly API_KEY=f00dfeedf00dfeedf00dfeedf00dfeed
readonly ARM=127.0.0.1:8081 IMDS=127.0.0.1:8082 JELLYFIN=127.0.0.1:8096 CONTROL=127.0.0.1:8099

# inside NAMESPACE COMMAND...: there; `here` is the machine's own.
inside() {
    if [[ $1 == here ]]; then "${@:2}"; else ip netns exec "$@"; fi
}

# control NAMESPACE METHOD PATH [BODY]: asks the cloud there for something, or tells it.
control() {
    local body=()
    [[ -z ${4:-} ]] || body=(--data "$4")
    inside "$1" curl --silent --show-error --fail --max-time 10 --request "$2" "${body[@]}" "http://$CONTROL$3"
}

# start_cloud NAMESPACE: starts cloud and media server on that loopback.
start_cloud() {
    inside "$1" /payload/bin/bwflow-test-cloud "$ARM" "$IMDS" "$JELLYFIN" "$CONTROL" >/dev/null &
    wait_for 20 "the cloud in $1 answers" control "$1" GET /state || failed "there is no cloud in $1"
}

# charge AMOUNT: so many dollars are spent this month, of 150.
charge() {
    local at
    at=$(date --utc --date "$(date --utc +%Y-%m-01)" +%s)
    control here PATCH /state '{"azure":{"costs":{"charges":[{"at":'"$at"',"amount":'"$1"',"currency":"USD"}]}}}' >/dev/null
}

# no_misdeeds NAMESPACE: nothing was asked of the cloud there that must never be.
no_misdeeds() {
    local misdeeds
    misdeeds=$(control "$1" GET /misdeeds 2>&1) || failed "in $1: $misdeeds $(control "$1" GET /log)"
}

# guard KEY: what the spend guard publishes under this key; nothing when there is no such key.
guard() {
    busctl get-property org.bwflow1.Helper /org/bwflow1/helper org.bwflow1.Helper Spend |
        grep -oP "\"$1\" [a-z]+ \K(\"[^\"]*\"|[-0-9]+|true|false)" | tr -d '"'
}
guard_is() { [[ $(guard "$1") == "$2" ]]; }

# checked_to TIER: has the spend guard look now, and whether that leads to this tier. It looks every
# ten seconds and asks the cloud every minute, however often it is told to.
checked_to() {
    bwflowctl spend --refresh >/tmp/spend 2>&1
    guard_is Tier "$1"
}
