#!/bin/sh
# demo-server.sh - the "game server" of the demo image, with what Muster must handle.
#
# Runs as the first process of a container, on busybox alone: keeps a world, saves it every few
# seconds and on SIGTERM, answers "alive" on its RCON port.  What tests may ask for:
#   DEMO_EXIT_AFTER=SECONDS   end by itself then, with DEMO_EXIT_CODE (default 1)
#   DEMO_STOP_DELAY=SECONDS   take that long over a stop
#   DEMO_IGNORE_TERM=1        ignore SIGTERM altogether

world=/home/steam/Zomboid
ticks=0

save() {
    echo "$ticks" >"$world/world.save.new" && mv "$world/world.save.new" "$world/world.save"
    echo "saved at tick $ticks"
}

stop() {
    echo "stopping"
    sleep "${DEMO_STOP_DELAY:-0}"
    save
    exit 0
}

mkdir -p "$world" || exit 1
[ ! -f "$world/world.save" ] || ticks=$(cat "$world/world.save")
echo "started with a world of $ticks ticks"
if [ -n "$DEMO_IGNORE_TERM" ]; then trap '' TERM; else trap stop TERM; fi
nc -ll -p "${RCON_PORT:-27015}" -e /bin/echo alive &

save
started=$(date +%s)
while :; do
    sleep 1 &
    wait $!
    ticks=$((ticks + 1))
    [ $((ticks % 5)) != 0 ] || save
    if [ -n "$DEMO_EXIT_AFTER" ] && [ $(($(date +%s) - started)) -ge "$DEMO_EXIT_AFTER" ]; then
        echo "ending by itself"
        exit "${DEMO_EXIT_CODE:-1}"
    fi
done
