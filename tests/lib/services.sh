# shellcheck shell=bash
# services.sh - the engine, the registry and the broker that the tests talk to.
#
# Sourced, with $root set.  Everything lives below one temporary directory and listens on loopback; the
# variables that are exported here are all that a test gets to know.

# shellcheck disable=SC2154
services_start() {  # DIR: below it they live
    local dir=$1
    services_dir=$dir
    export MUSTER_ENGINE_DIR=$dir/engine MUSTER_REGISTRY_DIR=$dir/registry MUSTER_KAFKA_DIR=$dir/kafka
    MUSTER_DOCKER_SOCKET=$("$root/deploy/engine" start --dir "$MUSTER_ENGINE_DIR" | tail -n 1) || return 1
    MUSTER_REGISTRY=$("$root/deploy/registry" start --dir "$MUSTER_REGISTRY_DIR" | tail -n 1) || return 1
    MUSTER_KAFKA=$("$root/deploy/kafka" start --port "$(free_port)" --dir "$MUSTER_KAFKA_DIR" | tail -n 1) || return 1
    export MUSTER_DOCKER_SOCKET MUSTER_REGISTRY MUSTER_KAFKA
}

services_stop() {
    [ -n "${services_dir:-}" ] || return 0
    "$root/deploy/kafka" kill --dir "$services_dir/kafka" >/dev/null || true
    "$root/deploy/registry" stop --dir "$services_dir/registry" >/dev/null || true
    "$root/deploy/engine" remove --dir "$services_dir/engine" >/dev/null || true
    services_dir=
}
