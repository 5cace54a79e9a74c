/*
 * cargo.h - what of a bus is to be carried over to another one, and whether it may be now.
 *
 * Agents are those of which the log has a Record.  Of commands only those are carried that
 * have no terminal result: what is answered must never run again, and offsets, which would
 * tell, cannot be carried.
 */
#pragma once

#include "bus.h"
#include "codec.h"

#define CARGO_ERROR (cargo_error_quark())
GQuark cargo_error_quark(void);
enum cargo_error { CARGO_ERROR_REFUSED };

struct cargo {
    struct bus *bus;
    struct codec *codec;
    GPtrArray *topics; /* struct bus_topic, names owned: the shared ones first */
    guint shared;      /* how many these are */
    GPtrArray *agents; /* char * */
    /* Command ids that have no terminal result, and places of records that are no commands and
     * were not answered either → enum waiting. */
    GHashTable *waiting;
    int64_t
        oldest_ms; /* append time of the oldest command there; CONTRACT_NONE: there is none */
};

/* Reads the log, the commands, and once more the log.  BUS_ERROR_PARTITIONS if a topic is not
 * as it was made. */
struct cargo *cargo_look(struct bus *bus, struct codec *codec, GError **error);
void cargo_free(struct cargo *cargo);

/* CARGO_ERROR_REFUSED: a worker is alive, a command has begun and has no result, or a record
 * could not be decoded and was not answered.  `now` is wall clock, ms. */
bool cargo_check(const struct cargo *cargo, int64_t now, GError **error);

/* Whether a record of a command or control topic is to be carried. */
bool cargo_takes(const struct cargo *cargo, const struct bus_record *record);
guint cargo_waiting(const struct cargo *cargo);

typedef struct cargo Cargo;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cargo, cargo_free)
