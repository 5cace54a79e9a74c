/*
 * lane.h - the ordered queues of commands, one lane per server, and the jobs at their heads.
 *
 * A lane runs one job at a time, in the order of the log.  Lanes do not wait for each other,
 * but only so many jobs that use the engine's CPU are begun at once; jobs that wait for a
 * registry or a game do not count (job_is_patient()).
 *
 * Lanes belong to an assignment.  lanes_end() gives up all of it: jobs with a call on its way
 * to the engine go on as orphans, holding the host's lock of their partition, until that call
 * has returned; a new lane of that server waits for them.
 */
#pragma once

#include "job.h"
#include "publish.h"

struct lanes_setup {
    struct site site;
    struct publisher *publisher;
    struct locks *locks;
    const struct author *author;
    unsigned at_once; /* jobs that use the engine's CPU */
};

struct lanes;
struct lanes *lanes_new(const struct lanes_setup *setup);
void lanes_free(struct lanes *lanes);

/* What is judged from now on is judged by this one; borrowed. */
void lanes_use_policy(struct lanes *lanes, const struct policy *policy);
/* Of the containers that are made from now on. */
void lanes_use_logs(struct lanes *lanes, enum engine_logs logs);

/* A received command, at the end of its lane.  Takes the order. */
void lanes_push(struct lanes *lanes, struct partition *partition,
                struct order *order_taken);

enum lanes_cancelled {
    CANCEL_TAKEN,   /* the order is the lanes'; it is answered together with its target */
    CANCEL_UNKNOWN, /* its target is not here; the order stays the caller's */
};
/* A cancel: its target is answered `cancelled` if it has not begun, else asked to end. */
enum lanes_cancelled lanes_cancel(struct lanes *lanes, struct order *order,
                                  int64_t wall_ms);

/* Starts what may start, moves what can move, ends what has ended.  `engine_up`: without the
 * engine nothing new is begun, but what has expired is answered.  Three clocks: host time for
 * deadlines, wall time for events, the log's for expiry. */
void lanes_advance(struct lanes *lanes, bool engine_up, int64_t now_ms, int64_t wall_ms,
                   int64_t log_ms);
int64_t lanes_wakes_at(const struct lanes *lanes);

/* Offers a reply or a line; false: it is no job's. */
bool lanes_reply(struct lanes *lanes, const struct reply *reply, int64_t now_ms);
bool lanes_line(struct lanes *lanes, uint64_t ticket, const char *line);

/* A list shows what a rebuild has set aside, or marked as only to go: if its command has ended,
 * it is settled in the server's lane, without a command and without a word. */
void lanes_tidy(struct lanes *lanes, struct partition *partition,
                const struct container *listed, int64_t now_ms);

/* Drain: begin nothing new. */
void lanes_close(struct lanes *lanes);
/* The assignment is over. */
void lanes_end(struct lanes *lanes);

bool lanes_server_is_busy(const struct lanes *lanes,
                          const char *server_id); /* a job runs */
unsigned lanes_queued(
    const struct lanes *lanes); /* received and without a terminal result */
unsigned lanes_queued_of(const struct lanes *lanes, const char *server_id);
unsigned lanes_running(const struct lanes *lanes); /* jobs, orphans too */
unsigned lanes_waiting(
    const struct lanes *lanes); /* for the engine, beyond all patience */
/* How many commands have ended so since the start. */
uint64_t lanes_ended(const struct lanes *lanes, enum outcome outcome);
/* Adds (as char *) the servers with a command taken whose result is not committed. */
void lanes_add_open(const struct lanes *lanes, GHashTable *server_ids);
/* The newest results' states, handed out once: what the log is told of a server.  Whoever
 * takes note of it may complete it before it goes. */
typedef void (*lanes_told)(void *context, const char *server_id, struct state *state);
void lanes_on_told(struct lanes *lanes, lanes_told told, void *context);
/* A command of this server was taken, or ended: the list of a running inventory says nothing
 * about it. */
typedef void (*lanes_touched)(void *context, const char *server_id);
void lanes_on_touched(struct lanes *lanes, lanes_touched touched, void *context);
