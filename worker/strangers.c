/*
 * strangers.c - looks at the containers without our labels that a Sync tells of.
 */
#include "strangers.h"

#include "shape.h"
#include "stranger.h"
#include "verdict.h"

#define LOOK_MS 5000
#define AT_ONCE 8

struct look {
    char *id;
    char *image_id;
    char *body; /* the engine's answer, until its image is known: it holds values */
    size_t length;
    uint64_t ticket; /* 0: none is out */
};

struct strangers {
    struct docker *docker;
    GHashTable *known; /* container id → struct found */
    GPtrArray *looks;  /* of this run; NULL: none */
    guint sent;
};

static void look_free(void *data)
{
    struct look *look = data;
    g_free(look->id);
    g_free(look->image_id);
    g_free(look->body);
    g_free(look);
}

struct strangers *strangers_new(struct docker *docker)
{
    struct strangers *strangers = g_new0(struct strangers, 1);
    strangers->docker = docker;
    strangers->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                             shape_found.free);
    return strangers;
}

void strangers_stop(struct strangers *strangers)
{
    for (guint i = 0; strangers->looks && i < strangers->looks->len; i++) {
        const struct look *look = g_ptr_array_index(strangers->looks, i);
        docker_cancel(strangers->docker, look->ticket);
    }
    g_clear_pointer(&strangers->looks, g_ptr_array_unref);
}

void strangers_forget(struct strangers *strangers)
{
    g_hash_table_remove_all(strangers->known);
}

void strangers_free(struct strangers *strangers)
{
    strangers_stop(strangers);
    g_hash_table_unref(strangers->known);
    g_free(strangers);
}

/* --- What is to be looked at ------------------------------------------------------------------ */

static void plan_look(struct strangers *strangers, const char *id, const char *image_id)
{
    struct look *look = g_new0(struct look, 1);
    look->id = g_strdup(id);
    look->image_id = g_strdup(image_id);
    g_ptr_array_add(strangers->looks, look);
}

static gboolean is_gone(void *key, void *value, void *data)
{
    return !g_hash_table_contains(data, key);
}

void strangers_plan(struct strangers *strangers, struct listing *listing)
{
    g_autoptr(GPtrArray) unmanaged = listing_unmanaged(listing);
    g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);
    strangers_stop(strangers);
    strangers->looks = g_ptr_array_new_with_free_func(look_free);
    strangers->sent = 0;
    for (guint i = 0; i < unmanaged->len; i++) {
        const struct container *seen = g_ptr_array_index(unmanaged, i);
        g_hash_table_add(listed, seen->id);
        if (!g_hash_table_contains(strangers->known, seen->id))
            plan_look(strangers, seen->id, seen->image_id);
    }
    g_hash_table_foreach_remove(strangers->known, is_gone, listed);
    listing->looked = strangers->known;
}

/* --- Looks ------------------------------------------------------------------------------------ */

static void ask(struct strangers *strangers, struct look *look, enum asked asked,
                const char *what, const char *id)
{
    struct request *request = request_new(asked, DOCKER_READ, "GET", "/%s/%s/json", what,
                                          id);
    request->timeout_ms = LOOK_MS;
    look->ticket = docker_send(strangers->docker, request);
}

unsigned strangers_advance(struct strangers *strangers)
{
    unsigned out = 0;
    if (!strangers->looks)
        return 0;
    for (guint i = 0; i < strangers->sent; i++) {
        const struct look *look = g_ptr_array_index(strangers->looks, i);
        out += look->ticket != 0;
    }
    for (; strangers->sent < strangers->looks->len && out < AT_ONCE; out++) {
        struct look *look = g_ptr_array_index(strangers->looks, strangers->sent++);
        ask(strangers, look, ASKED_LOOK, "containers", look->id);
    }
    return out;
}

static struct look *look_of(const struct strangers *strangers, uint64_t ticket)
{
    for (guint i = 0; strangers->looks && i < strangers->looks->len; i++) {
        struct look *look = g_ptr_array_index(strangers->looks, i);
        if (look->ticket == ticket)
            return look;
    }
    return NULL;
}

static enum verdict verdict_on(const struct reply *reply)
{
    struct refusal refusal = {0};
    const enum verdict verdict = verdict_of(reply->asked, reply->answer, reply->status,
                                            reply->error, &refusal);
    refusal_clear(&refusal);
    return verdict;
}

static void took_container(struct strangers *strangers, struct look *look,
                           const struct reply *reply)
{
    look->body = g_memdup2(reply->body, reply->length + 1);
    look->length = reply->length;
    ask(strangers, look, ASKED_IMAGE, "images", look->image_id);
}

static void took_image(struct strangers *strangers, struct look *look,
                       const struct reply *reply)
{
    const bool there = reply->answer == ANSWER_HTTP && reply->status == 200;
    struct found *found = stranger_looked(look->body, look->length,
                                          there ? reply->body : NULL, reply->length);
    g_clear_pointer(&look->body, g_free);
    if (found)
        g_hash_table_replace(strangers->known, g_strdup(look->id), found);
}

bool strangers_reply(struct strangers *strangers, const struct reply *reply)
{
    struct look *look = look_of(strangers, reply->ticket);
    if (!look)
        return false;
    look->ticket = 0;
    const enum verdict verdict = verdict_on(reply);
    if (verdict != VERDICT_DONE && verdict != VERDICT_ABSENT)
        strangers_stop(strangers);
    else if (reply->asked == ASKED_IMAGE)
        took_image(strangers, look, reply);
    else if (verdict == VERDICT_DONE)
        took_container(strangers, look, reply);
    return true;
}
