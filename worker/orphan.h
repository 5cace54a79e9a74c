/*
 * orphan.h - calls to the engine that outlive their assignment, or their command.
 *
 * A call cannot be taken back: until it has returned, nobody may change that server's
 * container, and the host's lock of its partition stays held.  An orphan is either a whole job,
 * abandoned with a call on its way, or the ticket of a call that its job has given up.
 */
#pragma once

#include "assignment.h"
#include "job.h"

struct orphans;
struct orphans *orphans_new(struct locks *locks);
void orphans_free(struct orphans *orphans); /* also while calls are on their way */

/* `number`: the partition whose lock is held.  Takes the job. */
void orphans_add_job(struct orphans *orphans, const char *server_id, int32_t number,
                     struct job *job_taken);
void orphans_add_call(struct orphans *orphans, const char *server_id, int32_t number,
                      uint64_t ticket);
bool orphans_hold(const struct orphans *orphans, const char *server_id);
/* Offers a reply; false: it is none of theirs. */
bool orphans_reply(struct orphans *orphans, const struct reply *reply, int64_t now_ms);
bool orphans_wait_for(const struct orphans *orphans, uint64_t ticket);
/* Lets those go whose calls have returned. */
void orphans_end(struct orphans *orphans);
unsigned orphans_count(const struct orphans *orphans);
