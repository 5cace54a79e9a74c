/*
 * options.h - the command line as one table: parsing and --help come of it.
 *
 * A thin layer over GOption: it adds durations, ranges, repeatable options, required ones,
 * and errors that say what would be right.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_ERROR (options_error_quark())
GQuark options_error_quark(void);
enum options_error {
    OPTIONS_ERROR_USAGE, /* the message is for the user, as it is */
};

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_STRING,   /* char *, NULL if not given */
    OPTION_STRINGS,  /* GPtrArray * of char *, made if NULL; may be given several times */
    OPTION_NUMBER,   /* int64_t, within minimum … maximum */
    OPTION_FACTOR,   /* double, above 0, at most 1000 */
    OPTION_DURATION, /* int64_t in ms: "500ms", "30s", "15m", "24h", "7d", or seconds */
    OPTION_WAIT, /* int64_t in ms, value optional ("--wait" or "--wait=30"); without one
                        it becomes `maximum` ms, or 24 hours if that is 0 */
};

struct option {
    const char *name;
    char letter; /* or 0 */
    enum option_kind kind;
    size_t offset;        /* of the field in the struct that is filled */
    const char *argument; /* "DIR"; words in small letters are meant as they stand, as in
                             "always|missing|never" */
    const char *help;
    bool required;
    int64_t minimum, maximum; /* NUMBER; both 0: any */
};

struct option_table {
    const char *usage;   /* "muster-worker --agent ID --bus URL …" */
    const char *summary; /* what it does, a sentence or some */
    const char *footer;  /* examples, exit codes, files; or NULL */
    const struct option *options;
    size_t n_options;
};

/* Fills `into` (defaults must be there already) and leaves the words that are no options in
 * argv[1…].  `--help` prints to standard output and sets `*ret_helped`.  Options may stand
 * before and after other words; "--" ends them.  Several tables may fill different structs:
 * `tables` and `intos` are arrays of `count`; the first one's usage is shown. */
bool options_parse(const struct option_table *const *tables, void *const *intos,
                   size_t count, int *argc, char ***argv, bool *ret_helped,
                   GError **error);

/* "30s" → 30000.  Error: OPTIONS_ERROR_USAGE. */
bool options_duration(const char *text, int64_t *ret_ms, GError **error);

/* What --help prints; g_free it. */
char *options_help(const struct option_table *const *tables, size_t count);

/* --- For what else is made of the tables: manual.h, completion.h ---------------------- */

/* Every option of all tables (struct option), and --help at the end. */
GArray *options_all(const struct option_table *const *tables, size_t count);
/* "-w, --wait[=TIME]"; g_free it. */
char *option_form(const struct option *option);
/* The help of the table and what its other fields add to it; g_free it. */
char *option_remarks(const struct option *option);
