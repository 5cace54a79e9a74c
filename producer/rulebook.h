/*
 * rulebook.h - what an event of the log breaks of the log's own rules.
 *
 * Pure: events go in, in the order of each partition; what is wrong with one comes out as a
 * sentence.  It judges the writers (control plane, workers, whoever else), not the servers:
 * a missing container is no breach, a second answer to a command is.
 *
 * What it remembers is bounded: of each open command and each server a little, of ids of
 * events and ended commands the last millions (recall.h).
 */
#pragma once

#include "presence.h"

enum breach {
    BREACH_UNREADABLE,       /* nobody can decode it */
    BREACH_REPEATED_EVENT,   /* an event_id a second time */
    BREACH_WRONG_PARTITION,  /* not in the partition of its agent: no order to rely on */
    BREACH_UNKNOWN_AGENT,    /* no Record has made that agent */
    BREACH_FOREIGN_ENGINE,   /* of an engine that is not its agent's */
    BREACH_TIME_BACKWARDS,   /* over a second earlier than what its worker wrote before */
    BREACH_NO_CAUSE,         /* a result of no command */
    BREACH_NO_RECORD,        /* a result of a command that nobody recorded */
    BREACH_SECOND_RECORD,    /* a command recorded twice: sent twice */
    BREACH_SECOND_RESULT,    /* a second terminal result */
    BREACH_AFTER_RESULT,     /* accepted or in progress after its terminal result */
    BREACH_NOT_BEGUN,        /* a step was made without accepted before */
    BREACH_BEGUN_LATE,       /* accepted over ten seconds after it had expired */
    BREACH_REPEATED_ID,      /* two records of one command id were both carried out */
    BREACH_MISPLACED,        /* a command that lay where it does not count */
    BREACH_VALUE_IN_NAME,    /* a Record whose names of env hold a value */
    BREACH_SAME_NAME,        /* two servers of one name on an agent */
    BREACH_SYNC_PARTITIONS,  /* a sync that counts other partitions than its agent has */
    BREACH_SYNC_CONTRADICTS, /* a sync against what happened after its list was begun */
    BREACH_SECOND_LEDGER,    /* two ledgers have written side by side: see authors.h */
    BREACH_COUNT,
};

const char *breach_name(enum breach breach); /* "second_result" */

/* Called for each breach; `event` is NULL for an unreadable one. */
typedef void rulebook_tell(void *listener, enum breach breach, const struct event *event,
                           const struct place *place, const char *sentence);

struct rulebook;

/* `partitions` of muster.events.  `whole`: it is given the log from its beginning; if not, it
 * does not judge by what may lie before. */
struct rulebook *rulebook_new(int32_t partitions, bool whole, rulebook_tell *tell,
                              void *listener);
void rulebook_free(struct rulebook *rulebook);

void rulebook_judge(struct rulebook *rulebook, const struct event *event,
                    const struct place *place);
void rulebook_unreadable(struct rulebook *rulebook, const struct place *place,
                         const char *why);

typedef struct rulebook Rulebook;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rulebook, rulebook_free)
