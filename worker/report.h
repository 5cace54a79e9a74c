/*
 * report.h - what a worker writes into the log, as events.
 *
 * Pure: ids and the clock come in by `struct author`.
 */
#pragma once

#include "contract.h"
#include "policy.h"

/* Who writes, and where. */
struct author {
    const char *agent_id;
    const char *worker;
    const char *engine_id;
};

/* An event of this author without a body: a fresh event id, the time, the server and (a copy
 * of) the cause, which may be NULL. */
struct event *report_event(const struct author *author, const char *server_id,
                           const struct cause *cause, int64_t now_ms);

/* `note`: what redelivery must know, for whoever finds the metadata gone; as the name of a step
 * that did STEP_DID_BEGIN. */
struct event *report_accepted(const struct author *author, const char *server_id,
                              const struct cause *cause, const char *note,
                              int64_t now_ms);
struct event *report_progress(const struct author *author, const char *server_id,
                              const struct cause *cause, const char *code,
                              const char *text, int64_t now_ms);
/* Never tried: rejected, expired, cancelled. */
struct event *report_ended(const struct author *author, const char *server_id,
                           const struct cause *cause, enum outcome outcome,
                           const char *code, const char *message, int64_t now_ms);
/* Takes the result. */
struct event *report_result(const struct author *author, const char *server_id,
                            const struct cause *cause, struct result *result_taken,
                            int64_t now_ms);
/* Takes the state. */
struct event *report_state(const struct author *author, const char *server_id,
                           struct state *state_taken, int64_t now_ms);
/* Takes the sync.  `cause` is NULL unless a command asked for it. */
struct event *report_sync(const struct author *author, const struct cause *cause,
                          struct sync *sync_taken, int64_t now_ms);

/* Of a sync command: done, with how many servers its Sync (its chunks, `syncs`) lists, or failed. */
struct event *report_listed(const struct author *author, const char *server_id,
                            const struct cause *cause, const GPtrArray *syncs,
                            int64_t now_ms);

struct cause *cause_new(const struct command *command, const char *topic,
                        int32_t partition, int64_t offset);
struct cause *cause_dup(const struct cause *cause);
void cause_free(struct cause *cause);

/* A dead letter for bytes that cannot be decoded: where they lie, how long they are and their
 * sum, and none of them: they may be a command, with the values of its env. */
struct deadletter *report_deadletter(const struct author *author, const char *topic,
                                     int32_t partition, int64_t offset, const char *code,
                                     const char *message, GBytes *value, int64_t now_ms);

/* Cuts texts and lists of an event that has grown too large to be sent, so that what is left
 * still tells the outcome. */
void report_cut(struct event *event);
