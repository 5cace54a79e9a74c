/*
 * log.c - log lines: one record, one line, one write.
 *
 * A value may come from anywhere (an engine's message, a server's name), so nothing in it
 * can end the line, move the cursor or fill the disk: controls are escaped, length is cut.
 * Secrets are kept out by the callers; nothing here can know one.
 */
#include "log.h"

#include "clean.h"
#include "log_limit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX 1000 /* characters */
#define SAME_MAX  1000 /* lines of one name, in */
#define SAME_MS   10000

static const char *const level_words[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

/* Set once by log_setup(), before there are threads; a log is the process's own. */
static struct {
    enum log_level least;
    bool json;
    bool time;
    bool took_glib;
    GMutex lock; /* for what follows */
    struct log_limit *limit;
} log_state = {.least = LOG_LEVEL_INFO, .time = true};

/* "2026-01-31T12:00:00.123Z"; g_free it. */
static char *time_text(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");

    return g_strdup_printf("%s.%03dZ", seconds, g_date_time_get_microsecond(now) / 1000);
}

/* Valid UTF-8 of at most VALUE_MAX characters; g_free it. */
static char *value_cut(const char *value)
{
    /* Enough bytes for the characters, so that a huge value is not walked whole. */
    g_autofree char *head = g_utf8_make_valid(value,
                                              (gssize)strnlen(value, 4 * VALUE_MAX + 4));

    if (g_utf8_strlen(head, -1) <= VALUE_MAX)
        return g_steal_pointer(&head);
    g_autofree char *cut = g_utf8_substring(head, 0, VALUE_MAX);
    return g_strconcat(cut, "…", NULL);
}

static bool is_plain(const char *value)
{
    return value[0] &&
           !value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-.:/@+,%~")];
}

static void append_quoted(GString *line, const char *value)
{
    g_string_append_c(line, '"');
    for (const char *c = value; *c; c = g_utf8_next_char(c)) {
        gunichar character = g_utf8_get_char(c);

        if (character == '"' || character == '\\')
            g_string_append_printf(line, "\\%c", (char)character);
        else if (character == '\n')
            g_string_append(line, "\\n");
        else if (!g_unichar_isprint(character))
            g_string_append_printf(line, "\\u%04x", character);
        else
            g_string_append_unichar(line, character);
    }
    g_string_append_c(line, '"');
}

static void append_pair(GString *line, const char *key, const char *value)
{
    g_autofree char *cut = value_cut(value);

    g_string_append_printf(line, " %s=", key);
    if (is_plain(cut))
        g_string_append(line, cut);
    else
        append_quoted(line, cut);
}

static GString *line_of_text(enum log_level level, const char *what, va_list pairs)
{
    GString *line = g_string_new(NULL);

    if (log_state.time) {
        g_autofree char *time = time_text();
        g_string_append_printf(line, "%s ", time);
    }
    g_string_append_printf(line, "%s %s", level_words[level], what);
    for (const char *key; (key = va_arg(pairs, const char *));) {
        const char *value = va_arg(pairs, const char *);
        if (value)
            append_pair(line, key, value);
    }
    return line;
}

static GString *line_of_json(enum log_level level, const char *what, va_list pairs)
{
    json_t *object = json_object();

    if (log_state.time) {
        g_autofree char *time = time_text();
        json_object_set_new(object, "time", json_string(time));
    }
    json_object_set_new(object, "level", json_string(level_words[level]));
    json_object_set_new(object, "what", json_string(what));
    for (const char *key; (key = va_arg(pairs, const char *));) {
        const char *value = va_arg(pairs, const char *);
        g_autofree char *cut = value ? value_cut(value) : NULL;
        if (cut)
            json_object_set_new(object, key, json_string(cut));
    }

    char *text = clean_json(json_dumps(object, JSON_COMPACT));
    GString *line = g_string_new(text);
    g_free(text);
    json_decref(object);
    return line;
}

static void write_line(enum log_level level, const char *what, va_list pairs)
{
    GString *line = log_state.json ? line_of_json(level, what, pairs)
                                   : line_of_text(level, what, pairs);
    g_string_append_c(line, '\n');
    /* One write, so that the lines of two threads do not mix.  There is nowhere to tell
     * that the log itself cannot be written. */
    G_GNUC_UNUSED ssize_t written = write(STDERR_FILENO, line->str, line->len);
    g_string_free(line, true);
}

static void write_pairs(enum log_level level, const char *what, ...)
{
    va_list pairs;
    va_start(pairs, what);
    write_line(level, what, pairs);
    va_end(pairs);
}

/* Tells how many lines of a flood there was no room for. */
static void tell_left_out(int64_t now_ms)
{
    const char *flood;
    guint left_out;
    while (log_limit_tell(log_state.limit, now_ms, &flood, &left_out)) {
        char number[16];
        g_snprintf(number, sizeof number, "%u", left_out);
        write_pairs(LOG_LEVEL_WARNING, "log.left_out", "what", flood, "lines", number,
                    NULL);
    }
}

/* Whether there is room for one more line of that name. */
static bool has_room(const char *what)
{
    g_mutex_lock(&log_state.lock);
    int64_t now_ms = g_get_monotonic_time() / 1000;
    if (!log_state.limit)
        log_state.limit = log_limit_new(SAME_MAX, SAME_MS);
    tell_left_out(now_ms);
    bool room = log_limit_take(log_state.limit, what, now_ms);
    g_mutex_unlock(&log_state.lock);
    return room;
}

void log_line(enum log_level level, const char *what, ...)
{
    if (level > log_state.least || !has_room(what))
        return;
    va_list pairs;
    va_start(pairs, what);
    write_line(level, what, pairs);
    va_end(pairs);
}

static enum log_level level_of_glib(GLogLevelFlags flags)
{
    if (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
        return LOG_LEVEL_ERROR;
    if (flags & G_LOG_LEVEL_WARNING)
        return LOG_LEVEL_WARNING;
    return flags & G_LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

/* A GLogWriterFunc. */
static GLogWriterOutput take_glib_line(GLogLevelFlags flags, const GLogField *fields,
                                       gsize n_fields, gpointer data)
{
    const char *domain = NULL;
    const char *message = "";

    for (gsize i = 0; i < n_fields; i++) {
        if (fields[i].length >= 0)
            continue; /* not a string */
        if (g_str_equal(fields[i].key, "MESSAGE"))
            message = fields[i].value;
        else if (g_str_equal(fields[i].key, "GLIB_DOMAIN"))
            domain = fields[i].value;
    }
    log_line(level_of_glib(flags), "glib", "domain", domain, "message", message, NULL);
    return G_LOG_WRITER_HANDLED;
}

void log_setup(enum log_level least, bool json)
{
    log_state.least = least;
    log_state.json = json;
    log_state.time = g_getenv("JOURNAL_STREAM") == NULL;
    if (log_state.took_glib)
        return; /* GLib aborts if its writer is set twice */
    g_log_set_writer_func(take_glib_line, NULL, NULL);
    log_state.took_glib = true;
}
