/*
 * observe.c - looks at containers that have changed by themselves or by hand.
 */
#include "observe.h"

#define LOOK_MS       30000
#define LOOKS_AT_ONCE 8
#define AGAIN_MS      5000 /* after a look that was due and came to nothing */

struct mark { /* a server whose container has changed */
    char *server_id;
    char *container_id; /* of the latest event */
    char *name;
    bool destroyed;
    char *looked_for; /* id of the container that is gone if the look finds none */
    uint64_t ticket;  /* of the look on its way, or 0 */
    bool again;       /* another event came while it was */
};

struct
    watched { /* a server whose container has moved, or of which something is remarked */
    struct pace pace;
    int64_t look_at; /* host time; INT64_MAX: an event will tell */
};

struct observer {
    struct observer_setup setup;
    const struct assignment *assignment;
    int32_t partitions;
    GHashTable *told;    /* server id → struct state */
    GHashTable *marks;   /* server id → struct mark */
    GHashTable *watched; /* server id → struct watched */
    int64_t due_at;      /* host time of the first look_at, or earlier */
    unsigned looking;
};

static void watched_free(void *data)
{
    struct watched *watched = data;
    pace_clear(&watched->pace);
    g_free(watched);
}

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
    observer->watched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              watched_free);
    observer->due_at = INT64_MAX;
    return observer;
}

void observer_free(struct observer *observer)
{
    if (!observer)
        return;
    g_hash_table_unref(observer->told);
    g_hash_table_unref(observer->marks);
    g_hash_table_unref(observer->watched);
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
    g_hash_table_remove_all(observer->watched);
    observer->due_at = INT64_MAX;
    observer->assignment = assignment;
    observer->partitions = partitions;
}

/* --- what is watched ------------------------------------------------------------------------------ */

static struct watched *watch_server(struct observer *observer, const char *server_id)
{
    struct watched *watched = g_hash_table_lookup(observer->watched, server_id);
    if (watched)
        return watched;
    const double patience = observer->setup.patience;
    watched = g_new0(struct watched, 1);
    watched->pace.stable_ms = patience > 0 ? (int64_t)((double)PACE_STABLE_MS * patience)
                                           : PACE_STABLE_MS;
    watched->look_at = INT64_MAX;
    g_hash_table_insert(observer->watched, g_strdup(server_id), watched);
    return watched;
}

static void look_later(struct observer *observer, struct watched *watched, int64_t at)
{
    watched->look_at = at;
    observer->due_at = MIN(observer->due_at, at);
}

/* A quiet container needs no memory: most are.  What others have seen changed is looked at
 * again, so that it is told by its pace, if they do not tell it themselves. */
void observer_saw(struct observer *observer, const char *server_id, struct state *state,
                  int64_t now_ms, int64_t wall_ms)
{
    const bool known = g_hash_table_contains(observer->watched, server_id);
    struct watched *watched = watch_server(observer, server_id);
    pace_saw(&watched->pace, state, now_ms, wall_ms);
    if (!known && state->remarks->len == 0)
        g_hash_table_remove(observer->watched, server_id);
    else if (pace_is_news(observer_last(observer, server_id), state))
        look_later(observer, watched, 0);
}

void observer_add_held(const struct observer *observer, GHashTable *server_ids)
{
    GHashTableIter iter;
    const char *server_id;
    const struct watched *watched;
    g_hash_table_iter_init(&iter, observer->watched);
    while (g_hash_table_iter_next(&iter, (void **)&server_id, (void **)&watched))
        if (watched->pace.seen && watched->look_at != INT64_MAX &&
            pace_is_news(observer_last(observer, server_id), watched->pace.seen))
            g_hash_table_add(server_ids, g_strdup(server_id));
}

/* --- what was told ------------------------------------------------------------------------------- */

static void keep_told(struct observer *observer, const char *server_id,
                      const struct state *state)
{
    g_hash_table_insert(observer->told, g_strdup(server_id), state_dup(state));
}

void observer_told(struct observer *observer, const char *server_id,
                   const struct state *state)
{
    struct watched *watched = g_hash_table_lookup(observer->watched, server_id);
    keep_told(observer, server_id, state);
    if (watched)
        look_later(observer, watched,
                   0); /* when a remark goes, the pace says after a look */
}

/* The command has looked last: another look is due only where the log is not to be left so. */
void observer_told_by_result(struct observer *observer, const char *server_id,
                             const struct state *state, int64_t now_ms, int64_t wall_ms)
{
    struct watched *watched = g_hash_table_lookup(observer->watched, server_id);
    int64_t at = INT64_MAX;
    keep_told(observer, server_id, state);
    if (!watched)
        return;
    pace_begin_anew(&watched->pace);
    if (watched->pace.seen &&
        pace_ask(&watched->pace, state, now_ms, wall_ms, &at) == PACE_TELL)
        at = now_ms;
    look_later(observer, watched, at);
}

const struct state *observer_last(const struct observer *observer, const char *server_id)
{
    return g_hash_table_lookup(observer->told, server_id);
}

GHashTable *observer_all(const struct observer *observer)
{
    return observer->told;
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

bool observer_event(struct observer *observer, const struct engine_event *event,
                    int64_t now_ms)
{
    if (!partition_of_server(observer, event->server_id))
        return false;
    const struct state *told = observer_last(observer, event->server_id);
    const bool another = told && told->container_id && *told->container_id &&
                         !g_str_equal(told->container_id, event->container_id);
    if (another && !lanes_server_is_busy(observer->setup.lanes, event->server_id))
        return true; /* not the container that we know: the list tells whose it is */
    if (g_str_equal(event->action, "oom"))
        pace_oom(&watch_server(observer, event->server_id)->pace, now_ms);
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

/* What is due is looked at as if an event had come. */
static void mark_due(struct observer *observer, int64_t now_ms)
{
    GHashTableIter iter;
    char *server_id;
    struct watched *watched;
    if (now_ms < observer->due_at)
        return;
    observer->due_at = INT64_MAX;
    g_hash_table_iter_init(&iter, observer->watched);
    while (g_hash_table_iter_next(&iter, (void **)&server_id, (void **)&watched)) {
        const struct state *seen = watched->pace.seen;
        if (!seen || !seen->container_id)
            watched->look_at = INT64_MAX; /* there is nothing to look at */
        if (now_ms < watched->look_at) {
            observer->due_at = MIN(observer->due_at, watched->look_at);
            continue;
        }
        const struct engine_event look = {.action = (char *)"look",
                                          .container_id = seen->container_id,
                                          .name = seen->container,
                                          .server_id = server_id};
        if (!g_hash_table_contains(observer->marks, server_id))
            set_mark(observer, &look);
        look_later(observer, watched, now_ms + AGAIN_MS);
    }
}

void observer_advance(struct observer *observer, int64_t now_ms)
{
    mark_due(observer, now_ms);
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

static void publish_state(struct observer *observer, struct partition *partition,
                          const char *server_id, struct state *state_taken,
                          int64_t wall_ms)
{
    struct letter *letter = letter_new(partition);
    keep_told(observer, server_id, state_taken);
    struct event *event = report_state(observer->setup.author, server_id, state_taken,
                                       wall_ms);
    letter_add_event(letter, event, NULL);
    publisher_add(observer->setup.publisher, letter);
}

struct moment {
    int64_t now_ms; /* host time */
    int64_t wall_ms;
};

static void saw(struct observer *observer, const char *server_id,
                struct state *state_taken, const struct moment *moment)
{
    g_autoptr(State) state = state_taken;
    const int64_t now = moment->now_ms, wall = moment->wall_ms;
    const bool is_absent = state->status == CONTAINER_ABSENT;
    struct partition *partition = partition_of_server(observer, server_id);
    if (!partition)
        return;
    struct watched *watched = watch_server(observer, server_id);
    int64_t at = INT64_MAX;
    pace_saw(&watched->pace, state, now, wall);
    enum pace_answer answer = pace_ask(&watched->pace, observer_last(observer, server_id),
                                       now, wall, &at);
    if (answer == PACE_TELL) {
        publish_state(observer, partition, server_id, g_steal_pointer(&state), wall);
        pace_told(&watched->pace, now);
        answer = pace_ask(&watched->pace, observer_last(observer, server_id), now, wall,
                          &at);
    }
    look_later(observer, watched, answer == PACE_LATER ? at : INT64_MAX);
    if (is_absent)
        g_hash_table_remove(observer->watched, server_id);
}

static void saw_none(struct observer *observer, const struct mark *mark,
                     const struct moment *moment)
{
    g_autoptr(Container) absent = container_new();
    struct state *state = container_state(absent, MAYBE_UNKNOWN);
    g_free(state->container_id);
    state->container_id = g_strdup(mark->looked_for);
    saw(observer, mark->server_id, state, moment);
}

static bool saw_one(struct observer *observer, const struct mark *mark,
                    const struct reply *reply, const struct moment *moment)
{
    g_autoptr(Container) seen = container_parse(reply->body, reply->length, NULL);
    if (!seen)
        return true;
    if (!container_is_canonical(seen) ||
        !container_is_of(seen, observer->setup.author->agent_id) ||
        !g_str_equal(seen->server_id, mark->server_id))
        return true;
    saw(observer, mark->server_id, container_state(seen, MAYBE_UNKNOWN), moment);
    return false;
}

static bool took_reply(struct observer *observer, struct mark *mark,
                       const struct reply *reply, const struct moment *moment)
{
    struct refusal refusal = {0};
    const enum verdict verdict = verdict_of(ASKED_LOOK, reply->answer, reply->status,
                                            reply->error, &refusal);
    refusal_clear(&refusal);
    /* A job that began meanwhile tells the outcome itself. */
    if (mark->again || lanes_server_is_busy(observer->setup.lanes, mark->server_id))
        return false;
    if (verdict == VERDICT_DONE)
        return saw_one(observer, mark, reply, moment);
    if (verdict != VERDICT_ABSENT)
        return true;
    saw_none(observer, mark, moment);
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

bool observer_reply(struct observer *observer, const struct reply *reply, int64_t now_ms,
                    int64_t wall_ms, bool *ret_list)
{
    const struct moment moment = {now_ms, wall_ms};
    struct mark *mark = mark_of_ticket(observer, reply->ticket);
    if (!mark)
        return false;
    observer->looking--;
    *ret_list = took_reply(observer, mark, reply, &moment);
    mark->ticket = 0;
    if (!mark->again && !lanes_server_is_busy(observer->setup.lanes, mark->server_id))
        g_hash_table_remove(observer->marks, mark->server_id);
    return true;
}
