/*
 * worker_bus.c - the bus's side of the loop: partitions come and go, commands arrive.
 */
#include "worker_parts.h"

#include "crash.h"
#include "log.h"

#define QUEUED_MOST  4000  /* commands received and not answered */
#define ASK_MS       30000 /* one question to the bus */
#define BUS_THERE_MS 3000  /* likewise, when there is no time */
#define BUS_EVERY_MS 2000

/* --- assignment ----------------------------------------------------------------------------------- */

/* What its orphans still do, they hold locks of their own for. */
static void release_locks(struct worker *worker)
{
    for (guint i = 0; worker->assignment && i < worker->assignment->partitions->len;
         i++) {
        const struct partition *partition = g_ptr_array_index(
            worker->assignment->partitions, i);
        locks_release(worker->locks, partition->number);
    }
}

void worker_set_assignment(struct worker *worker, struct assignment *assignment_taken)
{
    publisher_assign(worker->publisher, assignment_taken);
    if (!assignment_taken) { /* after the publisher has dropped letters that point into lanes */
        cancels_end(worker->cancels);
        lanes_end(worker->lanes);
    }
    release_locks(worker);
    observer_assign(worker->observer, assignment_taken, worker->partitions);
    inventory_assign(worker->inventory, assignment_taken, worker->partitions);
    g_clear_pointer(&worker->assignment, assignment_free);
    worker->assignment = assignment_taken;
    heartbeats_assign(worker->heartbeats, assignment_taken);
}

/* Somebody added partitions: servers have other ones now, and a Sync would count what nobody
 * has recorded. */
static void end_grown(struct worker *worker)
{
    worker_end(worker,
               g_error_new(BUS_ERROR, BUS_ERROR_PARTITIONS,
                           "the agent's topics have more partitions than the %d with "
                           "which this worker began: somebody changed them by hand",
                           worker->partitions));
}

static bool has_both(const struct bus_notice *notice, int32_t number)
{
    unsigned topics = 0;
    for (guint i = 0; i < notice->partitions->len; i++) {
        const struct bus_partition *given = g_ptr_array_index(notice->partitions, i);
        topics += given->partition == number;
    }
    return topics == 2;
}

/* With one topic grown, numbers of the two are given to different workers. */
static bool has_grown(struct worker *worker, const struct bus_notice *notice)
{
    for (guint i = 0; i < notice->partitions->len; i++) {
        const struct bus_partition *mine = g_ptr_array_index(notice->partitions, i);
        if (mine->partition < worker->partitions && has_both(notice, mine->partition))
            continue;
        end_grown(worker);
        return true;
    }
    return false;
}

static void begin_takeover(struct worker *worker, const struct bus_notice *notice)
{
    if (has_grown(worker, notice))
        return;
    const struct takeover_setup setup = {
        .bus = worker->config->bus,
        .consumer = worker->consumer,
        .codec = worker->codec,
        .locks = worker->locks,
        .errands = worker->questions,
        .agent_id = worker->config->agent_id,
        .lock_root = g_ptr_array_index(worker->config->policy->data_roots, 0),
        .partitions = worker->partitions,
        .stalled_ms = worker->config->takeover_ms,
    };
    takeover_cancel(worker->takeover);
    worker->takeover = takeover_new(&setup, notice);
}

/* The first Sync of a partition was made when little had come again, and has excused the servers
 * of all commands that had not: once they have, another one tells what it could not. */
static void note_caught_up(struct worker *worker, bool tell)
{
    for (guint i = 0; worker->assignment && i < worker->assignment->partitions->len;
         i++) {
        struct partition *partition = g_ptr_array_index(worker->assignment->partitions,
                                                        i);
        if (partition->caught_up ||
            offsets_seen(partition->commands) < partition->received_before)
            continue;
        partition->caught_up = true;
        if (tell)
            inventory_want(worker->inventory, SYNC_ON_ASSIGNMENT);
    }
}

/* Somebody else's hand in the group, or its offsets have expired: told, since nobody resets a
 * group by accident twice. */
static void tell_distrusted(const struct assignment *assignment)
{
    for (guint i = 0; i < assignment->partitions->len; i++) {
        const struct partition *partition = g_ptr_array_index(assignment->partitions, i);
        if (!partition->answered) /* there was nothing to read about */
            continue;
        g_autofree char *number = g_strdup_printf("%d", partition->number);
        g_autofree char *found = g_strdup_printf("%u",
                                                 answered_count(partition->answered));
        g_autofree char *unreadable = g_strdup_printf(
            "%u", answered_unreadable(partition->answered));
        const bool first_time = answered_count(partition->answered) == 0;
        log_line(first_time ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "position.not_taken",
                 "partition", number, "why", partition->against, "answered", found,
                 "unreadable", unreadable, "then",
                 "the commands are read from the first on; what is answered stays so",
                 NULL);
    }
}

void worker_end_takeover(struct worker *worker)
{
    GError *error = NULL;
    if (!worker->takeover || !takeover_is_done(worker->takeover))
        return;
    const GError *trouble = takeover_trouble(worker->takeover);
    if (trouble) {
        log_warning("takeover", "why", trouble->message, "then", "it is tried again");
        takeover_again(worker->takeover);
        return;
    }
    g_autoptr(Assignment)
        assignment = takeover_finish(g_steal_pointer(&worker->takeover), &error);
    if (!assignment) {
        g_prefix_error(&error, "take the partitions over: ");
        worker_end(worker, error);
        return;
    }
    if (!bus_consumer_start(worker->consumer, assignment->positions, &error)) {
        worker_end(worker, error);
        return;
    }
    g_autofree char *count = g_strdup_printf("%u", assignment->partitions->len);
    tell_distrusted(assignment);
    worker_set_assignment(worker, g_steal_pointer(&assignment));
    inventory_want(worker->inventory,
                   worker->first_assignment ? SYNC_ON_START : SYNC_ON_ASSIGNMENT);
    worker->first_assignment = false;
    note_caught_up(worker, false);
    worker->sync_at = host_ms() + SYNC_EVERY_MS;
    crash_point("takeover.started");
    log_info("assignment", "partitions", count);
}

/* Letters that point into lanes may be on their way: lanes live until the transaction is
 * back.  Then everything of the assignment goes, and the partitions are given back. */
void worker_finish_revoke(struct worker *worker)
{
    GError *error = NULL;
    if (!worker->revoking || publisher_is_busy(worker->publisher))
        return;
    worker_set_assignment(worker, NULL);
    worker->revoking = false;
    log_info("revoked");
    if (!bus_consumer_release(worker->consumer, &error))
        worker_end(worker, error);
}

static void begin_revoke(struct worker *worker)
{
    takeover_cancel(g_steal_pointer(&worker->takeover));
    worker->revoking = true;
}

static void lose_offset(struct worker *worker, const struct bus_notice *notice)
{
    const struct bus_partition *lost = g_ptr_array_index(notice->partitions, 0);
    worker_end(
        worker,
        g_error_new(BUS_ERROR, BUS_ERROR_RANGE,
                    "the position in %s/%d is not in the log any more; starting again "
                    "reads from the log what has been answered",
                    lost->topic, lost->partition));
}

/* --- is the log still the same? ---------------------------------------------------------------- */

struct log_check {
    struct worker *worker;
    struct bus *bus;
    const struct assignment *assignment; /* whose tags these are; only compared */
    char *commands, *control;            /* topics */
    GArray *tags;                        /* struct tag_check */
    int32_t partitions;                  /* of both; 0: it could not be asked */
    bool other;                          /* one of them was made anew */
};

struct tag_check {
    bool control;
    int32_t partition;
    struct log_tag tag;
    bool fits; /* false also if it could not be asked: asked again, then */
};

static void note_tags(struct log_check *check, const struct assignment *assignment)
{
    for (guint i = 0; i < assignment->partitions->len; i++) {
        const struct partition *partition = g_ptr_array_index(assignment->partitions, i);
        const struct tag_check checks[] = {
            {false, partition->number, partition->commands_tag, false},
            {true, partition->number, partition->control_tag, false},
        };
        g_array_append_vals(check->tags, checks, G_N_ELEMENTS(checks));
    }
}

static bool is_other(const struct log_check *check, struct tag_check *asked)
{
    bool fits = true;
    asked->fits = log_tag_fits(check->bus,
                               asked->control ? check->control : check->commands,
                               asked->partition, &asked->tag, &fits, NULL) &&
                  fits;
    return !fits;
}

static void check_log_work(void *data)
{
    struct log_check *check = data;
    for (guint i = 0; i < check->tags->len && !check->other; i++)
        check->other = is_other(check, &g_array_index(check->tags, struct tag_check, i));
    int32_t control;
    if (!bus_topic_partitions(check->bus, check->commands, ASK_MS, &check->partitions,
                              NULL) ||
        !bus_topic_partitions(check->bus, check->control, ASK_MS, &control, NULL))
        check->partitions = 0;
    else
        check->partitions = MAX(check->partitions, control);
}

static void move_tags(const struct assignment *assignment, const GArray *checked)
{
    for (guint i = 0; i < checked->len; i++) {
        const struct tag_check *asked = &g_array_index(checked, struct tag_check, i);
        struct partition *partition = assignment_partition(assignment, asked->partition);
        if (partition && asked->fits)
            log_tag_move(asked->control ? &partition->control_tag
                                        : &partition->commands_tag,
                         &asked->tag);
    }
}

static void check_log_done(void *data)
{
    g_autofree struct log_check *check = data;
    struct worker *worker = check->worker;
    worker->log_check = NULL;
    if (worker->assignment && check->other)
        worker_end(worker,
                   g_error_new(BUS_ERROR, BUS_ERROR_RANGE,
                               "the agent's topics were made anew; starting again "
                               "reads from the log what has been answered"));
    else if (check->partitions > worker->partitions)
        end_grown(worker);
    else if (worker->assignment == check->assignment)
        move_tags(worker->assignment, check->tags);
    g_free(check->commands);
    g_free(check->control);
    g_array_unref(check->tags);
}

void worker_check_log(struct worker *worker)
{
    if (worker->log_check || !worker->assignment)
        return;
    struct log_check *check = g_new0(struct log_check, 1);
    check->worker = worker;
    check->bus = worker->config->bus;
    check->commands = topic_commands(worker->config->agent_id);
    check->control = topic_control(worker->config->agent_id);
    check->tags = g_array_new(FALSE, FALSE, sizeof(struct tag_check));
    check->assignment = worker->assignment;
    note_tags(check, worker->assignment);
    worker->log_check = check;
    errands_start(worker->questions, check_log_work, check_log_done, check);
}

/* --- is the bus there? ------------------------------------------------------------------------ */

struct bus_look {
    struct worker *worker;
    char *topic;
    bool there;
};

static void look_for_bus(void *data)
{
    struct bus_look *look = data;
    int32_t partitions;
    look->there = bus_topic_partitions(look->worker->config->bus, look->topic,
                                       BUS_THERE_MS, &partitions, NULL);
}

static void end_look(void *data)
{
    g_autofree struct bus_look *look = data;
    struct worker *worker = look->worker;
    worker->bus_away |= !look->there;
    worker->bus_asked_at = 0;
    worker->bus_ask_at = host_ms() + BUS_EVERY_MS;
    g_free(look->topic);
}

void worker_ask_bus(struct worker *worker, int64_t now_ms)
{
    if (worker->bus_asked_at || now_ms < worker->bus_ask_at)
        return;
    struct bus_look *look = g_new0(struct bus_look, 1);
    look->worker = worker;
    look->topic = topic_commands(worker->config->agent_id);
    worker->bus_asked_at = now_ms;
    errands_start(worker->questions, look_for_bus, end_look, look);
}

/* --- notices ----------------------------------------------------------------------------------- */

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

void worker_take_notices(struct worker *worker)
{
    for (;;) {
        struct bus_notice notice = {0};
        GError *error = NULL;
        if (!bus_consumer_notice(worker->consumer, &notice, &error)) {
            worker_end(worker, error);
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

/* What was held is received like any other: as far as there is room. */
static void take_held(struct worker *worker, bool control,
                      bool (*room)(const struct worker *))
{
    for (guint i = 0; i < worker->assignment->partitions->len; i++) {
        struct partition *partition = g_ptr_array_index(worker->assignment->partitions,
                                                        i);
        while (room(worker) &&
               intake_release(&worker->intake, partition, control, wall_ms()))
            ;
    }
}

static bool holds_most(const struct worker *worker, bool control)
{
    for (guint i = 0; i < worker->assignment->partitions->len; i++)
        if (intake_is_full(g_ptr_array_index(worker->assignment->partitions, i), control))
            return true;
    return false;
}

static void take_topic(struct worker *worker, unsigned topic_index,
                       bool (*room)(const struct worker *))
{
    const bool control = topic_index == TOPIC_INDEX_CONTROL;
    if (!worker->assignment || worker->revoking ||
        !heartbeats_clock(worker->heartbeats)->is_settled)
        return; /* by the host's clock what is still wanted might have expired */
    take_held(worker, control, room);
    while (room(worker) && !holds_most(worker, control)) {
        g_autoptr(BusRecord) record = bus_consumer_take(worker->consumer, topic_index);
        if (!record)
            return;
        struct partition *partition = assignment_partition(worker->assignment,
                                                           record->partition);
        if (partition)
            intake_record(&worker->intake, partition, control, g_steal_pointer(&record),
                          wall_ms());
    }
}

void worker_take_records(struct worker *worker)
{
    take_topic(worker, TOPIC_INDEX_CONTROL, control_has_room);
    take_topic(worker, TOPIC_INDEX_COMMANDS, has_room);
    note_caught_up(worker, true);
}
