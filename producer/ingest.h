/*
 * ingest.h - takes muster.events into the ledger: events and offsets in one transaction.
 *
 * Every event is applied once, whatever is killed: the ledger's own transaction says how
 * far it got.  What cannot be read is put aside (aside.h), and told.
 *
 * After any error the reader may be ahead of the ledger: close, and open again.
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "ledger_log.h"

#define INGEST_LOCK "ingest.lock"
/* Without a single event: the bus is not telling, or whoever has the lock is not taking. */
#define INGEST_PATIENCE_MS 30000

#define INGEST_ERROR (ingest_error_quark())
GQuark ingest_error_quark(void);
enum ingest_error {
    INGEST_ERROR_SLOW, /* the end did not come nearer in time */
};

struct ingest;

/* Of whoever holds INGEST_LOCK.  Checks that the log is the ledger's. */
struct ingest *ingest_open(struct ledger *ledger, struct bus *bus, struct codec *codec,
                           GError **error);
void ingest_close(struct ingest *ingest);
/* Whether the log has shown that it is the one that the ledger has read so far. */
bool ingest_knows_log(const struct ingest *ingest);
/* What the log has lost of what was taken, in a sentence; NULL: nothing that is known.  Borrowed. */
const char *ingest_fault(const struct ingest *ingest);
/* Another control plane that writes into the log, in a sentence; NULL: none that is known. */
const char *ingest_other(const struct ingest *ingest);
int ingest_fd(struct ingest *ingest); /* readable when a step may have something */

/* Waits up to `timeout_ms` for events, takes what is there (bounded), and commits. */
bool ingest_step(struct ingest *ingest, int timeout_ms, int *ret_taken, GError **error);
/* Steps until everything that is in the log now is in the ledger: of the agents that the
 * ledger knows, or (`all`) of all. */
bool ingest_catch_up(struct ingest *ingest, bool all, GError **error);
/* Two halves of catching up, for a loop: takes the ends of now as the aim; and says whether
 * the ledger has arrived there, noting positions past markers so that others see it too. */
bool ingest_aim(struct ingest *ingest, GError **error);
bool ingest_arrived(struct ingest *ingest, bool *ret_arrived, GError **error);

typedef struct ingest Ingest;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ingest, ingest_close)
