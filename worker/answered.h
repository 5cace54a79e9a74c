/*
 * answered.h - what the log says has been answered, where a group's offsets cannot tell.
 *
 * A group's offsets expire, a topic is made anew, an administrator resets the group: then the
 * agent's own events tell which commands have begun and which have their terminal result.
 *
 * An event of the agent's partition that this build cannot read (of a newer worker) may be the
 * answer to any older command of the server whose key it bears.  Such a command is passed over if
 * nothing else is known of it: it gets neither an effect nor a result, and the ledger closes it.
 * A stranger's record, with no key or another's, hides nothing.
 */
#pragma once

#include "bus.h"
#include "codec.h"

struct answered;

struct answered_setup {
    struct bus *bus;
    struct codec *codec;
    const char *agent_id;
    const char *commands_topic;
    int32_t partition;    /* of both topics of commands */
    const int *cancelled; /* atomic: true ends the reading early */
};

/* Blocks: reads the agent's events up to their end, from ten minutes before `oldest_ms` on, the
 * append time of the oldest command that is still there. */
struct answered *answered_read(const struct answered_setup *setup, int64_t oldest_ms,
                               GError **error);
void answered_free(struct answered *answered);

int64_t answered_from(const struct answered *answered); /* `oldest_ms` */
/* The highest offset of an answered record of the commands topic + 1, or 0: so far the queue had
 * been received. */
int64_t answered_received(const struct answered *answered);
guint answered_count(const struct answered *answered);      /* commands with a result */
guint answered_unreadable(const struct answered *answered); /* events */

/* What the log says of a command. */
enum known {
    KNOWN_NOTHING,
    KNOWN_BEGUN,
    KNOWN_ANSWERED,
    KNOWN_UNREADABLE, /* an event that cannot be read may be its answer: pass it over */
};

/* `append_ms`: of the command.  `answered` may be NULL: nothing had to be read.  `server_id`: NULL if
 * it is a command to the whole agent, "" if its server is not known. */
enum known answered_command(const struct answered *answered, const char *command_id,
                            const char *server_id, int64_t append_ms);
/* Whether the log shows that the command of this very record was accepted: what metadata says of
 * it may have been committed by anybody.  NULL: nothing was read, no. */
bool answered_accepted(const struct answered *answered, const char *command_id,
                       const char *topic, int32_t partition, int64_t offset);
/* Of one that has begun: "?" and what it noted then, or ""; g_free it.  "?":
 * the log knows its id alone. */
char *answered_note(const struct answered *answered, const char *command_id);
/* Of a record that bears no command id. */
enum known answered_place(const struct answered *answered, const char *topic,
                          int32_t partition, int64_t offset, int64_t append_ms);

typedef struct answered Answered;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Answered, answered_free)
