/*
 * inventory.h - lists the engine, and publishes Syncs.
 *
 * A run: ask for the list of all containers; parse it on a thread; look at those whose state
 * the list does not tell whole; list the data directories; publish a Sync for each partition
 * that wants one, or whose list differs from what its events have told.
 *
 * What a Sync says about a server holds for the moment the list was asked for, so servers
 * that were touched from then on (a command taken, or its result not committed, or an engine
 * event) are `pending`: nothing is said about them.  A list that did not come whole makes a
 * Sync that is not `complete`: it proves nothing.
 */
#pragma once

#include "docker.h"
#include "observe.h"
#include "policy.h"

struct inventory_setup {
    struct docker *docker;
    struct errands *errands;
    struct publisher *publisher;
    struct observer *observer;
    struct lanes *lanes;
    const struct policy *policy;
    const struct author *author;
    GPtrArray *prefixes; /* char *, of names of unmanaged containers worth telling */
};

struct inventory;
struct inventory *inventory_new(const struct inventory_setup *setup);
void inventory_free(struct inventory *inventory); /* not while a run's thread is out */

void inventory_assign(struct inventory *inventory, const struct assignment *assignment,
                      int32_t partitions);

/* A list is wanted: a Sync of all partitions goes out whatever it says... */
void inventory_want(struct inventory *inventory, enum sync_reason reason);
/* ...or only where it differs from what was told. */
void inventory_check(struct inventory *inventory);
/* A sync command: a Sync of its partition and its result.  Takes the order. */
void inventory_command(struct inventory *inventory, struct partition *partition,
                       struct order *order_taken);
/* This server's container may have changed since the list was asked for.  `now_ms`: host. */
void inventory_touch(struct inventory *inventory, const char *server_id, int64_t now_ms);

/* A result has told that this server's container is absent.  Another one that bears its label may
 * run: then the list says so again, for the log must not take it to be missing. */
void inventory_absent(struct inventory *inventory, const char *server_id);

void inventory_advance(struct inventory *inventory, bool engine_up, int64_t now_ms,
                       int64_t wall_ms);
bool inventory_reply(struct inventory *inventory, const struct reply *reply,
                     int64_t now_ms, int64_t wall_ms);
bool inventory_is_running(const struct inventory *inventory);
unsigned inventory_waiting(
    const struct inventory *inventory); /* sync commands unanswered */
