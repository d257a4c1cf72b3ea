# machine: -k -b 3 -e vnstat
# shellcheck shell=bash
# What flows while the machine goes down: bwflow and vnStat stop one after the other, the counters
# begin anew, and what either has seen is charged, once. The first boot sends until its end, the second
# crashes, the third adds up. They share only the disk.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh

readonly DISK=/state PACKET=1514

sent() { cat "/sys/class/net/$SANDBOX_LINK/statistics/tx_bytes"; }
vnstat_total() { vnstat --json | sed -n 's/.*"name":"'"$SANDBOX_LINK"'".*"total":{"rx":[0-9]*,"tx":\([0-9]*\)}.*/\1/p'; }
vnstat_knows() { [[ -n $(vnstat_total) ]]; }
source_is() { [[ $(bwflowctl report --json | json_word source) == "$1" ]]; }
figure() { bwflowctl report --json | json_number "$1"; }
used_is() {
    local off=$(($(figure used_bytes) - $1))
    ((off <= PACKET && -off <= PACKET))
}
# vnstat_wrote BYTES: vnStat has written a counter as high. It writes what it has read, which it does
# every two seconds, so that it must not be asked more often.
vnstat_wrote() {
    sleep 2.5
    systemctl kill --signal HUP vnstat
    sleep 0.5
    (($(vnstat_total) >= $1))
}
keep() { printf '%s\n' "$2" >"$DISK/$1" && sync "$DISK/$1"; }
kept() { cat "$DISK/$1"; }

systemctl stop vnstat
((BOOT > 1)) || mkfs.ext4 -q /dev/vda
mkdir -p "$DISK"
mount /dev/vda "$DISK"
mkdir -p "$DISK"/{bwflow,vnstat} /var/lib/bwflow
chown vnstat: "$DISK/vnstat"
mount --bind "$DISK/bwflow" /var/lib/bwflow
mount --bind "$DISK/vnstat" /var/lib/vnstat
printf '%s\n' 'UpdateInterval 2' 'PollInterval 2' >>/etc/vnstat.conf
make_link
# While vnStat makes its database it does not wait for readers: who asks for it then, ends it.
((BOOT > 1)) || runuser -u vnstat -- vnstatd --initdb >/tmp/initdb.log 2>&1 || failed "no database: $(cat /tmp/initdb.log)"
systemctl start vnstat
wait_for 30 "vnStat knows the link" vnstat_knows || failed "vnStat does not know the link"
configure "10 TB"
printf '[daemon]\npoll_interval_seconds = 3\n' >>/etc/bwflow/config.toml
dpkg --install /payload/bwflow.deb >/tmp/dpkg.log 2>&1 || failed "the package cannot be installed: $(cat /tmp/dpkg.log)"
wait_for 60 "counted with vnStat" source_is vnstat || failed "the helper does not read vnStat's database"

case $BOOT in
    1)
        # What the link said before anybody looked at it is in neither count.
        keep bwflow.before $(($(sent) - $(figure used_bytes)))
        keep vnstat.before $(($(sent) - $(vnstat_total)))
        spend 2000000
        wait_for 20 "all is charged" used_is $(($(sent) - $(kept bwflow.before))) || failed "$(figure used_bytes) bytes are charged"
        # As whatever uses the network: it is up before, and goes down first.
        cat >/run/systemd/system/traffic.service <<UNIT
[Unit]
After=vnstat.service bwflowd.service bwflow-helper.service
[Service]
ExecStart=bash -c 'while :; do printf %%01400d 0 >/dev/udp/$NOWHERE/9; sleep 0.01; done'
ExecStopPost=bash -c 'cat /sys/class/net/$SANDBOX_LINK/statistics/tx_bytes >$DISK/sent && sync $DISK/sent'
UNIT
        systemctl daemon-reload
        systemctl start traffic
        begun=$(sent)
        flows() { (($(sent) > begun + 100000)); }
        wait_for 60 "traffic flows" flows || failed "no traffic flows"
        keep rebooting yes
        systemctl reboot
        sleep infinity # until the machine goes down
        ;;
    2)
        [[ $(kept rebooting) == yes ]] || failed "the first boot did not come to its end"
        before=$(kept sent)
        expected() { echo $((before + $(sent) - $(kept bwflow.before))); }
        matches() { used_is "$(expected)"; }
        wait_for 20 "all is charged" matches || failed "$(figure used_bytes) bytes are charged, not $(expected)"
        echo "MEASURED a reboot under traffic: $before bytes went out before and $(sent) after it," \
            "$(expected) in sight of bwflow, which charged $(figure used_bytes);" \
            "vnStat has $(vnstat_total) of $((before + $(sent) - $(kept vnstat.before)))"

        # bwflow sees nothing any more, vnStat does; then nobody; then the machine is gone.
        keep base $(($(expected) - $(sent)))
        kill -STOP "$(main_pid bwflow-helper)"
        keep blind "$(sent)"
        total=$(vnstat_total) from=$(sent)
        spend 3000000
        wait_for 40 "vnStat has written" vnstat_wrote $((total + $(sent) - from)) || failed "vnStat has $(vnstat_total), not $((total + $(sent) - from))"
        keep seen "$(sent)"
        spend 400000
        keep sent "$(sent)"
        keep crashed yes
        echo b >/proc/sysrq-trigger
        sleep infinity # until the machine is gone
        ;;
    3)
        [[ $(kept crashed) == yes ]] || failed "the second boot did not come to its end"
        seen=$(($(kept base) + $(kept seen)))
        matches() { used_is $((seen + $(sent))); }
        wait_for 20 "what vnStat saw is charged" matches || failed "$(figure used_bytes) bytes are charged, not $((seen + $(sent)))"
        echo "MEASURED a crash: $(($(kept sent) - $(kept blind))) bytes went out after bwflow's last look," \
            "$(($(kept seen) - $(kept blind))) of them were vnStat's to see; charged $(figure used_bytes) of" \
            "$(($(kept base) + $(kept sent) + $(sent))), so that $(($(kept sent) - $(kept seen))) are lost"
        echo "vnstat-reboot: all checks passed"
        ;;
esac
