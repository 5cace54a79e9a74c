/*
 * repeats.h - a command id is one command: what comes before a record is taken.
 *
 * One for each partition of commands and of control.  A record of which it is not known whether
 * its id has been there before (recent.h) is looked up in the topic, on a thread; it and all
 * that follow it in its partition are held meanwhile, since servers' commands have an order.
 * That is the first command after a takeover, and whatever was made long before it was sent.
 *
 * Only records that count where they lie (placed.h) use up an id.
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "errand.h"

struct repeats_setup {
    struct bus *bus;
    struct codec *codec;
    struct errands *errands;
    const char *agent_id;
};

struct repeats;
struct repeats *repeats_new(bool control);
/* Whoever is out for it on a thread is called back.  NULL is fine. */
void repeats_free(struct repeats *repeats);

enum repeat {
    REPEAT_NO,
    REPEAT_YES,    /* a record before it bears the same id: it ends silently */
    REPEAT_ASKING, /* it is being looked up: hold it */
};

/* `partitions`: by which the topic's records were put there. */
enum repeat repeats_judge(struct repeats *repeats, const struct repeats_setup *setup,
                          const char *command_id, const struct bus_record *record,
                          int32_t partitions);
/* A record that counts was taken, whatever becomes of it. */
void repeats_note(struct repeats *repeats, const char *command_id,
                  const struct bus_record *record);

/* Behind those that are held. */
void repeats_hold(struct repeats *repeats, struct bus_record *record_taken);
unsigned repeats_held(const struct repeats *repeats);
/* The first that is held, if nobody is out for it; borrowed. */
const struct bus_record *repeats_first(const struct repeats *repeats);
/* It was taken. */
void repeats_drop_first(struct repeats *repeats);
