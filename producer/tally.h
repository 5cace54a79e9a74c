/*
 * tally.h - how many of something each has at a time: requests at work, streams, waits.
 *
 * Pure.  Who has none is forgotten.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct tally;

struct tally *tally_new(guint of_one, guint of_all);
void tally_free(struct tally *tally);
/* false: it, or all together, have as many as they may. */
bool tally_take(struct tally *tally, const char *key);
void tally_give(struct tally *tally, const char *key);
guint tally_count(const struct tally *tally);

typedef struct tally Tally;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tally, tally_free)
