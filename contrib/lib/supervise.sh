# shellcheck shell=bash
# Keeping programs alive where no systemd does it. Sourced after say.sh.

readonly KEEP_DELAY_MAX=30

# keep NAME COMMAND...: runs a command for ever, with growing pauses while it keeps dying. SIGTERM
# ends the command and then the keeper. Meant to run in the background.
keep() {
    local name=$1 stopping='' child='' delay=1 begun code
    shift
    trap 'stopping=1; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true' TERM
    while [[ -z $stopping ]]; do
        begun=$SECONDS
        # A session of its own: Ctrl-C is for the supervisor, which ends things in order.
        setsid "$@" &
        child=$!
        code=0
        while kill -0 "$child" 2>/dev/null; do
            code=0
            wait "$child" || code=$?
        done
        [[ -z $stopping ]] || break
        ((SECONDS - begun < 60)) || delay=1
        say "$name ended (exit code $code); again in $delay s"
        sleep "$delay" &
        child=$!
        wait "$child" || true
        delay=$((delay * 2 < KEEP_DELAY_MAX ? delay * 2 : KEEP_DELAY_MAX))
    done
}

# release KEEPER: ends a keeper and its program, and waits for both.
release() {
    kill -TERM "$1" 2>/dev/null || true
    while kill -0 "$1" 2>/dev/null; do wait "$1" || true; done
}
