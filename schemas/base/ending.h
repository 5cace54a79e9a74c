/*
 * ending.h - a process ends within a bound, whatever it waits for.
 *
 * Every program of ours may be killed at any moment and goes on from the log.  So one that was
 * told to end and cannot, since a broker, a disk or a library does not come back, need not
 * wait for it: when its time is over, a thread ends the process.
 */
#pragma once

#include <glib.h>

struct ending;

/* When SIGTERM or SIGINT comes, which all threads must have blocked, the process has `ms` left
 * and then ends with 0.  The signal is not taken: whoever can end sooner reads it. */
struct ending *ending_on_signal(int ms);
/* The process has `ms` left from now on, and then ends with `code`. */
struct ending *ending_begin(int ms, int code);
/* It has all the time again. */
void ending_free(struct ending *ending);
