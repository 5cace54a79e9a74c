/*
 * ask.h - what a request asks for: fields of a JSON body or of a query, into a struct.
 *
 * Pure.  One table per request says which fields there are, of what kind, and within which
 * bounds.  What is not in the table is refused: a misspelt field that is left out without a
 * word is worse than none.  Errors begin with the field's name and a colon.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASK_ERROR (ask_error_quark())
GQuark ask_error_quark(void);
enum ask_error { ASK_ERROR_INVALID };

#define ASK_TEXT_MAX 1000 /* characters of any text but values of config */

enum ask_kind {
    ASK_TEXT,    /* char *, at least one character */
    ASK_WORD,    /* char *, one of `words` */
    ASK_NUMBER,  /* int64_t, minimum … maximum */
    ASK_BOOL,    /* bool */
    ASK_VALUES,  /* json_t *, an object of strings; body only */
    ASK_CHANGES, /* the same, or null in place of a string */
};

struct ask_field {
    const char *name;
    enum ask_kind kind;
    size_t offset;
    bool required; /* in a body; a query may be empty */
    int64_t minimum, maximum;
    const char *const *words; /* NULL-terminated */
};

struct ask_table {
    const struct ask_field *fields;
    size_t count;
};

/* Fields that are not given stay as they are in `into`, which owns what it gets. */
bool ask_body(const struct ask_table *table, const json_t *body, void *into,
              GError **error);
/* `pairs`: name, value, name, value …, decoded. */
bool ask_query(const struct ask_table *table, const GPtrArray *pairs, void *into,
               GError **error);
/* "game_port" of "game_port: is missing"; NULL if the message begins with no name.  g_free
 * it. */
char *ask_field_of(const char *message);
