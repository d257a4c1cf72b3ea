# shellcheck shell=bash
# Messages, waiting and small checks. Sourced; defines functions only.

say() { printf '%s\n' "$*" >&2; }
step() { printf '==> %s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

have() { command -v "$1" >/dev/null 2>&1; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; says WHAT did not come about.
wait_for() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            say "waited $seconds s in vain: $what"
            return 1
        fi
        sleep 0.05
    done
}

# gone PID...: none of these processes exists any more.
gone() {
    local pid
    for pid in "$@"; do
        if kill -0 "$pid" 2>/dev/null; then return 1; fi
    done
}

# end_process PID SECONDS: asks, waits, and only then insists.
end_process() {
    kill -TERM "$1" 2>/dev/null || return 0
    wait_for "$2" "process $1 ends after SIGTERM" gone "$1" || kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

need_root() {
    ((EUID == 0)) || die "needs root: sudo $0 $*"
}
