/*
 * resolve.c - from what was asked to a complete description of a container.
 *
 * Pure.  Nothing here knows a game: the files in profiles/ do.
 */
#include "resolve.h"

#include "check.h"
#include "fill.h"
#include "inside.h"
#include "numbers.h"
#include "reference.h"
#include "resolve_inside.h"
#include "shape.h"

#include <string.h>

G_DEFINE_QUARK(muster_resolve_error, resolve_error)

/* --- The parts of a spec ------------------------------------------------------------------ */

/* The record's own image, or the profile's, or the agent's; without its tag if the record has
 * one: what another says is a default. */
static char *image_of(const struct filling *at, const struct server_row *server,
                      const struct agent_row *agent)
{
    const char *own = json_string_value(json_object_get(at->profile, "image"));
    if (server->image && *server->image)
        return g_strdup(server->image);
    g_auto(Reference) image = {0};
    const char *text = own ? own : agent->steam_zomboid_registry;
    if (*server->image_tag && reference_parse(text, &image, NULL))
        return g_strdup(image.repository);
    return g_strdup(text);
}

static bool resolve_image(const struct filling *at, const struct server_row *server,
                          const struct agent_row *agent, GError **error)
{
    const char *otherwise = json_string_value(json_object_get(at->profile, "image_tag"));
    const char *tag = *server->image_tag ? server->image_tag : otherwise ? otherwise : "";
    g_autofree char *image = image_of(at, server, agent);
    g_auto(Reference) reference = {0};
    g_autoptr(GError) wrong = NULL;
    if (!*image && !reference_is_whole(tag))
        return check_image("image", image, error);
    if (!reference_of(image, tag, &reference, &wrong))
        return fill_complain(error, RESOLVE_ERROR_RECORD, "%s", wrong->message);
    row_set(&at->spec->image, reference.repository);
    row_set(&at->spec->image_tag, reference.digest ? reference.digest
                                  : reference.tag  ? reference.tag
                                                   : "latest");
    fill_word(at->words, "image", at->spec->image);
    fill_word(at->words, "image_tag", at->spec->image_tag);
    return true;
}

static bool resolve_names(const struct filling *at, const struct server_row *server,
                          GError **error)
{
    struct spec *spec = at->spec;
    g_autofree char *container = fill_member(at, at->profile, "container", "{name}",
                                             error);
    if (!container || !check_name("container", container, error))
        return false;
    g_autofree char *data_dir = fill_member(at, at->profile, "data_dir", "", error);
    if (!data_dir || (*data_dir && !check_path("data_dir", data_dir, error)))
        return false;
    row_set(&spec->server_name, server->name);
    row_set(&spec->container, container);
    row_set(&spec->data_dir, data_dir);
    fill_word(at->words, "data_dir", data_dir);
    return true;
}

static bool resolve_config(const struct filling *at, const struct server_row *server,
                           GError **error)
{
    json_auto_t *config = numbers_load(server->config, strlen(server->config), 0, NULL);
    const char *key;
    json_t *value;
    size_t bytes = 0;
    if (!json_is_object(config))
        return fill_complain(error, RESOLVE_ERROR_RECORD,
                             "config: must be a JSON object");
    json_object_foreach(config, key, value)
    {
        g_autofree char *text = numbers_text(value);
        if (!check_env_name("config", key, error))
            return false;
        bytes += strlen(key) + strlen(text);
        pairs_set(at->spec->env, key, text);
    }
    if (bytes > CHECK_ENV_MAX)
        return fill_complain(error, RESOLVE_ERROR_RECORD, "config: larger than %d KiB",
                             CHECK_ENV_MAX / 1024);
    return true;
}

static bool resolve_label_names(const struct filling *at, GError **error)
{
    for (guint i = 0; i < at->spec->labels->len; i++) {
        const struct pair *label = at->spec->labels->pdata[i];
        if (g_str_has_prefix(label->key, LABEL_PREFIX))
            return fill_complain(error, RESOLVE_ERROR_PROFILE,
                                 "profile: labels: '%s' may not begin with " LABEL_PREFIX,
                                 label->key);
    }
    return true;
}

static bool resolve_network(const struct filling *at, const json_t *item, GError **error)
{
    g_autofree char *name = fill_member(at, item, "name", NULL, error);
    if (!name || !check_name("network", name, error))
        return false;
    g_ptr_array_add(at->spec->networks,
                    network_new(name, fill_flag(item, "internal", false)));
    return true;
}

static bool resolve_mount(const struct filling *at, const json_t *item, GError **error)
{
    g_autofree char *host = fill_member(at, item, "host_path", NULL, error);
    g_autofree char *inside = host ? fill_member(at, item, "container_path", NULL, error)
                                   : NULL;
    if (!inside || !check_path("mount host_path", host, error) ||
        !check_path("mount container_path", inside, error))
        return false;
    struct mount *mount = mount_new(host, inside);
    mount->read_only = fill_flag(item, "read_only", false);
    mount->make_directory = fill_flag(item, "make_directory", true);
    g_ptr_array_add(at->spec->mounts, mount);
    return true;
}

static bool protocol_from_name(const char *name, enum protocol *ret_protocol)
{
    for (int i = 0; i < PROTOCOL_COUNT; i++)
        if (g_str_equal(name, protocol_name((enum protocol)i))) {
            *ret_protocol = (enum protocol)i;
            return true;
        }
    return false;
}

/* The text of a port or of a range of them: a number may stand without quotes. */
static char *port_text(const struct filling *at, const json_t *item, const char *field,
                       GError **error)
{
    const json_t *value = json_object_get(item, field);

    return json_is_integer(value)
               ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value))
               : fill_member(at, item, field, NULL, error);
}

/* "27015", or "27015-27030". */
static bool port_range(const char *field, const char *text, int64_t *ret_first,
                       int64_t *ret_last, GError **error)
{
    const char *dash = strchr(text, '-');
    g_autofree char *first = dash ? g_strndup(text, (gsize)(dash - text))
                                  : g_strdup(text);
    gint64 from, to;

    if (!g_ascii_string_to_signed(first, 10, 1, 65535, &from, NULL) ||
        !g_ascii_string_to_signed(dash ? dash + 1 : first, 10, from, 65535, &to, NULL))
        return fill_complain(error, RESOLVE_ERROR_PROFILE,
                             "profile: ports: %s: '%.100s' is no port, 1 to 65535, nor a "
                             "range of them such as 27015-27030",
                             field, text);
    *ret_first = from;
    *ret_last = to;
    return true;
}

/* "{udp_port}" → "udp_port": what people know the port by. */
static char *port_field(const json_t *item)
{
    const char *text = json_string_value(json_object_get(item, "host_port"));
    size_t length = text ? strlen(text) : 0;

    return length > 2 && text[0] == '{' && text[length - 1] == '}'
               ? g_strndup(text + 1, length - 2)
               : g_strdup("ports");
}

/* Another field of the record that has this number, or NULL. */
static const char *field_of_port(const struct filling *at, int64_t number,
                                 const char *but)
{
    static const char *const fields[] = {"game_port", "udp_port", "rcon_port"};
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);

    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        if (!g_str_equal(fields[i], but) &&
            g_strcmp0(g_hash_table_lookup(at->words, fields[i]), text) == 0)
            return fields[i];
    return NULL;
}

/* One number for UDP and TCP is fine, and so is one that no two publish. */
static bool check_free(const struct filling *at, const struct port *port,
                       const json_t *item, GError **error)
{
    for (guint i = 0; i < at->spec->ports->len; i++) {
        if (!ports_clash(port, at->spec->ports->pdata[i]))
            continue;
        g_autofree char *field = port_field(item);
        const char *other = field_of_port(at, port->host_port, field);
        return fill_complain(error, RESOLVE_ERROR_RECORD,
                             "%s: %" G_GINT64_FORMAT " is %s%s already, %s both", field,
                             port->host_port, other ? "the " : "published",
                             other ? other : "", protocol_name(port->protocol));
    }
    return true;
}

static bool add_ports(const struct filling *at, const struct port *first, int64_t count,
                      const json_t *item, GError **error)
{
    GPtrArray *ports = at->spec->ports;

    if (ports->len + count > RESOLVE_PORTS_MAX)
        return fill_complain(error, RESOLVE_ERROR_PROFILE, "profile: ports: more than %d",
                             RESOLVE_PORTS_MAX);
    for (int64_t i = 0; i < count; i++) {
        struct port *port = port_new(first->host_port + i, first->container_port + i,
                                     first->protocol);
        row_set(&port->host_ip, first->host_ip);
        bool good = check_free(at, port, item, error);
        g_ptr_array_add(ports, port);
        if (!good)
            return false;
    }
    return true;
}

/* An entry of "ports": one, or as many as its ranges have, in pairs. */
static bool resolve_ports(const struct filling *at, const json_t *item, GError **error)
{
    struct port first = {0};
    int64_t host_last = 0, inside_last = 0;
    g_autofree char *name = fill_member(at, item, "protocol", "tcp", error);
    g_autofree char *host_ip = name ? fill_member(at, item, "host_ip", "", error) : NULL;
    g_autofree char *host = host_ip ? port_text(at, item, "host_port", error) : NULL;
    g_autofree char *inside = host ? port_text(at, item, "container_port", error) : NULL;
    if (!inside || !port_range("host_port", host, &first.host_port, &host_last, error) ||
        !port_range("container_port", inside, &first.container_port, &inside_last, error))
        return false;
    if (!protocol_from_name(name, &first.protocol))
        return fill_complain(error, RESOLVE_ERROR_PROFILE,
                             "profile: ports: '%s' is not tcp or udp", name);
    if (host_last - first.host_port != inside_last - first.container_port)
        return fill_complain(
            error, RESOLVE_ERROR_PROFILE,
            "profile: ports: host_port %s and container_port %s have not "
            "as many ports",
            host, inside);
    first.host_ip = host_ip;
    return add_ports(at, &first, host_last - first.host_port + 1, item, error);
}

static bool resolve_limits(const struct filling *at, GError **error)
{
    const json_t *stop = json_object_get(at->profile, "stop");
    const json_t *resources = json_object_get(at->profile, "resources");
    struct spec *spec = at->spec;
    g_autofree char *signal = fill_member(at, stop, "signal", "", error);
    g_autofree char *policy = signal ? fill_member(at, at->profile, "restart_policy",
                                                   "unless-stopped", error)
                                     : NULL;
    if (!policy)
        return false;
    row_set(&spec->stop->signal, signal);
    row_set(&spec->restart_policy, policy);
    return fill_number(at, stop, "timeout_s", &spec->stop->timeout_s, error) &&
           fill_number(at, stop, "save_timeout_s", &spec->stop->save_timeout_s, error) &&
           fill_texts(at, "stop.save", json_object_get(stop, "save"), spec->stop->save,
                      error) &&
           fill_number(at, resources, "memory_bytes", &spec->resources->memory_bytes,
                       error) &&
           fill_number(at, resources, "nano_cpus", &spec->resources->nano_cpus, error) &&
           fill_number(at, resources, "pids", &spec->resources->pids, error);
}

/* --- The whole ------------------------------------------------------------------------------ */

static bool check_record_ports(const struct server_row *server, GError **error)
{
    const struct {
        const char *field;
        int64_t port;
    } ports[] = {{"game_port", server->game_port},
                 {"udp_port", server->udp_port},
                 {"rcon_port", server->rcon_port}};
    for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
        if (ports[i].port != 0 && !check_port(ports[i].field, ports[i].port, error))
            return false;
    }
    return true;
}

static bool check_record(const struct server_row *server, const char *data_path,
                         GError **error)
{
    return check_name("name", server->name, error) && check_record_ports(server, error) &&
           (!*data_path || check_path("server_data_path", data_path, error));
}

static GHashTable *words_new(const struct server_row *server,
                             const struct agent_row *agent, const char *data_path)
{
    GHashTable *words = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    fill_word(words, "id", server->id);
    fill_word(words, "name", server->name);
    fill_word(words, "agent", agent->name);
    fill_word(words, "data_path", data_path);
    fill_word_number(words, "game_port", server->game_port);
    fill_word_number(words, "udp_port", server->udp_port);
    fill_word_number(words, "rcon_port", server->rcon_port);
    return words;
}

/* What the profile sets in env wins over the record's config. */
static bool resolve_parts(const struct filling *at, const struct server_row *server,
                          const struct agent_row *agent, GError **error)
{
    return resolve_image(at, server, agent, error) && resolve_names(at, server, error) &&
           resolve_config(at, server, error) &&
           fill_pairs(at, json_object_get(at->profile, "env"), at->spec->env, error) &&
           fill_pairs(at, json_object_get(at->profile, "labels"), at->spec->labels,
                      error) &&
           resolve_label_names(at, error) &&
           fill_list(at, "networks", resolve_network, error) &&
           fill_list(at, "mounts", resolve_mount, error) &&
           fill_list(at, "ports", resolve_ports, error) && resolve_limits(at, error) &&
           resolve_inside(at, error);
}

static bool check_inside(const struct spec *spec, GError **error)
{
    g_autofree char *wrong = NULL;

    return inside_check(spec, &wrong) ||
           fill_complain(error, RESOLVE_ERROR_PROFILE, "profile: %s", wrong);
}

struct spec *resolve(const struct server_row *server, const struct agent_row *agent,
                     const json_t *profile, GBytes *key, GError **error)
{
    const char *data_path = server->server_data_path && *server->server_data_path
                                ? server->server_data_path
                                : agent->server_data_path;
    if (!check_record(server, data_path, error))
        return NULL;
    g_autoptr(Spec) spec = spec_new();
    g_autoptr(GHashTable) words = words_new(server, agent, data_path);
    const struct filling at = {profile, words, spec};
    if (!resolve_parts(&at, server, agent, error) || !check_inside(spec, error))
        return NULL;
    if (server_row_is_adopted(server))
        spec->adopt = g_strdup(server->container_id);
    g_autofree char *digest = resolve_digest(spec, key);
    row_set(&spec->digest, digest);
    return g_steal_pointer(&spec);
}

#define NAME_WORD "{name}"

char *resolve_name(const json_t *profile, const struct agent_row *agent,
                   const char *container, GError **error)
{
    const json_t *value = json_object_get(profile, "container");
    const char *template = json_is_string(value) ? json_string_value(value) : NAME_WORD;
    const char *word_at = strstr(template, NAME_WORD);
    g_autoptr(GHashTable)
        words = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    const struct filling at = {.words = words};
    fill_word(words, "agent", agent->name);
    g_autofree char *start = g_strndup(template,
                                       word_at ? (gsize)(word_at - template) : 0);
    g_autofree char *before = fill(&at, "container", start, error);
    g_autofree char *after = before
                                 ? fill(&at, "container",
                                        word_at ? word_at + strlen(NAME_WORD) : "", error)
                                 : NULL;
    if (!after)
        return NULL;
    size_t length = strlen(container), outside = strlen(before) + strlen(after);
    if (word_at && length > outside && g_str_has_prefix(container, before) &&
        g_str_has_suffix(container, after))
        return g_strndup(container + strlen(before), length - outside);
    fill_complain(error, RESOLVE_ERROR_RECORD,
                  "container: '%s' is not named as the profile names them, %s", container,
                  template);
    return NULL;
}

/* --- The digest ------------------------------------------------------------------------------ */

static bool is_default(const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_integer(value) && json_integer_value(value) == 0) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* Leaves out what says nothing, so that a field that a later version adds changes no digest
 * of a spec that does not use it. */
static void prune(json_t *value)
{
    const char *key;
    void *next;
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item) prune(item);
    json_object_foreach_safe(value, next, key, item)
    {
        prune(item);
        if (is_default(item))
            json_object_del(value, key);
    }
}

char *resolve_digest(const struct spec *spec, GBytes *key)
{
    json_auto_t *json = shape_to_json(&shape_spec, spec);
    json_object_del(json, "digest");
    json_object_del(json, "adopt");
    json_object_del(json, "kept"); /* neither makes another container */
    json_object_del(json, "disposable");
    json_object_del(json, "env");
    prune(json);
    g_autofree char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    gsize key_length;
    const guchar *key_bytes = g_bytes_get_data(key, &key_length);
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, key_bytes, key_length);
    g_hmac_update(hmac, (const guchar *)text, -1);
    for (guint i = 0; i < spec->env->len; i++) {
        const struct pair *pair = spec->env->pdata[i];
        g_autofree char *line = g_strdup_printf("\n%zu:%s=%zu:%s", strlen(pair->key),
                                                pair->key, strlen(pair->value),
                                                pair->value);
        g_hmac_update(hmac, (const guchar *)line, -1);
    }
    char *digest = g_strdup(g_hmac_get_string(hmac));
    g_hmac_unref(hmac);
    return digest;
}

/* --- Profiles --------------------------------------------------------------------------------- */

json_t *resolve_profile(const char *text, GError **error)
{
    json_error_t wrong;
    json_auto_t *profile = json_loads(text, JSON_REJECT_DUPLICATES, &wrong);
    if (!profile) {
        fill_complain(error, RESOLVE_ERROR_PROFILE, "profile: line %d: %s", wrong.line,
                      wrong.text);
        return NULL;
    }
    const char *name = json_string_value(json_object_get(profile, "name"));
    if (!name || !check_name("profile: name", name, error)) {
        if (!name)
            fill_complain(error, RESOLVE_ERROR_PROFILE,
                          "profile: name: must be a string");
        return NULL;
    }
    return g_steal_pointer(&profile);
}
