/*
 * moment.h - a moment of the log as people write it.
 *
 * Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define MOMENT_ERROR (moment_error_quark())
GQuark moment_error_quark(void);
enum moment_error { MOMENT_ERROR_USAGE };

/* Where to begin or end: at an append time, or at an offset. */
struct moment {
    bool is_offset;
    int64_t ms; /* since 1970; or the offset */
};

/* "2026-01-31T12:00:00Z", "2026-01-31T13:00:00.250+01:00" (RFC 3339), or ms since 1970.
 * `option` is named in errors. */
bool moment_parse(const char *option, const char *text, int64_t *ret_ms, GError **error);
/* The same, or an offset: whole numbers below 10^11, which as a time would be before 1973. */
bool moment_or_offset(const char *option, const char *text, struct moment *ret_moment,
                      GError **error);
/* "2026-01-31T12:00:00.250Z"; g_free it. */
char *moment_text(int64_t ms);
