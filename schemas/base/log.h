/*
 * log.h - one line a record, for people and for machines, on standard error.
 *
 *     2026-01-31T12:00:00.123Z info job.done server=… action=start ms=412
 *
 * With `json`, the same as one JSON object a line.  Under systemd (JOURNAL_STREAM) the time
 * is left out.  Log at the edge, once, with the subject; inner code returns errors instead.
 * Never give it env values, tokens or credentials.
 *
 * Of one name 1,000 lines in ten seconds are written: a flood of what has to be refused must
 * not fill the disk.  How many were left out is told by the first line behind these seconds:
 *
 *     2026-01-31T12:00:10.000Z warning log.left_out what=command.rejected lines=29000
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum log_level {
    LOG_LEVEL_NONE = -1, /* not a line's: with it, nothing is logged */
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* Once, early.  GLib's own messages go the same way afterwards. */
void log_setup(enum log_level least, bool json);

/* `what` is a short dotted name of what happened; then pairs of strings, key and value,
 * ended by NULL.  A NULL value leaves its pair out.  Values are quoted where needed and cut
 * at 1,000 characters. */
void log_line(enum log_level level, const char *what, ...) G_GNUC_NULL_TERMINATED;

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__, NULL)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__, NULL)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__, NULL)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__, NULL)
