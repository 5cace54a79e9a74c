/*
 * remark.h - what is worth saying of a server beside its status, as words and sentences.
 *
 * Pure: a row and what is known of its agent go in.  One table, from which the list, `show`,
 * --json, HTTP, the page and the metrics all speak; a new remark is one word in the enum and
 * one row there.  The words are for programs and stay as they are.
 */
#pragma once

#include "heal.h"

/* The gravest first: a list that is cut shows these. */
enum remark {
    REMARK_AGENT_OFFLINE, /* what is shown is what was so when last heard of */
    REMARK_NOT_READ,      /* something of its agent's: what is known may be old */
    REMARK_MASS_ABSENCE,  /* missing with many others of its agent */
    REMARK_NOT_HEALED,    /* missing, and not started by itself although that is wanted */
    REMARK_HEALING,       /* missing, and will be started by itself */
    REMARK_NOT_KNOWN,     /* a container of it is there, nobody can say how it is */
    REMARK_RESTARTING,    /* by the engine, again and again */
    REMARK_OOM_KILLED,
    REMARK_UNHEALTHY,
    REMARK_EXITED, /* was made to run, and has ended unasked */
    REMARK_NO_DATA,
    REMARK_DATA_ELSEWHERE,
    REMARK_DRIFT,
    REMARK_LAST_FAILED, /* the last command was not done */
    REMARK_COUNT,
};

struct remark_facts {
    const struct server_row *server;
    enum maybe online; /* its agent */
    bool mass_absence; /* its agent bears that mark */
    enum heal heal;
    bool not_read;       /* something of its agent's, by this muster */
    const char *differs; /* how its adopted container is not the record's; NULL: it is */
};

const char *remark_word(enum remark remark); /* "drift" */
/* Bits 1 << remark. */
unsigned remark_judge(const struct remark_facts *facts);
/* A few words for a line of a list, and a whole sentence; g_free them. */
char *remark_brief(enum remark remark, const struct remark_facts *facts);
char *remark_sentence(enum remark remark, const struct remark_facts *facts);
