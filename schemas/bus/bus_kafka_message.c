/*
 * bus_kafka_message.c - our records and messages, and librdkafka's; and how its queues wake
 * a loop.
 */
#include "bus_kafka.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SIZE_SLACK 512 /* what librdkafka adds to a message on the wire, and more */

/* --- Messages --------------------------------------------------------------------------- */

static void copy_headers(const rd_kafka_message_t *message, struct bus_record *record)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        g_autoptr(GBytes) bytes = g_bytes_new(value, value ? size : 0);
        bus_headers_add(&record->headers, name, bytes);
    }
}

struct bus_record *kafka_record_new(const rd_kafka_message_t *message)
{
    struct bus_record *record = g_new0(struct bus_record, 1);
    rd_kafka_timestamp_type_t type;
    record->topic = g_strdup(rd_kafka_topic_name(message->rkt));
    record->partition = message->partition;
    record->offset = message->offset;
    record->append_ms = rd_kafka_message_timestamp(message, &type);
    record->by_log = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    record->key = message->key ? g_strndup(message->key, message->key_len) : NULL;
    record->value = message->payload ? g_bytes_new(message->payload, message->len) : NULL;
    copy_headers(message, record);
    return record;
}

GHashTable *kafka_topics_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                 (GDestroyNotify)rd_kafka_topic_destroy);
}

/* Handles are made first, because the first rd_kafka_producev() to a topic that has none
 * waits for a 1 s timer (librdkafka issue 5032, until 2.10.1). */
static rd_kafka_topic_t *topic_handle(rd_kafka_t *client, GHashTable *topics,
                                      const char *name)
{
    rd_kafka_topic_t *handle = g_hash_table_lookup(topics, name);
    if (!handle) {
        handle = rd_kafka_topic_new(client, name, NULL);
        if (handle)
            g_hash_table_insert(topics, g_strdup(name), handle);
    }
    return handle;
}

static rd_kafka_headers_t *headers_of(const struct bus_message *message)
{
    if (!message->headers || message->headers->len == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->headers->len);
    for (guint i = 0; i < message->headers->len; i++) {
        const struct bus_header *header = g_ptr_array_index(message->headers, i);
        gsize size = 0;
        const void *value = g_bytes_get_data(header->value, &size);
        rd_kafka_header_add(headers, header->name, -1, value ? value : "", (ssize_t)size);
    }
    return headers;
}

rd_kafka_resp_err_t kafka_produce(rd_kafka_t *client, GHashTable *topics,
                                  const struct bus_message *message, void *note)
{
    rd_kafka_topic_t *topic = topic_handle(client, topics, message->topic);
    if (!topic)
        return rd_kafka_last_error();
    gsize size = 0;
    const void *value = message->value ? g_bytes_get_data(message->value, &size) : NULL;
    if (message->value && !value)
        value = ""; /* empty, not a tombstone */
    rd_kafka_headers_t *headers = headers_of(message);
    rd_kafka_resp_err_t result = rd_kafka_producev(
        client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(message->partition),
        RD_KAFKA_V_KEY(message->key, message->key ? strlen(message->key) : 0),
        RD_KAFKA_V_VALUE((void *)value, size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_TIMESTAMP(message->append_ms),
        RD_KAFKA_V_OPAQUE(note), RD_KAFKA_V_END);
    if (result && headers)
        rd_kafka_headers_destroy(headers);
    return result;
}

size_t kafka_message_size(const struct bus_message *message)
{
    size_t size = message->key ? strlen(message->key) : 0;
    size += message->value ? g_bytes_get_size(message->value) : 0;
    for (guint i = 0; message->headers && i < message->headers->len; i++) {
        const struct bus_header *header = g_ptr_array_index(message->headers, i);
        size += strlen(header->name) + g_bytes_get_size(header->value);
    }
    return size;
}

int kafka_number(rd_kafka_t *client, const char *property)
{
    char value[32] = "";
    size_t size = sizeof(value);
    rd_kafka_conf_get(rd_kafka_conf(client), property, value, &size);
    return (int)g_ascii_strtoll(value, NULL, 10);
}

size_t kafka_message_limit(rd_kafka_t *client)
{
    return (size_t)kafka_number(client, "message.max.bytes") - SIZE_SLACK;
}

/* --- Queues in a loop --------------------------------------------------------------------- */

int kafka_eventfd_new(GError **error)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL, "cannot make an eventfd: %s",
                    g_strerror(errno));
    return fd;
}

/* An eventfd that has nothing answers EAGAIN, one that is full is readable anyway. */
void kafka_eventfd_clear(int fd)
{
    uint64_t count = 0;
    G_GNUC_UNUSED ssize_t got = read(fd, &count, sizeof(count));
}

void kafka_eventfd_ring(int fd)
{
    const uint64_t one = 1;
    G_GNUC_UNUSED ssize_t put = write(fd, &one, sizeof(one));
}

void kafka_queue_watch(rd_kafka_queue_t *queue, int fd)
{
    const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof(one));
}
