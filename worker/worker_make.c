/*
 * worker_make.c - setting up and tearing down.
 */
#include "worker_parts.h"

#include "log.h"

#include <gio/gio.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ASK_MS       30000
#define DISK_THREADS 4 /* beside one for each lane: lists, their data, the policy */
#define QUESTIONS    8
#define SLOTS_MOST   1000
#define TURN_MOST_MS 1000

/* --- setting up ------------------------------------------------------------------------------------------- */

static const char *lock_root(const struct worker *worker)
{
    return g_ptr_array_index(worker->config->policy->data_roots, 0);
}

static bool lock_slot(struct worker *worker, const char *slot, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s.slot.%s", worker->config->agent_id, slot);
    worker->slot_lock = host_try_lock(lock_root(worker), name, error);
    if (worker->slot_lock)
        worker->slot = g_strdup(slot);
    return worker->slot_lock != NULL;
}

static bool take_slot(struct worker *worker, GError **error)
{
    GError *failure = NULL;
    if (worker->config->slot) {
        if (lock_slot(worker, worker->config->slot, error))
            return true;
        if (error && !*error)
            g_set_error(
                error, G_IO_ERROR, G_IO_ERROR_BUSY,
                "the slot \"%s\" of agent %s is held by another worker of this host; "
                "choose another --worker, or leave it out",
                worker->config->slot, worker->config->agent_id);
        return false;
    }
    for (int i = 1; i <= SLOTS_MOST && !failure; i++) {
        g_autofree char *slot = g_strdup_printf("agent-%d", i);
        if (lock_slot(worker, slot, &failure))
            return true;
    }
    if (!failure)
        g_set_error(&failure, G_IO_ERROR, G_IO_ERROR_BUSY, "all %d slots are held",
                    SLOTS_MOST);
    g_propagate_error(error, failure);
    return false;
}

/* Says whose it is and, if it is not there, who makes it.  Always false. */
static bool no_partitions(const char *whose, const char *made_by, GError **error)
{
    if (error && g_error_matches(*error, BUS_ERROR, BUS_ERROR_NO_TOPIC))
        g_prefix_error(error, "%s (was it made by `%s`?): ", whose, made_by);
    else
        g_prefix_error(error, "%s: ", whose);
    return false;
}

static bool ask_partitions(struct worker *worker, const char *commands,
                           const char *control, GError **error)
{
    struct bus *bus = worker->config->bus;
    int32_t control_partitions, events_partitions, deadletter_partitions;
    if (!bus_topic_partitions(bus, commands, ASK_MS, &worker->partitions, error) ||
        !bus_topic_partitions(bus, control, ASK_MS, &control_partitions, error) ||
        !bus_topic_partitions(bus, TOPIC_EVENTS, ASK_MS, &events_partitions, error)) {
        g_autofree char *agent = g_strdup_printf("agent %s", worker->config->agent_id);
        return no_partitions(agent, "muster agent add", error);
    }
    if (!bus_topic_partitions(bus, TOPIC_DEADLETTER, ASK_MS, &deadletter_partitions,
                              error))
        return no_partitions(TOPIC_DEADLETTER, "muster init", error);
    worker->events_partition = partition_of(worker->config->agent_id, events_partitions);
    if (worker->partitions == control_partitions)
        return true;
    g_set_error(
        error, BUS_ERROR, BUS_ERROR_PARTITIONS,
        "%s has %d partitions and %s has %d; they must have the same: somebody changed "
        "one by hand",
        commands, worker->partitions, control, control_partitions);
    return false;
}

static bool join_bus(struct worker *worker, GError **error)
{
    const struct worker_config *config = worker->config;
    g_autofree char *commands = topic_commands(config->agent_id);
    g_autofree char *control = topic_control(config->agent_id);
    g_autofree char *group = group_workers(config->agent_id);
    g_autofree char *name = g_strdup_printf("%s.%s", group, worker->slot);
    const char *const topics[] = {
        [TOPIC_INDEX_COMMANDS] = commands, [TOPIC_INDEX_CONTROL] = control, NULL};
    if (!ask_partitions(worker, commands, control, error))
        return false;
    worker->sender = bus_sender_open(config->bus, name, ASK_MS, error);
    if (!worker->sender)
        return false;
    /* One that comes back in time gets what it had, unseen.  Where somebody has added partitions
     * that may be the share of a moment when the two topics had not the same: by another name it
     * is another member, and the shares are made anew. */
    g_autofree char *instance = g_strdup_printf("%s.%d", name, worker->partitions);
    worker->consumer = bus_consumer_open(config->bus, group, instance, topics, error);
    return worker->consumer != NULL;
}

static void told_by_lane(void *context, const char *server_id, struct state *state)
{
    struct worker *worker = context;
    const int64_t now = host_ms(), wall = wall_ms();
    observer_saw(worker->observer, server_id, state, now, wall);
    observer_told_by_result(worker->observer, server_id, state, now, wall);
    if (state->status == CONTAINER_ABSENT)
        inventory_absent(worker->inventory, server_id);
}

static void touched_by_lane(void *context, const char *server_id)
{
    inventory_touch(context, server_id, host_ms());
}

static void wake_loop(void *context)
{
    docker_wake(context);
}

static unsigned changes_at_once(const struct worker_config *config)
{
    return config->concurrency ? config->concurrency : 2 * g_get_num_processors();
}

/* Twice as many as change something at once: the others look, or wait for a commit. */
static unsigned lanes_at_once(const struct worker_config *config)
{
    return 2 * changes_at_once(config);
}

static void make_engine_side(struct worker *worker)
{
    const struct worker_config *config = worker->config;
    const struct docker_limits limits = {.at_once = {
                                             [DOCKER_CHANGE] = changes_at_once(config),
                                             [DOCKER_STOP] = 32,
                                             [DOCKER_READ] = 8,
                                             [DOCKER_PULL] = 2,
                                         }};
    worker->docker = docker_new(config->docker_socket, &limits);
    worker->errands = errands_new(lanes_at_once(config) + DISK_THREADS, wake_loop,
                                  worker->docker);
    worker->questions = errands_new(QUESTIONS, wake_loop, worker->docker);
    worker->commits = errands_new(1, wake_loop, worker->docker);
    worker->pulls = pulls_new(worker->docker, &config->credentials);
    worker->watch = watch_new(worker->docker);
    worker->locks = locks_new();
}

static void make_lanes(struct worker *worker)
{
    const struct publisher_setup publisher = {
        .sender = worker->sender,
        .codec = worker->codec,
        .errands = worker->commits,
        .agent_id = worker->config->agent_id,
        .events_partition = worker->events_partition,
    };
    worker->publisher = publisher_new(&publisher);
    worker->others = others_new();
    const struct lanes_setup lanes = {
        .site = {.docker = worker->docker,
                 .errands = worker->errands,
                 .pulls = worker->pulls,
                 .policy = worker->policy,
                 .author = &worker->author,
                 .others = worker->others,
                 .pull_stall_ms = worker->config->pull_stall_ms,
                 .pull_most_ms = worker->config->pull_most_ms,
                 .patience = worker->config->patience},
        .publisher = worker->publisher,
        .locks = worker->locks,
        .author = &worker->author,
        .at_once = lanes_at_once(worker->config),
    };
    worker->lanes = lanes_new(&lanes);
}

static void make_observers(struct worker *worker)
{
    const struct observer_setup observer = {
        .docker = worker->docker,
        .publisher = worker->publisher,
        .lanes = worker->lanes,
        .author = &worker->author,
        .patience = worker->config->patience,
    };
    worker->observer = observer_new(&observer);
    const struct inventory_setup inventory = {
        .docker = worker->docker,
        .errands = worker->errands,
        .publisher = worker->publisher,
        .observer = worker->observer,
        .lanes = worker->lanes,
        .policy = worker->config->policy, /* for its data roots: no file changes them */
        .author = &worker->author,
        .prefixes = worker->config->name_prefixes,
    };
    worker->inventory = inventory_new(&inventory);
    const struct cancels_setup cancels = {
        .bus = worker->config->bus,
        .codec = worker->codec,
        .errands = worker->questions,
        .lanes = worker->lanes,
        .publisher = worker->publisher,
        .author = &worker->author,
    };
    worker->cancels = cancels_new(&cancels);
    lanes_on_told(worker->lanes, told_by_lane, worker);
    lanes_on_touched(worker->lanes, touched_by_lane, worker->inventory);
    worker->intake = (struct intake){
        .repeats = {.bus = worker->config->bus,
                    .codec = worker->codec,
                    .errands = worker->errands,
                    .agent_id = worker->config->agent_id},
        .codec = worker->codec,
        .publisher = worker->publisher,
        .lanes = worker->lanes,
        .inventory = worker->inventory,
        .cancels = worker->cancels,
        .author = &worker->author,
    };
}

static bool make_heartbeats(struct worker *worker, GError **error)
{
    const struct heartbeats_setup setup = {
        .bus = worker->config->bus,
        .codec = worker->codec,
        .agent_id = worker->config->agent_id,
        .slot = worker->slot,
        .interval_ms = worker->config->heartbeat_ms,
    };
    worker->heartbeats = heartbeats_new(&setup, error);
    return worker->heartbeats != NULL;
}

static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool worker_set_up(struct worker *worker, GError **error)
{
    const struct worker_config *config = worker->config;
    worker->engine_id = g_strdup("");
    worker->policy = policy_ref(worker->config->policy);
    worker->first_assignment = true;
    worker->codec = codec_new();
    worker->signal_fd = open_signals();
    if (!take_slot(worker, error) || !join_bus(worker, error))
        return false;
    worker->author = (struct author){
        .agent_id = worker->config->agent_id,
        .worker = worker->slot,
        .engine_id = worker->engine_id,
    };
    make_engine_side(worker);
    make_lanes(worker);
    make_observers(worker);
    if (config->metrics && !(worker->metrics = metrics_http_new(config->metrics, error)))
        return false;
    return make_heartbeats(worker, error);
}

/* Nothing has to be told: the next owner of the partitions goes on from the log. */
void worker_tear_down(struct worker *worker)
{
    takeover_cancel(g_steal_pointer(&worker->takeover));
    if (worker->publisher)
        while (publisher_is_busy(worker->publisher)) {
            docker_wait(worker->docker, NULL, 0, TURN_MOST_MS);
            errands_collect(worker->commits);
        }
    if (worker->heartbeats)
        worker_set_assignment(worker, NULL);
    g_clear_pointer(&worker->errands, errands_free);
    g_clear_pointer(&worker->commits, errands_free);
    g_clear_pointer(&worker->questions, errands_free); /* a takeover asks the consumer */
    g_clear_pointer(&worker->consumer, bus_consumer_close);
    g_clear_pointer(&worker->cancels, cancels_free);
    g_clear_pointer(&worker->inventory, inventory_free);
    g_clear_pointer(&worker->observer, observer_free);
    g_clear_pointer(&worker->lanes, lanes_free);
    g_clear_pointer(&worker->others, others_free);
    g_clear_pointer(&worker->publisher, publisher_free);
    g_clear_pointer(&worker->metrics, metrics_http_free);
    g_clear_pointer(&worker->heartbeats, heartbeats_free);
    g_clear_pointer(&worker->watch, watch_free);
    g_clear_pointer(&worker->pulls, pulls_free);
    g_clear_pointer(&worker->docker, docker_free);
    g_clear_pointer(&worker->sender, bus_sender_close);
    g_clear_pointer(&worker->locks, locks_free);
    g_clear_pointer(&worker->slot_lock, host_unlock);
    g_clear_pointer(&worker->codec, codec_free);
    g_clear_pointer(&worker->policy, policy_unref);
    close(worker->signal_fd);
    g_free(worker->slot);
    g_free(worker->engine_id);
}
