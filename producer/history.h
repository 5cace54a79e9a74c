/*
 * history.h - a server's events, newest first, out of the log.
 *
 * The log is read backwards in windows that grow, and a call reads no more than
 * HISTORY_READS records: a server whose last event is long ago takes several calls, each of
 * which says where to go on.
 */
#pragma once

#include "bus.h"
#include "codec.h"

#include <jansson.h>

#define HISTORY_READS 100000

struct history_options {
    const char *agent_id;
    const char *server_id;
    int64_t before; /* offset; CONTRACT_NONE: from the end */
    int64_t limit;
};

/* An array of events, owned by the caller.  `*ret_next`: `before` of the next call, or as it
 * was when there is no more. */
json_t *history_read(struct bus *bus, struct codec *codec, int32_t partitions,
                     const struct history_options *options, int64_t *ret_next,
                     GError **error);
