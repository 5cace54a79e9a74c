# shellcheck shell=bash
# services.sh - the engines, registries and brokers that the tests talk to.
#
# Sourced, with $root set.  A *bay* is one of each, below a directory of its own; tests that run
# side by side never share one, where they would meet in the names of networks and images, and
# in the relay's transactional id.  All listens on loopback.  A bay's file `settings` is all that
# a test gets to know of it.

# Engines one after another: each takes a network that is free, and the first of them minds the
# host's rules.
# shellcheck disable=SC2154
services_start() {  # DIR COUNT: bay1 to bayCOUNT below DIR
    local bay brokers=() status=0
    for bay in $(seq -f "$1/bay%g" "$2"); do
        mkdir "$bay"
        start_in "$bay" MUSTER_KAFKA kafka --port "$(free_port)" &
        brokers+=($!)
    done
    for bay in $(seq -f "$1/bay%g" "$2"); do
        start_in "$bay" MUSTER_DOCKER_SOCKET engine || status=1
        start_in "$bay" MUSTER_REGISTRY registry || status=1
    done
    for bay in "${brokers[@]}"; do
        wait "$bay" || status=1
    done
    return "$status"
}

start_in() {        # BAY NAME SCRIPT OPTION...: NAME is set to the address
    local bay=$1 name=$2 script=$3 address
    address=$("$root/deploy/$script" start --dir "$bay/$script" "${@:4}" | tail -n 1) || return 1
    printf '%s=%s\n%s_DIR=%s\n' "$name" "$address" "MUSTER_${script^^}" "$bay/$script" >>"$bay/settings"
}

# The first engine goes last, and leaves the host as it was.
services_stop() {   # DIR
    local bay
    for bay in "$1"/bay*/; do
        [ "$bay" = "$1/bay1/" ] || stop_bay "$bay" &
    done
    wait
    stop_bay "$1/bay1"
}

stop_bay() {        # BAY
    [ -d "$1" ] || return 0
    "$root/deploy/kafka" kill --dir "$1/kafka" || true
    "$root/deploy/registry" stop --dir "$1/registry" || true
    "$root/deploy/engine" remove --dir "$1/engine" || true
} >/dev/null
