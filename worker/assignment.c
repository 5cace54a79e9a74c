/*
 * assignment.c - taking partitions over.
 */
#include "assignment.h"

#include "contract.h"
#include "crash.h"

#include <gio/gio.h>
#include <string.h>

#define ASK_MS     30000 /* one question to the bus */
#define AGAIN_MS   1000  /* after a failure that may pass */
#define POLL_MS    25
#define TAIL_REACH 64 /* offsets before the end, in which the last record should lie */

/* --- locks ------------------------------------------------------------------------------------ */

struct held {
    int32_t number;
    unsigned holders;
    struct host_lock *lock;
};

struct locks {
    GPtrArray *held;
};

static void held_free(void *data)
{
    struct held *held = data;
    host_unlock(held->lock);
    g_free(held);
}

struct locks *locks_new(void)
{
    struct locks *locks = g_new0(struct locks, 1);
    locks->held = g_ptr_array_new_with_free_func(held_free);
    return locks;
}

void locks_free(struct locks *locks)
{
    if (!locks)
        return;
    g_ptr_array_unref(locks->held);
    g_free(locks);
}

static struct held *find_held(const struct locks *locks, int32_t number)
{
    for (guint i = 0; i < locks->held->len; i++) {
        struct held *held = g_ptr_array_index(locks->held, i);
        if (held->number == number)
            return held;
    }
    return NULL;
}

bool locks_hold(struct locks *locks, int32_t number)
{
    struct held *held = find_held(locks, number);
    if (held)
        held->holders++;
    return held != NULL;
}

void locks_add(struct locks *locks, int32_t number, struct host_lock *lock_taken)
{
    struct held *held = g_new0(struct held, 1);
    held->number = number;
    held->holders = 1;
    held->lock = lock_taken;
    g_ptr_array_add(locks->held, held);
}

void locks_release(struct locks *locks, int32_t number)
{
    struct held *held = find_held(locks, number);
    if (held && --held->holders == 0)
        g_ptr_array_remove(locks->held, held);
}

/* --- assignment --------------------------------------------------------------------------------- */

static void partition_free(void *data)
{
    struct partition *partition = data;
    offsets_free(partition->commands);
    offsets_free(partition->control);
    repeats_free(partition->commands_repeats);
    repeats_free(partition->control_repeats);
    answered_free(partition->answered);
    answered_free(partition->proof);
    g_free(partition);
}

static struct assignment *assignment_new(struct bus_membership *membership)
{
    struct assignment *assignment = g_new0(struct assignment, 1);
    assignment->membership = bus_membership_ref(membership);
    assignment->partitions = g_ptr_array_new_with_free_func(partition_free);
    assignment->positions = bus_positions_new();
    return assignment;
}

void assignment_free(struct assignment *assignment)
{
    if (!assignment)
        return;
    bus_membership_unref(assignment->membership);
    g_ptr_array_unref(assignment->partitions);
    g_ptr_array_unref(assignment->positions);
    g_free(assignment);
}

struct partition *assignment_partition(const struct assignment *assignment,
                                       int32_t number)
{
    for (guint i = 0; assignment && i < assignment->partitions->len; i++) {
        struct partition *partition = g_ptr_array_index(assignment->partitions, i);
        if (partition->number == number)
            return partition;
    }
    return NULL;
}

/* --- takeover ------------------------------------------------------------------------------------ */

struct wanted_lock {
    int32_t number;
    bool held_before; /* a job of ours that outlived an assignment still holds it */
    struct host_lock *lock;
};

struct takeover {
    struct takeover_setup setup;
    char *commands_topic;
    char *control_topic;
    GPtrArray *bus_partitions; /* of the notice: both topics */
    GArray *locks;             /* struct wanted_lock */
    struct assignment *assignment;
    bool again;    /* it has failed before */
    int cancelled; /* atomic */
    bool done;
    GError *error;
};

static void want_lock(struct takeover *takeover, int32_t number)
{
    for (guint i = 0; i < takeover->locks->len; i++) {
        if (g_array_index(takeover->locks, struct wanted_lock, i).number == number)
            return;
    }
    struct wanted_lock wanted = {
        .number = number,
        .held_before = locks_hold(takeover->setup.locks, number),
    };
    g_array_append_val(takeover->locks, wanted);
}

static bool take_locks(struct takeover *takeover, GError **error)
{
    for (guint i = 0; i < takeover->locks->len; i++) {
        struct wanted_lock *wanted = &g_array_index(takeover->locks, struct wanted_lock,
                                                    i);
        if (wanted->held_before || wanted->lock)
            continue;
        g_autofree char *name = g_strdup_printf("%s.commands.%d",
                                                takeover->setup.agent_id, wanted->number);
        wanted->lock = host_wait_lock(takeover->setup.lock_root, name,
                                      takeover->setup.stalled_ms, &takeover->cancelled,
                                      error);
        if (!wanted->lock)
            return false;
        crash_point("takeover.locked");
    }
    return true;
}

struct range {
    int64_t first, end;
};

static bool ask_range(struct bus *bus, const char *topic, int32_t partition,
                      struct range *ret_range, GError **error)
{
    return bus_topic_range(bus, topic, partition, ASK_MS, &ret_range->first,
                           &ret_range->end, error);
}

/* What stands in a partition, markers left out. */
struct extent {
    int64_t oldest_ms; /* append time of its first record; CONTRACT_NONE: there is none */
    int64_t behind;    /* offset of its last record + 1 */
};

/* Takes note of the records from `from` on; of the first alone, if `one`. */
static bool note_records(struct takeover *takeover, const char *topic, int32_t partition,
                         int64_t from, int64_t end, bool one, struct extent *extent,
                         GError **error)
{
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(topic, partition, from, NULL));
    g_autoptr(BusReader) reader = bus_reader_open(takeover->setup.bus, positions, error);
    bool any = false;
    if (!reader)
        return false;
    while (!(any && one) && !g_atomic_int_get(&takeover->cancelled) &&
           !bus_reader_passed(reader, topic, partition, end)) {
        g_autoptr(BusRecord) record = NULL;
        if (!bus_reader_next(reader, 1000, &record, error))
            return false;
        if (!record)
            continue;
        if (one)
            extent->oldest_ms = record->append_ms;
        extent->behind = MAX(extent->behind, record->offset + 1);
        any = true;
    }
    return true;
}

/* Behind the last record there are markers of transactions, seldom many: it is looked for from
 * the end backwards, and the rest of the partition is not read here. */
static bool look_at_extent(struct takeover *takeover, const char *topic,
                           int32_t partition, const struct range *range,
                           struct extent *ret_extent, GError **error)
{
    struct extent extent = {.oldest_ms = CONTRACT_NONE, .behind = range->first};
    if (range->first < range->end &&
        !note_records(takeover, topic, partition, range->first, range->end, true, &extent,
                      error))
        return false;
    const int64_t first_behind = extent.behind;
    for (int64_t reach = TAIL_REACH; extent.oldest_ms != CONTRACT_NONE; reach *= 16) {
        const int64_t from = MAX(range->end - reach, first_behind);
        if (!note_records(takeover, topic, partition, from, range->end, false, &extent,
                          error))
            return false;
        if (extent.behind > first_behind || from == first_behind)
            break;
    }
    *ret_extent = extent;
    return true;
}

static struct answered_setup reading_of(const struct takeover *takeover,
                                        const struct partition *partition)
{
    return (struct answered_setup){
        .bus = takeover->setup.bus,
        .codec = takeover->setup.codec,
        .agent_id = takeover->setup.agent_id,
        .commands_topic = takeover->commands_topic,
        .partition = partition->number,
        .cancelled = &takeover->cancelled,
    };
}

/* The position is nobody's whom we trust: the log itself tells what has been answered. */
static struct offsets *offsets_from_log(struct takeover *takeover,
                                        struct partition *partition, const char *topic,
                                        struct log_tag *ret_tag, GError **error)
{
    const struct answered_setup setup = reading_of(takeover, partition);
    struct range range;
    struct extent extent;
    if (!ask_range(setup.bus, topic, partition->number, &range, error) ||
        !look_at_extent(takeover, topic, partition->number, &range, &extent, error))
        return NULL;
    if (extent.oldest_ms != CONTRACT_NONE &&
        (!partition->answered || extent.oldest_ms < answered_from(partition->answered))) {
        g_clear_pointer(&partition->answered, answered_free);
        partition->answered = answered_read(&setup, extent.oldest_ms, error);
        if (!partition->answered)
            return NULL;
        partition->received_before = MAX(partition->received_before,
                                         answered_received(partition->answered));
    }
    log_tag_init(ret_tag, extent.oldest_ms != CONTRACT_NONE ? extent.behind : 0);
    return offsets_new(range.first);
}

/* What stands against going on from a committed position; NULL: nothing does. */
static bool judge_position(struct takeover *takeover,
                           const struct bus_position *committed, struct log_tag *ret_tag,
                           const char **ret_metadata, const char **ret_against,
                           GError **error)
{
    struct bus *bus = takeover->setup.bus;
    struct range range;
    bool fits = false;
    *ret_against = NULL;
    if (committed->offset == BUS_OFFSET_NONE) {
        *ret_against = "the group has no position";
        return true;
    }
    *ret_metadata = log_tag_read(committed->metadata, ret_tag);
    if (!*ret_metadata) {
        *ret_against =
            "the position was not committed by a worker that knew all of it: the "
            "group was reset, or a worker ended while it was reading";
        return true;
    }
    if (!ask_range(bus, committed->topic, committed->partition, &range, error) ||
        !log_tag_fits(bus, committed->topic, committed->partition, ret_tag, &fits, error))
        return false;
    const bool skips = ret_tag->offset == BUS_OFFSET_NONE &&
                       committed->offset > range.first;
    if (committed->offset < range.first || committed->offset > range.end || !fits ||
        skips)
        *ret_against =
            "the position is not of this topic: it was made anew, or retention "
            "has passed the position";
    return true;
}

/* From the first record on that is said to have begun: what it was accepted with came later. */
static bool read_proof(struct takeover *takeover, struct partition *partition,
                       const char *topic, const struct offsets *offsets, GError **error)
{
    const struct answered_setup setup = reading_of(takeover, partition);
    const int64_t begun = offsets_first_begun(offsets);
    struct extent extent = {.oldest_ms = CONTRACT_NONE};
    struct range range;
    if (begun < 0)
        return true;
    if (!ask_range(setup.bus, topic, partition->number, &range, error))
        return false;
    const int64_t from = MAX(begun, range.first);
    if (from < range.end && !note_records(takeover, topic, partition->number, from,
                                          range.end, true, &extent, error))
        return false;
    if (extent.oldest_ms == CONTRACT_NONE ||
        (partition->proof && extent.oldest_ms >= answered_from(partition->proof)))
        return true;
    g_clear_pointer(&partition->proof, answered_free);
    partition->proof = answered_read(&setup, extent.oldest_ms, error);
    return partition->proof != NULL;
}

static struct offsets *offsets_of(struct takeover *takeover, struct partition *partition,
                                  const struct bus_position *committed,
                                  struct log_tag *ret_tag, GError **error)
{
    const char *metadata = NULL, *against = NULL;
    if (!judge_position(takeover, committed, ret_tag, &metadata, &against, error))
        return NULL;
    struct offsets *offsets = against ? NULL
                                      : offsets_load(committed->offset, metadata, NULL);
    if (offsets && !read_proof(takeover, partition, committed->topic, offsets, error)) {
        offsets_free(offsets);
        return NULL;
    }
    if (offsets)
        return offsets;
    if (committed->offset != BUS_OFFSET_NONE || !partition->against)
        partition->against = against ? against : "the position's metadata is damaged";
    return offsets_from_log(takeover, partition, committed->topic, ret_tag, error);
}

static bool place(struct takeover *takeover, const struct bus_position *committed,
                  GError **error)
{
    struct assignment *assignment = takeover->assignment;
    struct partition *partition = assignment_partition(assignment, committed->partition);
    const bool control = g_str_equal(committed->topic, takeover->control_topic);
    struct log_tag tag;
    log_tag_init(&tag, 0);
    struct offsets *offsets = offsets_of(takeover, partition, committed, &tag, error);
    if (!offsets)
        return false;
    if (tag.partitions == 0)
        tag.partitions = takeover->setup.partitions;
    *(control ? &partition->control : &partition->commands) = offsets;
    *(control ? &partition->control_tag : &partition->commands_tag) = tag;
    if (!control)
        partition->received_before = MAX(partition->received_before,
                                         offsets_known(offsets));
    g_ptr_array_add(assignment->positions,
                    bus_position_new(committed->topic, committed->partition,
                                     offsets_watermark(offsets), NULL));
    return true;
}

/* What a failure has left is thrown away. */
static void make_partitions(struct takeover *takeover)
{
    g_ptr_array_set_size(takeover->assignment->partitions, 0);
    g_ptr_array_set_size(takeover->assignment->positions, 0);
    for (guint i = 0; i < takeover->locks->len; i++) {
        struct partition *partition = g_new0(struct partition, 1);
        partition->commands_repeats = repeats_new(false);
        partition->control_repeats = repeats_new(true);
        partition->number = g_array_index(takeover->locks, struct wanted_lock, i).number;
        g_ptr_array_add(takeover->assignment->partitions, partition);
    }
}

static bool take_over(struct takeover *takeover, GError **error)
{
    make_partitions(takeover);
    if (!take_locks(takeover, error))
        return false;
    g_autoptr(GPtrArray) committed = bus_consumer_committed(
        takeover->setup.consumer, takeover->bus_partitions, ASK_MS, error);
    if (!committed)
        return false;
    crash_point("takeover.committed");
    for (guint i = 0; i < committed->len; i++) {
        if (!place(takeover, g_ptr_array_index(committed, i), error))
            return false;
    }
    return true;
}

static void pause_a_little(const struct takeover *takeover)
{
    for (int ms = 0; ms < AGAIN_MS && !g_atomic_int_get(&takeover->cancelled);
         ms += POLL_MS)
        g_usleep(POLL_MS * 1000);
}

static void takeover_work(void *data)
{
    struct takeover *takeover = data;
    if (takeover->again)
        pause_a_little(takeover);
    take_over(takeover, &takeover->error);
}

static void takeover_free(struct takeover *takeover)
{
    g_free(takeover->commands_topic);
    g_free(takeover->control_topic);
    g_ptr_array_unref(takeover->bus_partitions);
    g_array_unref(takeover->locks);
    assignment_free(takeover->assignment);
    g_clear_error(&takeover->error);
    g_free(takeover);
}

static void hand_over_locks(struct takeover *takeover, bool keep)
{
    for (guint i = 0; i < takeover->locks->len; i++) {
        struct wanted_lock *wanted = &g_array_index(takeover->locks, struct wanted_lock,
                                                    i);
        if (wanted->lock)
            locks_add(takeover->setup.locks, wanted->number,
                      g_steal_pointer(&wanted->lock));
        else if (!wanted->held_before)
            continue;
        if (!keep)
            locks_release(takeover->setup.locks, wanted->number);
    }
}

static void takeover_done(void *data)
{
    struct takeover *takeover = data;
    takeover->done = true;
    if (!g_atomic_int_get(&takeover->cancelled))
        return;
    hand_over_locks(takeover, false);
    takeover_free(takeover);
}

struct takeover *takeover_new(const struct takeover_setup *setup,
                              const struct bus_notice *notice)
{
    struct takeover *takeover = g_new0(struct takeover, 1);
    takeover->setup = *setup;
    takeover->commands_topic = topic_commands(setup->agent_id);
    takeover->control_topic = topic_control(setup->agent_id);
    takeover->bus_partitions = g_ptr_array_ref(notice->partitions);
    takeover->locks = g_array_new(FALSE, TRUE, sizeof(struct wanted_lock));
    takeover->assignment = assignment_new(notice->membership);
    for (guint i = 0; i < notice->partitions->len; i++) {
        const struct bus_partition *partition = g_ptr_array_index(notice->partitions, i);
        want_lock(takeover, partition->partition);
    }
    errands_start(setup->errands, takeover_work, takeover_done, takeover);
    return takeover;
}

void takeover_cancel(struct takeover *takeover)
{
    if (!takeover)
        return;
    if (takeover->done) {
        hand_over_locks(takeover, false);
        takeover_free(takeover);
        return;
    }
    g_atomic_int_set(&takeover->cancelled, 1); /* takeover_done() frees it */
}

bool takeover_is_done(const struct takeover *takeover)
{
    return takeover->done;
}

/* A broker that is away comes back, and a lock is let go.  A membership that is over is told by a notice, which ends
 * the takeover. */
const GError *takeover_trouble(const struct takeover *takeover)
{
    const GError *error = takeover->error;
    const bool passes = g_error_matches(error, BUS_ERROR, BUS_ERROR_UNREACHABLE) ||
                        g_error_matches(error, BUS_ERROR, BUS_ERROR_STALE) ||
                        g_error_matches(error, G_IO_ERROR, G_IO_ERROR_BUSY);
    return passes ? error : NULL;
}

void takeover_again(struct takeover *takeover)
{
    g_clear_error(&takeover->error);
    takeover->again = true;
    takeover->done = false;
    errands_start(takeover->setup.errands, takeover_work, takeover_done, takeover);
}

struct assignment *takeover_finish(struct takeover *takeover, GError **error)
{
    struct assignment *assignment = NULL;
    hand_over_locks(takeover, takeover->error == NULL);
    if (takeover->error)
        g_propagate_error(error, g_steal_pointer(&takeover->error));
    else
        assignment = g_steal_pointer(&takeover->assignment);
    takeover_free(takeover);
    return assignment;
}
