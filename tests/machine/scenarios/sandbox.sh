# machine: -s bookworm
# machine: -s trixie
# machine: -k
# shellcheck shell=bash
# What a service that was taken over might try fails inside each unit's own sandbox. Outside the same
# acts succeed, so the test can fail; where a container forbids them to root as well, the virtual
# machine judges.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

readonly DROP_IN=10-acts.conf

if [[ $(systemd-detect-virt --container || true) == none ]]; then
    virtual=1
    # Emulation is slow, and the containers have judged everything else.
    readonly ACTS='^(may|kernel)_'
    modprobe -a sch_tbf veth
else
    virtual=''
    readonly ACTS=.
fi

# acts_inside UNIT STATE VICTIM: tries the acts inside the sandbox of the unit; /run/acts-UNIT has one a line.
acts_inside() {
    local directory=/run/systemd/system/$1.service.d
    mkdir -p "$directory"
    # Nothing but what is started, and what would have it wait for a bus name or start again.
    cat >"$directory/$DROP_IN" <<UNIT
[Service]
Type=exec
Restart=no
WatchdogSec=0
ExecStart=
ExecStart=/usr/bin/perl /usr/local/lib/acts.pl "$ACTS"
Environment=FOREIGN_STATE=$2 VICTIM=$3
StandardOutput=truncate:/run/acts-$1
UNIT
    systemctl daemon-reload
    systemctl restart "$1" || failed "the acts cannot be tried inside $1"
    wait_for 60 "the acts have been tried" grep -qx end "/run/acts-$1" || failed "the acts inside $1 did not come to an end"
    rm -r "$directory"
    systemctl daemon-reload
}

# judge UNIT EXCEPTION...: all of it failed, but for what the unit needs.
judge() {
    local unit=$1 act success said wrong='' refused=0 needed=0 expected
    shift
    while read -r act success said; do
        [[ $act != end ]] || continue
        expected=no
        [[ $act == may_* || " $* " == *" $act "* ]] && expected=yes
        [[ $success == "$expected" ]] || wrong+=" $act($success: $said)"
        if [[ $success == yes ]]; then needed=$((needed + 1)); else refused=$((refused + 1)); fi
    done <"/run/acts-$unit"
    [[ -z $wrong ]] || failed "inside the sandbox of $unit:$wrong"
    # A pattern that matches nothing would show nothing.
    ((refused >= 9 && needed >= 3)) || failed "inside the sandbox of $unit only $refused and $needed acts were tried"
    echo "MEASURED inside $unit's sandbox $refused forbidden acts failed, and the $needed it needs did not"
}

make_link
configure "1 GB"
dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
wait_for 60 "the link is published" link_published "$SANDBOX_LINK" || failed "bwflow does not run under its sandbox"

install -m 0644 /payload/acts.pl /usr/local/lib/acts.pl
install -m 4755 /usr/bin/id /usr/local/lib/suid-id
mkdir -p /home/user
chmod 0755 /home/user
echo public | tee /home/user/public >/root/public
echo claims >/var/lib/bwflowd/act-target
chmod 0600 /var/lib/bwflowd/act-target
sleep infinity &
victim=$!

FOREIGN_STATE=/var/lib/bwflow/ledger.db VICTIM=$victim perl /payload/acts.pl "$ACTS" >/run/acts-control
refused=$(grep -v ' yes ' /run/acts-control | grep -vx end || true)
[[ -n $virtual ]] || refused=$(grep -v '^kernel_' <<<"$refused" || true)
[[ -z $refused ]] || failed "outside of any sandbox root may not do this, so the test shows nothing: $refused"
echo "MEASURED $(grep -c ' yes ' /run/acts-control) of $(($(wc -l </run/acts-control) - 1)) acts succeed outside of a sandbox${virtual:+, under a kernel of its own}"

acts_inside bwflowd /var/lib/bwflow/ledger.db "$victim"
judge bwflowd
acts_inside bwflow-helper /var/lib/bwflowd/act-target "$victim"
# It will ask billing and media servers.
judge bwflow-helper use_inet use_inet6

kill "$victim"
if [[ -n $virtual ]]; then
    echo "the sandboxes under a kernel of their own: all checks passed"
    exit 0
fi
systemctl restart "${SERVICES[@]}"
wait_for 60 "the link is published again" link_published "$SANDBOX_LINK" || failed "bwflow does not run after the acts"
for limit in bwflowd:12 bwflow-helper:15; do
    verdict=$(systemd-analyze security --no-pager --threshold="${limit#*:}" "${limit%:*}.service") ||
        failed "the exposure of ${limit%:*} is too high: $verdict"
    echo "MEASURED $(systemctl --version | sed -n '1s/ (.*//p'): $(tail -n 1 <<<"$verdict" | sed 's/^→ //')"
done
echo "the sandboxes: all checks passed"
