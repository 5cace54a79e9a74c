/*
 * session.h - what a command of the command line works with: ledger, bus, codec.
 *
 * Every command works with and without a running `muster serve`.  What that would do
 * (relay, ingest) a session does itself when it gets the lock, and else waits for.
 */
#pragma once

#include "bus.h"
#include "codec.h"
#include "ingest.h"
#include "ledger.h"
#include "lock.h"
#include "relay.h"
#include "request.h"

/* The options that all commands have. */
struct common {
    char *bus;
    char *ledger;
    GPtrArray *files;      /* -F */
    GPtrArray *properties; /* -X */
    bool json;
    bool yes;
    int64_t wait_ms; /* -1: do not wait */
};

struct session {
    const struct common *common;
    struct ledger *ledger;
    struct bus *bus;
    struct codec *codec;
    struct lock *ingest_lock; /* held while `ingest` is open */
    struct ingest *ingest;
    char *actor;
};

/* Fills what was not given: from MUSTER_BUS and MUSTER_LEDGER, else the user's state
 * directory. */
void common_defaults(struct common *common);
void common_clear(struct common *common);

/* What -F and -X say, in their order: char *. */
GPtrArray *common_properties(const struct common *common, GError **error);

/* Opens the ledger (`make`: makes it) and the bus; contacts nobody. */
bool session_open(struct session *session, const struct common *common, bool make,
                  GError **error);
void session_close(struct session *session);

/* Everything that is in the log now is in the ledger afterwards; a running `muster serve`
 * that is slow is waited for as long as the bus (INGEST_ERROR_SLOW). */
bool session_catch_up(struct session *session, GError **error);
/* The same for the whole log, of agents too that the ledger has not heard of. */
bool session_take_log(struct session *session, GError **error);
/* Until the Record of this id, and all that was queued before it, has been sent. */
bool session_deliver(struct session *session, const char *event_id, GError **error);

typedef void session_told(void *listener, const struct command_row *command);
enum waited {
    WAITED_ENDED,
    WAITED_TIMEOUT,
    WAITED_NOT_READ, /* what may be its result came, and cannot be read */
    WAITED_FAILED,
};
/* Until the ledger has the terminal result of a command.  `told` is called several times a
 * second, with how the command is then; NULL: the ledger has no row of it yet. */
enum waited session_wait(struct session *session, const char *command_id,
                         int64_t deadline_us, /* monotonic */
                         session_told *told, void *listener,
                         struct command_row **ret_command, GError **error);

int64_t session_now(void); /* wall clock, ms */

typedef struct session Session;
typedef struct common Common;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_close)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Common, common_clear)
