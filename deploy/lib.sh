# shellcheck shell=bash
# lib.sh - the little that the scripts here share: messages, processes, ports, waiting.
#
# Sourced, never run.  A pid file holds "PID START", START being the process's start time in
# the kernel's ticks: a number that was given to another process meanwhile is not ours.

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$@"; exit 1; }
usage_error() { warn "$* (see ${0##*/} --help)"; exit 2; }

# The comment at the top of a script is its help: from line 2 to the first empty line.
show_help() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

need_command() {    # COMMAND PACKAGE
    command -v "$1" >/dev/null || die "$1 is not installed: apt-get install $2"
}

need_value() {      # OPTION COUNT-OF-ARGUMENTS-LEFT
    [ "$2" -ge 2 ] || usage_error "$1 needs a value"
}

need_port() {
    if ! [[ $1 =~ ^[0-9]{1,5}$ ]] || [ "$1" -lt 1 ] || [ "$1" -gt 65535 ]; then
        usage_error "'$1' is not a port: a number from 1 to 65535 is"
    fi
}

# The start time of a living process; nothing for one that is gone or only waits to be reaped.
process_start() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    [ "${stat%% *}" != Z ] || return 1
    cut -d' ' -f20 <<<"$stat"
}

pid_write() {       # FILE PID
    printf '%s %s\n' "$2" "$(process_start "$2")" >"$1"
}

pid_of() {          # FILE: prints the pid if that very process is alive
    local pid started
    read -r pid started 2>/dev/null <"$1" || return 1
    [ -n "$pid" ] && [ "$(process_start "$pid")" = "$started" ] || return 1
    printf '%s\n' "$pid"
}

pid_stop() {        # FILE SECONDS: SIGTERM, wait, SIGKILL, wait
    local pid
    if pid=$(pid_of "$1"); then
        kill -TERM "$pid" 2>/dev/null || true
        if ! wait_until "$2" pid_is_gone "$1"; then
            warn "process $pid did not end within $2 s: killing it"
            kill -KILL "$pid" 2>/dev/null || true
            wait_until 10 pid_is_gone "$1" || die "process $pid cannot be killed"
        fi
    fi
    rm -f "$1"
}

pid_kill() {        # FILE: SIGKILL, wait
    local pid
    if pid=$(pid_of "$1"); then
        kill -KILL "$pid" 2>/dev/null || true
        wait_until 10 pid_is_gone "$1" || die "process $pid cannot be killed"
    fi
    rm -f "$1"
}

pid_is_gone() { ! pid_of "$1" >/dev/null; }

wait_until() {      # SECONDS COMMAND...: asks ten times a second
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

port_is_free() { ! port_is_open "$1"; }

port_is_open() {    # PORT: something accepts TCP connections there
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A TCP port that nobody listens on, far below the range that the kernel hands out by itself.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((10000 + RANDOM % 10000))
        if ! port_is_open "$port"; then
            printf '%s\n' "$port"
            return
        fi
    done
    die "no free port found between 10000 and 20000"
}

# One start or stop of a directory at a time.  Descriptor 9 must be closed for what stays.
lock_dir() {        # DIR
    mkdir -p "$1"
    exec 9>"$1/lock"
    flock -w 180 9 || die "another ${0##*/} has been at work on $1 for three minutes"
}

state_home() { printf '%s\n' "${XDG_STATE_HOME:-$HOME/.local/state}/muster"; }
cache_home() { printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/muster"; }
