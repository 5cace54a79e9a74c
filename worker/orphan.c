/*
 * orphan.c - a short list; each entry holds a lock.
 */
#include "orphan.h"

struct orphan {
    char *server_id;
    int32_t number;
    struct job *job; /* abandoned, or NULL: a call that was given up */
    uint64_t ticket; /* of that; 0 once it has returned */
};

struct orphans {
    struct locks *locks;
    GPtrArray *list;
};

static void orphan_free(void *data)
{
    struct orphan *orphan = data;
    job_free(orphan->job);
    g_free(orphan->server_id);
    g_free(orphan);
}

struct orphans *orphans_new(struct locks *locks)
{
    struct orphans *orphans = g_new0(struct orphans, 1);
    orphans->locks = locks;
    orphans->list = g_ptr_array_new_with_free_func(orphan_free);
    return orphans;
}

void orphans_free(struct orphans *orphans)
{
    if (!orphans)
        return;
    for (guint i = 0; i < orphans->list->len; i++) {
        const struct orphan *orphan = g_ptr_array_index(orphans->list, i);
        if (orphan->job)
            job_forget(orphan->job);
    }
    g_ptr_array_unref(orphans->list);
    g_free(orphans);
}

static void add(struct orphans *orphans, const char *server_id, int32_t number,
                struct job *job_taken, uint64_t ticket)
{
    struct orphan *orphan = g_new0(struct orphan, 1);
    orphan->server_id = g_strdup(server_id);
    orphan->number = number;
    orphan->job = job_taken;
    orphan->ticket = ticket;
    locks_hold(orphans->locks, number);
    g_ptr_array_add(orphans->list, orphan);
}

void orphans_add_job(struct orphans *orphans, const char *server_id, int32_t number,
                     struct job *job_taken)
{
    add(orphans, server_id, number, job_taken, 0);
}

void orphans_add_call(struct orphans *orphans, const char *server_id, int32_t number,
                      uint64_t ticket)
{
    add(orphans, server_id, number, NULL, ticket);
}

bool orphans_hold(const struct orphans *orphans, const char *server_id)
{
    for (guint i = 0; i < orphans->list->len; i++) {
        const struct orphan *orphan = g_ptr_array_index(orphans->list, i);
        if (g_str_equal(orphan->server_id, server_id))
            return true;
    }
    return false;
}

static struct orphan *find(const struct orphans *orphans, uint64_t ticket)
{
    for (guint i = 0; i < orphans->list->len; i++) {
        struct orphan *orphan = g_ptr_array_index(orphans->list, i);
        if (orphan->job ? job_waits_for(orphan->job, ticket) : orphan->ticket == ticket)
            return orphan;
    }
    return NULL;
}

bool orphans_wait_for(const struct orphans *orphans, uint64_t ticket)
{
    return find(orphans, ticket) != NULL;
}

bool orphans_reply(struct orphans *orphans, const struct reply *reply, int64_t now_ms)
{
    struct orphan *orphan = find(orphans, reply->ticket);
    if (!orphan)
        return false;
    if (orphan->job)
        job_reply(orphan->job, reply, now_ms);
    else
        orphan->ticket = 0;
    return true;
}

/* A job may have given a call up before it was abandoned with another on its way. */
static bool is_over(const struct orphan *orphan)
{
    return orphan->job ? job_can_be_freed(orphan->job) && !job_given_up(orphan->job)
                       : orphan->ticket == 0;
}

void orphans_end(struct orphans *orphans)
{
    for (guint i = orphans->list->len; i > 0; i--) {
        const struct orphan *orphan = g_ptr_array_index(orphans->list, i - 1);
        if (!is_over(orphan))
            continue;
        locks_release(orphans->locks, orphan->number);
        g_ptr_array_remove_index_fast(orphans->list, i - 1);
    }
}

unsigned orphans_count(const struct orphans *orphans)
{
    return orphans->list->len;
}
