/*
 * bus_kafka_consumer.c - a static member of a group: partitions come and go as notices,
 * records wait in a queue per topic until there is room for them.
 *
 * Rebalances are events on the consumer's queue, answered when the caller has finished with
 * what it held.  Nothing is ever paused: pausing throws the prefetched records away, and
 * each would be fetched many times.  Instead each partition keeps a queue of its own, polled
 * only while there is room; librdkafka stops fetching a partition whose queue holds
 * queued.min.messages.  (Leading them into one queue per topic was tried: the end of an
 * assignment undoes that some time later, in the middle of the next.)  A record of an earlier
 * assignment that is still queued is dropped by librdkafka's version barrier.  librdkafka
 * commits no offset and stores none.
 *
 * Being fenced has two causes.  Another process of our name: the end.  Or a broker that was
 * started again has taken requests of ours, of before and after we had to join anew, for those
 * of two processes.  So the client is made anew, once a minute at most: of two processes, which
 * then fence each other in turns, one ends.
 */
#include "bus_kafka.h"

#include <string.h>
#include <unistd.h>

enum {
    SAME_WORDS_US = 30 *
                    G_USEC_PER_SEC, /* the same passing error is told once in that time */
    WORDS_KEPT = 64,
    RENEWED_US = 60 *
                 G_USEC_PER_SEC, /* fenced again within that time: it is another one */
};

struct kafka_membership {
    struct bus_membership base;
    rd_kafka_consumer_group_metadata_t *metadata;
};

/* A partition that is mine. */
struct source {
    unsigned topic_index;
    rd_kafka_queue_t *queue;
    struct bus_record *held; /* taken from the queue while looking for errors */
};

/* A thread may be asking it while it is made anew. */
struct client {
    rd_kafka_t *handle;
    gatomicrefcount references;
};

struct kafka_consumer {
    struct bus_consumer base;
    struct kafka *kafka;
    char *group;
    char *instance;
    GStrv topics;
    GMutex lock; /* of `shared` */
    struct client *shared;
    rd_kafka_t *client;       /* its handle; for the thread of the loop */
    rd_kafka_queue_t *events; /* rebalances and errors */
    GPtrArray *sources;       /* struct source; empty: nothing is mine */
    guint turn;               /* the source to look at first */
    GQueue asides;            /* struct bus_notice, found where records were looked for */
    GHashTable *heard;        /* text → when, int64_t *, by g_get_monotonic_time() */
    int fd;
    bool told;          /* partitions, as ours; until they are given back */
    bool fenced;        /* to be made anew once they are */
    int64_t renewed_us; /* when it was, by g_get_monotonic_time(); 0: never */
};

/* --- The client --------------------------------------------------------------------------- */

/* A static member leaves nothing behind to say: no LeaveGroup, no offsets.  So the client is
 * taken down without rd_kafka_consumer_close(), which would wait for a rebalance. */
static void client_unref(struct client *client)
{
    if (!g_atomic_ref_count_dec(&client->references))
        return;
    rd_kafka_destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    g_free(client);
}

static struct client *client_ref(struct kafka_consumer *consumer)
{
    g_mutex_lock(&consumer->lock);
    struct client *client = consumer->shared;
    g_atomic_ref_count_inc(&client->references);
    g_mutex_unlock(&consumer->lock);
    return client;
}

static void use_client(struct kafka_consumer *consumer, rd_kafka_t *handle)
{
    struct client *client = g_new0(struct client, 1);
    g_atomic_ref_count_init(&client->references);
    client->handle = handle;
    g_mutex_lock(&consumer->lock);
    consumer->shared = client;
    consumer->client = handle;
    g_mutex_unlock(&consumer->lock);
}

/* --- Membership --------------------------------------------------------------------------- */

static struct bus_membership *membership_new(rd_kafka_t *client)
{
    struct kafka_membership *membership = g_new0(struct kafka_membership, 1);
    membership->base.ops = &bus_kafka_ops;
    g_atomic_ref_count_init(&membership->base.references);
    membership->metadata = rd_kafka_consumer_group_metadata(client);
    return &membership->base;
}

void kafka_membership_free(struct bus_membership *base)
{
    struct kafka_membership *membership = (struct kafka_membership *)base;
    if (membership->metadata)
        rd_kafka_consumer_group_metadata_destroy(membership->metadata);
    g_free(membership);
}

const rd_kafka_consumer_group_metadata_t *kafka_membership_metadata(
    const struct bus_membership *membership)
{
    return ((const struct kafka_membership *)membership)->metadata;
}

/* --- Sources ------------------------------------------------------------------------------ */

static void unwatch(rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
}

static void source_free(void *gone)
{
    struct source *source = gone;
    unwatch(source->queue);
    rd_kafka_queue_destroy(source->queue);
    bus_record_free(source->held);
    g_free(source);
}

/* Before the assignment: "forward to nothing" keeps the partition's records out of the
 * consumer's queue. */
static void add_source(struct kafka_consumer *consumer,
                       const struct bus_position *position)
{
    for (unsigned i = 0; consumer->topics[i]; i++) {
        if (!g_str_equal(consumer->topics[i], position->topic))
            continue;
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(
            consumer->client, position->topic, position->partition);
        g_assert(queue); /* made if need be */
        struct source *source = g_new0(struct source, 1);
        source->topic_index = i;
        source->queue = queue;
        rd_kafka_queue_forward(queue, NULL);
        kafka_queue_watch(queue, consumer->fd);
        g_ptr_array_add(consumer->sources, source);
    }
}

/* --- Open and close --------------------------------------------------------------------- */

static rd_kafka_t *client_new(struct kafka *kafka, const char *group,
                              const char *instance, GError **error)
{
    const struct kafka_setting settings[] = {
        {"group.id", group},
        {"group.instance.id", instance},
        {"partition.assignment.strategy", "range"},
        {"isolation.level",
         "read_committed"}, /* committed() waits for open transactions */
        {"auto.offset.reset", "error"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"allow.auto.create.topics", "false"},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = kafka_conf_new(kafka);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
    return kafka_client_new(kafka, RD_KAFKA_CONSUMER, conf, settings, error);
}

static bool subscribe(struct kafka_consumer *consumer, GError **error)
{
    g_autoptr(rd_kafka_topic_partition_list_t)
        list = rd_kafka_topic_partition_list_new((int)g_strv_length(consumer->topics));
    for (char **topic = consumer->topics; *topic; topic++)
        rd_kafka_topic_partition_list_add(list, *topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client, list);
    if (code)
        kafka_set_error(consumer->kafka, error, code, NULL, "join group %s",
                        consumer->group);
    return !code;
}

static void aside_free(void *gone)
{
    bus_notice_clear(gone);
    g_free(gone);
}

static bool begin(struct kafka_consumer *consumer, GError **error)
{
    rd_kafka_t *handle = client_new(consumer->kafka, consumer->group, consumer->instance,
                                    error);
    if (!handle)
        return false;
    use_client(consumer, handle);
    rd_kafka_poll_set_consumer(consumer->client);
    consumer->events = rd_kafka_queue_get_consumer(consumer->client);
    kafka_queue_watch(consumer->events, consumer->fd);
    return subscribe(consumer, error);
}

/* Queues go before the client. */
static void end(struct kafka_consumer *consumer)
{
    g_ptr_array_set_size(consumer->sources, 0);
    if (consumer->events)
        unwatch(consumer->events);
    g_clear_pointer(&consumer->events, rd_kafka_queue_destroy);
    g_mutex_lock(&consumer->lock);
    struct client *client = g_steal_pointer(&consumer->shared);
    consumer->client = NULL;
    g_mutex_unlock(&consumer->lock);
    if (client)
        client_unref(client);
}

static bool renew(struct kafka_consumer *consumer, GError **error)
{
    end(consumer);
    g_queue_clear_full(&consumer->asides, aside_free);
    consumer->fenced = false;
    consumer->renewed_us = g_get_monotonic_time();
    return begin(consumer, error);
}

struct bus_consumer *kafka_consumer_open(struct bus *bus, const char *group,
                                         const char *instance, const char *const *topics,
                                         GError **error)
{
    g_autoptr(BusConsumer) base = (struct bus_consumer *)g_new0(struct kafka_consumer, 1);
    struct kafka_consumer *consumer = (struct kafka_consumer *)base;
    consumer->base.ops = &bus_kafka_ops;
    consumer->kafka = (struct kafka *)bus;
    consumer->group = g_strdup(group);
    consumer->instance = g_strdup(instance);
    g_mutex_init(&consumer->lock);
    consumer->topics = g_strdupv((GStrv)topics);
    consumer->sources = g_ptr_array_new_with_free_func(source_free);
    consumer->heard = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    consumer->fd = kafka_eventfd_new(error);
    if (consumer->fd < 0)
        return NULL;
    if (!begin(consumer, error))
        return NULL;
    return g_steal_pointer(&base);
}

void kafka_consumer_close(struct bus_consumer *base)
{
    struct kafka_consumer *consumer = (struct kafka_consumer *)base;
    end(consumer);
    g_ptr_array_unref(consumer->sources);
    if (consumer->fd >= 0)
        close(consumer->fd);
    g_queue_clear_full(&consumer->asides, aside_free);
    g_hash_table_unref(consumer->heard);
    g_mutex_clear(&consumer->lock);
    g_strfreev(consumer->topics);
    g_free(consumer->instance);
    g_free(consumer->group);
    g_free(consumer);
}

int kafka_consumer_fd(struct bus_consumer *base)
{
    return ((struct kafka_consumer *)base)->fd;
}

/* --- Notices ------------------------------------------------------------------------------ */

static int by_topic_and_partition(const void *left, const void *right)
{
    const struct bus_partition *a = *(struct bus_partition *const *)left;
    const struct bus_partition *b = *(struct bus_partition *const *)right;
    int order = strcmp(a->topic, b->topic);
    return order ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static GPtrArray *partitions_of(const rd_kafka_topic_partition_list_t *list)
{
    GPtrArray *partitions = bus_partitions_new();
    for (int i = 0; list && i < list->cnt; i++)
        bus_partitions_add(partitions, list->elems[i].topic, list->elems[i].partition);
    g_ptr_array_sort(partitions, by_topic_and_partition);
    return partitions;
}

static void note_rebalance(struct kafka_consumer *consumer, rd_kafka_event_t *event,
                           struct bus_notice *notice)
{
    bool assigned = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    notice->partitions = partitions_of(rd_kafka_event_topic_partition_list(event));
    if (assigned) {
        notice->kind = BUS_NOTICE_ASSIGNED;
        consumer->told = true;
        notice->membership = membership_new(consumer->client);
    } else {
        notice->kind = rd_kafka_assignment_lost(consumer->client) ? BUS_NOTICE_LOST
                                                                  : BUS_NOTICE_REVOKED;
    }
}

/* An outage makes the same error again and again. */
static bool is_news(struct kafka_consumer *consumer, const char *text)
{
    int64_t now = g_get_monotonic_time();
    int64_t *told = g_hash_table_lookup(consumer->heard, text);
    if (told && now - *told < SAME_WORDS_US)
        return false;
    if (g_hash_table_size(consumer->heard) >= WORDS_KEPT)
        g_hash_table_remove_all(consumer->heard);
    told = g_new(int64_t, 1);
    *told = now;
    g_hash_table_replace(consumer->heard, g_strdup(text), told);
    return true;
}

static bool may_be_ourselves(const struct kafka_consumer *consumer,
                             rd_kafka_resp_err_t fatal)
{
    int64_t now = g_get_monotonic_time();
    return fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID &&
           (!consumer->renewed_us || now - consumer->renewed_us > RENEWED_US);
}

/* What is ours has to be given back first. */
static void note_fenced(struct kafka_consumer *consumer, const char *text,
                        struct bus_notice *notice)
{
    if (consumer->fenced)
        return; /* it was told */
    consumer->fenced = true;
    notice->kind = consumer->told ? BUS_NOTICE_LOST : BUS_NOTICE_ERROR;
    notice->partitions = bus_partitions_new();
    notice->message = g_strdup(text);
}

/* False: the consumer has come to its end. */
static bool note_error(struct kafka_consumer *consumer, rd_kafka_event_t *event,
                       struct bus_notice *notice, GError **error)
{
    char text[512] = "";
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(consumer->client, text,
                                                     sizeof(text));
    if (fatal && may_be_ourselves(consumer, fatal)) {
        note_fenced(consumer, text, notice);
        return true;
    }
    if (fatal) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL, "consumer of group %s: %s",
                    consumer->group, text);
        return false;
    }
    g_autofree char *name = g_strdup(rd_kafka_err2name(rd_kafka_event_error(event)));
    if (is_news(consumer, name)) {
        notice->kind = BUS_NOTICE_ERROR;
        notice->message = g_strdup(rd_kafka_event_error_string(event));
    }
    return true;
}

static bool note_event(struct kafka_consumer *consumer, rd_kafka_event_t *event,
                       struct bus_notice *notice, GError **error)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE:
        note_rebalance(consumer, event, notice);
        return true;
    case RD_KAFKA_EVENT_ERROR:
        return note_error(consumer, event, notice, error);
    default:
        return true; /* records of partitions that are not ours any more */
    }
}

/* An error in the stream of records; told by the next notice. */
static void put_aside(struct kafka_consumer *consumer, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    bool range = kafka_error_code(code) == BUS_ERROR_RANGE;
    if (!range && !is_news(consumer, rd_kafka_err2name(code)))
        return;
    g_autoptr(rd_kafka_topic_partition_t) where = rd_kafka_event_topic_partition(event);
    struct bus_notice *aside = g_new0(struct bus_notice, 1);
    aside->kind = range ? BUS_NOTICE_RANGE : BUS_NOTICE_ERROR;
    aside->message = g_strdup(rd_kafka_event_error_string(event));
    aside->partitions = bus_partitions_new();
    if (where)
        bus_partitions_add(aside->partitions, where->topic, where->partition);
    g_queue_push_tail(&consumer->asides, aside);
    kafka_eventfd_ring(consumer->fd);
}

static struct bus_record *take_from(struct kafka_consumer *consumer,
                                    struct source *source)
{
    for (;;) {
        g_autoptr(rd_kafka_event_t) event = rd_kafka_queue_poll(source->queue, 0);
        if (!event)
            return NULL;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH)
            return kafka_record_new(rd_kafka_event_message_next(event));
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
            put_aside(consumer, event);
    }
}

/* Errors are told even if nobody has room for records. */
static void look_ahead(struct kafka_consumer *consumer)
{
    for (guint i = 0; i < consumer->sources->len; i++) {
        struct source *source = g_ptr_array_index(consumer->sources, i);
        if (!source->held)
            source->held = take_from(consumer, source);
    }
}

bool kafka_consumer_notice(struct bus_consumer *base, struct bus_notice *ret_notice,
                           GError **error)
{
    struct kafka_consumer *consumer = (struct kafka_consumer *)base;
    struct bus_notice notice = {.kind = BUS_NOTICE_NONE};
    if (consumer->fenced && !consumer->told && !renew(consumer, error))
        return false;
    kafka_eventfd_clear(
        consumer->fd); /* before any queue is looked at, or one gets lost */
    while (notice.kind == BUS_NOTICE_NONE) {
        g_autoptr(rd_kafka_event_t) event = rd_kafka_queue_poll(consumer->events, 0);
        if (!event)
            break;
        if (!note_event(consumer, event, &notice, error))
            return false;
    }
    if (notice.kind == BUS_NOTICE_NONE)
        look_ahead(consumer);
    if (notice.kind == BUS_NOTICE_NONE && consumer->asides.length > 0) {
        g_autofree struct bus_notice *aside = g_queue_pop_head(&consumer->asides);
        notice = *aside;
    }
    *ret_notice = notice;
    return true;
}

/* --- Records ------------------------------------------------------------------------------ */

/* Partitions take turns. */
struct bus_record *kafka_consumer_take(struct bus_consumer *base, unsigned topic_index)
{
    struct kafka_consumer *consumer = (struct kafka_consumer *)base;
    guint count = consumer->sources->len;
    for (guint i = 0; i < count; i++) {
        guint at = (consumer->turn + i) % count;
        struct source *source = g_ptr_array_index(consumer->sources, at);
        if (source->topic_index != topic_index)
            continue;
        struct bus_record *record = source->held ? g_steal_pointer(&source->held)
                                                 : take_from(consumer, source);
        if (record) {
            consumer->turn = at + 1;
            return record;
        }
    }
    return NULL;
}

/* --- Assignment --------------------------------------------------------------------------- */

GPtrArray *kafka_consumer_committed(struct bus_consumer *base,
                                    const GPtrArray *partitions, int timeout_ms,
                                    GError **error)
{
    struct kafka_consumer *consumer = (struct kafka_consumer *)base;
    g_autoptr(rd_kafka_topic_partition_list_t)
        list = rd_kafka_topic_partition_list_new((int)partitions->len);
    for (guint i = 0; i < partitions->len; i++) {
        const struct bus_partition *asked = g_ptr_array_index(partitions, i);
        rd_kafka_topic_partition_list_add(list, asked->topic, asked->partition);
    }
    struct client *client = client_ref(consumer);
    rd_kafka_resp_err_t code = rd_kafka_committed(client->handle, list, timeout_ms);
    client_unref(client);
    for (int i = 0; !code && i < list->cnt; i++)
        code = list->elems[i].err;
    if (code) {
        kafka_set_error(consumer->kafka, error, code, NULL,
                        "committed offsets of group %s", consumer->group);
        return NULL;
    }
    GPtrArray *positions = bus_positions_new();
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *got = &list->elems[i];
        g_autofree char *metadata = /* not NUL-terminated */
            got->metadata_size ? g_strndup(got->metadata, got->metadata_size) : NULL;
        g_ptr_array_add(positions,
                        bus_position_new(got->topic, got->partition,
                                         got->offset >= 0 ? got->offset : BUS_OFFSET_NONE,
                                         metadata));
    }
    return positions;
}

static bool assign(struct kafka_consumer *consumer,
                   const rd_kafka_topic_partition_list_t *list, GError **error)
{
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer->client, list);
    if (code)
        kafka_set_error(consumer->kafka, error, code, NULL, "%s partitions of group %s",
                        list ? "start" : "release", consumer->group);
    return !code;
}

bool kafka_consumer_start(struct bus_consumer *base, const GPtrArray *positions,
                          GError **error)
{
    struct kafka_consumer *consumer = (struct kafka_consumer *)base;
    g_autoptr(rd_kafka_topic_partition_list_t)
        list = rd_kafka_topic_partition_list_new((int)positions->len);
    g_ptr_array_set_size(consumer->sources, 0);
    for (guint i = 0; i < positions->len; i++) {
        const struct bus_position *position = g_ptr_array_index(positions, i);
        rd_kafka_topic_partition_list_add(list, position->topic, position->partition)
            ->offset = position->offset == BUS_OFFSET_NONE ? RD_KAFKA_OFFSET_BEGINNING
                                                           : position->offset;
        add_source(consumer, position);
    }
    return assign(consumer, list, error);
}

bool kafka_consumer_release(struct bus_consumer *base, GError **error)
{
    struct kafka_consumer *consumer = (struct kafka_consumer *)base;
    consumer->told = false;
    if (consumer->fenced) {
        kafka_eventfd_ring(consumer->fd); /* the next notice() makes it anew */
        return true;
    }
    g_ptr_array_set_size(consumer->sources, 0);
    return assign(consumer, NULL, error);
}
