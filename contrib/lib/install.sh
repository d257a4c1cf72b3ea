# shellcheck shell=bash disable=SC2016,SC2154
# What the host needs before anything of ours can run: packages, Rust, the build, users, files.
# Sourced after say.sh; expects $repo, the checkout.

readonly RUST_VERSION=1.95

# as_root COMMAND...: sudo only where it is needed; never a password prompt without a terminal.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif have sudo; then
        if [[ -t 0 ]]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "needs root and there is no sudo here; run it as root"
    fi
}

# as_builder COMMAND...: the build belongs to the person who called sudo, with their Rust.
as_builder() {
    if ((EUID == 0)) && [[ -n ${SUDO_USER:-} && $SUDO_USER != root ]]; then
        sudo -u "$SUDO_USER" -H -- "$@"
    else
        "$@"
    fi
}

# install_packages COMMAND=PACKAGE...: installs the packages whose commands are missing.
install_packages() {
    local pair missing=()
    for pair in "$@"; do
        have "${pair%%=*}" || missing+=("${pair#*=}")
    done
    ((${#missing[@]})) || return 0
    have apt-get || die "missing: ${missing[*]}; this script installs them with apt-get only"
    step "installing ${missing[*]}"
    as_root apt-get update -qq >&2
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
    hash -r
    for pair in "$@"; do
        have "${pair%%=*}" || die "${pair#*=} is installed, but there is no ${pair%%=*}"
    done
}

# Runs as the builder: prints the path of a cargo that is new enough.
cargo_path() {
    as_builder bash -c '
        for cargo in "$(command -v cargo)" "$HOME/.cargo/bin/cargo"; do
            [[ -x $cargo ]] || continue
            version=$("$cargo" --version 2>/dev/null | cut -d" " -f2) || continue
            if [[ $(printf "%s\n%s\n" "$1" "$version" | sort -V | head -n 1) == "$1" ]]; then
                echo "$cargo"
                exit 0
            fi
        done
        exit 1' cargo_path "$RUST_VERSION"
}

# Sets $cargo.
ensure_rust() {
    if cargo=$(cargo_path); then return 0; fi
    step "installing Rust $RUST_VERSION or newer"
    # A package that others merely mention is known to apt, too, but has no candidate.
    if ! have rustup && [[ $(LC_ALL=C apt-cache policy rustup 2>/dev/null) == *'Candidate: '[0-9]* ]]; then
        install_packages rustup=rustup
    fi
    if as_builder bash -c 'PATH=$PATH:$HOME/.cargo/bin; command -v rustup' >/dev/null; then
        as_builder bash -c 'PATH=$PATH:$HOME/.cargo/bin
            rustup toolchain install stable --profile minimal && rustup default stable' >&2
    else
        install_packages curl=curl update-ca-certificates=ca-certificates
        as_builder bash -o pipefail -c "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -y --quiet --profile minimal --default-toolchain stable --no-modify-path" >&2 ||
            die "rustup could not be fetched; install Rust $RUST_VERSION or newer (https://rustup.rs) and start again"
    fi
    cargo=$(cargo_path) || die "no cargo $RUST_VERSION or newer after installing it"
}

# Sets $binaries if BWFLOW_PREBUILT names a folder with the three programs.
check_prebuilt() {
    local program
    [[ -n ${BWFLOW_PREBUILT:-} ]] || return 0
    binaries=$(realpath -e "$BWFLOW_PREBUILT" 2>/dev/null) || die "BWFLOW_PREBUILT=$BWFLOW_PREBUILT: no such folder" 2
    for program in bwflowd bwflow-helper bwflowctl; do
        [[ -x $binaries/$program ]] || die "BWFLOW_PREBUILT=$binaries holds no program $program" 2
    done
}

# Sets $binaries, the folder of the three programs; BWFLOW_PREBUILT names one that is ready.
build_release() {
    check_prebuilt
    [[ -z ${BWFLOW_PREBUILT:-} ]] || return 0
    install_packages cc=gcc ld=binutils
    [[ -e /usr/include/stdlib.h ]] || as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends libc6-dev >&2
    ensure_rust
    step "building (a few minutes the first time)"
    as_builder "$cargo" build --release --locked --manifest-path "$repo/Cargo.toml" \
        -p bwflowd -p bwflow-helper -p bwflowctl >&2
    binaries=$(target_directory)/release
}

target_directory() {
    as_builder "$cargo" metadata --manifest-path "$repo/Cargo.toml" --format-version 1 --no-deps |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# The two system users; as_root is not needed, callers are root.
create_users() {
    local user
    for user in bwflowd bwflow-helper; do
        getent passwd "$user" >/dev/null && continue
        useradd --system --user-group --no-create-home --home-dir / \
            --shell /usr/sbin/nologin "$user"
    done
}

# install_files: programs and bus policy, replaced in one step each so that running programs keep theirs.
install_files() {
    local program
    for program in bwflowd bwflow-helper bwflowctl; do
        install -D -m 0755 "$binaries/$program" "/usr/local/bin/$program.new"
        mv -f "/usr/local/bin/$program.new" "/usr/local/bin/$program"
    done
    # The bus reads its folder the moment something in it changes.
    install -D -m 0644 "$repo/dbus/org.bwflow1.conf" /etc/dbus-1/system.d/org.bwflow1.conf.new
    mv -f /etc/dbus-1/system.d/org.bwflow1.conf{.new,}
}
