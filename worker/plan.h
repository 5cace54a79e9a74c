/*
 * plan.h - which steps turn what is there into what was asked.
 *
 * A command and what was seen of its container go in, a plan comes out.  The whole of "what
 * does rebuild do when the container is gone?" is one table in plan.c, a sentence a row.
 *
 * Pure.
 */
#pragma once

#include "container.h"
#include "step.h"

#define PLAN_STEPS_MAX 14

enum planned {
    PLANNED_STEPS,   /* carry out `steps`, in order */
    PLANNED_NOTHING, /* it is as asked: done, `already` */
    PLANNED_REFUSED, /* it cannot be: failed with `code` */
};

struct plan {
    enum planned planned;
    enum step steps[PLAN_STEPS_MAX];
    size_t n_steps;
    enum step undo[PLAN_STEPS_MAX]; /* after a failure, before the result */
    size_t n_undo;
    bool recovered;            /* the container was gone and is made again */
    size_t point_of_no_return; /* a cancel is too late once this many steps are done */
    const char *code;          /* REFUSED */
    const char
        *sentence; /* NOTHING, REFUSED: why; STEPS: what has been done at the end */
};

/* What redelivery must know about a command that had begun; a few printable
 * characters: whether the container was there, whether it ran, and when it
 * had been started, by the engine's clock. */
char *plan_note(const struct container *seen);

/* `aside`: a rebuild by this very command has set the old container aside.  `begun`: NULL for
 * a fresh command, otherwise the note of an earlier life of it ("" if that is lost). */
void plan_make(const struct command *command, const struct container *seen, bool aside,
               const char *begun, struct plan *ret_plan);

/* Only the settling of what another command's rebuild has left; then a plan is made anew. */
void plan_tidy(struct plan *ret_plan);

/* Only the removal of one that has served. */
void plan_sweep(struct plan *ret_plan);

/* "pull create connect start settle", "nothing", "refused name_conflict"; for tests, logs. */
char *plan_text(const struct plan *plan);
