# shellcheck shell=bash
# Keeping programs alive where no systemd does it. Sourced after say.sh.

readonly KEEP_DELAY_MAX=30
readonly RELEASE_SECONDS=20

# keep NAME COMMAND...: runs a command for ever, with growing pauses while it keeps dying. SIGTERM
# ends the command and then the keeper. Meant to run in the background.
keep() {
    # Ctrl-C reaches a whole process group, and a terminal or log can go away: neither may part a
    # keeper from its program. Handlers instead of '' leave the program its own dispositions.
    trap : INT HUP PIPE
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
            # A SIGTERM that came before $child was known.
            [[ -z $stopping ]] || kill -TERM "$child" 2>/dev/null || true
            code=0
            wait "$child" || code=$?
        done
        [[ -z $stopping ]] || break
        ((SECONDS - begun < 60)) || delay=1
        say "$name ended (exit code $code); again in $delay s" 2>/dev/null || true
        sleep "$delay" &
        child=$!
        # Signals other than SIGTERM do not shorten the pause.
        while [[ -z $stopping ]] && kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
        delay=$((delay * 2 < KEEP_DELAY_MAX ? delay * 2 : KEEP_DELAY_MAX))
    done
}

# release KEEPER: ends a keeper and its program, and waits for both. Nothing if it is empty.
release() {
    local child
    [[ -n $1 ]] || return 0
    kill -TERM "$1" 2>/dev/null || return 0
    if ! wait_for "$RELEASE_SECONDS" "process $1 and its program end after SIGTERM" gone "$1"; then
        read -r child _ <"/proc/$1/task/$1/children" || true
        kill -KILL "$1" ${child:+"$child"} 2>/dev/null || true
    fi
    wait "$1" 2>/dev/null || true
}
