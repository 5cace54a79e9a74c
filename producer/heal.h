/*
 * heal.h - whether a missing server is to be started without a person.
 *
 * Pure: what is known of the server, its agent and earlier attempts go in.  Asked for by
 * on_missing = start, of a server or else of its agent.  It never starts afresh, never after
 * so many absences at once that a disk may be lost, never what a person stopped.
 */
#pragma once

#include "rows.h"

#define HEAL_ACTOR     "muster:healing"
#define HEAL_ATTEMPTS  5                           /* then it is a person's turn */
#define HEAL_MEMORY_MS (INT64_C(24) * 3600 * 1000) /* older attempts do not count */

struct heal_facts {
    const struct server_row *server;
    const struct agent_row *agent;
    enum maybe online;       /* the agent */
    int64_t attempts;        /* since a person last asked something of it, in a day */
    int64_t last_attempt_at; /* CONTRACT_NONE: none */
    int64_t now;
    bool
        not_read; /* something of the agent's, by this muster: what it tells is not known */
};

enum heal {
    HEAL_NOT_MISSING,
    HEAL_NOT_ASKED, /* on_missing is show */
    HEAL_NOT_MEANT, /* it was not meant to run */
    HEAL_BUSY,      /* a command of it is open */
    HEAL_MASS,      /* mass_absence: a person looks first */
    HEAL_NOT_READ,  /* what is known of the agent is not all that there is */
    HEAL_OFFLINE,   /* nobody there to start it */
    HEAL_NO_DATA,   /* its data is gone, or nobody knows that it is there */
    HEAL_GAVE_UP,   /* tried HEAL_ATTEMPTS times */
    HEAL_WAITS,     /* backs off until `*ret_due_at` */
    HEAL_STARTS,
    HEAL_COUNT,
};

/* `*ret_due_at` is set for WAITS alone. */
enum heal heal_decide(const struct heal_facts *facts, int64_t *ret_due_at);
/* A sentence for people, "" where there is nothing to say. */
const char *heal_sentence(enum heal heal);
/* The word of on_missing that holds for a server. */
bool heal_is_asked(const struct server_row *server, const struct agent_row *agent);
bool heal_is_word(const char *word); /* show, start */
