/*
 * bus_kafka_reader.c - reads partitions from given offsets on, without a group.
 *
 * On librdkafka's simple consumer, which needs no group and asks no coordinator.  Ends of
 * partitions are told as events in the stream (enable.partition.eof), with the offset that
 * would be read next: so it is known when transaction markers or aborted records are all
 * that is left below an end.
 */
#include "bus_kafka.h"

#include <string.h>
#include <unistd.h>

/* A partition that is read.  `next`: everything below has been handed out, or is not for
 * committed readers. */
struct course {
    rd_kafka_topic_t *topic;
    char *name;
    int32_t partition;
    int64_t next;
    bool started;
};

struct kafka_reader {
    struct bus_reader base;
    struct kafka *kafka;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    GPtrArray *courses; /* struct course */
    int fd;
};

static void course_free(void *gone)
{
    struct course *course = gone;
    if (course->started)
        rd_kafka_consume_stop(course->topic, course->partition);
    if (course->topic)
        rd_kafka_topic_destroy(course->topic);
    g_free(course->name);
    g_free(course);
}

static struct course *course_find(struct kafka_reader *reader, const char *topic,
                                  int32_t partition)
{
    for (guint i = 0; i < reader->courses->len; i++) {
        struct course *course = g_ptr_array_index(reader->courses, i);
        if (course->partition == partition && g_str_equal(course->name, topic))
            return course;
    }
    return NULL;
}

static bool course_start(struct kafka_reader *reader, const struct bus_position *position,
                         GError **error)
{
    struct course *course = g_new0(struct course, 1);
    g_ptr_array_add(reader->courses, course);
    course->name = g_strdup(position->topic);
    course->partition = position->partition;
    course->next = MAX(position->offset, 0);
    course->topic = rd_kafka_topic_new(reader->client, position->topic, NULL);
    int64_t from = position->offset == BUS_OFFSET_NONE ? RD_KAFKA_OFFSET_BEGINNING
                                                       : position->offset;
    course->started = course->topic &&
                      rd_kafka_consume_start_queue(course->topic, course->partition, from,
                                                   reader->queue) == 0;
    if (!course->started)
        kafka_set_error(reader->kafka, error, rd_kafka_last_error(), NULL,
                        "read %s partition %d", position->topic, position->partition);
    return course->started;
}

struct bus_reader *kafka_reader_open(struct bus *bus, const GPtrArray *positions,
                                     GError **error)
{
    static const struct kafka_setting settings[] = {
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"fetch.wait.max.ms", "100"}, /* an end is told by an answer with nothing in it */
        /* A log is read as fast as it comes.  Where a partition has more than this in its
         * queue, librdkafka (until 2.3) asks again after a whole second. */
        {"queued.min.messages", "1000000"},
        {"queued.max.messages.kbytes", "32768"},
        {NULL, NULL},
    };
    g_autoptr(BusReader) base = (struct bus_reader *)g_new0(struct kafka_reader, 1);
    struct kafka_reader *reader = (struct kafka_reader *)base;
    reader->base.ops = &bus_kafka_ops;
    reader->kafka = (struct kafka *)bus;
    reader->courses = g_ptr_array_new_with_free_func(course_free);
    reader->fd = kafka_eventfd_new(error);
    if (reader->fd < 0)
        return NULL;
    reader->client = kafka_client_new(reader->kafka, RD_KAFKA_CONSUMER, NULL, settings,
                                      error);
    if (!reader->client)
        return NULL;
    reader->queue = rd_kafka_queue_new(reader->client);
    kafka_queue_watch(reader->queue, reader->fd);
    for (guint i = 0; i < positions->len; i++)
        if (!course_start(reader, g_ptr_array_index(positions, i), error))
            return NULL;
    return g_steal_pointer(&base);
}

void kafka_reader_close(struct bus_reader *base)
{
    struct kafka_reader *reader = (struct kafka_reader *)base;
    g_ptr_array_unref(reader->courses);
    g_clear_pointer(&reader->queue, rd_kafka_queue_destroy);
    g_clear_pointer(&reader->client, rd_kafka_destroy);
    if (reader->fd >= 0)
        close(reader->fd);
    g_free(reader);
}

int kafka_reader_fd(struct bus_reader *base)
{
    return ((struct kafka_reader *)base)->fd;
}

/* What is not a record: an end, something that passes, or an error that stays. */
static bool take_aside(struct kafka_reader *reader, rd_kafka_event_t *event,
                       GError **error)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    g_autoptr(rd_kafka_topic_partition_t) where = rd_kafka_event_topic_partition(event);
    struct course *course = where ? course_find(reader, where->topic, where->partition)
                                  : NULL;
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        g_assert(course); /* an end is always that of a partition that we read */
        course->next = MAX(course->next, where->offset);
        return true;
    }
    if (course)
        code = kafka_tell_apart(reader->kafka, code, course->name, course->partition);
    if (kafka_error_code(code) == BUS_ERROR_UNREACHABLE)
        return true; /* librdkafka tries again */
    kafka_set_error(reader->kafka, error, code, rd_kafka_event_error_string(event),
                    "read %s partition %d from offset %" G_GINT64_FORMAT,
                    course ? course->name : "a topic", course ? course->partition : -1,
                    course ? course->next : -1);
    return false;
}

static struct bus_record *take_record(struct kafka_reader *reader,
                                      rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message = rd_kafka_event_message_next(event);
    struct course *course = course_find(reader, rd_kafka_topic_name(message->rkt),
                                        message->partition);
    course->next = message->offset + 1;
    return kafka_record_new(message);
}

bool kafka_reader_next(struct bus_reader *base, int timeout_ms,
                       struct bus_record **ret_record, GError **error)
{
    struct kafka_reader *reader = (struct kafka_reader *)base;
    int64_t deadline_us = g_get_monotonic_time() + timeout_ms * INT64_C(1000);
    struct bus_record *record = NULL;
    kafka_eventfd_clear(reader->fd);
    while (!record) {
        int64_t left_us = MAX(deadline_us - g_get_monotonic_time(), 0);
        g_autoptr(rd_kafka_event_t)
            event = rd_kafka_queue_poll(reader->queue, (int)(left_us / 1000));
        if (!event)
            break;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH)
            record = take_record(reader, event);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
                 !take_aside(reader, event, error))
            return false;
    }
    *ret_record = record;
    return true;
}

bool kafka_reader_passed(struct bus_reader *base, const char *topic, int32_t partition,
                         int64_t end)
{
    const struct course *course = course_find((struct kafka_reader *)base, topic,
                                              partition);
    return course && course->next >= end;
}
