/*
 * container.c - a container as the engine shows it: by inspect, in a list, in an event.
 *
 * Takes what it knows out of the JSON and minds nothing else, so that a newer engine's
 * fields do no harm.  Reads no env: values are secret, and nothing here needs them.
 */
#include "container.h"

#include "container_reach.h"
#include "shape.h"

#include <gio/gio.h>
#include <string.h>

#define TIME_CHARS  35 /* RFC 3339 with nanoseconds and an offset */
#define ADOPT_LEAST 12 /* hex digits that name a container, as `docker ps` shows them */

/* --- Life -------------------------------------------------------------------------- */

/* All strings, which are never NULL. */
static const size_t text_fields[] = {
    offsetof(struct container, id),           offsetof(struct container, name),
    offsetof(struct container, image),        offsetof(struct container, image_id),
    offsetof(struct container, server_id),    offsetof(struct container, command_id),
    offsetof(struct container, spec_digest),  offsetof(struct container, canonical),
    offsetof(struct container, user),         offsetof(struct container, restart_policy),
    offsetof(struct container, started_text), offsetof(struct container, health),
    offsetof(struct container, error),        offsetof(struct container, agent_id),
    offsetof(struct container, reach),
};

struct engine_network *engine_network_new(const char *name, const char *id)
{
    struct engine_network *network = g_new0(struct engine_network, 1);

    network->name = g_strdup(name);
    network->id = g_strdup(id);
    return network;
}

void engine_network_free(struct engine_network *network)
{
    if (network == NULL)
        return;
    g_free(network->name);
    g_free(network->id);
    g_free(network->created);
    g_free(network);
}

const struct engine_network *engine_network_find(const GPtrArray *networks,
                                                 const char *name)
{
    for (guint i = 0; i < networks->len; i++) {
        const struct engine_network *network = g_ptr_array_index(networks, i);
        if (g_str_equal(network->name, name))
            return network;
    }
    return NULL;
}

static char **container_text(struct container *seen, size_t i)
{
    return (char **)(void *)((char *)seen + text_fields[i]);
}

struct container *container_new(void)
{
    struct container *seen = g_new0(struct container, 1);

    for (size_t i = 0; i < G_N_ELEMENTS(text_fields); i++)
        *container_text(seen, i) = g_strdup("");
    seen->status = CONTAINER_ABSENT;
    seen->networks = g_ptr_array_new_with_free_func((GDestroyNotify)engine_network_free);
    seen->mounts = g_ptr_array_new_with_free_func(shape_mounted.free);
    seen->ports = g_ptr_array_new_with_free_func(shape_port.free);
    seen->started_at = CONTRACT_NONE;
    seen->finished_at = CONTRACT_NONE;
    seen->exit_code = CONTRACT_NONE;
    return seen;
}

void container_free(struct container *seen)
{
    if (seen == NULL)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(text_fields); i++)
        g_free(*container_text(seen, i));
    g_ptr_array_unref(seen->networks);
    g_ptr_array_unref(seen->mounts);
    g_ptr_array_unref(seen->ports);
    g_free(seen);
}

/* --- Out of JSON -------------------------------------------------------------------- */

/* "" if it is missing or no string; borrowed. */
static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void set_text(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

static const char *without_slash(const char *name)
{
    return *name == '/' ? name + 1 : name;
}

/* RFC 3339 with nanoseconds; "0001-01-01T00:00:00Z" is the engine's "never". */
static int64_t time_ms(const char *text)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);

    if (time == NULL || g_date_time_to_unix(time) <= 0)
        return CONTRACT_NONE;
    return g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
}

/* A time as the engine wrote it, to be compared and passed on in a note; "" if it is none. */
static const char *time_text(const char *text)
{
    bool fits = strlen(text) <= TIME_CHARS &&
                strspn(text, "0123456789-:.TZ+") == strlen(text);

    return fits ? text : "";
}

/* Only the engine's own words count: that a container is absent says the status 404. */
static enum container_status status_of(const char *word)
{
    enum container_status status = container_status_from_name(word);

    return status == CONTAINER_ABSENT ? CONTAINER_UNKNOWN : status;
}

static void take_labels(struct container *seen, const json_t *labels)
{
    seen->managed = g_str_equal(text_at(labels, LABEL_MANAGED), "true");
    set_text(&seen->agent_id, text_at(labels, LABEL_AGENT_ID));
    set_text(&seen->server_id, text_at(labels, LABEL_SERVER_ID));
    set_text(&seen->command_id, text_at(labels, LABEL_COMMAND_ID));
    set_text(&seen->spec_digest, text_at(labels, LABEL_SPEC));
    set_text(&seen->canonical, text_at(labels, LABEL_CONTAINER));
}

static void take_mounts(struct container *seen, json_t *mounts)
{
    json_t *mount = NULL;
    size_t i = 0;

    json_array_foreach(mounts, i, mount)
    {
        const char *source = text_at(mount, "Source");
        g_ptr_array_add(seen->mounts,
                        mounted_new(text_at(mount, "Type"), text_at(mount, "Name"),
                                    source, text_at(mount, "Destination"),
                                    json_is_false(json_object_get(mount, "RW"))));
    }
}

static void take_networks(struct container *seen, json_t *networks)
{
    const char *name = NULL;
    json_t *network = NULL;

    json_object_foreach(networks, name, network) g_ptr_array_add(
        seen->networks, engine_network_new(name, text_at(network, "NetworkID")));
}

/* --- Ports --------------------------------------------------------------------------- */

static int port_order(const struct port *a, const struct port *b)
{
    if (a->container_port != b->container_port)
        return a->container_port < b->container_port ? -1 : 1;
    if (a->protocol != b->protocol)
        return a->protocol < b->protocol ? -1 : 1;
    if (a->host_port != b->host_port)
        return a->host_port < b->host_port ? -1 : 1;
    return strcmp(a->host_ip, b->host_ip);
}

static int port_order_in_array(gconstpointer a, gconstpointer b)
{
    return port_order(*(const struct port *const *)a, *(const struct port *const *)b);
}

/* The engine lists a port without an address twice, for IPv4 and IPv6: for us it is "". */
static void take_port(struct container *seen, const struct port *port)
{
    bool everywhere = g_str_equal(port->host_ip, "0.0.0.0") ||
                      g_str_equal(port->host_ip, "::");
    struct port *copy = shape_dup(&shape_port, port);

    if (everywhere)
        set_text(&copy->host_ip, "");
    for (guint i = 0; i < seen->ports->len; i++) {
        if (port_order(copy, g_ptr_array_index(seen->ports, i)) == 0) {
            shape_port.free(copy);
            return;
        }
    }
    g_ptr_array_add(seen->ports, copy);
}

/* "udp"; false for what we do not publish (sctp). */
static bool protocol_of(const char *word, enum protocol *ret_protocol)
{
    for (unsigned i = 0; i < PROTOCOL_COUNT; i++) {
        if (g_str_equal(word, protocol_name((enum protocol)i))) {
            *ret_protocol = (enum protocol)i;
            return true;
        }
    }
    return false;
}

/* HostConfig.PortBindings: {"27015/udp": [{"HostIp": "", "HostPort": "27015"}]}. */
static void take_bindings(struct container *seen, json_t *bindings)
{
    const char *key = NULL;
    json_t *list = NULL;
    json_t *binding = NULL;
    size_t i = 0;

    json_object_foreach(bindings, key, list)
    {
        const char *slash = strchr(key, '/');
        struct port port = {.container_port = g_ascii_strtoll(key, NULL, 10)};
        if (!protocol_of(slash ? slash + 1 : "tcp", &port.protocol))
            continue;
        json_array_foreach(list, i, binding)
        {
            port.host_ip = (char *)text_at(binding, "HostIp");
            port.host_port = g_ascii_strtoll(text_at(binding, "HostPort"), NULL, 10);
            take_port(seen, &port);
        }
    }
    g_ptr_array_sort(seen->ports, port_order_in_array);
}

/* A list's Ports: [{"IP": "::", "PrivatePort": 27015, "PublicPort": 27015, "Type": "udp"}];
 * one without PublicPort is exposed only. */
static void take_listed_ports(struct container *seen, json_t *ports)
{
    json_t *listed = NULL;
    size_t i = 0;

    json_array_foreach(ports, i, listed)
    {
        struct port port = {
            .host_ip = (char *)text_at(listed, "IP"),
            .host_port = json_integer_value(json_object_get(listed, "PublicPort")),
            .container_port = json_integer_value(json_object_get(listed, "PrivatePort")),
        };
        if (port.host_port != 0 && protocol_of(text_at(listed, "Type"), &port.protocol))
            take_port(seen, &port);
    }
    g_ptr_array_sort(seen->ports, port_order_in_array);
}

/* --- Inspect -------------------------------------------------------------------------- */

static bool no_field(GError **error, const char *field)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                "the engine's container has no %s; is this a Docker Engine?", field);
    return false;
}

/* While it runs the engine shows the exit code 0; a failed start leaves one without an end. */
static int64_t exit_code_of(const struct container *seen, const json_t *state)
{
    int64_t code = json_integer_value(json_object_get(state, "ExitCode"));

    if (seen->status == CONTAINER_RUNNING || seen->status == CONTAINER_PAUSED)
        return CONTRACT_NONE;
    return code == 0 && seen->finished_at == CONTRACT_NONE ? CONTRACT_NONE : code;
}

static void take_state(struct container *seen, const json_t *state)
{
    seen->status = status_of(text_at(state, "Status"));
    seen->running = json_is_true(json_object_get(state, "Running"));
    seen->oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
    seen->started_at = time_ms(text_at(state, "StartedAt"));
    seen->finished_at = time_ms(text_at(state, "FinishedAt"));
    seen->exit_code = exit_code_of(seen, state);
    set_text(&seen->started_text, time_text(text_at(state, "StartedAt")));
    set_text(&seen->error, text_at(state, "Error"));
    set_text(&seen->health, text_at(json_object_get(state, "Health"), "Status"));
    if (g_str_equal(seen->health, "none"))
        set_text(&seen->health, "");
}

static bool take_inspected(struct container *seen, const json_t *object, GError **error)
{
    const json_t *state = json_object_get(object, "State");
    const json_t *config = json_object_get(object, "Config");
    const json_t *host = json_object_get(object, "HostConfig");
    const json_t *net = json_object_get(object, "NetworkSettings");

    set_text(&seen->id, text_at(object, "Id"));
    set_text(&seen->name, without_slash(text_at(object, "Name")));
    if (*seen->id == '\0' || *seen->name == '\0' || *text_at(state, "Status") == '\0')
        return no_field(error, *seen->id == '\0'     ? "Id"
                               : *seen->name == '\0' ? "Name"
                                                     : "State.Status");
    take_state(seen, state);
    take_labels(seen, json_object_get(config, "Labels"));
    take_networks(seen, json_object_get(net, "Networks"));
    take_bindings(seen, json_object_get(host, "PortBindings"));
    take_mounts(seen, json_object_get(object, "Mounts"));
    set_text(&seen->reach, container_reach(host, seen->mounts));
    set_text(&seen->image, text_at(config, "Image"));
    set_text(&seen->image_id, text_at(object, "Image"));
    set_text(&seen->user, text_at(config, "User"));
    set_text(&seen->restart_policy,
             text_at(json_object_get(host, "RestartPolicy"), "Name"));
    seen->restart_retries = json_integer_value(
        json_object_get(json_object_get(host, "RestartPolicy"), "MaximumRetryCount"));
    seen->restart_count = json_integer_value(json_object_get(object, "RestartCount"));
    return true;
}

/* jansson's own sentence would quote what is near the fault, and that may be env. */
static json_t *load(const char *json, size_t length, GError **error)
{
    json_error_t fault = {0};
    json_t *value = json_loadb(json, length, 0, &fault);

    if (value == NULL)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                    "the engine's answer is no JSON from byte %d on", fault.position);
    return value;
}

struct container *container_parse(const char *json, size_t length, GError **error)
{
    g_autoptr(Container) seen = container_new();
    json_t *object = load(json, length, error);

    if (object == NULL)
        return NULL;
    bool whole = take_inspected(seen, object, error);
    json_decref(object);
    return whole ? g_steal_pointer(&seen) : NULL;
}

/* --- List ----------------------------------------------------------------------------- */

/* Its own name, not one of a link, which has two slashes.  One that is being removed may
 * have none left. */
static const char *listed_name(json_t *names)
{
    json_t *name = NULL;
    size_t i = 0;

    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);
        if (text != NULL && strchr(without_slash(text), '/') == NULL)
            return without_slash(text);
    }
    return "";
}

static bool is_running(enum container_status status)
{
    return status == CONTAINER_RUNNING || status == CONTAINER_PAUSED ||
           status == CONTAINER_RESTARTING;
}

static bool take_listed(struct container *seen, const json_t *object, GError **error)
{
    const json_t *net = json_object_get(object, "NetworkSettings");
    const char *status = text_at(object, "State");

    set_text(&seen->id, text_at(object, "Id"));
    set_text(&seen->name, listed_name(json_object_get(object, "Names")));
    if (*seen->id == '\0' || *status == '\0')
        return no_field(error, *seen->id == '\0' ? "Id" : "State");
    seen->status = status_of(status);
    seen->running = is_running(seen->status);
    take_labels(seen, json_object_get(object, "Labels"));
    take_networks(seen, json_object_get(net, "Networks"));
    take_listed_ports(seen, json_object_get(object, "Ports"));
    take_mounts(seen, json_object_get(object, "Mounts"));
    set_text(&seen->image, text_at(object, "Image"));
    set_text(&seen->image_id, text_at(object, "ImageID"));
    return true;
}

/* All or nothing: a list with a hole in it would make a server missing. */
static GPtrArray *take_list(json_t *list, GError **error)
{
    g_autoptr(GPtrArray)
        all = g_ptr_array_new_with_free_func((GDestroyNotify)container_free);
    json_t *object = NULL;
    size_t i = 0;

    if (!json_is_array(list)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                    "the engine's list of containers is no list");
        return NULL;
    }
    json_array_foreach(list, i, object)
    {
        struct container *seen = container_new();
        g_ptr_array_add(all, seen);
        if (!take_listed(seen, object, error))
            return NULL;
    }
    return g_steal_pointer(&all);
}

GPtrArray *container_parse_list(const char *json, size_t length, GError **error)
{
    json_t *list = load(json, length, error);

    if (list == NULL)
        return NULL;
    GPtrArray *all = take_list(list, error);
    json_decref(list);
    return all;
}

/* --- What it is to us ------------------------------------------------------------------ */

/* By its whole id, or by as much of it as `docker ps` shows. */
static bool is_adopted(const struct container *seen, const char *adopt)
{
    return adopt != NULL && *seen->server_id == '\0' && strlen(adopt) >= ADOPT_LEAST &&
           g_str_has_prefix(seen->id, adopt);
}

bool container_is_of(const struct container *seen, const char *agent_id)
{
    return *seen->agent_id == '\0' || g_str_equal(seen->agent_id, agent_id);
}

enum whose container_whose(const struct container *seen, const struct command *command)
{
    if (seen->status == CONTAINER_ABSENT)
        return WHOSE_NOBODYS;
    if (!container_is_of(seen, command->agent_id))
        return WHOSE_FOREIGN;
    if (seen->managed && g_str_equal(seen->server_id, command->server_id))
        return WHOSE_OURS;
    return is_adopted(seen, command->spec->adopt) ? WHOSE_OURS : WHOSE_FOREIGN;
}

void container_disown_others(GPtrArray *containers, const char *agent_id)
{
    for (guint i = 0; i < containers->len; i++) {
        struct container *container = g_ptr_array_index(containers, i);
        if (!container->managed || container_is_of(container, agent_id))
            continue;
        container->anothers = true;
        container->managed = false;
        set_text(&container->server_id, "");
    }
}

bool container_is_canonical(const struct container *seen)
{
    return seen->managed && *seen->server_id != '\0' && *seen->name != '\0' &&
           g_str_equal(seen->name, seen->canonical);
}

static void copy_ports(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; i < from->len; i++)
        g_ptr_array_add(to, shape_dup(&shape_port, g_ptr_array_index(from, i)));
}

/* What the control plane has to remember: the volumes; of a container that we have not made,
 * and whose binds are no record's, those too. */
static void tell_mounts(GPtrArray *told, const struct container *seen)
{
    for (guint i = 0; i < seen->mounts->len; i++) {
        const struct mounted *mounted = g_ptr_array_index(seen->mounts, i);
        const bool volume = g_str_equal(mounted->type, "volume") && *mounted->name;
        const bool bind = g_str_equal(mounted->type, "bind") && *seen->server_id == '\0';
        if (volume || bind)
            g_ptr_array_add(told,
                            mounted_new(mounted->type, mounted->name,
                                        volume ? "" : mounted->source,
                                        mounted->container_path, mounted->read_only));
    }
}

struct state *container_state(const struct container *seen, enum maybe data_exists)
{
    struct state *state = state_new();

    state->status = seen->status;
    state->container_id = *seen->id ? g_strdup(seen->id) : NULL;
    set_text(&state->container, seen->name);
    set_text(&state->image, seen->image);
    set_text(&state->image_id, seen->image_id);
    copy_ports(state->ports, seen->ports);
    state->started_at = seen->started_at;
    state->finished_at = seen->finished_at;
    state->exit_code = seen->exit_code;
    state->oom_killed = seen->oom_killed;
    state->restart_count = seen->restart_count;
    set_text(&state->health, seen->health);
    set_text(&state->command_id, seen->command_id);
    set_text(&state->spec_digest, seen->spec_digest);
    state->data_exists = data_exists;
    tell_mounts(state->mounts, seen);
    return state;
}

/* --- Events ---------------------------------------------------------------------------- */

void engine_event_free(struct engine_event *event)
{
    if (event == NULL)
        return;
    g_free(event->action);
    g_free(event->container_id);
    g_free(event->name);
    g_free(event->agent_id);
    g_free(event->server_id);
    g_free(event);
}

/* Podman's word for the end of a container is not Docker's. */
static const char *action_of(const json_t *object)
{
    const char *action = text_at(object, "Action");

    return g_str_equal(action, "remove") ? "destroy" : action;
}

static struct engine_event *event_of(const json_t *object)
{
    const json_t *actor = json_object_get(object, "Actor");
    const json_t *attributes = json_object_get(actor, "Attributes");
    const char *exit_code = text_at(attributes, "exitCode");
    struct engine_event *event = g_new0(struct engine_event, 1);

    event->action = g_strdup(action_of(object));
    event->container_id = g_strdup(text_at(actor, "ID"));
    event->name = g_strdup(without_slash(text_at(attributes, "name")));
    event->agent_id = g_strdup(text_at(attributes, LABEL_AGENT_ID));
    event->server_id = g_strdup(text_at(attributes, LABEL_SERVER_ID));
    event->exit_code = CONTRACT_NONE;
    if (*exit_code != '\0' && g_str_equal(event->action, "die"))
        event->exit_code = g_ascii_strtoll(exit_code, NULL, 10);
    event->time_ns = json_integer_value(json_object_get(object, "timeNano"));
    return event;
}

struct engine_event *engine_event_parse(const char *line, size_t length, GError **error)
{
    json_t *object = load(line, length, error);

    if (object == NULL)
        return NULL;
    g_autoptr(EngineEvent) event = event_of(object);
    json_decref(object);
    if (*event->action != '\0' && *event->container_id != '\0' && event->time_ns > 0)
        return g_steal_pointer(&event);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                "the engine's event has no Action, no Actor.ID or no timeNano");
    return NULL;
}
