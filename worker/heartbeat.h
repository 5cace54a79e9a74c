/*
 * heartbeat.h - who is alive: a record in muster.heartbeats every interval, and at changes.
 *
 * Its producer is one of its own: a heartbeat is no part of the log's truth, so it neither
 * waits for a transaction nor holds one up.
 */
#pragma once

#include "assignment.h"
#include "log_clock.h"

struct heartbeats_setup {
    struct bus *bus;
    struct codec *codec;
    const char *agent_id;
    const char *slot;
    int64_t interval_ms;
};

struct heartbeats;
struct heartbeats *heartbeats_new(const struct heartbeats_setup *setup, GError **error);
void heartbeats_free(struct heartbeats *heartbeats);

void heartbeats_assign(struct heartbeats *heartbeats,
                       const struct assignment *assignment);
void heartbeats_engine(struct heartbeats *heartbeats, const char *id,
                       const char *version);
void heartbeats_drain(struct heartbeats *heartbeats);
/* Sends one if it is due; `queued`: commands received and not answered. */
void heartbeats_advance(struct heartbeats *heartbeats, unsigned queued, int64_t now_ms,
                        int64_t wall_ms);
/* The log's time, as the answers to heartbeats tell it, with what is needed to carry it on. */
const struct log_clock *heartbeats_clock(struct heartbeats *heartbeats);
