/*
 * worker.c - the loop.
 *
 * It blocks in one place, docker_wait().  Each turn hands out what has come - signals, ends of
 * errands, answers of the engine, notices and records of the bus - and then lets each part
 * move on.
 */
#include "worker.h"

#include "footprint.h"
#include "heartbeat.h"
#include "intake.h"
#include "inventory.h"
#include "lane.h"
#include "log.h"
#include "observe.h"
#include "pulls.h"
#include "watch.h"

#include <gio/gio.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TURN_MOST_MS    1000
#define ASK_MS          30000
#define ERRAND_THREADS  16
#define QUEUED_MOST     4000             /* commands received and not answered */
#define SYNC_EVERY_MS   (15 * 60000)     /* whatever the list says */
#define COMMIT_STUCK_MS (10 * 60 * 1000) /* a transaction that does not come back */
#define SLOTS_MOST      1000
#define TRIM_AFTER_MS   5000 /* of being idle */

enum { TOPIC_INDEX_COMMANDS, TOPIC_INDEX_CONTROL };

struct worker {
    const struct worker_config *config;
    struct author author;
    char *slot;
    char *engine_id;
    struct host_lock *slot_lock;
    int32_t partitions;
    int32_t events_partition;
    struct codec *codec;
    struct bus_consumer *consumer;
    struct bus_sender *sender;
    struct docker *docker;
    struct errands *errands;
    struct pulls *pulls;
    struct watch *watch;
    struct publisher *publisher;
    struct locks *locks;
    struct lanes *lanes;
    struct observer *observer;
    struct inventory *inventory;
    struct heartbeats *heartbeats;
    struct intake intake;
    struct takeover *takeover;
    struct assignment *assignment;
    bool revoking; /* the partitions are to be given back once no transaction runs */
    bool first_assignment;
    bool draining;
    int64_t drain_until;
    int64_t trim_at;  /* host time; INT64_MAX: done */
    int64_t check_at; /* host time of the next list */
    int64_t sync_at;
    int signal_fd;
    bool stop;
    GError *error;
};

static int64_t host_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static int64_t wall_ms(void)
{
    return g_get_real_time() / 1000;
}

static void end_with(struct worker *worker, GError *error_taken)
{
    worker->stop = true;
    if (worker->error)
        g_error_free(error_taken);
    else
        worker->error = error_taken;
}

/* --- assignment ----------------------------------------------------------------------------------- */

static void set_assignment(struct worker *worker, struct assignment *assignment)
{
    publisher_assign(worker->publisher, assignment);
    if (!assignment) /* after the publisher has dropped the letters that point into lanes */
        lanes_end(worker->lanes);
    observer_assign(worker->observer, assignment, worker->partitions);
    inventory_assign(worker->inventory, assignment, worker->partitions);
    g_clear_pointer(&worker->assignment, assignment_free);
    worker->assignment = assignment;
    heartbeats_assign(worker->heartbeats, assignment);
}

static void begin_takeover(struct worker *worker, const struct bus_notice *notice)
{
    const struct takeover_setup setup = {
        .bus = worker->config->bus,
        .consumer = worker->consumer,
        .codec = worker->codec,
        .locks = worker->locks,
        .errands = worker->errands,
        .agent_id = worker->config->agent_id,
        .lock_root = g_ptr_array_index(worker->config->policy->data_roots, 0),
        .stalled_ms = worker->config->takeover_ms,
    };
    takeover_cancel(worker->takeover);
    worker->takeover = takeover_new(&setup, notice);
}

static void end_takeover(struct worker *worker)
{
    GError *error = NULL;
    if (!worker->takeover || !takeover_is_done(worker->takeover))
        return;
    g_autoptr(Assignment)
        assignment = takeover_finish(g_steal_pointer(&worker->takeover), &error);
    if (!assignment) {
        g_prefix_error(&error, "take the partitions over: ");
        end_with(worker, error);
        return;
    }
    if (!bus_consumer_start(worker->consumer, assignment->positions, &error)) {
        end_with(worker, error);
        return;
    }
    g_autofree char *count = g_strdup_printf("%u", assignment->partitions->len);
    set_assignment(worker, g_steal_pointer(&assignment));
    inventory_want(worker->inventory,
                   worker->first_assignment ? SYNC_ON_START : SYNC_ON_ASSIGNMENT);
    worker->first_assignment = false;
    worker->sync_at = host_ms() + SYNC_EVERY_MS;
    log_info("assignment", "partitions", count);
}

/* Letters that point into lanes may be on their way: lanes live until the transaction is
 * back.  Then everything of the assignment goes, and the partitions are given back. */
static void finish_revoke(struct worker *worker)
{
    GError *error = NULL;
    if (!worker->revoking || publisher_is_busy(worker->publisher))
        return;
    g_autoptr(Assignment) old = NULL;
    set_assignment(worker, old);
    worker->revoking = false;
    log_info("revoked");
    if (!bus_consumer_release(worker->consumer, &error))
        end_with(worker, error);
}

static void begin_revoke(struct worker *worker)
{
    takeover_cancel(g_steal_pointer(&worker->takeover));
    worker->revoking = true;
}

static void lose_offset(struct worker *worker, const struct bus_notice *notice)
{
    const struct bus_partition *lost = g_ptr_array_index(notice->partitions, 0);
    end_with(
        worker,
        g_error_new(BUS_ERROR, BUS_ERROR_RANGE,
                    "the position in %s/%d is not in the log any more; starting again "
                    "reads from the log what has been answered",
                    lost->topic, lost->partition));
}

static void took_notice(struct worker *worker, const struct bus_notice *notice)
{
    switch (notice->kind) {
    case BUS_NOTICE_NONE:
        break;
    case BUS_NOTICE_ASSIGNED:
        begin_takeover(worker, notice);
        break;
    case BUS_NOTICE_REVOKED:
    case BUS_NOTICE_LOST:
        begin_revoke(worker);
        break;
    case BUS_NOTICE_RANGE:
        lose_offset(worker, notice);
        break;
    case BUS_NOTICE_ERROR:
        log_warning("bus", "message", notice->message);
        break;
    }
}

static void take_notices(struct worker *worker)
{
    for (;;) {
        struct bus_notice notice = {0};
        GError *error = NULL;
        if (!bus_consumer_notice(worker->consumer, &notice, &error)) {
            end_with(worker, error);
            return;
        }
        if (notice.kind == BUS_NOTICE_NONE)
            return;
        took_notice(worker, &notice);
        bus_notice_clear(&notice);
    }
}

/* --- records ----------------------------------------------------------------------------------------- */

static bool has_room(const struct worker *worker)
{
    if (worker->draining || lanes_queued(worker->lanes) >= QUEUED_MOST)
        return false;
    for (guint i = 0; i < worker->assignment->partitions->len; i++) {
        const struct partition *partition = g_ptr_array_index(
            worker->assignment->partitions, i);
        if (offsets_full(partition->commands))
            return false;
    }
    return true;
}

static bool control_has_room(const struct worker *worker)
{
    if (worker->draining)
        return false;
    for (guint i = 0; i < worker->assignment->partitions->len; i++) {
        const struct partition *partition = g_ptr_array_index(
            worker->assignment->partitions, i);
        if (offsets_full(partition->control))
            return false;
    }
    return true;
}

static void take_records(struct worker *worker, unsigned topic_index,
                         bool (*room)(const struct worker *))
{
    if (!worker->assignment || worker->revoking)
        return;
    while (room(worker)) {
        g_autoptr(BusRecord) record = bus_consumer_take(worker->consumer, topic_index);
        if (!record)
            return;
        struct partition *partition = assignment_partition(worker->assignment,
                                                           record->partition);
        if (partition)
            intake_record(&worker->intake, partition, topic_index == TOPIC_INDEX_CONTROL,
                          record, wall_ms());
    }
}

/* --- the engine ---------------------------------------------------------------------------------------- */

static void set_engine(struct worker *worker)
{
    if (g_str_equal(worker->engine_id, watch_engine_id(worker->watch)))
        return;
    g_free(worker->engine_id);
    worker->engine_id = g_strdup(watch_engine_id(worker->watch));
    worker->author.engine_id = worker->engine_id;
    log_info("engine", "id", worker->engine_id, "version",
             watch_engine_version(worker->watch));
    heartbeats_engine(worker->heartbeats, worker->engine_id,
                      watch_engine_version(worker->watch));
}

/* A container without our label that bears one of our prefixes may be an adopted server's:
 * only the ledger knows whose it is, so the list tells. */
static bool is_unmanaged_news(const struct worker *worker,
                              const struct engine_event *event)
{
    if (*event->server_id || !g_str_equal(event->action, "destroy"))
        return false;
    for (guint i = 0; i < worker->config->name_prefixes->len; i++) {
        if (g_str_has_prefix(event->name,
                             g_ptr_array_index(worker->config->name_prefixes, i)))
            return true;
    }
    return false;
}

static void took_event(struct worker *worker, const struct engine_event *event)
{
    if (*event->server_id)
        inventory_touch(worker->inventory, event->server_id, host_ms());
    if (observer_event(worker->observer, event))
        inventory_check(worker->inventory);
    if (is_unmanaged_news(worker, event))
        inventory_want(worker->inventory, SYNC_ON_CHANGE);
}

static void took_news(struct worker *worker, const struct watch_news *news)
{
    switch (news->kind) {
    case WATCH_NONE:
        break;
    case WATCH_UP:
        set_engine(worker);
        break;
    case WATCH_GAP:
        set_engine(worker);
        inventory_want(worker->inventory, SYNC_ON_ENGINE);
        break;
    case WATCH_EVENT:
        took_event(worker, news->event);
        break;
    case WATCH_DOWN:
        log_warning("engine.down", "why", news->message);
        break;
    case WATCH_UNSUPPORTED:
        log_error("engine.unsupported", "why", news->message);
        break;
    }
}

static void take_news(struct worker *worker)
{
    for (;;) {
        struct watch_news news = {0};
        if (watch_next(worker->watch, &news) == WATCH_NONE)
            return;
        took_news(worker, &news);
        watch_news_clear(&news);
    }
}

static void took_reply(struct worker *worker, const struct reply *reply)
{
    bool list = false;
    if (watch_reply(worker->watch, reply, host_ms()) ||
        inventory_reply(worker->inventory, reply, host_ms(), wall_ms()) ||
        lanes_reply(worker->lanes, reply, host_ms()))
        return;
    if (observer_reply(worker->observer, reply, wall_ms(), &list) && list)
        inventory_check(worker->inventory);
}

static void take_answers(struct worker *worker)
{
    uint64_t ticket;
    for (;;) {
        g_autofree char *line = docker_next_line(worker->docker, &ticket);
        if (!line)
            break;
        if (!watch_line(worker->watch, ticket, line, host_ms()))
            lanes_line(worker->lanes, ticket, line);
    }
    for (;;) {
        g_autoptr(Reply) reply = docker_next_reply(worker->docker);
        if (!reply)
            break;
        took_reply(worker, reply);
    }
}

/* --- time and signals --------------------------------------------------------------------------------- */

static void drain(struct worker *worker)
{
    if (worker->draining)
        return;
    worker->draining = true;
    worker->drain_until = host_ms() + worker->config->drain_ms;
    lanes_close(worker->lanes);
    heartbeats_drain(worker->heartbeats);
    sd_notify(0, "STOPPING=1");
    log_info("draining");
}

static void take_signals(struct worker *worker)
{
    struct signalfd_siginfo info;
    while (read(worker->signal_fd, &info, sizeof(info)) == sizeof(info))
        drain(worker);
}

static void end_drain(struct worker *worker, int64_t now_ms)
{
    if (!worker->draining)
        return;
    const bool empty = lanes_running(worker->lanes) == 0 &&
                       !inventory_is_running(worker->inventory) &&
                       publisher_is_idle(worker->publisher);
    if (empty || !worker->assignment || now_ms >= worker->drain_until)
        worker->stop = true;
}

static void keep_time(struct worker *worker, int64_t now_ms)
{
    if (now_ms >= worker->check_at) {
        worker->check_at = now_ms + worker->config->sync_interval_ms;
        inventory_check(worker->inventory);
    }
    if (worker->assignment && now_ms >= worker->sync_at) {
        worker->sync_at = now_ms + SYNC_EVERY_MS;
        inventory_want(worker->inventory, SYNC_ON_TIME);
    }
    if (lanes_running(worker->lanes) > 0)
        worker->trim_at = now_ms + TRIM_AFTER_MS;
    if (now_ms >= worker->trim_at) {
        footprint_trim();
        worker->trim_at = INT64_MAX;
    }
    if (publisher_busy_ms(worker->publisher, now_ms) > COMMIT_STUCK_MS)
        g_error("a transaction has not come back for ten minutes"); /* ends the process */
    if (publisher_error(worker->publisher))
        end_with(worker, g_error_copy(publisher_error(worker->publisher)));
}

/* --- the loop --------------------------------------------------------------------------------------------- */

static int64_t turn(struct worker *worker)
{
    const int64_t now = host_ms(), wall = wall_ms();
    take_signals(worker);
    errands_collect(worker->errands);
    take_answers(worker);
    take_notices(worker);
    end_takeover(worker);
    finish_revoke(worker);
    take_records(worker, TOPIC_INDEX_CONTROL, control_has_room);
    take_records(worker, TOPIC_INDEX_COMMANDS, has_room);
    int64_t wakes_at = watch_tick(worker->watch, now);
    take_news(worker);
    const bool engine_up = watch_is_up(worker->watch);
    if (!worker->revoking) {
        lanes_advance(worker->lanes, engine_up, now, wall);
        observer_advance(worker->observer, now);
        inventory_advance(worker->inventory, engine_up, now, wall);
        publisher_advance(worker->publisher, now);
    }
    keep_time(worker, now);
    heartbeats_advance(worker->heartbeats, lanes_queued(worker->lanes), now, wall);
    end_drain(worker, now);
    wakes_at = MIN(wakes_at, lanes_wakes_at(worker->lanes));
    return MIN(wakes_at, publisher_wakes_at(worker->publisher));
}

static void loop(struct worker *worker)
{
    while (!worker->stop) {
        struct docker_fd fds[] = {{.fd = worker->signal_fd},
                                  {.fd = bus_consumer_fd(worker->consumer)}};
        const int64_t wakes_at = turn(worker);
        if (worker->stop)
            return;
        const int64_t wait = CLAMP(wakes_at - host_ms(), 0, TURN_MOST_MS);
        docker_wait(worker->docker, fds, G_N_ELEMENTS(fds), (int)wait);
    }
}

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

static bool ask_partitions(struct worker *worker, const char *commands,
                           const char *control, GError **error)
{
    struct bus *bus = worker->config->bus;
    int32_t control_partitions, events_partitions;
    if (!bus_topic_partitions(bus, commands, ASK_MS, &worker->partitions, error) ||
        !bus_topic_partitions(bus, control, ASK_MS, &control_partitions, error) ||
        !bus_topic_partitions(bus, TOPIC_EVENTS, ASK_MS, &events_partitions, error)) {
        g_prefix_error(
            error, "agent %s (made by `muster agent add`?): ", worker->config->agent_id);
        return false;
    }
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
    worker->consumer = bus_consumer_open(config->bus, group, name, topics, error);
    return worker->consumer != NULL;
}

static void told_by_lane(void *context, const char *server_id, const struct state *state)
{
    observer_told(context, server_id, state);
}

static void touched_by_lane(void *context, const char *server_id)
{
    inventory_touch(context, server_id, host_ms());
}

static void wake_loop(void *context)
{
    docker_wake(context);
}

static void make_engine_side(struct worker *worker)
{
    const struct worker_config *config = worker->config;
    const unsigned changes = config->concurrency ? config->concurrency
                                                 : 2 * g_get_num_processors();
    const struct docker_limits limits = {.at_once = {
                                             [DOCKER_CHANGE] = changes,
                                             [DOCKER_STOP] = 32,
                                             [DOCKER_READ] = 8,
                                             [DOCKER_PULL] = 2,
                                         }};
    worker->docker = docker_new(config->docker_socket, &limits);
    worker->errands = errands_new(ERRAND_THREADS, wake_loop, worker->docker);
    worker->pulls = pulls_new(worker->docker);
    worker->watch = watch_new(worker->docker);
    worker->locks = locks_new();
}

static void make_lanes(struct worker *worker)
{
    const struct publisher_setup publisher = {
        .sender = worker->sender,
        .codec = worker->codec,
        .errands = worker->errands,
        .agent_id = worker->config->agent_id,
        .events_partition = worker->events_partition,
    };
    worker->publisher = publisher_new(&publisher);
    const unsigned cores = g_get_num_processors();
    const struct lanes_setup lanes = {
        .site = {.docker = worker->docker,
                 .errands = worker->errands,
                 .pulls = worker->pulls,
                 .policy = worker->config->policy,
                 .pull_stall_ms = worker->config->pull_stall_ms},
        .publisher = worker->publisher,
        .locks = worker->locks,
        .author = &worker->author,
        /* Twice as many as change something at once: the others look, or wait for a commit. */
        .at_once = 2 * (worker->config->concurrency ? worker->config->concurrency
                                                    : 2 * cores),
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
    };
    worker->observer = observer_new(&observer);
    const struct inventory_setup inventory = {
        .docker = worker->docker,
        .errands = worker->errands,
        .publisher = worker->publisher,
        .observer = worker->observer,
        .lanes = worker->lanes,
        .policy = worker->config->policy,
        .author = &worker->author,
        .prefixes = worker->config->name_prefixes,
    };
    worker->inventory = inventory_new(&inventory);
    lanes_on_told(worker->lanes, told_by_lane, worker->observer);
    lanes_on_touched(worker->lanes, touched_by_lane, worker->inventory);
    worker->intake = (struct intake){
        .codec = worker->codec,
        .publisher = worker->publisher,
        .lanes = worker->lanes,
        .inventory = worker->inventory,
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
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool set_up(struct worker *worker, GError **error)
{
    worker->engine_id = g_strdup("");
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
    return make_heartbeats(worker, error);
}

/* Nothing has to be told: the next owner of the partitions goes on from the log. */
static void tear_down(struct worker *worker)
{
    takeover_cancel(g_steal_pointer(&worker->takeover));
    if (worker->publisher)
        while (publisher_is_busy(worker->publisher)) {
            docker_wait(worker->docker, NULL, 0, TURN_MOST_MS);
            errands_collect(worker->errands);
        }
    if (worker->heartbeats)
        set_assignment(worker, NULL);
    g_clear_pointer(&worker->consumer, bus_consumer_close);
    g_clear_pointer(&worker->errands, errands_free);
    g_clear_pointer(&worker->inventory, inventory_free);
    g_clear_pointer(&worker->observer, observer_free);
    g_clear_pointer(&worker->lanes, lanes_free);
    g_clear_pointer(&worker->publisher, publisher_free);
    g_clear_pointer(&worker->heartbeats, heartbeats_free);
    g_clear_pointer(&worker->watch, watch_free);
    g_clear_pointer(&worker->pulls, pulls_free);
    g_clear_pointer(&worker->docker, docker_free);
    g_clear_pointer(&worker->sender, bus_sender_close);
    g_clear_pointer(&worker->locks, locks_free);
    g_clear_pointer(&worker->slot_lock, host_unlock);
    g_clear_pointer(&worker->codec, codec_free);
    close(worker->signal_fd);
    g_free(worker->slot);
    g_free(worker->engine_id);
}

bool worker_run(const struct worker_config *config, GError **error)
{
    struct worker worker = {.config = config};
    GError *failure = NULL;
    if (set_up(&worker, &failure)) {
        worker.trim_at = host_ms() + TRIM_AFTER_MS;
        log_info("ready", "agent", config->agent_id, "worker", worker.slot);
        sd_notify(0, "READY=1");
        loop(&worker);
        failure = worker.error;
    }
    tear_down(&worker);
    if (failure)
        g_propagate_error(error, failure);
    else
        log_info("stopped");
    return failure == NULL;
}
