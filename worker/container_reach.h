/*
 * container_reach.h - how the processes of a container reach the host, by what it was made with.
 *
 * Pure: reads what an inspect has shown.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

/* "runs privileged", "mounts the engine's socket", …, or "": a container like any; static.
 * `mounts`: struct mounted. */
const char *container_reach(const json_t *host_config, const GPtrArray *mounts);
