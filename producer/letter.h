/*
 * letter.h - the commands and Record events that a request writes.
 *
 * Pure: rows and ids in, structs of the contract out.  Env values go into the command's
 * spec; the codec leaves them out of a Record.
 */
#pragma once

#include "contract.h"
#include "rows.h"

/* All that a command and its Record say beside the rows; borrowed. */
struct letter {
    const char *command_id; /* NULL: a Record without a command */
    const char *event_id;
    enum record_kind kind;
    enum action action;
    const char *actor;
    const char *reason;
    const char *topic;
    int32_t partition;
    int64_t at;
    int64_t expires_at;
    const char *target;
    const char *engine_id;
    const struct options *options;
    const struct spec *spec;  /* NULL: none */
    const GPtrArray *changed; /* char *, see changed.h; NULL: none */
};

struct command *letter_command(const struct letter *letter, const char *agent_id,
                               const char *server_id);
/* `server` or `agent` may be NULL, or both (a sync). */
struct event *letter_record(const struct letter *letter, const char *agent_id,
                            const struct server_row *server,
                            const struct agent_row *agent);
