/*
 * offsets.h - which commands of a partition are done: watermark, incompletes, begun.
 *
 * Commands end out of order, so one committed number is not enough.  The committed offset
 * is the watermark (everything below is done); its metadata tells, of what was received
 * above it, which are incomplete, and of those which had begun and what their redelivery
 * must know.  A new owner loads it and runs only incompletes.
 *
 * Offsets have gaps: contiguous means consecutive received records.  An incomplete that is
 * listed but is not delivered any more (a later record comes first) is gone and forgotten.
 *
 * Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define OFFSETS_METADATA_MAX 3000 /* characters up to which new records are taken */
#define OFFSETS_METADATA_HARD \
 4000                         /* up to which taken ones are begun; a broker allows 4096 */
#define OFFSETS_NOTE_MAX   32 /* characters of one note; most have ten */
#define OFFSETS_BEGUN_ROOM 12 /* records that can be begun however many are waiting */

enum offsets_taken {
    OFFSETS_FRESH, /* run it */
    OFFSETS_BEGUN, /* an earlier owner had begun it: look what is there and finish */
    OFFSETS_DONE,  /* an earlier owner has answered it: skip */
};

struct offsets;

struct offsets *offsets_new(int64_t watermark); /* nothing received at or above it */
/* From what was committed.  `metadata` NULL or "": nothing incomplete above the watermark.
 * Error (G_IO_ERROR_INVALID_DATA) if it cannot be read. */
struct offsets *offsets_load(int64_t watermark, const char *metadata, GError **error);
void offsets_free(struct offsets *offsets);

/* What offsets_receive() will say of it. */
enum offsets_taken offsets_expect(const struct offsets *offsets, int64_t offset);
/* A record was received; offsets rise.  `*ret_note` is set on BEGUN (borrowed; "" if empty). */
enum offsets_taken offsets_receive(struct offsets *offsets, int64_t offset,
                                   const char **ret_note);
/* Keeps room for its note, to be asked for before it is begun.  False: there is none until
 * others have finished; begin it later.  With less than OFFSETS_BEGUN_ROOM begun there is. */
bool offsets_reserve(struct offsets *offsets, int64_t offset) G_GNUC_WARN_UNUSED_RESULT;
/* It is marked begun, with a note for whoever has to finish it (printable ASCII); again: with
 * another note. */
void offsets_begin(struct offsets *offsets, int64_t offset, const char *note);
/* It is not, after all: nothing was committed. */
void offsets_unbegin(struct offsets *offsets, int64_t offset);
/* It has its terminal result. */
void offsets_finish(struct offsets *offsets, int64_t offset);

int64_t offsets_watermark(const struct offsets *offsets);
int64_t offsets_seen(
    const struct offsets *offsets); /* highest received + 1, or the start */
int64_t offsets_known(
    const struct offsets *offsets); /* highest received by any owner + 1, or the start */
/* The first that an earlier owner has left begun, by what was committed; -1: none. */
int64_t offsets_first_begun(const struct offsets *offsets);
/* An earlier owner has left some that have not come again yet. */
bool offsets_awaits(const struct offsets *offsets);
unsigned offsets_open(const struct offsets *offsets); /* received and not finished */
/* What to commit beside the watermark; ASCII, g_free it. */
char *offsets_metadata(const struct offsets *offsets);
/* No new record should be taken: with one more, and with notes of full length for all that
 * have a reservation and OFFSETS_BEGUN_ROOM others, the metadata would be longer than
 * OFFSETS_METADATA_MAX.  (About 1,600 records can wait, or
 * 40 have begun with notes of 40 characters.)  Never full while
 * records are awaited that an earlier owner had received: they are in it already. */
bool offsets_full(const struct offsets *offsets);

typedef struct offsets Offsets;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Offsets, offsets_free)
