/*
 * container_body.c - the JSON that asks the engine for a container or a network.
 *
 * What a spec cannot say is not said: nothing here names privileges, devices or a namespace
 * of the host.  What every container is confined to is the host's policy alone
 * (policy_confines.c).  Mounts, never Binds: those make a missing directory, owned by root.
 */
#include "container.h"

#include "reference.h"

#include <jansson.h>
#include <string.h>

#define NANOSECONDS        G_GINT64_CONSTANT(1000000000)
#define API_MANY_ENDPOINTS 44 /* v1.44, Engine 25: create takes more than one network */

/* --- The image ----------------------------------------------------------------------- */

char *container_image_reference(const struct spec *spec)
{
    g_auto(Reference) reference = {0};

    if (reference_of(spec->image, spec->image_tag, &reference, NULL))
        return reference_text(&reference);
    return g_strconcat(spec->image, ":", spec->image_tag, NULL); /* no policy allows it */
}

/* --- Pieces -------------------------------------------------------------------------- */

/* The codec lets only UTF-8 through; what is not would be lost without a word here. */
static json_t *text(const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value, -1);

    return json_string(valid);
}

/* "27015/udp" */
static char *port_key(const struct port *port)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "/%s", port->container_port,
                           protocol_name(port->protocol));
}

static void set_number(json_t *object, const char *key, int64_t value)
{
    if (value != 0)
        json_object_set_new(object, key, json_integer(value));
}

static void set_text(json_t *object, const char *key, const char *value)
{
    if (*value != '\0')
        json_object_set_new(object, key, text(value));
}

static json_t *env_json(const struct spec *spec)
{
    json_t *env = json_array();

    for (guint i = 0; i < spec->env->len; i++) {
        const struct pair *pair = g_ptr_array_index(spec->env, i);
        g_autofree char *line = g_strconcat(pair->key, "=", pair->value, NULL);
        json_array_append_new(env, text(line));
    }
    return env;
}

/* Ours come last, so that no label of a spec can stand in for one. */
static json_t *labels_json(const struct command *command)
{
    const struct spec *spec = command->spec;
    json_t *labels = json_object();

    for (guint i = 0; i < spec->labels->len; i++) {
        const struct pair *pair = g_ptr_array_index(spec->labels, i);
        json_object_set_new(labels, pair->key, text(pair->value));
    }
    json_object_set_new(labels, LABEL_MANAGED, json_string("true"));
    json_object_set_new(labels, LABEL_AGENT_ID, text(command->agent_id));
    json_object_set_new(labels, LABEL_SERVER_ID, text(command->server_id));
    json_object_set_new(labels, LABEL_SERVER_NAME, text(spec->server_name));
    json_object_set_new(labels, LABEL_CONTAINER, text(spec->container));
    json_object_set_new(labels, LABEL_COMMAND_ID, text(command->command_id));
    json_object_set_new(labels, LABEL_SPEC, text(spec->digest));
    return labels;
}

static json_t *exposed_json(const struct spec *spec)
{
    json_t *exposed = json_object();

    for (guint i = 0; i < spec->ports->len; i++) {
        g_autofree char *key = port_key(g_ptr_array_index(spec->ports, i));
        json_object_set_new(exposed, key, json_object());
    }
    return exposed;
}

static json_t *binding_json(const struct port *port)
{
    g_autofree char *number = port->host_port == 0
                                  ? g_strdup("") /* any that is free */
                                  : g_strdup_printf("%" G_GINT64_FORMAT, port->host_port);

    return json_pack("{s:o, s:s}", "HostIp", text(port->host_ip), "HostPort", number);
}

static json_t *bindings_json(const struct spec *spec)
{
    json_t *bindings = json_object();

    for (guint i = 0; i < spec->ports->len; i++) {
        const struct port *port = g_ptr_array_index(spec->ports, i);
        g_autofree char *key = port_key(port);
        json_t *list = json_object_get(bindings, key);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(bindings, key, list);
        }
        json_array_append_new(list, binding_json(port));
    }
    return bindings;
}

/* A volume that the engine makes for this tells whose it is; one that is there stays as it
 * is, and the step that creates has looked whose. */
static json_t *volume_json(const struct command *command, const struct volume *volume)
{
    return json_pack("{s:s, s:o, s:o, s:b, s:{s:{s:s, s:o, s:o}}}", "Type", "volume",
                     "Source", text(volume->name), "Target", text(volume->container_path),
                     "ReadOnly", (int)volume->read_only, "VolumeOptions", "Labels",
                     LABEL_MANAGED, "true", LABEL_AGENT_ID, text(command->agent_id),
                     LABEL_SERVER_ID, text(command->server_id));
}

static bool has_place(const GPtrArray *volumes, const char *container_path)
{
    for (guint i = 0; i < volumes->len; i++) {
        const struct volume *volume = g_ptr_array_index(volumes, i);
        if (g_str_equal(volume->container_path, container_path))
            return true;
    }
    return false;
}

static json_t *mounts_json(const struct command *command, const GPtrArray *volumes)
{
    const struct spec *spec = command->spec;
    json_t *mounts = json_array();

    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(spec->mounts, i);
        if (has_place(volumes, mount->container_path))
            continue;
        json_array_append_new(mounts, json_pack("{s:s, s:o, s:o, s:b}", "Type", "bind",
                                                "Source", text(mount->host_path),
                                                "Target", text(mount->container_path),
                                                "ReadOnly", (int)mount->read_only));
    }
    for (guint i = 0; i < volumes->len; i++)
        json_array_append_new(mounts,
                              volume_json(command, g_ptr_array_index(volumes, i)));
    return mounts;
}

/* HostConfig.Tmpfs, not a mount: only there can programs be allowed (exec). */
static json_t *tmpfs_json(const struct spec *spec)
{
    json_t *all = json_object();

    for (guint i = 0; i < spec->tmpfs->len; i++) {
        const struct tmpfs *tmpfs = g_ptr_array_index(spec->tmpfs, i);
        g_autoptr(GString) options = g_string_new(tmpfs->exec ? "rw,exec" : "rw");
        if (tmpfs->size_bytes > 0)
            g_string_append_printf(options, ",size=%" G_GINT64_FORMAT, tmpfs->size_bytes);
        if (*tmpfs->mode != '\0')
            g_string_append_printf(options, ",mode=%s", tmpfs->mode);
        json_object_set_new(all, tmpfs->container_path, text(options->str));
    }
    return all;
}

static json_t *ulimits_json(const struct spec *spec)
{
    json_t *all = json_array();

    for (guint i = 0; i < spec->ulimits->len; i++) {
        const struct ulimit *ulimit = g_ptr_array_index(spec->ulimits, i);
        json_array_append_new(
            all, json_pack("{s:o, s:I, s:I}", "Name", text(ulimit->name), "Soft",
                           (json_int_t)ulimit->soft, "Hard", (json_int_t)ulimit->hard));
    }
    return all;
}

static json_t *texts_json(const GPtrArray *texts)
{
    json_t *all = json_array();

    for (guint i = 0; i < texts->len; i++)
        json_array_append_new(all, text(g_ptr_array_index(texts, i)));
    return all;
}

/* A driver that keeps files keeps few and small ones.  Whoever asks for a size alone has one
 * file of it, the engine's own way. */
static void bound_log(json_t *options, const struct policy *policy)
{
    if (policy->log_bytes.given == 0 || json_object_get(options, "max-size"))
        return;
    g_autofree char *size = g_strdup_printf("%" G_GINT64_FORMAT, policy->log_bytes.given);
    g_autofree char *files = g_strdup_printf("%" G_GINT64_FORMAT,
                                             policy->log_files.given);
    json_object_set_new(options, "max-size", text(size));
    if (policy->log_files.given > 0 && !json_object_get(options, "max-file"))
        json_object_set_new(options, "max-file", text(files));
}

static bool keeps_files(const char *driver)
{
    return g_str_equal(driver, "json-file") || g_str_equal(driver, "local");
}

/* NULL: as the engine does it.  Its own bounds (log-opts of its daemon.json) are not to be
 * seen from outside; the policy's, which stand here, go before them. */
static json_t *logging_json(const struct logging *logging, const struct terms *terms)
{
    const bool files = terms->logs == ENGINE_LOGS_IN_FILES;
    const char *driver = *logging->driver || !files ? logging->driver : "json-file";

    if (*driver == '\0')
        return NULL;
    json_t *options = json_object();

    for (guint i = 0; i < logging->options->len; i++) {
        const struct pair *pair = g_ptr_array_index(logging->options, i);
        json_object_set_new(options, pair->key, text(pair->value));
    }
    if (terms->logs != ENGINE_LOGS_UNKNOWN && keeps_files(driver))
        bound_log(options, terms->policy);
    return json_pack("{s:o, s:o}", "Type", text(driver), "Config", options);
}

/* The engine counts in nanoseconds. */
static json_t *health_json(const struct health_check *health)
{
    json_t *json = json_object();

    if (health->test->len > 0)
        json_object_set_new(json, "Test", texts_json(health->test));
    set_number(json, "Interval", health->interval_s * NANOSECONDS);
    set_number(json, "Timeout", health->timeout_s * NANOSECONDS);
    set_number(json, "StartPeriod", health->start_period_s * NANOSECONDS);
    set_number(json, "Retries", health->retries);
    return json;
}

/* What is empty is left to the image, or to the engine. */
static void set_unless_empty(json_t *object, const char *key, json_t *value_taken)
{
    if (json_object_size(value_taken) > 0 || json_array_size(value_taken) > 0)
        json_object_set(object, key, value_taken);
    json_decref(value_taken);
}

/* --- Bodies -------------------------------------------------------------------------- */

static const char *main_network(const struct spec *spec)
{
    const struct network *network = spec->networks->len > 0
                                        ? g_ptr_array_index(spec->networks, 0)
                                        : NULL;

    return network ? network->name : "";
}

/* All are dropped and the allowed ones added: what an engine gives of its own accord has
 * changed between versions, and is more with Docker than with Podman. */
static void confine(json_t *config, const struct spec *spec, const struct terms *terms)
{
    const struct policy *policy = terms->policy;
    const int64_t pids = spec->resources->pids;
    json_t *logging = logging_json(spec->logging, terms);

    json_object_set_new(config, "CapDrop", json_pack("[s]", "ALL"));
    set_unless_empty(config, "CapAdd", texts_json(policy->capabilities));
    if (!policy->new_privileges)
        json_object_set_new(config, "SecurityOpt", json_pack("[s]", "no-new-privileges"));
    set_number(config, "PidsLimit",
               pids ? pids : MIN(policy->pids_given, policy->pids.most));
    if (logging)
        json_object_set_new(config, "LogConfig", logging);
}

static json_t *host_config_json(const struct command *command, const GPtrArray *volumes,
                                const struct terms *terms)
{
    const struct spec *spec = command->spec;
    json_t *config = json_pack("{s:o, s:o}", "Mounts", mounts_json(command, volumes),
                               "PortBindings", bindings_json(spec));

    if (*spec->restart_policy != '\0')
        json_object_set_new(config, "RestartPolicy",
                            json_pack("{s:o}", "Name", text(spec->restart_policy)));
    set_text(config, "NetworkMode", main_network(spec));
    set_number(config, "Memory", spec->resources->memory_bytes);
    set_number(config, "NanoCpus", spec->resources->nano_cpus);
    set_number(config, "ShmSize", spec->shm_bytes);
    set_unless_empty(config, "Tmpfs", tmpfs_json(spec));
    set_unless_empty(config, "Ulimits", ulimits_json(spec));
    confine(config, spec, terms);
    return config;
}

static json_t *networking_json(const struct spec *spec, int api_minor)
{
    guint most = api_minor >= API_MANY_ENDPOINTS ? G_MAXUINT : 1;
    json_t *endpoints = json_object();

    for (guint i = 0; i < MIN(spec->networks->len, most); i++) {
        const struct network *network = g_ptr_array_index(spec->networks, i);
        json_object_set_new(endpoints, network->name, json_object());
    }
    return json_pack("{s:o}", "EndpointsConfig", endpoints);
}

static char *dump(json_t *body_taken)
{
    char *json = json_dumps(body_taken, JSON_COMPACT);

    json_decref(body_taken);
    return json;
}

/* Who runs in it, and how. */
static void set_process(json_t *body, const struct spec *spec)
{
    set_text(body, "User", spec->user);
    set_text(body, "Hostname", spec->hostname);
    set_unless_empty(body, "Entrypoint", texts_json(spec->entrypoint));
    set_unless_empty(body, "Cmd", texts_json(spec->command));
    set_unless_empty(body, "Healthcheck", health_json(spec->health));
    if (spec->open_stdin)
        json_object_set_new(body, "OpenStdin", json_true());
    if (spec->tty)
        json_object_set_new(body, "Tty", json_true());
}

char *container_create_body(const struct command *command, const GPtrArray *volumes,
                            const struct terms *terms)
{
    const struct spec *spec = command->spec;
    g_autofree char *image = container_image_reference(spec);
    json_t *body = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "Image", text(image),
                             "Env", env_json(spec), "Labels", labels_json(command),
                             "ExposedPorts", exposed_json(spec), "HostConfig",
                             host_config_json(command, volumes, terms),
                             "NetworkingConfig", networking_json(spec, terms->api));

    set_text(body, "StopSignal", spec->stop->signal);
    set_process(body, spec);
    json_object_set_new(body, "StopTimeout", json_integer(spec->stop->timeout_s));
    return dump(body);
}

/* Without CheckDuplicate the engine makes a second network of the same name (before v1.44,
 * which ignores the field and always checks). */
char *container_network_body(const struct network *network)
{
    return dump(json_pack("{s:o, s:s, s:b, s:b, s:{s:s}}", "Name", text(network->name),
                          "Driver", "bridge", "CheckDuplicate", 1, "Internal",
                          (int)network->internal, "Labels", LABEL_MANAGED, "true"));
}
