/*
 * import.h - takes the agents and servers of a D1 database over into the ledger.
 *
 * All or nothing: one transaction makes the rows and queues their Record events, or nothing
 * has happened.  What is in the ledger already (by id) is left as it is, so that the same
 * dump can be taken again.  Two kinds of rows are left out, and told: those, and deleted
 * servers whose name a later one has, since a name, and the data behind it, is one server's.
 * Any other row that is not right refuses the whole, unless `skip_invalid` says otherwise.
 *
 * Env values go into the ledger, and into no message.
 */
#pragma once

#include "codec.h"
#include "d1_dump.h"
#include "ledger_log.h"
#include "request.h"

#define IMPORT_ERROR (import_error_quark())
GQuark import_error_quark(void);
enum import_error { IMPORT_ERROR_REFUSED };

#define IMPORT_TOLD 50 /* reasons that a report lists; it counts all */

struct import_options {
    const char *profile;   /* of all its servers */
    const char *registry;  /* for agents without one; NULL: none */
    const char *data_path; /* likewise */
    int64_t partitions;    /* of the agents' topics */
    bool skip_invalid;
    bool dry; /* do all but the commit */
};

struct import_report {
    int64_t agents, servers, deleted; /* taken; `deleted` ones are among the servers */
    int64_t there;                    /* rows that the ledger has already */
    int64_t skipped;                  /* other rows left out */
    GPtrArray *reasons;  /* char *, a sentence for each, at most IMPORT_TOLD */
    char *last_event_id; /* of the last Record, or NULL */
};
void import_report_clear(struct import_report *report);

bool import_apply(const struct d1_dump *dump, struct ledger *ledger, struct codec *codec,
                  const struct import_options *options, const struct request *request,
                  struct import_report *ret_report, GError **error);

typedef struct import_report ImportReport;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImportReport, import_report_clear)
