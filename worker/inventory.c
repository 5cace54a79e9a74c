/*
 * inventory.c - gathers what a Sync needs: list, parse, look, directories.
 */
#include "inventory.h"

#include "crash.h"
#include "directories.h"
#include "listing.h"
#include "log.h"
#include "strangers.h"

#define LIST_MS       30000
#define LOOK_MS       5000 /* one that takes longer is `unknown`, the others go out */
#define LIST_BYTES    (32 * 1024 * 1024)
#define LOOKS_AT_ONCE 8
#define RECENT_MS     1000 /* the list lags some 30 ms behind an event (Engine 20.10) */
#define AGAIN_MS      5000 /* after a failed list */

enum stage {
    STAGE_IDLE,
    STAGE_LISTING,
    STAGE_PARSING,
    STAGE_LOOKING,
    STAGE_DATA,
    STAGE_READY
};

struct request_for_sync { /* a sync command */
    struct partition *partition;
    struct order *order;
};

struct look {
    char *server_id;
    uint64_t ticket; /* 0: waits */
};

struct inventory {
    struct inventory_setup setup;
    const struct assignment *assignment;
    int32_t partitions;
    GQueue commands; /* struct request_for_sync, for the next run */
    bool wanted, checked;
    enum sync_reason reason;
    GHashTable *recent;    /* server id → host time of its last touch */
    GHashTable *extra;     /* server id → its extra containers, as last told */
    GHashTable *unmanaged; /* container id → name, likewise */
    int64_t not_before;    /* host time, after a failure */
    bool failing;          /* the last run failed: its failure has been told */
    char *left_out;        /* as last logged; NULL: nothing was */

    /* the run */
    enum stage stage;
    bool stale; /* the assignment ended under it: its thread's answer is thrown away */
    struct listing *listing;
    GQueue answers;    /* struct request_for_sync, of this run */
    int64_t run_began; /* host time */
    bool run_wanted;
    enum sync_reason run_reason;
    GArray *seen; /* int64_t, by index of the assignment's partitions */
    uint64_t list_ticket;
    GPtrArray *looks;
    guint looked;
    struct strangers *strangers;
};

static void request_for_sync_free(void *data)
{
    struct request_for_sync *request = data;
    order_free(request->order);
    g_free(request);
}

static void look_free(void *data)
{
    struct look *look = data;
    g_free(look->server_id);
    g_free(look);
}

struct inventory *inventory_new(const struct inventory_setup *setup)
{
    struct inventory *inventory = g_new0(struct inventory, 1);
    inventory->setup = *setup;
    inventory->recent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    inventory->extra = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    inventory->unmanaged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    inventory->seen = g_array_new(FALSE, TRUE, sizeof(int64_t));
    inventory->strangers = strangers_new(setup->docker);
    g_queue_init(&inventory->commands);
    g_queue_init(&inventory->answers);
    return inventory;
}

static void end_run(struct inventory *inventory)
{
    docker_cancel(inventory->setup.docker, inventory->list_ticket);
    for (guint i = 0; inventory->looks && i < inventory->looks->len; i++) {
        const struct look *look = g_ptr_array_index(inventory->looks, i);
        docker_cancel(inventory->setup.docker, look->ticket);
    }
    inventory->list_ticket = 0;
    strangers_stop(inventory->strangers);
    g_clear_pointer(&inventory->looks, g_ptr_array_unref);
    g_clear_pointer(&inventory->listing, listing_free);
    g_queue_clear_full(&inventory->answers, request_for_sync_free);
    inventory->stage = STAGE_IDLE;
}

void inventory_free(struct inventory *inventory)
{
    if (!inventory)
        return;
    end_run(inventory);
    g_queue_clear_full(&inventory->commands, request_for_sync_free);
    g_hash_table_unref(inventory->recent);
    g_hash_table_unref(inventory->extra);
    g_hash_table_unref(inventory->unmanaged);
    g_free(inventory->left_out);
    strangers_free(inventory->strangers);
    g_array_unref(inventory->seen);
    g_free(inventory);
}

static bool thread_is_out(const struct inventory *inventory)
{
    return inventory->stage == STAGE_PARSING || inventory->stage == STAGE_DATA;
}

void inventory_assign(struct inventory *inventory, const struct assignment *assignment,
                      int32_t partitions)
{
    if (thread_is_out(inventory))
        inventory->stale = true;
    else
        end_run(inventory);
    g_queue_clear_full(&inventory->commands, request_for_sync_free);
    g_hash_table_remove_all(inventory->recent);
    g_hash_table_remove_all(inventory->extra);
    g_hash_table_remove_all(inventory->unmanaged);
    inventory->assignment = assignment;
    inventory->partitions = partitions;
    inventory->wanted = inventory->checked = false;
    inventory->not_before = 0;
}

void inventory_want(struct inventory *inventory, enum sync_reason reason)
{
    if (!inventory->wanted)
        inventory->reason = reason;
    inventory->wanted = true;
}

void inventory_check(struct inventory *inventory)
{
    inventory->checked = true;
}

void inventory_command(struct inventory *inventory, struct partition *partition,
                       struct order *order_taken)
{
    struct request_for_sync *request = g_new0(struct request_for_sync, 1);
    request->partition = partition;
    request->order = order_taken;
    g_queue_push_tail(&inventory->commands, request);
}

void inventory_touch(struct inventory *inventory, const char *server_id, int64_t now_ms)
{
    int64_t *at = g_new(int64_t, 1);
    *at = now_ms;
    g_hash_table_insert(inventory->recent, g_strdup(server_id), at);
    if (inventory->stage != STAGE_IDLE && inventory->listing)
        g_hash_table_add(inventory->listing->touched, g_strdup(server_id));
}

void inventory_absent(struct inventory *inventory, const char *server_id)
{
    if (listing_forget_extra(inventory->extra, server_id))
        inventory_check(inventory);
}

/* --- list ------------------------------------------------------------------------------------------- */

static gboolean drop_or_note_recent(void *key, void *value, void *data)
{
    const struct inventory *inventory = data;
    if (*(int64_t *)value < inventory->run_began - RECENT_MS)
        return TRUE;
    g_hash_table_add(inventory->listing->touched, g_strdup(key));
    return FALSE;
}

static void note_seen(struct inventory *inventory)
{
    const GPtrArray *partitions = inventory->assignment->partitions;
    g_array_set_size(inventory->seen, 0);
    for (guint i = 0; i < partitions->len; i++) {
        const struct partition *partition = g_ptr_array_index(partitions, i);
        int64_t seen = offsets_seen(partition->commands);
        g_array_append_val(inventory->seen, seen);
    }
}

static void start_run(struct inventory *inventory, int64_t now_ms, int64_t wall_ms)
{
    struct request *request = request_new(ASKED_LIST, DOCKER_READ, "GET",
                                          "/containers/json?all=1");
    request->timeout_ms = LIST_MS;
    request->max_bytes = LIST_BYTES;
    inventory->listing = listing_new(wall_ms, inventory->setup.prefixes);
    inventory->run_began = now_ms;
    g_hash_table_foreach_remove(inventory->recent, drop_or_note_recent, inventory);
    lanes_add_open(inventory->setup.lanes, inventory->listing->touched);
    note_seen(inventory);
    inventory->run_wanted = inventory->wanted;
    inventory->run_reason = inventory->wanted ? inventory->reason : SYNC_ON_CHANGE;
    inventory->wanted = inventory->checked = false;
    while (!g_queue_is_empty(&inventory->commands))
        g_queue_push_tail(&inventory->answers, g_queue_pop_head(&inventory->commands));
    if (inventory->answers.length > 0)
        strangers_forget(inventory->strangers);
    inventory->list_ticket = docker_send(inventory->setup.docker, request);
    inventory->stage = STAGE_LISTING;
}

static void fail_run(struct inventory *inventory, const char *why)
{
    g_free(inventory->listing->failure);
    inventory->listing->failure = g_strdup_printf(
        "the engine's list did not come whole: %s", why);
    inventory->stage = STAGE_READY;
}

struct parse_errand {
    struct inventory *inventory;
    char *body;
    size_t length;
    GPtrArray *containers;
    GError *error;
};

static void parse_work(void *data)
{
    struct parse_errand *errand = data;
    errand->containers = container_parse_list(errand->body, errand->length,
                                              &errand->error);
}

static void plan_looks(struct inventory *inventory)
{
    GHashTable *told = observer_all(inventory->setup.observer);
    const GPtrArray *partitions = inventory->assignment->partitions;
    inventory->looks = g_ptr_array_new_with_free_func(look_free);
    inventory->looked = 0;
    for (guint i = 0; i < partitions->len; i++) {
        const struct partition *partition = g_ptr_array_index(partitions, i);
        g_autoptr(GPtrArray) ids = listing_to_look_at(
            inventory->listing, told, partition->number, inventory->partitions);
        for (guint j = 0; j < ids->len; j++) {
            struct look *look = g_new0(struct look, 1);
            look->server_id = g_strdup(g_ptr_array_index(ids, j));
            g_ptr_array_add(inventory->looks, look);
        }
    }
    strangers_plan(inventory->strangers, inventory->listing);
    inventory->stage = STAGE_LOOKING;
}

static void parse_done(void *data)
{
    g_autofree struct parse_errand *errand = data;
    struct inventory *inventory = errand->inventory;
    g_autoptr(GError) error = errand->error;
    g_free(errand->body);
    inventory->listing->containers = errand->containers;
    if (errand->containers)
        container_disown_others(errand->containers, inventory->setup.author->agent_id);
    if (inventory->stale || !inventory->assignment)
        end_run(inventory);
    else if (error)
        fail_run(inventory, error->message);
    else
        plan_looks(inventory);
    inventory->stale = false;
}

static void took_list(struct inventory *inventory, const struct reply *reply)
{
    struct refusal refusal = {0};
    g_autofree char *text = verdict_answer_text(reply->answer, reply->status, reply->body,
                                                reply->length, reply->error);
    inventory->list_ticket = 0;
    if (verdict_of(ASKED_LIST, reply->answer, reply->status, text, &refusal) !=
        VERDICT_DONE) {
        fail_run(inventory, refusal.message);
        refusal_clear(&refusal);
        return;
    }
    refusal_clear(&refusal);
    struct parse_errand *errand = g_new0(struct parse_errand, 1);
    errand->inventory = inventory;
    errand->body = g_memdup2(reply->body, reply->length + 1);
    errand->length = reply->length;
    inventory->stage = STAGE_PARSING;
    errands_start(inventory->setup.errands, parse_work, parse_done, errand);
}

/* --- looks --------------------------------------------------------------------------------------------- */

static unsigned send_looks(struct inventory *inventory)
{
    unsigned out = 0;
    for (guint i = 0; i < inventory->looks->len && out < LOOKS_AT_ONCE; i++) {
        struct look *look = g_ptr_array_index(inventory->looks, i);
        out += look->ticket != 0;
    }
    while (inventory->looked < inventory->looks->len && out < LOOKS_AT_ONCE) {
        struct look *look = g_ptr_array_index(inventory->looks, inventory->looked++);
        const struct container *seen = listing_canonical(inventory->listing,
                                                         look->server_id);
        struct request *request = request_new(ASKED_LOOK, DOCKER_READ, "GET",
                                              "/containers/%s/json", seen->id);
        request->timeout_ms = LOOK_MS;
        look->ticket = docker_send(inventory->setup.docker, request);
        out++;
    }
    return out;
}

static void took_look(struct inventory *inventory, const struct look *look,
                      const struct reply *reply, int64_t now_ms, int64_t wall_ms)
{
    struct listing *listing = inventory->listing;
    struct refusal refusal = {0};
    g_autoptr(Container) seen = NULL;
    const enum verdict verdict = verdict_of(ASKED_LOOK, reply->answer, reply->status,
                                            reply->error, &refusal);
    refusal_clear(&refusal);
    if (verdict == VERDICT_DONE)
        seen = container_parse(reply->body, reply->length, NULL);
    if (seen) {
        struct state *state = container_state(seen, MAYBE_UNKNOWN);
        observer_saw(inventory->setup.observer, look->server_id, state, now_ms, wall_ms);
        g_hash_table_insert(listing->states, g_strdup(look->server_id), state);
    } else
        g_hash_table_add(verdict == VERDICT_ABSENT ? listing->gone : listing->unknown,
                         g_strdup(look->server_id));
}

static struct look *look_of_ticket(const struct inventory *inventory, uint64_t ticket)
{
    for (guint i = 0; inventory->looks && i < inventory->looks->len; i++) {
        struct look *look = g_ptr_array_index(inventory->looks, i);
        if (look->ticket == ticket)
            return look;
    }
    return NULL;
}

bool inventory_reply(struct inventory *inventory, const struct reply *reply,
                     int64_t now_ms, int64_t wall_ms)
{
    if (reply->ticket == inventory->list_ticket) {
        took_list(inventory, reply);
        return true;
    }
    struct look *look = look_of_ticket(inventory, reply->ticket);
    if (!look)
        return strangers_reply(inventory->strangers, reply);
    took_look(inventory, look, reply, now_ms, wall_ms);
    look->ticket = 0;
    return true;
}

/* --- directories ------------------------------------------------------------------------------------- */

struct data_errand {
    struct inventory *inventory;
    const struct policy *policy;
    GPtrArray *found; /* struct found */
    char *left_out;
};

static void data_work(void *data)
{
    struct data_errand *errand = data;
    errand->found = directories_list(errand->policy->data_roots, &errand->left_out);
}

/* Every half a minute it would be the same line: it is written when it changes. */
static void tell_left_out(struct inventory *inventory, const char *left_out)
{
    if (left_out && g_strcmp0(left_out, inventory->left_out) != 0)
        log_warning("sync.left_out", "why", left_out);
    g_free(inventory->left_out);
    inventory->left_out = g_strdup(left_out);
}

static void data_done(void *data)
{
    g_autofree struct data_errand *errand = data;
    struct inventory *inventory = errand->inventory;
    inventory->listing->data = errand->found;
    inventory->listing->left_out = errand->left_out;
    tell_left_out(inventory, inventory->listing->left_out);
    if (inventory->stale || !inventory->assignment)
        end_run(inventory);
    else
        inventory->stage = STAGE_READY;
    inventory->stale = false;
}

static void start_data(struct inventory *inventory)
{
    struct data_errand *errand = g_new0(struct data_errand, 1);
    errand->inventory = inventory;
    errand->policy = inventory->setup.policy;
    inventory->stage = STAGE_DATA;
    errands_start(inventory->setup.errands, data_work, data_done, errand);
}

/* --- publication ----------------------------------------------------------------------------------------- */

static void note_unknown(struct inventory *inventory, const struct listing_scope *scope)
{
    g_autoptr(GPtrArray) ids = listing_unknown(inventory->listing, scope);
    g_autoptr(State) unknown = state_new();
    unknown->status = CONTAINER_UNKNOWN;
    for (guint i = 0; i < ids->len; i++)
        observer_told(inventory->setup.observer, ids->pdata[i], unknown);
}

static void note_told(struct inventory *inventory, const struct listing_scope *scope,
                      const GPtrArray *syncs)
{
    g_autoptr(GHashTable) listed = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(State) absent = state_new();
    absent->status = CONTAINER_ABSENT;
    for (guint i = 0; i < syncs->len; i++) {
        const struct sync *sync = g_ptr_array_index(syncs, i);
        for (guint j = 0; j < sync->servers->len; j++) {
            const struct listed *server = g_ptr_array_index(sync->servers, j);
            observer_told(inventory->setup.observer, server->server_id, server->state);
            g_hash_table_add(listed, server->server_id);
        }
    }
    guint n = 0;
    g_autofree char **known = (char **)g_hash_table_get_keys_as_array(
        observer_all(inventory->setup.observer), &n);
    for (guint i = 0; i < n; i++) {
        const char *id = known[i];
        if (partition_of(id, scope->partitions) == scope->partition &&
            !g_hash_table_contains(listed, id) &&
            !g_hash_table_contains(inventory->listing->touched, id) &&
            !g_hash_table_contains(inventory->listing->unknown, id))
            observer_told(inventory->setup.observer, id, absent);
    }
    note_unknown(inventory, scope);
    listing_note_extra(inventory->listing, scope, inventory->extra);
}

static struct request_for_sync *take_command(struct inventory *inventory,
                                             const struct partition *partition)
{
    for (GList *link = inventory->answers.head; link; link = link->next) {
        struct request_for_sync *request = link->data;
        if (request->partition != partition)
            continue;
        g_queue_delete_link(&inventory->answers, link);
        return request;
    }
    return NULL;
}

static void add_result(struct inventory *inventory, struct letter *letter,
                       const struct order *order, const GPtrArray *syncs, int64_t wall_ms)
{
    struct event *event = report_listed(
        inventory->setup.author, order->command->server_id, order->cause, syncs, wall_ms);
    letter_add_event(letter, event, order->traceparent);
    letter_finishes(letter, order->control, order->cause->offset);
}

static void publish_sync(struct inventory *inventory, struct partition *partition,
                         const struct listing_scope *scope,
                         struct request_for_sync *command, int64_t wall_ms)
{
    const struct order *order = command ? command->order : NULL;
    GHashTable *told = observer_all(inventory->setup.observer);
    g_autoptr(GPtrArray) syncs = listing_syncs(inventory->listing, scope, told, wall_ms);
    struct letter *letter = letter_new(partition);
    if (!inventory->listing->failure)
        note_told(inventory, scope, syncs);
    if (order)
        add_result(inventory, letter, order, syncs, wall_ms);
    while (syncs->len > 0) {
        struct sync *sync = g_ptr_array_steal_index(syncs, 0);
        struct event *event = report_sync(inventory->setup.author,
                                          order ? order->cause : NULL, sync, wall_ms);
        letter_add_event(letter, event, order ? order->traceparent : NULL);
    }
    crash_point("sync.publish");
    publisher_add(inventory->setup.publisher, letter);
    if (command)
        request_for_sync_free(command);
}

static void publish_partition(struct inventory *inventory, guint index, int64_t wall_ms)
{
    struct partition *partition = g_ptr_array_index(inventory->assignment->partitions,
                                                    index);
    struct request_for_sync *command = take_command(inventory, partition);
    struct listing_scope scope = {
        .partition = partition->number,
        .partitions = inventory->partitions,
        .seen = g_array_index(inventory->seen, int64_t, index),
        .reason = command ? SYNC_ON_COMMAND : inventory->run_reason,
    };
    const bool first_failure = inventory->listing->failure && !inventory->failing;
    if (command || inventory->run_wanted || first_failure ||
        listing_differs(inventory->listing, &scope,
                        observer_all(inventory->setup.observer), inventory->extra))
        publish_sync(inventory, partition, &scope, command, wall_ms);
    while (
        (command = take_command(inventory, partition))) /* asked for twice: told twice */
        publish_sync(inventory, partition, &scope, command, wall_ms);
}

/* What the list shows of ended commands is settled. */
static void tidy(struct inventory *inventory, int64_t now_ms)
{
    const GPtrArray *containers = inventory->listing->containers;
    for (guint i = 0; i < containers->len; i++) {
        const struct container *listed = g_ptr_array_index(containers, i);
        if (!listed->managed || !*listed->server_id)
            continue;
        struct partition *partition = assignment_partition(
            inventory->assignment,
            partition_of(listed->server_id, inventory->partitions));
        if (partition)
            lanes_tidy(inventory->setup.lanes, partition, listed, now_ms);
    }
}

static void publish_run(struct inventory *inventory, int64_t now_ms, int64_t wall_ms)
{
    const bool failed = inventory->listing->failure != NULL;
    if (!failed) {
        listing_hold_retold(inventory->listing, observer_all(inventory->setup.observer));
        listing_hold_aside(inventory->listing);
        observer_add_held(inventory->setup.observer, inventory->listing->held);
        inventory->run_wanted = listing_take_unmanaged(
            inventory->listing, inventory->unmanaged, inventory->run_wanted);
    }
    for (guint i = 0; i < inventory->assignment->partitions->len; i++)
        publish_partition(inventory, i, wall_ms);
    if (!failed)
        tidy(inventory, now_ms);
    if (failed)
        log_warning("sync.failed", "why", inventory->listing->failure);
    if (failed && inventory->run_wanted)
        inventory_want(inventory, inventory->run_reason);
    inventory->not_before = failed ? now_ms + AGAIN_MS : 0;
    inventory->failing = failed;
    end_run(inventory);
}

/* --- the run, turn by turn ------------------------------------------------------------------------------- */

static bool is_due(const struct inventory *inventory, bool engine_up, int64_t now_ms)
{
    if (!inventory->assignment)
        return false;
    if (inventory->commands.length > 0)
        return true; /* also without an engine: the answer says so */
    return engine_up && (inventory->wanted || inventory->checked) &&
           now_ms >= inventory->not_before;
}

void inventory_advance(struct inventory *inventory, bool engine_up, int64_t now_ms,
                       int64_t wall_ms)
{
    if (inventory->stage == STAGE_IDLE && is_due(inventory, engine_up, now_ms))
        start_run(inventory, now_ms, wall_ms);
    if (inventory->stage == STAGE_LOOKING &&
        send_looks(inventory) + strangers_advance(inventory->strangers) == 0)
        start_data(inventory);
    if (inventory->stage == STAGE_READY)
        publish_run(inventory, now_ms, wall_ms);
}

bool inventory_is_running(const struct inventory *inventory)
{
    return inventory->stage != STAGE_IDLE;
}

unsigned inventory_waiting(const struct inventory *inventory)
{
    return inventory->commands.length + inventory->answers.length;
}
