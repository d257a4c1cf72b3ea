# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_bwflowctl_global_optspecs
    string join \n address= no-color h/help V/version
end

function __fish_bwflowctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_bwflowctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_bwflowctl_using_subcommand
    set -l cmd (__fish_bwflowctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -s V -l version -d 'Print version'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "report" -d 'This period of every link: budget, used, left, forecast'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "status" -d 'What every link is held to now, and why'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "history" -d 'What every link moved, by hours, days or billing periods'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "spend" -d 'What the cloud bills, and what is done about it'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "throttle" -d 'Cap a link by hand, or end that'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "override" -d 'Lift or change a link\'s limit by hand, or add to its budget'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "init" -d 'Write the configuration: finds the link, asks about the plan'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "correct" -d 'Make the ledger agree with the provider\'s bill'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "check-config" -d 'Check a configuration as the service does, and show what it means'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "doctor" -d 'Find every reason why a link might not be held to its budget here'
complete -c bwflowctl -n "__fish_bwflowctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand report" -s i -l interface -d 'Show this link only' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand report" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand report" -l json -d 'Print JSON'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand report" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand status" -s i -l interface -d 'Show this link only' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand status" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand status" -l json -d 'Print JSON, one line each'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand status" -s w -l watch -d 'Go on showing every change until Ctrl-C'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand status" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l since -d 'From when on: so long ago (7d, 12h), YYYY-MM-DD, \'YYYY-MM-DD 18:00\' or RFC 3339' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -s i -l interface -d 'Show this link only' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l hours -d 'Show hours; the last 24 without --since'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l days -d 'Show days (the default); the last 30 without --since'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l months -d 'Show billing periods; those of the last year without --since'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l json -d 'Print JSON'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l csv -d 'Print comma-separated values'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand spend" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand spend" -l json -d 'Print JSON'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand spend" -l refresh -d 'Have it checked now, and wait for that'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand spend" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand spend" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l for -d 'How long it holds, whatever becomes of the clock: 90m, 2h, 3d, 1h30m' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l until -d 'Until when it holds: 18:00 (the next, local time), \'YYYY-MM-DD 18:00\', YYYY-MM-DD or RFC 3339' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l reason -d 'Why, for whoever reads it later' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -s i -l interface -d 'The link; not needed where there is only one' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l force -d 'Set it even if a remote login would hardly answer any more (less than min_rate)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l clear -d 'End the throttle'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l no-ask-password -d 'Do not ask for a password, here or by a graphical agent: be refused instead'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l json -d 'Print the link as `status --json` does'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand throttle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l rate -d 'Hold the link to this rate, in bits per second; without it there is no limit at all' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l add -d 'Add this much to the budget of this period, in bytes: 10GB, \'1.5 TiB\'' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l for -d 'How long it holds, whatever becomes of the clock: 90m, 2h, 3d, 1h30m' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l until -d 'Until when it holds: 18:00 (the next, local time), \'YYYY-MM-DD 18:00\', YYYY-MM-DD or RFC 3339' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l reason -d 'Why, for whoever reads it later' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -s i -l interface -d 'The link; not needed where there is only one' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l force -d 'Set it even if a remote login would hardly answer any more (less than min_rate)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l clear -d 'End the override; what was added to the budget stays'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l no-ask-password -d 'Do not ask for a password, here or by a graphical agent: be refused instead'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l json -d 'Print the link as `status --json` does'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand override" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -s i -l interface -d 'Link that has the budget [default: that of the default route]' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l budget -d 'What the plan pays for in a month, in bytes: 100GB, \'1.5 TiB\'' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l burst -d 'How much of it may be used from the first day on [default: half]' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l billing-day -d 'Day of the month on which a period begins, 1 to 31 [default: 1]' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l count -d 'What the provider counts: tx (sent), rx (received), sum or max of both [default: tx]' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l timezone -d 'Time zone in which a period begins at midnight, like Europe/Berlin [default: UTC]' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l preset -d 'Begin with what a provider includes in its plan' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -s o -l output -d 'File to write' -r -F
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l vnstat -d 'Whether to mend /etc/vnstat.conf where vnStat would lose traffic, and restart vnStat: yes or no' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l start -d 'Whether to start the services, or have them read the new file: yes or no' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l address -d 'Takes the place of the global flag, which is of no use where no bus is asked' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l list-presets -d 'Show the presets, with their sources'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l json -d 'Print the presets as JSON'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l force -d 'Change a file that is there already without asking; a copy of it is kept'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -s y -l yes -d 'Ask nothing: take the default wherever there is no flag'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l print -d 'Only print the file that would be written'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l write-from-stdin -d 'The privileged step: writes what comes on standard input to its one place'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -l used -d 'What the provider says has been used in this billing period, in bytes: 73.2GB, \'1.5 TiB\'' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -l reason -d 'Why, for whoever reads it later' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -s i -l interface -d 'The link; not needed where there is only one' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -l no-ask-password -d 'Do not ask for a password, here or by a graphical agent: be refused instead'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -l json -d 'Print the link as `status --json` does'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand correct" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand check-config" -l address -d 'Takes the place of the global flag, which is of no use where no bus is asked' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand check-config" -l json -d 'Print JSON'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand check-config" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand check-config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand doctor" -l config -d 'The configuration that the services use' -r -F
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand doctor" -l state-directory -d 'Where the ledger is' -r -f -a "(__fish_complete_directories)"
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand doctor" -l address -d 'Bus to ask instead of the system bus, e.g. unix:path=/run/dbus/system_bus_socket' -r -f
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand doctor" -l json -d 'Print JSON'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand doctor" -l no-color -d 'Use no colours, not even on a terminal (as NO_COLOR does)'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "report" -d 'This period of every link: budget, used, left, forecast'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "status" -d 'What every link is held to now, and why'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "history" -d 'What every link moved, by hours, days or billing periods'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "spend" -d 'What the cloud bills, and what is done about it'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "throttle" -d 'Cap a link by hand, or end that'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "override" -d 'Lift or change a link\'s limit by hand, or add to its budget'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "init" -d 'Write the configuration: finds the link, asks about the plan'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "correct" -d 'Make the ledger agree with the provider\'s bill'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "check-config" -d 'Check a configuration as the service does, and show what it means'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "doctor" -d 'Find every reason why a link might not be held to its budget here'
complete -c bwflowctl -n "__fish_bwflowctl_using_subcommand help; and not __fish_seen_subcommand_from report status history spend throttle override init correct check-config doctor help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
