/*
 * authors.h - which ledgers have written Records into a log, and when.
 *
 * A log has one ledger.  A new one may take over; two that write side by side each undo what the
 * other asks for, and neither knows.  Pure.
 */
#pragma once

#include "presence.h"

struct authors;

struct authors *authors_new(void);
void authors_free(struct authors *authors);
/* A Record of that ledger; `id` NULL: it does not say of which. */
void authors_note(struct authors *authors, const char *id, const struct place *place);

/* Called for each that began to write while another one went on: where it began, and a sentence. */
typedef void authors_tell(void *listener, const struct place *place,
                          const char *sentence);
void authors_judge(const struct authors *authors, authors_tell *tell, void *listener);

typedef struct authors Authors;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Authors, authors_free)
