/*
 * rulebook_parts.h - what the files of the rulebook share; nobody else includes this.
 */
#pragma once

#include "recall.h"
#include "rulebook.h"

/* An event at work. */
struct judged {
    struct rulebook *rulebook;
    const struct event *event;
    const struct place *place;
    struct agent_seen *agent; /* NULL: only while it is unknown and no Record */
};

/* An agent as the log has shown it so far. */
struct agent_seen {
    struct agent_row *row;
    GHashTable *workers; /* slot → struct spoken: its last event */
    GHashTable *servers; /* id → struct evidence */
    GHashTable
        *gatherings; /* partition → struct sync: chunks of one that is not whole yet */
    struct names *names;
};

void judged_tell(const struct judged *judged, enum breach breach, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* --- rulebook_sync.c ---------------------------------------------------------------------- */

GHashTable *evidence_table_new(void);
GHashTable *gatherings_new(void);
/* Remembers what a State or Result shows of its server. */
void evidence_note(const struct judged *judged);
/* Judges a sync against it, once all its chunks are there. */
void evidence_judge_sync(const struct judged *judged);

/* --- rulebook_names.c --------------------------------------------------------------------- */

/* Which server has which name. */
struct names *names_new(void);
void names_free(struct names *names);
/* Judges the names that a Record gives: of the server, and of its env. */
void names_judge(const struct judged *judged);
