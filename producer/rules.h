/*
 * rules.h - what may be asked of a server in which status, and what it shows meanwhile.
 *
 * Pure: one row per action.  The command line, the ledger and the fold all go by it.
 */
#pragma once

#include "rows.h"

struct rule {
    unsigned allowed;        /* bits 1 << status */
    enum server_status with; /* shown while it is open and a container is there */
    enum server_status
        without;        /* shown while it is open and none is there; NONE: as is */
    bool takes_spec;    /* the command carries the spec of the record as it is now */
    bool makes;         /* makes a container if there is none */
    bool on_control;    /* travels beside the queue, not in it */
    int64_t expires_ms; /* shorter than the topic's retention of 7 days */
    const char *about;  /* for --help */
};

const struct rule *rule_of(enum action action);

bool rule_allows(enum action action, enum server_status status);
/* Bits 1 << action: what may be asked of it now. */
unsigned rule_actions(const struct server_row *server);
/* Whether its data is known to be gone: what makes a container of it needs `fresh` then. */
bool rule_needs_fresh(const struct server_row *server);
/* "start, rebuild, delete": what may be asked of it now; g_free it. */
char *rule_possible(const struct server_row *server);

/* Says no with what would be possible, or that data is gone and `fresh` is needed. */
#define RULES_ERROR (rules_error_quark())
GQuark rules_error_quark(void);
enum rules_error { RULES_ERROR_REFUSED };
bool rule_check(enum action action, const struct server_row *server, bool fresh,
                GError **error);

/* The status that people see: an open command's, else missing, else what it settled on. */
enum server_status rule_status(const struct server_row *server);
