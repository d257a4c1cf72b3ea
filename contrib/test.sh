#!/usr/bin/env bash
# Installs what the tests need and runs every test there is. Exits with 1 if one fails or is skipped.
set -euo pipefail

repo=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
# shellcheck source=contrib/lib/say.sh
source "$repo/contrib/lib/say.sh"
# shellcheck source=contrib/lib/install.sh
source "$repo/contrib/lib/install.sh"

# The ten minutes that the promise is about.
readonly FOOTPRINT_SECONDS=600

if (($#)); then
    say "usage: contrib/test.sh    (root; no arguments)"
    [[ $1 == -h || $1 == --help ]] && exit 0
    exit 2
fi
need_root ""
cd "$repo"
logs=$(mktemp -d)
watched=$logs.footprint watching=''
trap '[[ -z $watching ]] || kill "$watching" 2>/dev/null || true; rm -rf "$logs" "$watched"' EXIT
failed=()

# stage NAME COMMAND...: runs a command, keeps what it prints, notes its failure and goes on.
stage() {
    local name=$1 begun=$SECONDS code=0
    shift
    step "$name"
    "$@" 2>&1 | tee "$logs/$name" || code=$?
    step "$name: $( ((code)) && echo FAILED || echo passed) after $((SECONDS - begun)) s"
    ((code == 0)) || failed+=("$name")
}

shell_scripts() {
    shellcheck contrib/*.sh contrib/lib/*.sh tests/machine/{run,all,scenario.sh,cloud.sh,terminal.sh} tests/machine/scenarios/*.sh .ci/run \
        contrib/azure/*.sh tests/prism/install tests/clients/{install,az}
}

rust_tests() {
    local code=0
    if "$cargo" nextest --version >/dev/null 2>&1; then
        "$cargo" nextest run --workspace --locked --no-fail-fast --success-output immediate || code=1
    else
        # One test at a time: those that measure traffic would measure each other.
        "$cargo" test --workspace --locked --no-fail-fast --lib --bins --tests -- --test-threads 1 --show-output ||
            code=1
    fi
    "$cargo" test --workspace --locked --doc || code=1
    return "$code"
}

# What was watched beside other stages, whose end is awaited by the caller.
watched() {
    cat "$watched"
    return "$1"
}

# A test that did not run has shown nothing.
nothing_skipped() {
    ! grep -E '(^|[^0-9])[1-9][0-9]* (skipped|ignored)|^ *(SKIP|skipped:)' "$logs"/*
}

install_packages cc=gcc ld=binutils dbus-daemon=dbus dbus-send=dbus dbus-monitor=dbus ip=iproute2 ping=iputils-ping \
    iperf3=iperf3 shellcheck=shellcheck setpriv=util-linux pkttyagent=polkitd ps=procps awk=mawk groff=groff-base \
    systemd-analyze=systemd tmux=tmux vnstat=vnstat nft=nftables sqlite3=sqlite3 faketime=faketime socat=socat \
    node=nodejs npm=npm python3=python3
python3 -c 'import ensurepip' 2>/dev/null || apt-get install -y -qq --no-install-recommends python3-venv >&2
[[ -e /usr/include/stdlib.h ]] || apt-get install -y -qq --no-install-recommends libc6-dev >&2
ensure_rust
PATH=$(dirname "$cargo"):$PATH
for component in fmt clippy; do
    "$cargo" "$component" --version >/dev/null 2>&1 || rustup component add "${component/fmt/rustfmt}" >&2
done

stage shellcheck shell_scripts
stage format "$cargo" fmt --all --check
stage clippy "$cargo" clippy --workspace --all-targets --locked --quiet -- -D warnings
stage build "$cargo" build --workspace --locked --quiet
stage release "$cargo" build --release --workspace --locked --quiet
stage tests rust_tests
BWFLOW_PREBUILT=$(target_directory)/release
export BWFLOW_PREBUILT
stage package contrib/package.sh --lint
# What is measured there is the CPU time of two processes that sleep; what else the machine does
# meanwhile is not in it.
step "footprint: watching for $FOOTPRINT_SECONDS s beside the next stages"
contrib/footprint.sh --seconds "$FOOTPRINT_SECONDS" >"$watched" 2>&1 &
watching=$!
stage machine tests/machine/all
stage power-cuts tests/machine/power-cuts
stage demo contrib/start.sh --demo
code=0
wait "$watching" || code=$?
watching=''
stage footprint watched "$code"
stage skips nothing_skipped

echo
echo "numbers"
for name in tests machine power-cuts; do sed -n 's/^ *MEASURED */  /p' "$logs/$name"; done
sed 's/^/  /' "$logs/footprint"
sed -n '/^states/,$s/^/  /p' "$logs/demo"
echo
grep -hE '^ *Summary |^test result:|^machine scenarios:' "$logs/tests" "$logs/machine" || true
if ((${#failed[@]})); then
    echo "contrib/test.sh: FAILED: ${failed[*]} (after $((SECONDS / 60)) min)"
    exit 1
fi
echo "contrib/test.sh: everything passed after $((SECONDS / 60)) min"
