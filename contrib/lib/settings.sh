# shellcheck shell=bash
# What a new configuration is to say: the link, the budget, the burst. Looks at the host and asks the
# person, and changes nothing. Sourced after say.sh; uses $interface, $budget and $burst.

readonly DEFAULT_BUDGET=100GB

# amount_bytes TEXT: an amount as the configuration takes it, in bytes; fails with a sentence.
amount_bytes() {
    local number unit factor
    if ! [[ $1 =~ ^\ *([0-9]+(\.[0-9]+)?)\ *([A-Za-z]*)\ *$ ]]; then
        echo "'$1' is not an amount; write one like 100GB or 1.5TiB"
        return 1
    fi
    number=${BASH_REMATCH[1]} unit=${BASH_REMATCH[3]}
    case $unit in
        B) factor=1 ;;
        kB) factor=1e3 ;;
        MB) factor=1e6 ;;
        GB) factor=1e9 ;;
        TB) factor=1e12 ;;
        PB) factor=1e15 ;;
        KiB) factor=1024 ;;
        MiB) factor=1048576 ;;
        GiB) factor=1073741824 ;;
        TiB) factor=1099511627776 ;;
        PiB) factor=1125899906842624 ;;
        '')
            echo "'$1' has no unit; write ${number}GB or ${number}GiB"
            return 1
            ;;
        *)
            echo "'$unit' is not a unit of bytes; the units are B, kB, MB, GB, TB, PB and KiB, MiB, GiB, TiB, PiB"
            return 1
            ;;
    esac
    LC_ALL=C awk -v n="$number" -v f="$factor" 'BEGIN { printf "%.0f", n * f }'
}

# budget_problem AMOUNT: says what is wrong with it; succeeds if something is.
budget_problem() {
    local bytes
    if ! bytes=$(amount_bytes "$1"); then
        echo "$bytes"
    elif [[ $bytes == 0 ]]; then
        echo "a budget of nothing cannot be kept"
    else
        return 1
    fi
}

# burst_problem AMOUNT BUDGET: likewise; without an amount there is none, and a wrong budget is not
# the burst's.
burst_problem() {
    local bytes of
    [[ -n $1 ]] || return 1
    if ! bytes=$(amount_bytes "$1"); then
        echo "$bytes"
        return 0
    fi
    of=$(amount_bytes "$2") || return 1
    LC_ALL=C awk -v a="$bytes" -v b="$of" 'BEGIN { exit !(a > b) }' || return 1
    echo "a burst of $1 is more than the budget of $2"
}

# The interface of the default route with the lowest metric; IPv4 first. Read from the kernel's own
# tables, because `ip` may yet have to be installed. A route that is down or refuses is none.
default_interface() {
    awk 'FNR > 1 && $2 $8 ~ /^0+$/ && $1 != "*" && $4 ~ /[13579BDF]$/ {
            if (best == "" || $7 + 0 < metric) { best = $1; metric = $7 + 0 }
        }
        END { if (best == "") exit 1; print best }' /proc/net/route && return 0
    [[ -r /proc/net/ipv6_route ]] || return 0
    # Metrics are hexadecimal and of one length here, so they compare as text.
    awk '$1 $2 $4 ~ /^0+$/ && $10 != "lo" && $9 ~ /[13579bdf]$/ {
            if (best == "" || ($6 "x") < metric) { best = $10; metric = $6 "x" }
        }
        END { if (best != "") print best }' /proc/net/ipv6_route
}

interface_exists() {
    awk -v name="$1" -F: '{ sub(/^ +/, "", $1) } $1 == name { found = 1 } END { exit !found }' /proc/net/dev
}

# ask QUESTION DEFAULT CHECK...: sets $answer, asking until CHECK finds no problem with it. An empty
# answer is the default.
ask() {
    local question=$1 default=$2 problem
    shift 2
    while :; do
        read -r -p "$question: " answer || die "no answer; nothing was changed" 2
        answer=${answer:-$default}
        problem=$("$@" "$answer") || return 0
        say "$problem"
    done
}

# Settles $interface, $budget and $burst, or says what is wrong with them (exit code 2).
settle() {
    local problem answer
    if [[ -n $interface ]]; then
        interface_exists "$interface" || die "there is no interface $interface; 'ip link' lists those there are" 2
    else
        interface=$(default_interface)
        [[ -n $interface ]] ||
            die "no default route, so there is no telling which link has the budget; name it with --interface" 2
    fi
    if [[ -n $budget ]] && problem=$(budget_problem "$budget"); then die "--budget: $problem" 2; fi
    if problem=$(burst_problem "$burst" "$budget"); then die "--burst: $problem" 2; fi
    if [[ -z $budget && -t 0 && -t 2 ]]; then
        ask "What the plan of $interface pays for in a month [$DEFAULT_BUDGET]" "$DEFAULT_BUDGET" budget_problem
        budget=$answer
        if [[ -z $burst ]]; then
            ask "How much of it may flow at once [half of it]" '' burst_of_budget
            burst=$answer
        fi
    fi
    budget=${budget:-$DEFAULT_BUDGET}
    if problem=$(burst_problem "$burst" "$budget"); then die "--burst: $problem" 2; fi
}

burst_of_budget() { burst_problem "$1" "$budget"; }
