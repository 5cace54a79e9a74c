/*
 * hostile.c - writes mutated commands into an agent's topics, as many as asked.
 *
 *     hostile URL AGENT COUNT [SEED]
 *
 * Nine in ten go to the commands, one to the control topic, over all partitions.  Some are
 * whole but senseless, most have bytes changed, cut or added, some are noise.  None can be
 * meant: where one happens to decode, its expiry is long ago or its agent another one.  A
 * quarter has another server's key, or lies in another partition.  The same seed gives the
 * same records.
 */
#include "bus.h"
#include "codec.h"
#include "filled.h"

#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 30000, BATCH = 500, TEMPLATES = 64, NOISE_BYTES_MAX = 300 };

struct hostile {
    struct bus_sender *sender;
    char *topics[2]; /* commands, control */
    int32_t partitions;
    GPtrArray *templates; /* GBytes: whole commands */
    GRand *rand;
};

static void check(GError *error)
{
    if (error)
        g_error("%s", error->message);
}

static char *server_of(int template)
{
    return g_strdup_printf("h%d", template);
}

static GPtrArray *templates_new(const char *agent, GRand *rand)
{
    static const char *const actions[] = {"create", "start",  "stop", "rebuild", "delete",
                                          "purge",  "cancel", "sync", "dance"};
    GPtrArray *templates = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(Codec) codec = codec_new();
    for (int i = 0; i < TEMPLATES; i++) {
        g_autoptr(Command) command = filled_new(&shape_command, rand);
        g_free(command->agent_id);
        g_free(command->action);
        command->agent_id = g_strdup(agent);
        command->action = g_strdup(actions[i % G_N_ELEMENTS(actions)]);
        command->expires_at = 1;
        g_free(command->server_id);
        command->server_id = server_of(i);
        GBytes *bytes = codec_encode_command(codec, command);
        g_assert(bytes);
        g_ptr_array_add(templates, bytes);
    }
    return templates;
}

/* One place: another byte, another run of bytes, an end, or more of the same. */
static void mutate(GByteArray *bytes, GRand *rand)
{
    guint at = (guint)g_rand_int_range(rand, 0, (gint32)bytes->len);
    guint most = (guint)g_rand_int_range(rand, 1, 16);
    guint length = MIN(bytes->len - at, most);
    switch (g_rand_int_range(rand, 0, 5)) {
    case 0:
        bytes->data[at] ^= (guint8)(1u << g_rand_int_range(rand, 0, 8));
        break;
    case 1:
        bytes->data[at] = g_rand_boolean(rand) ? 0xff : 0;
        break;
    case 2:
        g_byte_array_set_size(bytes, at + 1);
        break;
    case 3:
        g_byte_array_remove_range(bytes, at, MIN(length, bytes->len - 1));
        break;
    default:
        for (guint i = 0; i < length; i++)
            g_byte_array_append(bytes, &(guint8){(guint8)g_rand_int(rand)}, 1);
        break;
    }
}

static GBytes *noise_new(GRand *rand)
{
    gsize length = (gsize)g_rand_int_range(rand, 0, NOISE_BYTES_MAX);
    guint8 *noise = g_malloc(length);
    for (gsize i = 0; i < length; i++)
        noise[i] = (guint8)g_rand_int(rand);
    return g_bytes_new_take(noise, length);
}

static GBytes *value_new(const struct hostile *hostile, int template)
{
    GRand *rand = hostile->rand;
    int kind = g_rand_int_range(rand, 0, 10);
    if (kind == 0)
        return noise_new(rand);
    GBytes *whole = g_ptr_array_index(hostile->templates, template);
    if (kind == 1)
        return g_bytes_ref(whole);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_byte_array_append(bytes, g_bytes_get_data(whole, NULL),
                        (guint)g_bytes_get_size(whole));
    for (int i = g_rand_int_range(rand, 1, 5); i > 0 && bytes->len > 1; i--)
        mutate(bytes, rand);
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

static void add(const struct hostile *hostile, struct bus_batch *batch)
{
    GRand *rand = hostile->rand;
    const int template = g_rand_int_range(rand, 0, TEMPLATES);
    const bool elsewhere = g_rand_int_range(rand, 0, 4) == 0;
    g_autoptr(GBytes) value = value_new(hostile, template);
    const char *topic = hostile->topics[g_rand_int_range(rand, 0, 10) == 0];
    g_autofree char *key = server_of(elsewhere ? g_rand_int_range(rand, 0, TEMPLATES)
                                               : template);
    const int32_t partition = elsewhere ? g_rand_int_range(rand, 0, hostile->partitions)
                                        : partition_of(key, hostile->partitions);
    g_ptr_array_add(batch->messages, bus_message_new(topic, partition, key, value));
}

static void send_all(const struct hostile *hostile, int64_t count)
{
    while (count > 0) {
        g_autoptr(GError) error = NULL;
        g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
        for (int i = 0; i < BATCH && count > 0; i++, count--)
            add(hostile, batch);
        enum bus_sent sent = bus_sender_commit(hostile->sender, batch, &error);
        while (sent == BUS_RETRY) {
            g_clear_error(&error);
            sent = bus_sender_commit(hostile->sender, batch, &error);
        }
        check(error);
    }
}

static void hostile_clear(struct hostile *hostile)
{
    bus_sender_close(hostile->sender);
    g_free(hostile->topics[0]);
    g_free(hostile->topics[1]);
    g_ptr_array_unref(hostile->templates);
    g_rand_free(hostile->rand);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: hostile URL AGENT COUNT [SEED]\n");
        return 2;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Bus) bus = bus_open(argv[1], NULL, &error);
    check(error);
    guint32 seed = (guint32)(argc > 4 ? g_ascii_strtoull(argv[4], NULL, 10) : 1);
    struct hostile hostile = {.rand = g_rand_new_with_seed(seed)};
    hostile.topics[0] = g_strconcat("muster.commands.", argv[2], NULL);
    hostile.topics[1] = g_strconcat("muster.control.", argv[2], NULL);
    hostile.templates = templates_new(argv[2], hostile.rand);
    bus_topic_partitions(bus, hostile.topics[0], TIMEOUT_MS, &hostile.partitions, &error);
    check(error);
    /* Each agent's has a name of its own: the same one would fence the other. */
    g_autofree char *name = g_strconcat("hostile.", argv[2], NULL);
    hostile.sender = bus_sender_open(bus, name, TIMEOUT_MS, &error);
    check(error);
    send_all(&hostile, g_ascii_strtoll(argv[3], NULL, 10));
    hostile_clear(&hostile);
    return 0;
}
