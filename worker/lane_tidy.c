/*
 * lane_tidy.c - what ended commands have left is settled unasked.
 *
 * A rebuild that could do neither the one nor the other (its name was taken, its worker lost
 * its memory of it) leaves the old container set aside; one that succeeded may leave what
 * could not be removed.  Whoever owns the partition settles them when a list shows them: as a
 * job in the server's lane, so that no command runs beside it.  A rebuild that has begun and
 * has not come to us again is no leftover: its redelivery goes on with it.
 */
#include "lane.h"

#include "aside.h"
#include "lane_parts.h"
#include "log.h"

#define AGAIN_FIRST_MS 30000
#define AGAIN_MOST_MS  (10 * 60000) /* somebody else holds its files */

struct tidied {
    int64_t not_before; /* host time */
    int64_t pause_ms;
};

/* The command may be one of an earlier owner that was begun, and has not been received yet. */
static bool may_be_begun(const struct partition *partition, const char *command_id,
                         const char *server_id)
{
    const enum known known = answered_command(partition->answered, command_id, server_id,
                                              0);
    return offsets_awaits(partition->commands) || known == KNOWN_BEGUN ||
           known == KNOWN_UNREADABLE;
}

static bool is_leftover(const struct partition *partition, const struct container *listed)
{
    struct aside aside = {0};
    if (aside_is_gone(listed->name, listed->id))
        return !listed->running;
    if (!aside_parse(listed->name, &aside))
        return false;
    const bool is = !may_be_begun(partition, aside.command_id, listed->server_id);
    aside_clear(&aside);
    return is;
}

/* Two agents may share an engine; the other's commands are not in our log. */
static bool is_of_another_agent(const struct lanes *lanes, const struct container *listed)
{
    return !container_is_of(listed, lanes->setup.author->agent_id);
}

static double patience(const struct lanes *lanes)
{
    const double factor = lanes->setup.site.patience;
    return factor > 0 ? factor : 1;
}

/* Each time after twice the pause: what is stuck is mostly stuck for long. */
static bool is_due(struct lanes *lanes, const char *container_id, int64_t now_ms)
{
    struct tidied *tidied = g_hash_table_lookup(lanes->tidied, container_id);
    if (tidied && now_ms < tidied->not_before)
        return false;
    if (!tidied) {
        tidied = g_new0(struct tidied, 1);
        g_hash_table_insert(lanes->tidied, g_strdup(container_id), tidied);
    }
    tidied->pause_ms = CLAMP(tidied->pause_ms * 2, AGAIN_FIRST_MS, AGAIN_MOST_MS);
    tidied->not_before = now_ms + (int64_t)((double)tidied->pause_ms * patience(lanes));
    return true;
}

static struct order *tidy_order(const struct container *listed, const char *agent_id)
{
    struct order *order = g_new0(struct order, 1);
    const bool sweeps = step_is_going(listed) || aside_is_gone(listed->name, listed->id);
    order->command = command_new();
    order->command->spec = spec_new();
    order->begun = g_strdup("");
    order->tidies = g_strdup(sweeps ? listed->id : "");
    order->by_force = listed->status == CONTAINER_DEAD;
    g_free(order->command->agent_id);
    g_free(order->command->server_id);
    order->command->agent_id = g_strdup(agent_id);
    g_free(order->command->spec->container);
    order->command->server_id = g_strdup(listed->server_id);
    order->command->spec->container = aside_original(listed->name);
    return order;
}

void lanes_tidy(struct lanes *lanes, struct partition *partition,
                const struct container *listed, int64_t now_ms)
{
    if (lanes->closed || is_of_another_agent(lanes, listed) ||
        !is_leftover(partition, listed) || !lanes_have_room(lanes) ||
        g_hash_table_contains(lanes->by_server, listed->server_id) ||
        orphans_hold(lanes->orphans, listed->server_id) ||
        !is_due(lanes, listed->id, now_ms))
        return;
    struct lane *lane = lanes_lane(lanes, listed->server_id);
    lane->partition = partition;
    lane->job = job_new(&lanes->setup.site,
                        tidy_order(listed, lanes->setup.author->agent_id));
    g_ptr_array_add(lanes->running, lane);
    lanes_touch(lanes, lane->server_id);
    log_info("tidy", "server", listed->server_id, "container", listed->id, "name",
             listed->name);
}
