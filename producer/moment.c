/*
 * moment.c - a moment of the log as people write it.
 *
 * No words such as "yesterday" and no local time: what is asked of a log today is to mean the
 * same tomorrow and elsewhere.
 */
#include "moment.h"

#include <string.h>

#define OFFSETS_BELOW INT64_C(100000000000)

G_DEFINE_QUARK(muster_moment_error, moment_error)

static bool is_number(const char *text, int64_t *ret_number)
{
    gint64 number;
    if (!g_ascii_string_to_signed(text, 10, 0, INT64_MAX, &number, NULL))
        return false;
    *ret_number = number;
    return true;
}

/* ISO 8601 knows more forms than RFC 3339, such as weeks; those have no 'T' behind a day. */
static bool is_time(const char *text, int64_t *ret_ms)
{
    if (strnlen(text, 11) < 11 || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
        return false;
    g_autofree char *upper = g_ascii_strup(text, -1);
    upper[10] = 'T';
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(upper, NULL);
    if (!time)
        return false;
    *ret_ms = g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
    return *ret_ms >= 0;
}

bool moment_parse(const char *option, const char *text, int64_t *ret_ms, GError **error)
{
    if (is_number(text, ret_ms) || is_time(text, ret_ms))
        return true;
    g_set_error(
        error, MOMENT_ERROR, MOMENT_ERROR_USAGE,
        "%s: '%s' is no time; write 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00 "
        "(with its zone), or milliseconds since 1970",
        option, text);
    return false;
}

bool moment_or_offset(const char *option, const char *text, struct moment *ret_moment,
                      GError **error)
{
    struct moment moment = {0};
    if (is_number(text, &moment.ms))
        moment.is_offset = moment.ms < OFFSETS_BELOW;
    else if (!moment_parse(option, text, &moment.ms, error))
        return false;
    *ret_moment = moment;
    return true;
}

char *moment_text(int64_t ms)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
    if (!time)
        return g_strdup_printf("%" G_GINT64_FORMAT " ms", ms);
    g_autofree char *seconds = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    return g_strdup_printf("%s.%03dZ", seconds, (int)(ms % 1000));
}
