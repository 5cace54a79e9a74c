/*
 * step_parts.h - what the files of the steps share: for step*.c alone.
 */
#pragma once

#include "step.h"

#define STEP_POLL_MS  250   /* while the engine is busy with the container */
#define STEP_SLACK_MS 30000 /* what a call may take beyond the engine's own limit */
#define STEP_CALL_MS  60000
#define STEP_START_MS 120000

static inline const struct spec *spec_of(const struct facts *facts)
{
    return facts->command->spec;
}

bool step_made_by_this(const struct facts *facts);
char *step_escaped(const char *text);
enum ask step_ask_engine(struct want *want, struct request *request, int64_t timeout_ms);
enum ask step_ask_wait(struct facts *facts, struct want *want, int64_t ms);
/* "POST /containers/{id}/{verb}": by id, so that a container that has taken over the name in
 * between is never hit. */
struct request *step_change(const struct container *container, enum asked asked,
                            const char *verb);
/* One that runs in an older list may be what was removed since: it is asked for anew. */
bool step_must_list(struct facts *facts);
enum ask step_ask_gone(struct facts *facts, const struct container *container,
                       struct want *want);
struct request *step_removal(const struct container *container, bool force);
/* Directory work for which all containers and volumes of the engine have to be seen first. */
enum ask step_ask_host_with_others(struct facts *facts, struct want *want,
                                   enum host_work work);
bool step_told_others(struct facts *facts, enum verdict verdict,
                      const struct reply *reply, struct refusal *ret_refusal);
bool step_told_change(struct facts *facts, enum verdict verdict,
                      const struct reply *reply, struct refusal *ret_refusal);

/* step_make.c */
enum ask ask_pull(struct facts *facts, struct want *want);
enum ask ask_directories(struct facts *facts, struct want *want);
enum ask ask_create(struct facts *facts, struct want *want);
enum ask ask_connect(struct facts *facts, struct want *want);
bool told_pull(struct facts *facts, enum verdict verdict, const struct reply *reply,
               struct refusal *ret_refusal);
bool told_create(struct facts *facts, enum verdict verdict, const struct reply *reply,
                 struct refusal *ret_refusal);

/* step_networks.c */
enum ask ask_networks(struct facts *facts, struct want *want);
bool told_networks(struct facts *facts, enum verdict verdict, const struct reply *reply,
                   struct refusal *ret_refusal);

/* step_denied.c */
struct request *step_log_request(const struct facts *facts);

/* step_run.c */
enum ask ask_start(struct facts *facts, struct want *want);
enum ask ask_settle(struct facts *facts, struct want *want);
enum ask ask_unpause(struct facts *facts, struct want *want);
enum ask ask_save(struct facts *facts, struct want *want);
enum ask ask_stop(struct facts *facts, struct want *want);
bool told_start(struct facts *facts, enum verdict verdict, const struct reply *reply,
                struct refusal *ret_refusal);
bool told_settle(struct facts *facts, enum verdict verdict, const struct reply *reply,
                 struct refusal *ret_refusal);
bool told_save(struct facts *facts, enum verdict verdict, const struct reply *reply,
               struct refusal *ret_refusal);

/* step_remove.c */
enum ask ask_remove(struct facts *facts, struct want *want);
enum ask ask_sweep(struct facts *facts, struct want *want);
enum ask ask_remove_old(struct facts *facts, struct want *want);
enum ask ask_remove_made(struct facts *facts, struct want *want);
enum ask ask_check_purge(struct facts *facts, struct want *want);
enum ask ask_purge(struct facts *facts, struct want *want);

/* step_volumes.c */
bool step_names_volumes(const struct facts *facts);
enum ask step_ask_whose_volumes(const struct facts *facts, struct want *want);
bool step_told_whose_volumes(struct facts *facts, const struct reply *reply,
                             struct refusal *ret_refusal);
enum ask ask_check_kept(struct facts *facts, struct want *want);
bool told_check_kept(struct facts *facts, enum verdict verdict, const struct reply *reply,
                     struct refusal *ret_refusal);
enum ask ask_remove_volumes(struct facts *facts, struct want *want);
bool told_remove_volumes(struct facts *facts, enum verdict verdict,
                         const struct reply *reply, struct refusal *ret_refusal);

/* step_rebuild.c */
enum ask ask_set_aside(struct facts *facts, struct want *want);
enum ask ask_put_back(struct facts *facts, struct want *want);
enum ask ask_tidy(struct facts *facts, struct want *want);
bool told_back(struct facts *facts, enum verdict verdict, const struct reply *reply,
               struct refusal *ret_refusal);
