# shellcheck shell=bash
# A person at a terminal, for scenarios whose machine has tmux; /payload/terminal.sh in the machine.
# Sourced after scenario.sh.

terminal_user=root
terminal_number=0
terminal_answers=0

in_tmux() { runuser -u "$terminal_user" -- env SHELL=/bin/bash tmux -S "/tmp/terminal-$terminal_number" "$@"; }

# terminal USER COMMAND: the user runs the shell command on a new terminal.
terminal() {
    terminal_user=$1 terminal_number=$((terminal_number + 1)) terminal_answers=0
    # It outlives Ctrl-C, and sees what has happened to the settings of the terminal.
    in_tmux -f /dev/null new-session -d -x 180 -y 300 "
        trap : INT
        before=\$(stty -g)
        $2
        code=\$?
        [ \"\$before\" = \"\$(stty -g)\" ] || echo the terminal was left in disorder
        echo \"ended with \$code\"
        exec cat"
}

screen() { in_tmux capture-pane -p; }
shown() { [[ $(screen) == *"$1"* ]]; }
# Lines on which an answer is wanted or was given.
questions() { screen | awk '/^>|^\[.*\] >/ { n++ } END { print n + 0 }'; }
asked_again() { (($(questions) > terminal_answers)); }

# sees TEXT: waits until it stands on the screen.
sees() { wait_for 30 "the terminal shows '$1'" shown "$1" || failed "there is no '$1' on the screen: $(screen)"; }

keys() { in_tmux send-keys "$@"; }

# answers ANSWER...: waits for each question and types the answer; an empty one takes the default.
answers() {
    local answer
    for answer in "$@"; do
        wait_for 30 "a question" asked_again || failed "nothing is asked before '$answer': $(screen)"
        [[ -z $answer ]] || keys -l "$answer"
        terminal_answers=$((terminal_answers + 1))
        keys Enter
    done
}

# ends_with CODE: waits for the end of the command.
ends_with() {
    sees "ended with "
    shown "ended with $1" || failed "this does not end with $1: $(screen)"
    ! shown "left in disorder" || failed "the terminal is left in disorder: $(screen)"
    in_tmux kill-server
}
