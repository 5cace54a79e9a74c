/*
 * log_limit.h - how many lines of one name a log takes in a while.
 *
 * Whoever floods a program with what it has to refuse is not to fill its disk: of each name
 * `most` lines a span are written, the others counted, and their number told once the span is
 * over.  Pure: time is given.  For one thread at a time.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct log_limit LogLimit;

struct log_limit *log_limit_new(guint most, int64_t span_ms);
void log_limit_free(struct log_limit *limit);

/* Whether one more line of that name is to be written.  `now_ms` never goes back. */
bool log_limit_take(struct log_limit *limit, const char *what, int64_t now_ms);

/* A name whose span is over with lines left out, and how many those were; false: there is
 * none (more).  To be asked before log_limit_take(), which may begin the name's next span.
 * The name lives as long as the limit. */
bool log_limit_tell(struct log_limit *limit, int64_t now_ms, const char **ret_what,
                    guint *ret_left_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogLimit, log_limit_free)
