/*
 * recent.h - is this command the first of its id?
 *
 * A command id is one command.  Of each partition the ids of the newest records are kept, and
 * from which record on they are all there.  A command id is a UUIDv7 and tells when it was
 * made: what was made after that record was put there cannot lie before it.  For any other it
 * has to be looked up in the topic (repeats.h).
 *
 * Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* By how much the clock of who made an id may be ahead of the log's. */
#define RECENT_AHEAD_MS (10 * 60 * 1000)

enum recent_said {
    RECENT_FIRST,
    RECENT_REPEAT,
    RECENT_UNSURE, /* records before those that are kept may bear it */
};

struct recent_id {
    char *id;
    int64_t offset;
    int64_t append_ms;
};
struct recent_id *recent_id_new(const char *id, int64_t offset, int64_t append_ms);
void recent_id_free(void *recent_id);

struct recent;
struct recent *recent_new(guint most); /* ids that are kept */
void recent_free(struct recent *recent);

/* What a record with this id is.  `*ret_from_ms` is set when unsure: no record of that id was
 * appended earlier; INT64_MIN: nobody can say. */
enum recent_said recent_judge(const struct recent *recent, const char *id, int64_t offset,
                              int64_t append_ms, int64_t *ret_from_ms);
/* A record was received; offsets rise. */
void recent_note(struct recent *recent, const char *id, int64_t offset,
                 int64_t append_ms);
/* All ids from here on are kept, as far as records were received; INT64_MAX: nothing was. */
int64_t recent_begin(const struct recent *recent);
/* Somebody has looked: these are the ids (struct recent_id, by offset; taken) of all records
 * before recent_begin() or, if there was nothing, before `until`, that were appended at or
 * after `from_ms`.  The oldest may be left out: `from_ms` is then later than was asked. */
void recent_extend(struct recent *recent, GQueue *found, int64_t from_ms, int64_t until);

typedef struct recent Recent;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recent, recent_free)
