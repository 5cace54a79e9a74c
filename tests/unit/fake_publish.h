/*
 * fake_publish.h - publish.h without a bus: letters are kept until the test commits them.
 *
 * Linked before the worker's library, it takes the place of publish.c.  Texts of a letter:
 * "accepted command-1, begins 7 a" or "done command-1, finishes 7".
 */
#pragma once

#include "publish.h"

struct letter {
    struct partition *partition;
    GString *text;
    GPtrArray *events; /* struct event */
    letter_sent sent;
    letter_lapsed lapsed;
    void *owner;
};

struct publisher {
    GPtrArray *letters; /* struct letter, not committed yet */
};

static inline void letter_free(void *data)
{
    struct letter *letter = data;
    g_string_free(letter->text, TRUE);
    g_ptr_array_unref(letter->events);
    g_free(letter);
}

static inline struct publisher *fake_publisher_new(void)
{
    struct publisher *publisher = g_new0(struct publisher, 1);
    publisher->letters = g_ptr_array_new_with_free_func(letter_free);
    return publisher;
}

static inline void fake_publisher_free(struct publisher *publisher)
{
    g_ptr_array_unref(publisher->letters);
    g_free(publisher);
}

/* Commits the oldest letter; its text, or NULL if there is none; g_free it. */
static inline char *fake_publisher_commit(struct publisher *publisher)
{
    if (publisher->letters->len == 0)
        return NULL;
    struct letter *letter = g_ptr_array_steal_index(publisher->letters, 0);
    char *text = g_strdup(letter->text->str);
    if (letter->sent)
        letter->sent(letter->owner);
    letter_free(letter);
    return text;
}

/* Its moment was over before the oldest letter could go out. */
static inline void fake_publisher_lapse(struct publisher *publisher)
{
    struct letter *letter = g_ptr_array_steal_index(publisher->letters, 0);
    letter->lapsed(letter->owner);
    letter_free(letter);
}

struct letter *letter_new(struct partition *partition)
{
    struct letter *letter = g_new0(struct letter, 1);
    letter->partition = partition;
    letter->text = g_string_new(NULL);
    letter->events = g_ptr_array_new_with_free_func((GDestroyNotify)event_free);
    return letter;
}

static inline GString *letter_text(struct letter *letter)
{
    return g_string_append(letter->text, letter->text->len ? ", " : "");
}

void letter_add_event(struct letter *letter, struct event *event_taken,
                      const char *traceparent)
{
    const struct result *result = event_taken->result;
    g_string_append_printf(letter_text(letter), "%s %s", outcome_name(result->outcome),
                           event_taken->cause->command_id);
    if (*result->code)
        g_string_append_printf(letter->text, " %s", result->code);
    g_ptr_array_add(letter->events, event_taken);
}

void letter_begins(struct letter *letter, bool control, int64_t offset, const char *note)
{
    g_string_append_printf(letter_text(letter), "begins %" G_GINT64_FORMAT, offset);
}

void letter_finishes(struct letter *letter, bool control, int64_t offset)
{
    g_string_append_printf(letter_text(letter), "finishes %s%" G_GINT64_FORMAT,
                           control ? "control " : "", offset);
}

void letter_then(struct letter *letter, letter_sent sent, void *owner)
{
    letter->sent = sent;
    letter->owner = owner;
}

void letter_expires(struct letter *letter, int64_t expires_at, letter_lapsed lapsed)
{
    letter->lapsed = lapsed;
}

void publisher_add(struct publisher *publisher, struct letter *letter_taken)
{
    g_ptr_array_add(publisher->letters, letter_taken);
}
