/*
 * contract.c - the names, ids and lives of what travels; its words are in words.c.
 *
 * Structs are made, freed and copied by the loops of shape.c.  No I/O; the only thing taken
 * from outside is randomness for an id.
 */
#include "contract.h"

#include "shape.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/random.h>

/* --- Names on the bus -------------------------------------------------------------- */

char *topic_commands(const char *agent_id)
{
    return g_strconcat("muster.commands.", agent_id, NULL);
}

char *topic_control(const char *agent_id)
{
    return g_strconcat("muster.control.", agent_id, NULL);
}

char *group_workers(const char *agent_id)
{
    return g_strconcat("muster.worker.", agent_id, NULL);
}

/* Kafka's org.apache.kafka.common.utils.Utils.murmur2(), with its seed. */
static uint32_t murmur2(const uint8_t *bytes, size_t length)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t hash = 0x9747b28c ^ (uint32_t)length;
    size_t tail = length & ~(size_t)3;

    for (size_t i = 0; i < tail; i += 4) {
        uint32_t k = (uint32_t)bytes[i] | (uint32_t)bytes[i + 1] << 8 |
                     (uint32_t)bytes[i + 2] << 16 | (uint32_t)bytes[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        hash = (hash * m) ^ (k * m);
    }
    if (length > tail) {
        for (size_t i = length; i-- > tail;)
            hash ^= (uint32_t)bytes[i] << (8 * (i - tail));
        hash *= m;
    }
    hash ^= hash >> 13;
    hash *= m;
    return hash ^ (hash >> 15);
}

int32_t partition_of(const char *key, int32_t partitions)
{
    g_assert(partitions > 0);
    return (int32_t)(murmur2((const uint8_t *)key, strlen(key)) & INT32_MAX) % partitions;
}

char *event_misplaced(const struct event *event, int32_t partitions, int32_t partition)
{
    const int32_t right = partition_of(event->agent_id, partitions);
    return partition == right
               ? NULL
               : g_strdup_printf("events of agent %s belong into partition %d, this one "
                                 "is in %d",
                                 event->agent_id, right, partition);
}

/* --- Ids --------------------------------------------------------------------------- */

char *uuid7_new(int64_t now_ms)
{
    uint8_t b[16];

    ssize_t got = getrandom(b, sizeof b, 0);
    g_assert(got == sizeof b); /* getrandom(2): so few bytes always come whole */
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(now_ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f)); /* RFC 9562, 5.7: version 7, variant 10 */
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                           "%02x%02x%02x%02x%02x%02x",
                           b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
                           b[10], b[11], b[12], b[13], b[14], b[15]);
}

int64_t uuid7_ms(const char *id)
{
    static const char form[] = "xxxxxxxx-xxxx-7xxx-vxxx-xxxxxxxxxxxx";
    int64_t ms = 0;
    for (size_t i = 0; i < sizeof form; i++) { /* its NUL, too */
        const bool fits = form[i] == 'x'   ? g_ascii_isxdigit(id[i])
                          : form[i] == 'v' ? id[i] && strchr("89abAB", id[i])
                                           : id[i] == form[i];
        if (!fits)
            return CONTRACT_NONE;
        if (i < 13 && form[i] == 'x')
            ms = ms << 4 | g_ascii_xdigit_value(id[i]);
    }
    return ms;
}

/* --- Lives ------------------------------------------------------------------------- */

#define DEFINE_LIFE(type)             \
 struct type *type##_new(void)        \
 {                                    \
  return shape_new(&shape_##type);    \
 }                                    \
 void type##_free(struct type *value) \
 {                                    \
  shape_free(&shape_##type, value);   \
 }

DEFINE_LIFE(command)
DEFINE_LIFE(spec)
DEFINE_LIFE(event)
DEFINE_LIFE(record)
DEFINE_LIFE(server_record)
DEFINE_LIFE(agent_record)
DEFINE_LIFE(result)
DEFINE_LIFE(state)
DEFINE_LIFE(sync)
DEFINE_LIFE(heartbeat)
DEFINE_LIFE(deadletter)

struct spec *spec_dup(const struct spec *spec)
{
    return shape_dup(&shape_spec, spec);
}

struct state *state_dup(const struct state *state)
{
    return shape_dup(&shape_state, state);
}

/* --- Elements ---------------------------------------------------------------------- */

static void set_string(char **string, const char *value)
{
    g_free(*string);
    *string = g_strdup(value ? value : "");
}

struct pair *pair_new(const char *key, const char *value)
{
    struct pair *pair = shape_new(&shape_pair);

    set_string(&pair->key, key);
    set_string(&pair->value, value);
    return pair;
}

/* Where `key` is or belongs; pairs are sorted by the bytes of their keys. */
static guint pairs_place(const GPtrArray *pairs, const char *key, bool *ret_there)
{
    guint low = 0;
    guint high = pairs->len;

    *ret_there = false;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const struct pair *pair = g_ptr_array_index(pairs, middle);
        int order = strcmp(pair->key, key);

        if (order == 0)
            *ret_there = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *pairs_get(const GPtrArray *pairs, const char *key)
{
    bool there;
    guint place = pairs_place(pairs, key, &there);

    return there ? ((const struct pair *)g_ptr_array_index(pairs, place))->value : NULL;
}

void pairs_set(GPtrArray *pairs, const char *key, const char *value)
{
    bool there;
    guint place = pairs_place(pairs, key, &there);

    if (there)
        set_string(&((struct pair *)g_ptr_array_index(pairs, place))->value, value);
    else
        g_ptr_array_insert(pairs, (int)place, pair_new(key, value));
}

struct listed *listed_new(const char *server_id, struct state *state_taken)
{
    struct listed *listed = shape_new(&shape_listed);

    set_string(&listed->server_id, server_id);
    if (state_taken) {
        state_free(listed->state);
        listed->state = state_taken;
    }
    return listed;
}

struct found *found_new(void)
{
    return shape_new(&shape_found);
}

struct step_report *step_report_new(const char *name, const char *did, int64_t ms)
{
    struct step_report *report = shape_new(&shape_step_report);

    set_string(&report->name, name);
    set_string(&report->did, did);
    report->ms = ms;
    return report;
}

struct network *network_new(const char *name, bool internal)
{
    struct network *network = shape_new(&shape_network);

    set_string(&network->name, name);
    network->internal = internal;
    return network;
}

struct mount *mount_new(const char *host_path, const char *container_path)
{
    struct mount *mount = shape_new(&shape_mount);

    set_string(&mount->host_path, host_path);
    set_string(&mount->container_path, container_path);
    return mount;
}

struct mounted *mounted_new(const char *type, const char *name, const char *source,
                            const char *container_path, bool read_only)
{
    struct mounted *mounted = shape_new(&shape_mounted);

    set_string(&mounted->type, type);
    set_string(&mounted->name, name);
    set_string(&mounted->source, source);
    set_string(&mounted->container_path, container_path);
    mounted->read_only = read_only;
    return mounted;
}

struct port *port_new(int64_t host_port, int64_t container_port, enum protocol protocol)
{
    struct port *port = shape_new(&shape_port);

    port->host_port = host_port;
    port->container_port = container_port;
    port->protocol = protocol;
    return port;
}

/* An address as bytes, so that its spelling does not count; 0: it is none. */
static size_t address_of(const char *text, unsigned char *ret_bytes)
{
    if (inet_pton(AF_INET, text, ret_bytes) == 1)
        return sizeof(struct in_addr);
    return inet_pton(AF_INET6, text, ret_bytes) == 1 ? sizeof(struct in6_addr) : 0;
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
    static const unsigned char zeros[sizeof(struct in6_addr)];
    return memcmp(bytes, zeros, length) == 0;
}

static bool addresses_overlap(const char *a, const char *b)
{
    unsigned char a_bytes[sizeof(struct in6_addr)], b_bytes[sizeof(struct in6_addr)];
    size_t a_length = address_of(a, a_bytes), b_length = address_of(b, b_bytes);
    if (*a == '\0' || *b == '\0' || a_length == 0 || b_length == 0)
        return *a == '\0' || *b == '\0' || g_str_equal(a, b);
    return a_length == b_length &&
           (is_zero(a_bytes, a_length) || is_zero(b_bytes, a_length) ||
            memcmp(a_bytes, b_bytes, a_length) == 0);
}

bool ports_clash(const struct port *a, const struct port *b)
{
    return a->host_port != 0 && a->host_port == b->host_port &&
           a->protocol == b->protocol && addresses_overlap(a->host_ip, b->host_ip);
}

struct tmpfs *tmpfs_new(const char *container_path)
{
    struct tmpfs *tmpfs = shape_new(&shape_tmpfs);

    set_string(&tmpfs->container_path, container_path);
    return tmpfs;
}

struct ulimit *ulimit_new(const char *name, int64_t soft, int64_t hard)
{
    struct ulimit *ulimit = shape_new(&shape_ulimit);

    set_string(&ulimit->name, name);
    ulimit->soft = soft;
    ulimit->hard = hard;
    return ulimit;
}

struct volume *volume_new(const char *name, const char *container_path)
{
    struct volume *volume = shape_new(&shape_volume);

    set_string(&volume->name, name);
    set_string(&volume->container_path, container_path);
    return volume;
}
