#!/usr/bin/env bash
# Packs bwflow for Debian: target/debian/bwflow_<version>_<architecture>.deb, whose path it prints.
set -euo pipefail

repo=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
# shellcheck source=contrib/lib/say.sh
source "$repo/contrib/lib/say.sh"
# shellcheck source=contrib/lib/install.sh
source "$repo/contrib/lib/install.sh"

usage() {
    cat <<'USAGE'
usage: contrib/package.sh [--version VERSION] [--output DIR] [--lint]

Builds the Debian package of this checkout and prints its path. Installs what that needs by apt-get,
with sudo where necessary.

  --version VERSION  another version than the workspace's, say for a local change: 0.2.0+1
  --output DIR       where the package goes (target/debian)
  --lint             have lintian judge it; an error fails
  -h, --help         this text

BWFLOW_PREBUILT=DIR takes the three programs from DIR and builds nothing.
USAGE
}

version='' output='' lint=''
while (($#)); do
    case $1 in
        --version | --output)
            [[ -n ${2:-} && $2 != -* ]] || die "$1 needs a value" 2
            printf -v "${1#--}" %s "$2"
            shift
            ;;
        --lint) lint=1 ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift
done

# Sets $version and $entry: what the changelog must begin with.
settle_version() {
    local workspace written
    workspace=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$repo/Cargo.toml")
    written=$(sed -n '1s/^bwflow (\(.*\)) .*/\1/p' "$repo/contrib/debian/changelog")
    [[ $written == "$workspace" ]] ||
        die "contrib/debian/changelog begins with $written, but this is $workspace; say in it what is new"
    entry=''
    [[ -z $version || $version == "$workspace" ]] ||
        entry=$(printf 'bwflow (%s) unstable; urgency=medium\n\n  * Local build.\n\n -- %s\n' "$version" \
            "$(sed -n 's/^ -- //p;T;q' "$repo/contrib/debian/changelog")")
    version=${version:-$workspace}
}

# lay_out DIR: the tree that debian/rules packs.
lay_out() {
    local program
    mkdir "$1/bin"
    cp -a "$repo"/{contrib,dbus,docs,polkit,README.md} "$1/"
    mv "$1/contrib/debian" "$1/debian"
    cp "$1/contrib/sysusers/bwflow.conf" "$1/debian/bwflow.sysusers"
    for program in bwflowd bwflow-helper bwflowctl; do
        install -m 0755 "$binaries/$program" "$1/bin/$program"
    done
    # Each shell looks for a name of its own.
    install -D -m 0644 "$repo/contrib/completions/bwflowctl.bash" "$1/completions/bash/bwflowctl"
    install -D -m 0644 -t "$1/completions/zsh" "$repo/contrib/completions/_bwflowctl"
    install -D -m 0644 -t "$1/completions/fish" "$repo/contrib/completions/bwflowctl.fish"
    [[ -z $entry ]] || printf '%s\n\n' "$entry" | cat - "$repo/contrib/debian/changelog" >"$1/debian/changelog"
}

settle_version
build_release
install_packages dpkg-buildpackage=dpkg-dev dh=debhelper
[[ -z $lint ]] || install_packages lintian=lintian
output=${output:-$repo/target/debian}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir "$stage/bwflow"
lay_out "$stage/bwflow"
step "packing bwflow $version"
# Nothing of the host's own settings for packages is to get in.
if ! (cd "$stage/bwflow" && env -u DEB_BUILD_OPTIONS -u DEB_BUILD_PROFILES \
    dpkg-buildpackage --build=binary --no-sign) >"$stage/log" 2>&1; then
    tail -n 30 "$stage/log" >&2
    die "the package could not be built"
fi
package=$(cd "$stage" && ls bwflow_*.deb)
as_builder mkdir -p "$output"
# In one step, for whoever installs it at this moment.
install -m 0644 "$stage/$package" "$output/$package.new"
mv -f "$output/$package.new" "$output/$package"
if [[ -n $lint ]]; then
    step "lintian"
    lintian --allow-root --tag-display-limit 0 --fail-on error "$output/$package" >&2
fi
realpath "$output/$package"
