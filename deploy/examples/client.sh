#!/usr/bin/env bash
# client.sh - run a server through Muster's HTTP API, with curl and jq.
#
#   MUSTER_URL=http://127.0.0.1:8080 MUSTER_TOKEN=muster_… client.sh AGENT SERVER ACTION
#   MUSTER_URL=… MUSTER_TOKEN=… client.sh AGENT
#
# Asks for an action (start, stop, restart, rebuild, …), waits for its result and prints it; ends
# with 0 only if it was done.  Without an action it lists the agent's servers.  A request is sent
# again if its answer did not come: the Idempotency-Key makes that safe.
set -euo pipefail

url=${MUSTER_URL:?} token=${MUSTER_TOKEN:?}

# The token goes to curl by a descriptor: a command line is read by everybody on the machine.
api() {             # METHOD PATH [curl's arguments]...
    local method=$1 path=$2
    shift 2
    curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 90 \
        --header @<(printf 'Authorization: Bearer %s\n' "$token") --request "$method" "$@" "$url$path"
}

list() {            # AGENT: every page
    local path="/agents/$1/servers?limit=200" headers
    headers=$(mktemp)
    while [ -n "$path" ]; do
        api GET "$path" --dump-header "$headers" | jq -r '.[] | "\(.name)\t\(.shown_status)\t\(.actions | join(","))"'
        path=$(sed -n 's/^[Ll]ink: <\([^>]*\)>; rel="next".*/\1/p' "$headers")
    done
    rm "$headers"
}

act() {             # AGENT SERVER ACTION
    local command result
    command=$(api POST "/agents/$1/servers/$2/$3" --header "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" |
        jq -r .command_id)
    until result=$(api GET "/commands/$command?wait=30") && jq -e .finished_at <<<"$result" >/dev/null; do
        jq -r '"\(.action): \(.outcome) \(.message)"' <<<"$result" >&2
    done
    jq -r '"\(.action) \(.outcome): \(.message)"' <<<"$result"
    [ "$(jq -r .outcome <<<"$result")" = "done" ]
}

case $# in
1) list "$1" ;;
3) act "$@" ;;
*) sed -n '2,8s/^# \?//p' "$0"; exit 2 ;;
esac
