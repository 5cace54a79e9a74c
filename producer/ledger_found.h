/*
 * ledger_found.h - containers that the last syncs saw and that are no server's own.
 *
 *   unmanaged   without our labels, under a name that a server's could have
 *   extra       under a server's label, but not its name: a leftover, a copy, renamed by hand
 *   orphan      under the label of a server that is deleted, purged or not known
 *
 * They are shown and, but for an adoption that a person asks for, never touched.
 */
#pragma once

#include "ledger.h"

enum found_kind { FOUND_UNMANAGED, FOUND_EXTRA, FOUND_ORPHAN, FOUND_KIND_COUNT };
const char *found_kind_name(enum found_kind kind);

struct found_row {
    char *agent_id;
    char *kind;
    char *container_id;
    char *name;
    char *status; /* Docker's word */
    char *image;
    char *server_id;     /* of its label; of the server that has adopted it; or NULL */
    int64_t seen_at;     /* append time of the sync */
    struct found *found; /* all that was told of an unmanaged one; NULL of others */
};
extern const struct table table_found; /* for row_to_json(); there is no such table */
void found_row_free(struct found_row *row);

/* struct found_row of one agent, or of all (NULL), by agent.  `kinds`: bits 1 << kind. */
GPtrArray *ledger_found(struct ledger *ledger, const char *agent_id, unsigned kinds,
                        GError **error);
/* Leaves out what is unmanaged to its worker alone, because a server has adopted it. */
void found_drop_adopted(GPtrArray *rows);
