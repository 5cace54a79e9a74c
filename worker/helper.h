/*
 * helper.h - a small program of the host, run once: asked on its input, heard on its output.
 *
 * It is given nothing of ours but standard input and output: descriptors are closed (the
 * host's locks live on them), signals are as at a program's start, standard error goes
 * nowhere.  What it says may be secret: no error repeats it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELPER_ERROR (helper_error_quark())
GQuark helper_error_quark(void);
enum helper_error {
    HELPER_ERROR_START,   /* it is not there, or could not be started */
    HELPER_ERROR_TIMEOUT, /* killed, with its process group */
    HELPER_ERROR_OUTPUT,  /* it said more than it may; killed likewise */
    HELPER_ERROR_DIED,    /* by a signal */
};

struct helper_said {
    int code; /* its exit code */
    char *text;
    size_t length; /* without the NUL at its end */
};
void helper_said_clear(struct helper_said *said);

struct helper_call {
    const char *name; /* found on $PATH; its one argument is `verb` */
    const char *verb;
    const char *input; /* at most 4 KiB */
    int64_t limit_ms;
    size_t most; /* bytes of output */
};
/* Blocks until it has ended.  An exit code other than 0 is no error. */
bool helper_run(const struct helper_call *call, struct helper_said *ret_said,
                GError **error);
