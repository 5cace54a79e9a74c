/*
 * presence.h - which servers are missing: a pure function of the log.
 *
 * Evidence comes from states, results and syncs, in the order of the log; the newest
 * counts.  A server is missing exactly when
 *
 *   1. the log has shown its container since its last create, delete or purge,
 *   2. no command of it is open in the log,
 *   3. the newest evidence says absent, and
 *   4. it is not being created or deleted, nor deleted or purged.
 *
 * What says nothing about a server (a failed list, a server held pending) changes nothing.
 */
#pragma once

#include "rows.h"

/* Where an event lies in the log. */
struct place {
    int32_t partition;
    int64_t offset; /* -1: not in the log yet, the ledger applies its own request */
    int64_t append_ms;
};

enum presence {
    PRESENCE_NOT_EXPECTED, /* nobody should look for a container */
    PRESENCE_PENDING,      /* a command is open: what is seen may be half of it */
    PRESENCE_UNKNOWN,      /* nothing says anything */
    PRESENCE_PRESENT,
    PRESENCE_MISSING,
};

enum presence presence_judge(const struct server_row *server);

/* What a sync says about a server of its partition. */
enum says {
    SAYS_NOTHING, /* the server was worked on, or the list is older than its last command */
    SAYS_PRESENT,
    SAYS_ABSENT,
    SAYS_UNKNOWN, /* a container of it is there, nobody knows how: it is not missing */
};

/* A sync that came whole, indexed for many servers.  Borrows from `sync`. */
struct presence_sync;
struct presence_sync *presence_sync_new(const struct sync *sync, int64_t append_ms);
void presence_sync_free(struct presence_sync *index);

/* `*ret_state` is set for PRESENT alone; borrowed. */
enum says presence_in_sync(const struct presence_sync *index,
                           const struct server_row *server,
                           const struct state **ret_state);

/* What the list of data directories that `sync` brings says about a server's: no is only said
 * beside a directory that stands where its own should, since nothing tells the roots. */
struct presence_directories;
struct presence_directories *presence_directories_new(const struct sync *sync);
void presence_directories_free(struct presence_directories *directories);
enum maybe presence_data(const struct presence_directories *directories,
                         const char *data_dir);

/* Whether so many absences at once look like a lost disk rather than lost containers:
 * `turned` of the agent's `expected` servers turned missing within a minute. */
#define PRESENCE_MASS_MS 60000
bool presence_is_mass(int64_t turned, int64_t expected);

typedef struct presence_sync PresenceSync;
typedef struct presence_directories PresenceDirectories;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PresenceSync, presence_sync_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PresenceDirectories, presence_directories_free)
