# machine: -s bookworm -e vnstat,sudo,tmux
# machine: -s trixie -e vnstat,sudo,tmux
# shellcheck shell=bash
# The quick start of README.md, command by command as it stands there, on a fresh Debian. The machine
# has no network but its own, so that its image holds vnStat already.
set -euo pipefail

# shellcheck source=tests/machine/scenario.sh
source /payload/scenario.sh
# shellcheck source=tests/machine/terminal.sh
source /payload/terminal.sh

# What the section says to type, a command a line.
mapfile -t commands < <(awk '
    /^## /  { inside = ($0 == "## Quick start") }
    /^```/  { block = !block; next }
    inside && block' /payload/README.md)

# `sudo` asks for the host's address, and nobody answers here.
echo "127.0.1.1 $(hostname)" >>/etc/hosts
make_link
useradd --user-group --create-home --shell /bin/bash boss
echo 'boss ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/boss
mkdir -p /home/boss/bwflow/target/debian
cp /payload/bwflow.deb /home/boss/bwflow/target/debian/bwflow_0_test.deb
cd /home/boss/bwflow
as_boss() { runuser -u boss -- bash -c "$1" </dev/null; }

begun=$EPOCHREALTIME
output=''
for command in "${commands[@]}"; do
    step "$command"
    case $command in
        'sudo bwflowctl init')
            terminal boss "$command"
            # Everything as proposed, but the next step of the quick start left to itself.
            sees "$SANDBOX_LINK has the default route"
            answers '' '' '' '' '' '' yes
            sees "Start bwflow now"
            answers no
            sees "next: \`sudo systemctl enable --now bwflowd bwflow-helper\`"
            ends_with 0
            ;;
        'bwflowctl report')
            wait_for 20 "the link is published" link_published "$SANDBOX_LINK" || failed "nothing is reported"
            output=$(as_boss "$command") || failed "$command"
            ;;
        *) as_boss "$command" >/tmp/command.log 2>&1 || failed "$command: $(cat /tmp/command.log)" ;;
    esac
done
((${#commands[@]} == 8)) || failed "the quick start has other commands than this knows: ${commands[*]}"
[[ $output == *"$SANDBOX_LINK"*"100 GB"* ]] || failed "the report does not show the link: $output"
for service in "${SERVICES[@]}"; do active "$service" || failed "$service does not run"; done
active vnstat || failed "vnStat does not run"
echo "MEASURED ${#commands[@]} commands of the quick start in $(milliseconds_since "$begun") ms; the report then:"
echo "$output"
echo "the quick start: all checks passed"
