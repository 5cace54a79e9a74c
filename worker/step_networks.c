/*
 * step_networks.c - the networks that a container is to be on: made where they are not there.
 *
 * The engine lets two callers make two networks of one name, of which it then says that they are
 * ambiguous.  So one job of this host at a time makes networks, looks again once it is the one,
 * and a create whose answer did not come is waited for before it is asked for again.  What is
 * there twice all the same, and bears our label, is brought down to one: the youngest goes
 * first, and one that containers are on stays.
 */
#include "step_parts.h"

#include <jansson.h>
#include <string.h>

#define LATE_MS \
 10000 /* a create without an answer: the engine may not have come to it yet */

/* --- What is there ------------------------------------------------------------------------ */

static const struct network *missing_network(const struct facts *facts)
{
    const GPtrArray *networks = spec_of(facts)->networks;
    for (guint i = 0; i < networks->len; i++) {
        const struct network *network = g_ptr_array_index(networks, i);
        if (!engine_network_find(facts->networks_here, network->name))
            return network;
    }
    return NULL;
}

static bool is_stuck(const struct facts *facts, const struct engine_network *network)
{
    return facts->networks_stuck &&
           g_ptr_array_find_with_equal_func(facts->networks_stuck, network->id,
                                            g_str_equal, NULL);
}

/* All lookers say the same: a time is a text here, for none of another engine is compared. */
static bool is_younger(const struct engine_network *network,
                       const struct engine_network *than)
{
    const int order = strcmp(network->created, than->created);
    return order > 0 || (order == 0 && strcmp(network->id, than->id) > 0);
}

/* Of two or more of that name the one to go: ours, the youngest, and not known to be in use. */
static const struct engine_network *surplus_of(const struct facts *facts,
                                               const char *name)
{
    const struct engine_network *surplus = NULL;
    unsigned count = 0;
    for (guint i = 0; i < facts->networks_here->len; i++) {
        const struct engine_network *network = g_ptr_array_index(facts->networks_here, i);
        if (!g_str_equal(network->name, name))
            continue;
        count++;
        if (network->ours && !is_stuck(facts, network) &&
            (!surplus || is_younger(network, surplus)))
            surplus = network;
    }
    return count > 1 ? surplus : NULL;
}

static const struct engine_network *surplus_network(const struct facts *facts)
{
    const GPtrArray *networks = spec_of(facts)->networks;
    const struct engine_network *surplus = NULL;
    for (guint i = 0; i < networks->len && !surplus; i++)
        surplus = surplus_of(facts, ((const struct network *)networks->pdata[i])->name);
    return surplus;
}

/* --- The step ----------------------------------------------------------------------------- */

static enum ask look_again(struct facts *facts, struct want *want)
{
    g_clear_pointer(&facts->networks_here, g_ptr_array_unref);
    return step_ask_wait(facts, want, STEP_POLL_MS);
}

static enum ask make(struct facts *facts, struct want *want,
                     const struct network *missing)
{
    struct request *request;
    if (facts->network_late && facts->waited * STEP_POLL_MS < step_span(facts, LATE_MS))
        return look_again(facts, want);
    facts->network_late = false;
    request = request_new(ASKED_NETWORK, DOCKER_CHANGE, "POST", "/networks/create");
    request->body = container_network_body(missing);
    g_clear_pointer(&facts->networks_here, g_ptr_array_unref); /* whatever comes of it */
    return step_ask_engine(want, request, step_span(facts, STEP_CALL_MS));
}

static enum ask remove_one(struct facts *facts, struct want *want,
                           const struct engine_network *surplus)
{
    g_free(facts->network_going);
    facts->network_going = g_strdup(surplus->id);
    return step_ask_engine(want,
                           request_new(ASKED_NETWORK_REMOVE, DOCKER_CHANGE, "DELETE",
                                       "/networks/%s", surplus->id),
                           step_span(facts, STEP_CALL_MS));
}

enum ask ask_networks(struct facts *facts, struct want *want)
{
    if (spec_of(facts)->networks->len == 0)
        return ASK_NOTHING;
    if (!facts->networks_here)
        return step_ask_engine(
            want, request_new(ASKED_NETWORKS, DOCKER_READ, "GET", "/networks"),
            step_span(facts, STEP_SLACK_MS));
    const struct network *missing = missing_network(facts);
    const struct engine_network *surplus = surplus_network(facts);
    if (!missing && !surplus)
        return ASK_NOTHING;
    if (!facts->networks_locked) {
        g_clear_pointer(&facts->networks_here, g_ptr_array_unref);
        want->host = HOST_LOCK_NETWORKS;
        return ASK_HOST;
    }
    return surplus ? remove_one(facts, want, surplus) : make(facts, want, missing);
}

/* --- Its answers -------------------------------------------------------------------------- */

static struct engine_network *network_of(const json_t *listed)
{
    const char *name = json_string_value(json_object_get(listed, "Name"));
    const char *id = json_string_value(json_object_get(listed, "Id"));
    const char *created = json_string_value(json_object_get(listed, "Created"));
    const char *managed = json_string_value(
        json_object_get(json_object_get(listed, "Labels"), LABEL_MANAGED));
    struct engine_network *network = engine_network_new(name ? name : "", id ? id : "");
    network->created = g_strdup(created ? created : "");
    network->ours = id && g_strcmp0(managed, "true") == 0;
    return network;
}

static GPtrArray *listed_networks(const struct reply *reply)
{
    g_autoptr(GPtrArray)
        listed = g_ptr_array_new_with_free_func((GDestroyNotify)engine_network_free);
    json_t *networks = json_loadb(reply->body, reply->length, 0, NULL);
    const bool is_list = json_is_array(networks);
    size_t i;
    json_t *network;
    json_array_foreach(networks, i, network) g_ptr_array_add(listed, network_of(network));
    json_decref(networks);
    return is_list ? g_steal_pointer(&listed) : NULL;
}

static void note_stuck(struct facts *facts)
{
    if (!facts->networks_stuck)
        facts->networks_stuck = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(facts->networks_stuck, g_steal_pointer(&facts->network_going));
}

static bool told_made(struct facts *facts, struct refusal *ret_refusal)
{
    facts->network_late = false;
    facts->acted++; /* the list is asked for again: it decides */
    if (facts->acted <= spec_of(facts)->networks->len)
        return true;
    refusal_set(ret_refusal, CODE_NETWORK_FAILED,
                "the engine made the networks but does not list them");
    return false;
}

bool told_networks(struct facts *facts, enum verdict verdict, const struct reply *reply,
                   struct refusal *ret_refusal)
{
    g_clear_pointer(&facts->networks_here, g_ptr_array_unref);
    if (reply->asked == ASKED_NETWORK)
        return told_made(facts, ret_refusal);
    if (reply->asked == ASKED_NETWORK_REMOVE) {
        if (verdict == VERDICT_CONFLICT)
            note_stuck(facts);
        return true;
    }
    facts->networks_here = listed_networks(reply);
    if (!facts->networks_here)
        refusal_set(ret_refusal, CODE_ENGINE_REFUSED,
                    "the engine's list of networks is no list");
    return facts->networks_here != NULL;
}
