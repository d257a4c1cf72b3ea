# machine: -s bookworm -e vnstat
# machine: -s trixie -e vnstat
# shellcheck shell=bash
# The distribution's own vnStat, run by its unit, and the installed bwflow-helper in its sandbox: the
# database and /etc/vnstat.conf are read, what may not be read is named, and counted without.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

readonly DATABASE=/var/lib/vnstat/vnstat.db
# The longest frame; "to the byte" but for one that is under way.
readonly PACKET=1514
# As far from UTC as the kernel's own zones go: rows that are read by the wrong clock are in other hours.
readonly ZONE=Pacific/Kiritimati

sent() { cat "/sys/class/net/$SANDBOX_LINK/statistics/tx_bytes"; }
vnstat_total() { vnstat --json | sed -n 's/.*"name":"'"$SANDBOX_LINK"'".*"total":{"rx":[0-9]*,"tx":\([0-9]*\)}.*/\1/p'; }
vnstat_knows() { [[ -n $(vnstat_total) ]]; }
# vnstat_has BYTES: vnStat has accounted as much. It writes what it has read, which it does every two
# seconds, so that it must not be asked more often.
vnstat_has() {
    sleep 2.5
    systemctl kill --signal HUP vnstat
    sleep 0.2
    (($(vnstat_total) >= $1))
}
source_is() { [[ $(bwflowctl report --json | json_word source) == "$1" ]]; }
note_says() { [[ $(bwflowctl report --json | json_word source_note) == *"$1"* ]]; }
used() { bwflowctl report --json | json_number used_bytes; }
# used_is BYTES: within a packet.
used_is() {
    local off=$(($(used) - $1))
    ((off <= PACKET && -off <= PACKET))
}
hour_of() { bwflowctl history --hours --json --since 2d | json_word start; }

# set_up_vnstat LINES: a vnStat that begins anew with these settings besides those that make it quick.
set_up_vnstat() {
    systemctl stop vnstat
    rm -f "$DATABASE"*
    { cat /etc/vnstat.conf.shipped && printf '%s\n' 'UpdateInterval 2' 'PollInterval 2' "$@"; } >/etc/vnstat.conf
    # While vnStat makes its database it does not wait for readers: who asks for it then, ends it.
    runuser -u vnstat -- vnstatd --initdb >/tmp/initdb.log 2>&1 || failed "no database: $(cat /tmp/initdb.log)"
    systemctl restart vnstat
    wait_for 20 "vnStat knows the link" vnstat_knows || failed "vnStat does not know the link"
}
# forget: bwflow without a past of its own.
forget() {
    systemctl stop bwflow-helper
    rm -rf /var/lib/bwflow/* /var/lib/private/bwflow/*
}

make_link
ln -sf "/usr/share/zoneinfo/$ZONE" /etc/localtime
[[ $(date +%z) == +1400 ]] || failed "the machine does not know $ZONE"
cp /etc/vnstat.conf /etc/vnstat.conf.shipped
version=$(vnstat --version | awk '{ print $2 }')
configure "10 TB"
printf '[daemon]\npoll_interval_seconds = 3\n' >>/etc/bwflow/config.toml

for utc in 0 1; do
    early=$(sent)
    set_up_vnstat "UseUTC $utc"
    spend 2000000
    before=$(($(sent) - early))
    wait_for 30 "vnStat has counted" vnstat_has "$before" || failed "vnStat does not count: $(vnstat_total) of $before"
    # The hour may have ended meanwhile.
    hours="$(date --utc --date '-2 minutes' +%FT%H) $(date --utc +%FT%H)"
    if ((utc)); then
        systemctl start bwflow-helper
    else
        dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
    fi
    wait_for 30 "counted with vnStat" source_is vnstat || failed "the helper does not read vnStat's database"
    said=$(bwflowctl report --json | json_word vnstat_version)
    [[ $said == "$version" ]] || failed "it is vnStat $version, not $said"
    spend 1000000
    wait_for 20 "all is charged" used_is $(($(sent) - early)) || failed "$(used) bytes are charged, not $(($(sent) - early))"
    hour=$(hour_of)
    [[ -n $hour ]] || failed "no hour is known"
    hour=$(date --utc --date "$hour" +%FT%H)
    [[ $hours == *"$hour"* ]] || failed "what was moved at $hours is taken for that of $hour"
    echo "MEASURED vnStat $version, UseUTC $utc: $(($(sent) - early)) bytes went out, $before of them before" \
        "bwflow; charged $(used), vnStat has $(vnstat_total)"
    ((utc)) || forget
done

chmod 0600 "$DATABASE"
wait_for 20 "the database is shut" source_is kernel || failed "a database that cannot be read is read"
note_says "Permission denied" || failed "why vnStat is not used is not said"
[[ $(bwflowctl status) == *"counted by the kernel alone"* ]] || failed "status does not say it: $(bwflowctl status)"
spend 1000000
wait_for 20 "the kernel counts on" used_is $(($(sent) - early)) || failed "$(used) bytes are charged without vnStat"
chmod 0644 "$DATABASE"
wait_for 20 "the database is open" source_is vnstat || failed "vnStat is not used again"
wait_for 10 "nothing is counted twice" used_is $(($(sent) - early)) || failed "$(used) bytes are charged with vnStat again"
echo "MEASURED unreadable and readable again: $(($(sent) - early)) bytes went out, charged $(used);" \
    "vnStat dropped $(bwflowctl report --json | json_number vnstat_dropped_bytes)"

# Where the program cannot read it either, counting begins with the first sight of the link.
chmod 0600 "$DATABASE"
forget
spend 500000
start=$(sent)
systemctl start bwflow-helper
wait_for 30 "counted without vnStat" source_is kernel || failed "the helper does not work without vnStat"
spend 300000
wait_for 20 "only what is seen is charged" used_is $(($(sent) - start)) || failed "$(used) bytes are charged, not $(($(sent) - start))"
note_says "Permission denied" || failed "why vnStat is not used is not said at the start"

# Where it can, its rows are the past: the real program, over what it may read, within the sandbox.
install -d -m 0755 /var/lib/readable
cp "$DATABASE" /var/lib/readable/
chmod 0644 /var/lib/readable/vnstat.db
sed 's|^;*DatabaseDir .*|DatabaseDir "/var/lib/readable"|' /etc/vnstat.conf >/etc/readable.conf
grep -q readable /etc/readable.conf || failed "vnStat's configuration has no DatabaseDir"
cat >/usr/local/bin/may-read <<'PROGRAM'
#!/bin/sh
exec /usr/bin/vnstat "$@" --config /etc/readable.conf
PROGRAM
chmod 0755 /usr/local/bin/may-read
mkdir -p /run/systemd/system/bwflow-helper.service.d
cat >/run/systemd/system/bwflow-helper.service.d/program.conf <<'UNIT'
[Service]
ExecStart=
ExecStart=bwflow-helper --config /etc/bwflow/config.toml --vnstat-program /usr/local/bin/may-read
UNIT
systemctl daemon-reload
forget
start=$(sent)
past=$(vnstat --json --config /etc/readable.conf | sed -n 's/.*"total":{"rx":[0-9]*,"tx":\([0-9]*\)}.*/\1/p')
systemctl start bwflow-helper
wait_for 30 "counted by vnStat's rows" used_is $((past + $(sent) - start)) ||
    failed "$(used) bytes are charged, of which vnstat --json says $past"
source_is kernel || failed "rows alone are no count"
echo "MEASURED vnstat --json of $version in the sandbox: $past bytes in its rows, charged $(used)"
[[ $(property bwflow-helper NRestarts) == 0 ]] || failed "bwflow-helper did not live through it"
echo "vnstat: all checks passed"
