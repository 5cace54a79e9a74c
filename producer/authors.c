/*
 * authors.c - which ledgers have written Records into a log, and when.
 */
#include "authors.h"

#include <glib.h>

#define AUTHORS_MAX 100 /* whoever may write may claim to be any ledger */

struct authors {
    GPtrArray *all; /* struct author */
};

struct author {
    char *id;
    struct place first;
    int64_t last_ms; /* append time */
};

static void author_free(void *gone)
{
    struct author *author = gone;
    g_free(author->id);
    g_free(author);
}

struct authors *authors_new(void)
{
    struct authors *authors = g_new0(struct authors, 1);
    authors->all = g_ptr_array_new_with_free_func(author_free);
    return authors;
}

void authors_free(struct authors *authors)
{
    if (!authors)
        return;
    g_ptr_array_unref(authors->all);
    g_free(authors);
}

static struct author *author_of(struct authors *authors, const char *id,
                                const struct place *place)
{
    for (guint i = 0; i < authors->all->len; i++) {
        struct author *author = authors->all->pdata[i];
        if (g_str_equal(author->id, id))
            return author;
    }
    if (authors->all->len == AUTHORS_MAX)
        return NULL;
    struct author *author = g_new0(struct author, 1);
    *author = (struct author){g_strdup(id), *place, place->append_ms};
    g_ptr_array_add(authors->all, author);
    return author;
}

/* Partitions come in any order beside one another. */
void authors_note(struct authors *authors, const char *id, const struct place *place)
{
    struct author *author = id && g_uuid_string_is_valid(id)
                                ? author_of(authors, id, place)
                                : NULL;
    if (!author)
        return;
    if (place->append_ms < author->first.append_ms)
        author->first = *place;
    author->last_ms = MAX(author->last_ms, place->append_ms);
}

static bool began_within(const struct author *author, const struct author *other)
{
    const int64_t began_ms = author->first.append_ms;
    return other->first.append_ms < began_ms && began_ms < other->last_ms;
}

void authors_judge(const struct authors *authors, authors_tell *tell, void *listener)
{
    for (guint i = 0; i < authors->all->len; i++) {
        const struct author *author = authors->all->pdata[i];
        for (guint j = 0; j < authors->all->len; j++) {
            const struct author *other = authors->all->pdata[j];
            if (!began_within(author, other))
                continue;
            g_autofree char *sentence = g_strdup_printf(
                "ledger %s has written Records while ledger %s went on to: a log has one "
                "ledger; stop one of the two control planes",
                author->id, other->id);
            tell(listener, &author->first, sentence);
        }
    }
}
