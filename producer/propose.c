/*
 * propose.c - the record that keeps a container as it is.
 */
#include "propose.h"

#include <string.h>

/* --- Ports ---------------------------------------------------------------------------------- */

static int64_t *port_field(struct server_row *server, const json_t *text)
{
    const char *word = json_string_value(text);
    const struct {
        const char *word;
        int64_t *field;
    } fields[] = {{"{game_port}", &server->game_port},
                  {"{udp_port}", &server->udp_port},
                  {"{rcon_port}", &server->rcon_port}};
    for (size_t i = 0; word && i < G_N_ELEMENTS(fields); i++)
        if (g_str_equal(word, fields[i].word))
            return fields[i].field;
    return NULL;
}

static bool is_taken(const struct server_row *server, int64_t number)
{
    return number == server->game_port || number == server->udp_port ||
           number == server->rcon_port;
}

/* Whether the container publishes it as this entry of the profile says. */
static bool is_by(const json_t *item, const struct port *port)
{
    const char *protocol = json_string_value(json_object_get(item, "protocol"));
    const json_t *inside = json_object_get(item, "container_port");
    const char *text = json_string_value(inside);
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, port->container_port);
    if (!g_str_equal(protocol ? protocol : "tcp", protocol_name(port->protocol)))
        return false;
    if (json_is_integer(inside))
        return json_integer_value(inside) == port->container_port;
    if (g_strcmp0(text, json_string_value(json_object_get(item, "host_port"))) == 0)
        return port->host_port == port->container_port;
    return g_strcmp0(text, number) == 0;
}

static void propose_port(struct server_row *server, const json_t *item,
                         const struct found *found)
{
    int64_t *field = port_field(server, json_object_get(item, "host_port"));
    int64_t lowest = 0;
    if (!field || *field != 0)
        return;
    for (guint i = 0; i < found->ports->len; i++) {
        const struct port *port = found->ports->pdata[i];
        if (port->host_port != 0 && is_by(item, port) &&
            !is_taken(server, port->host_port) &&
            (lowest == 0 || port->host_port < lowest))
            lowest = port->host_port;
    }
    *field = lowest;
}

/* --- The directory --------------------------------------------------------------------------- */

static char *with_word(const char *text, const char *word, const char *value)
{
    g_auto(GStrv) pieces = g_strsplit(text, word, -1);
    return g_strjoinv(value, pieces);
}

/* "{data_dir}/data" → "/beta/data", what comes behind the data path; NULL if the text does not
 * begin with that, or says more than is known yet. */
static char *behind_data_path(const struct server_row *server,
                              const struct agent_row *agent, const json_t *profile,
                              const char *text)
{
    static const char begin[] = "{data_path}";
    const char *data_dir = json_string_value(json_object_get(profile, "data_dir"));
    g_autofree char *in_dir = with_word(text, "{data_dir}", data_dir ? data_dir : "");
    g_autofree char *named = with_word(in_dir, "{name}", server->name);
    g_autofree char *whole = with_word(named, "{agent}", agent->name);
    if (!g_str_has_prefix(whole, begin) || strpbrk(whole + strlen(begin), "{}"))
        return NULL;
    return g_strdup(whole + strlen(begin));
}

static const char *bind_at(const struct found *found, const char *place)
{
    for (guint i = 0; place && i < found->mounts->len; i++) {
        const struct mounted *mounted = found->mounts->pdata[i];
        if (g_str_equal(mounted->type, "bind") &&
            g_str_equal(mounted->container_path, place))
            return mounted->source;
    }
    return NULL;
}

/* The data path that makes this mount of the profile the container's; NULL: none does. */
static char *data_path_by(const struct server_row *server, const struct agent_row *agent,
                          const json_t *profile, const json_t *mount,
                          const struct found *found)
{
    const char *text = json_string_value(json_object_get(mount, "host_path"));
    const char *place = json_string_value(json_object_get(mount, "container_path"));
    const char *source = bind_at(found, place);
    g_autofree char *behind = text && source
                                  ? behind_data_path(server, agent, profile, text)
                                  : NULL;
    if (!behind || !*behind || !g_str_has_suffix(source, behind) ||
        strlen(source) == strlen(behind))
        return NULL;
    return g_strndup(source, strlen(source) - strlen(behind));
}

static void propose_data_path(struct server_row *server, const struct agent_row *agent,
                              const json_t *profile, const struct found *found)
{
    size_t i;
    json_t *mount;
    if (server->server_data_path)
        return;
    json_array_foreach(json_object_get(profile, "mounts"), i, mount)
    {
        g_autofree char *path = data_path_by(server, agent, profile, mount, found);
        if (!path)
            continue;
        if (!g_str_equal(path, agent->server_data_path))
            row_set(&server->server_data_path, path);
        return;
    }
}

void propose(struct server_row *server, const struct agent_row *agent,
             const json_t *profile, const struct found *found)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(profile, "ports"), i, item)
        propose_port(server, item, found);
    propose_data_path(server, agent, profile, found);
}
