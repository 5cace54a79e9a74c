/*
 * observe.c - looks at containers that have changed by themselves or by hand.
 */
#include "observe.h"

#define LOOK_MS       30000
#define LOOKS_AT_ONCE 8

struct mark { /* a server whose container has changed */
    char *server_id;
    char *container_id; /* of the latest event */
    char *name;
    bool destroyed;
    char *looked_for; /* id of the container that is gone if the look finds none */
    uint64_t ticket;  /* of the look on its way, or 0 */
    bool again;       /* another event came while it was */
};

struct observer {
    struct observer_setup setup;
    const struct assignment *assignment;
    int32_t partitions;
    GHashTable *told;  /* server id → struct state */
    GHashTable *marks; /* server id → struct mark */
    unsigned looking;
};

static void mark_free(void *data)
{
    struct mark *mark = data;
    g_free(mark->server_id);
    g_free(mark->container_id);
    g_free(mark->name);
    g_free(mark->looked_for);
    g_free(mark);
}

struct observer *observer_new(const struct observer_setup *setup)
{
    struct observer *observer = g_new0(struct observer, 1);
    observer->setup = *setup;
    observer->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify)state_free);
    observer->marks = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, mark_free);
    return observer;
}

void observer_free(struct observer *observer)
{
    if (!observer)
        return;
    g_hash_table_unref(observer->told);
    g_hash_table_unref(observer->marks);
    g_free(observer);
}

static void cancel_looks(struct observer *observer)
{
    GHashTableIter iter;
    struct mark *mark;
    g_hash_table_iter_init(&iter, observer->marks);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&mark))
        docker_cancel(observer->setup.docker, mark->ticket);
    observer->looking = 0;
}

void observer_assign(struct observer *observer, const struct assignment *assignment,
                     int32_t partitions)
{
    cancel_looks(observer);
    g_hash_table_remove_all(observer->marks);
    g_hash_table_remove_all(observer->told);
    observer->assignment = assignment;
    observer->partitions = partitions;
}

/* --- what was told ------------------------------------------------------------------------------- */

void observer_told(struct observer *observer, const char *server_id,
                   const struct state *state)
{
    g_hash_table_insert(observer->told, g_strdup(server_id), state_dup(state));
}

const struct state *observer_last(const struct observer *observer, const char *server_id)
{
    return g_hash_table_lookup(observer->told, server_id);
}

GHashTable *observer_all(const struct observer *observer)
{
    return observer->told;
}

bool observer_is_news(const struct state *told, const struct state *now)
{
    if (!told)
        return true;
    if (told->status == CONTAINER_ABSENT && now->status == CONTAINER_ABSENT)
        return false;
    return told->status != now->status ||
           g_strcmp0(told->container_id, now->container_id) != 0 ||
           told->started_at != now->started_at || told->exit_code != now->exit_code ||
           told->oom_killed != now->oom_killed ||
           told->restart_count != now->restart_count ||
           !g_str_equal(told->health, now->health);
}

/* --- events ----------------------------------------------------------------------------------------- */

static struct partition *partition_of_server(const struct observer *observer,
                                             const char *server_id)
{
    if (!observer->assignment || !*server_id)
        return NULL;
    return assignment_partition(observer->assignment,
                                partition_of(server_id, observer->partitions));
}

static void set_mark(struct observer *observer, const struct engine_event *event)
{
    struct mark *mark = g_hash_table_lookup(observer->marks, event->server_id);
    if (!mark) {
        mark = g_new0(struct mark, 1);
        mark->server_id = g_strdup(event->server_id);
        g_hash_table_insert(observer->marks, mark->server_id, mark);
    }
    g_free(mark->container_id);
    g_free(mark->name);
    mark->container_id = g_strdup(event->container_id);
    mark->name = g_strdup(event->name);
    mark->destroyed = g_str_equal(event->action, "destroy");
    mark->again = mark->ticket != 0;
}

bool observer_event(struct observer *observer, const struct engine_event *event)
{
    if (!partition_of_server(observer, event->server_id))
        return false;
    const struct state *told = observer_last(observer, event->server_id);
    const bool another = told && told->container_id && *told->container_id &&
                         !g_str_equal(told->container_id, event->container_id);
    if (another && !lanes_server_is_busy(observer->setup.lanes, event->server_id))
        return true; /* not the container that we know: the list tells whose it is */
    set_mark(observer, event);
    return g_str_equal(event->action, "rename");
}

/* The id of the container that was told to be there, if it is not the one of the event: of a
 * rebuild the old one goes last, and that says nothing of the new one.  Borrowed, or NULL. */
static const char *known_beside(const struct observer *observer, const struct mark *mark)
{
    const struct state *told = observer_last(observer, mark->server_id);
    if (!told || told->status == CONTAINER_ABSENT || !told->container_id ||
        !*told->container_id || g_str_equal(told->container_id, mark->container_id))
        return NULL;
    return told->container_id;
}

/* After a removal the one that we know, or by name (is there another one?), else by id. */
static void look(struct observer *observer, struct mark *mark)
{
    const char *beside = mark->destroyed ? known_beside(observer, mark) : NULL;
    const char *whom = beside            ? beside
                       : mark->destroyed ? mark->name
                                         : mark->container_id;
    g_autofree char *name = g_uri_escape_string(whom, NULL, false);
    g_free(mark->looked_for);
    mark->looked_for = g_strdup(beside ? beside : mark->container_id);
    struct request *request = request_new(ASKED_LOOK, DOCKER_READ, "GET",
                                          "/containers/%s/json", name);
    request->timeout_ms = LOOK_MS;
    mark->ticket = docker_send(observer->setup.docker, request);
    mark->again = false;
    observer->looking++;
}

void observer_advance(struct observer *observer, int64_t now_ms)
{
    GHashTableIter iter;
    struct mark *mark;
    g_hash_table_iter_init(&iter, observer->marks);
    while (observer->looking < LOOKS_AT_ONCE &&
           g_hash_table_iter_next(&iter, NULL, (void **)&mark)) {
        if (!mark->ticket &&
            !lanes_server_is_busy(observer->setup.lanes, mark->server_id))
            look(observer, mark);
    }
}

/* --- looks --------------------------------------------------------------------------------------------- */

static void tell(struct observer *observer, const char *server_id,
                 struct state *state_taken, int64_t wall_ms)
{
    g_autoptr(State) state = state_taken;
    struct partition *partition = partition_of_server(observer, server_id);
    if (!partition || !observer_is_news(observer_last(observer, server_id), state))
        return;
    observer_told(observer, server_id, state);
    struct letter *letter = letter_new(partition);
    struct event *event = report_state(observer->setup.author, server_id,
                                       g_steal_pointer(&state), wall_ms);
    letter_add_event(letter, event, NULL);
    publisher_add(observer->setup.publisher, letter);
}

static void tell_absent(struct observer *observer, const struct mark *mark,
                        int64_t wall_ms)
{
    g_autoptr(Container) absent = container_new();
    struct state *state = container_state(absent, MAYBE_UNKNOWN);
    g_free(state->container_id);
    state->container_id = g_strdup(mark->looked_for);
    tell(observer, mark->server_id, state, wall_ms);
}

static bool tell_seen(struct observer *observer, const struct mark *mark,
                      const struct reply *reply, int64_t wall_ms)
{
    g_autoptr(Container) seen = container_parse(reply->body, reply->length, NULL);
    if (!seen)
        return true;
    if (!container_is_canonical(seen) || !g_str_equal(seen->server_id, mark->server_id))
        return true;
    tell(observer, mark->server_id, container_state(seen, MAYBE_UNKNOWN), wall_ms);
    return false;
}

static bool took_reply(struct observer *observer, struct mark *mark,
                       const struct reply *reply, int64_t wall_ms)
{
    struct refusal refusal = {0};
    const enum verdict verdict = verdict_of(ASKED_LOOK, reply->answer, reply->status,
                                            reply->error, &refusal);
    refusal_clear(&refusal);
    /* A job that began meanwhile tells the outcome itself. */
    if (mark->again || lanes_server_is_busy(observer->setup.lanes, mark->server_id))
        return false;
    if (verdict == VERDICT_DONE)
        return tell_seen(observer, mark, reply, wall_ms);
    if (verdict != VERDICT_ABSENT)
        return true;
    tell_absent(observer, mark, wall_ms);
    return false;
}

static struct mark *mark_of_ticket(const struct observer *observer, uint64_t ticket)
{
    GHashTableIter iter;
    struct mark *mark;
    g_hash_table_iter_init(&iter, observer->marks);
    while (g_hash_table_iter_next(&iter, NULL, (void **)&mark)) {
        if (mark->ticket == ticket)
            return mark;
    }
    return NULL;
}

bool observer_reply(struct observer *observer, const struct reply *reply, int64_t wall_ms,
                    bool *ret_list)
{
    struct mark *mark = mark_of_ticket(observer, reply->ticket);
    if (!mark)
        return false;
    observer->looking--;
    *ret_list = took_reply(observer, mark, reply, wall_ms);
    mark->ticket = 0;
    if (!mark->again && !lanes_server_is_busy(observer->setup.lanes, mark->server_id))
        g_hash_table_remove(observer->marks, mark->server_id);
    return true;
}
