/*
 * recall.h - where an id was seen first, as long as that was not too long ago.
 *
 * It remembers the last ids and forgets the oldest, so that a log of any length can be walked:
 * at least `most` of them, never more than twice that, some 40 bytes each.  Ids are kept as 64
 * bits of a hash; that two of ten million ids are taken for one has a chance of 1 : 300,000.
 *
 * Pure.
 */
#pragma once

#include "presence.h"

struct recall;

struct recall *recall_new(guint most);
void recall_free(struct recall *recall);

/* Whether it is remembered; then `*ret_place` says where it was (without a time). */
bool recall_find(const struct recall *recall, const char *id, struct place *ret_place);
void recall_note(struct recall *recall, const char *id, const struct place *place);
