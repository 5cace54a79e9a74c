/*
 * topic_watch.c - looks at topics, one after the other.
 */
#include "topic_watch.h"

#include "contract.h"
#include "ledger_rows.h"
#include "log.h"
#include "topics.h"

#include <string.h>

#define LOOK_MS 3000 /* how long a look at a topic may take, … */
#define LOOK_EVERY_US \
 (10 * G_USEC_PER_SEC)   /* … and how often there is one at muster.events, … */
#define TOPICS_AT_ONCE 4 /* … with so many of agents' beside it */

struct topic_watch {
    struct ledger *ledger;
    struct bus *bus;
    int64_t due_us;
    GPtrArray *round;  /* names of agents' topics that this round has still to look at */
    GHashTable *wrong; /* topic → struct wrong */
};

struct wrong {
    bool is_fault; /* else a warning */
    char *text;
};

static void wrong_free(void *gone)
{
    struct wrong *wrong = gone;
    g_free(wrong->text);
    g_free(wrong);
}

struct topic_watch *topic_watch_new(struct ledger *ledger, struct bus *bus)
{
    struct topic_watch *watch = g_new0(struct topic_watch, 1);
    watch->ledger = ledger;
    watch->bus = bus;
    watch->round = g_ptr_array_new_with_free_func(g_free);
    watch->wrong = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, wrong_free);
    return watch;
}

void topic_watch_free(struct topic_watch *watch)
{
    if (!watch)
        return;
    g_ptr_array_unref(watch->round);
    g_hash_table_unref(watch->wrong);
    g_free(watch);
}

/* --- What is wrong ------------------------------------------------------------------------- */

/* Told when it comes, when it changes, and when it is mended.  Takes the text. */
static void note(struct topic_watch *watch, const char *topic, bool is_fault, char *text)
{
    struct wrong *before = g_hash_table_lookup(watch->wrong, topic);
    if (g_strcmp0(before ? before->text : NULL, text) == 0) {
        g_free(text);
        return;
    }
    if (!text) {
        log_info("serve.topic_mended", "topic", topic);
        g_hash_table_remove(watch->wrong, topic);
        return;
    }
    if (is_fault)
        log_error("serve.topic", "fault", text);
    else
        log_warning("serve.topic", "warning", text);
    struct wrong *wrong = g_new0(struct wrong, 1);
    *wrong = (struct wrong){is_fault, text};
    g_hash_table_insert(watch->wrong, g_strdup(topic), wrong);
}

static void judge(struct topic_watch *watch, const char *topic,
                  const struct bus_topic_look *look)
{
    const struct bus_topic wanted = topic_shape(topic, look->partitions);
    char *fault = topic_fault(&wanted, look);
    note(watch, topic, fault != NULL, fault ? fault : topic_warning(&wanted, look));
}

guint topic_watch_count(const struct topic_watch *watch)
{
    GHashTableIter iter;
    void *value;
    guint count = 0;
    g_hash_table_iter_init(&iter, watch->wrong);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        count += ((const struct wrong *)value)->is_fault;
    return count;
}

/* That of muster.events before others. */
static const char *first_fault(const struct topic_watch *watch)
{
    GHashTableIter iter;
    void *key, *value;
    const struct wrong *events = g_hash_table_lookup(watch->wrong, TOPIC_EVENTS);
    const char *first = events && events->is_fault ? TOPIC_EVENTS : NULL;
    const char *text = first ? events->text : NULL;
    g_hash_table_iter_init(&iter, watch->wrong);
    while (!(events && events->is_fault) && g_hash_table_iter_next(&iter, &key, &value)) {
        const struct wrong *wrong = value;
        if (!wrong->is_fault || (first && strcmp(key, first) > 0))
            continue;
        first = key;
        text = wrong->text;
    }
    return text;
}

char *topic_watch_dup_fault(const struct topic_watch *watch)
{
    const guint count = topic_watch_count(watch);
    if (count <= 1)
        return g_strdup(first_fault(watch));
    return g_strdup_printf("%s (and %u more topics, as the log of serve names them)",
                           first_fault(watch), count - 1);
}

/* --- Looking ------------------------------------------------------------------------------- */

static bool look_at(struct topic_watch *watch, const char *topic, GError **error)
{
    struct bus_topic_look look;
    if (!bus_topic_look(watch->bus, topic, LOOK_MS, &look, error))
        return false;
    judge(watch, topic, &look);
    return topic_note_bytes(watch->ledger, topic, &look, error);
}

/* The round is over: all topics of the agents that there are now, and no word of others. */
static bool begin_round(struct topic_watch *watch, GError **error)
{
    g_autoptr(GPtrArray) agents = ledger_agents(watch->ledger, error);
    GHashTableIter iter;
    void *key;
    if (!agents)
        return false;
    for (guint i = 0; i < agents->len; i++) {
        const struct agent_row *agent = agents->pdata[i];
        g_ptr_array_add(watch->round, topic_commands(agent->id));
        g_ptr_array_add(watch->round, topic_control(agent->id));
    }
    g_hash_table_iter_init(&iter, watch->wrong);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!g_str_equal(key, TOPIC_EVENTS) &&
            !g_ptr_array_find_with_equal_func(watch->round, key, g_str_equal, NULL))
            g_hash_table_iter_remove(&iter);
    return true;
}

/* One that is not there holds its agent's commands back: the relay tells that.  What the bus does
 * not answer is asked again, when its turn comes. */
static bool look_at_next(struct topic_watch *watch, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (watch->round->len == 0 && !begin_round(watch, error))
        return false;
    for (guint i = 0; i < TOPICS_AT_ONCE && watch->round->len > 0; i++) {
        g_autofree char *topic = g_ptr_array_steal_index_fast(watch->round, 0);
        if (look_at(watch, topic, &why))
            continue;
        if (why->domain != BUS_ERROR) {
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
        log_debug("serve.topic_unseen", "topic", topic, "why", why->message);
        g_clear_error(&why);
        return true;
    }
    return true;
}

bool topic_watch_step(struct topic_watch *watch, int64_t now_us, GError **error)
{
    if (now_us < watch->due_us)
        return true;
    if (!look_at(watch, TOPIC_EVENTS, error) || !look_at_next(watch, error))
        return false;
    watch->due_us = now_us + LOOK_EVERY_US;
    return true;
}
