/*
 * propose_profile.c - a profile that makes a container again as it is.
 */
#include "propose_profile.h"

#include "masked.h"

#include <string.h>

/* --- Texts ------------------------------------------------------------------------------------ */

/* A brace of its own is written twice. */
static json_t *literal(const char *text)
{
    g_autoptr(GString) out = g_string_new(text);
    g_string_replace(out, "{", "{{", 0);
    g_string_replace(out, "}", "}}", 0);
    return json_string(out->str);
}

/* Whether the worker has told it whole. */
static bool is_whole(const GPtrArray *words)
{
    for (guint i = 0; i < words->len; i++) {
        const char *word = words->pdata[i];
        if (strstr(word, MASK) || g_str_has_suffix(word, "…"))
            return false;
    }
    return true;
}

static void put_words(json_t *profile, const char *field, const GPtrArray *words)
{
    json_t *list = json_array();
    for (guint i = 0; i < words->len; i++)
        json_array_append_new(list, literal(words->pdata[i]));
    json_object_del(profile, field);
    if (words->len > 0)
        json_object_set(profile, field, list);
    json_decref(list);
}

static bool has_text(const GPtrArray *texts, const char *text)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)texts, text, g_str_equal, NULL);
}

static void drop_env(json_t *env, const struct found *found)
{
    const char *name;
    void *next;
    json_t *value;
    json_object_foreach_safe(env, next, name, value)
    {
        if (!has_text(found->env_names, name))
            json_object_del(env, name);
    }
}

json_t *propose_profile(const json_t *profile, const char *name,
                        const struct found *found)
{
    json_t *copy = json_deep_copy(profile);
    g_autofree char *about = g_strdup_printf("as the container %s was adopted",
                                             found->name);
    json_object_set_new(copy, "name", json_string(name));
    json_object_set_new(copy, "about", json_string(about));
    if (!*found->restart_policy) /* nobody has looked */
        return copy;
    json_object_set_new(copy, "restart_policy", json_string(found->restart_policy));
    drop_env(json_object_get(copy, "env"), found);
    if (is_whole(found->entrypoint) && is_whole(found->command)) {
        put_words(copy, "entrypoint", found->entrypoint);
        put_words(copy, "command", found->command);
    }
    return copy;
}

/* --- Places ------------------------------------------------------------------------------------ */

static const struct mounted *mounted_at(const struct found *found, const char *place)
{
    for (guint i = 0; i < found->mounts->len; i++) {
        const struct mounted *mounted = found->mounts->pdata[i];
        if (g_str_equal(mounted->container_path, place))
            return mounted;
    }
    return NULL;
}

/* A volume there is carried over whatever the profile says. */
static bool has_mount(const struct found *found, const struct mount *mount)
{
    const struct mounted *mounted = mounted_at(found, mount->container_path);
    return mounted && (g_str_equal(mounted->type, "volume") ||
                       (g_str_equal(mounted->source, mount->host_path) &&
                        mounted->read_only == mount->read_only));
}

static bool is_recorded(const struct spec *spec, const struct found *found,
                        const struct mounted *mounted)
{
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = spec->mounts->pdata[i];
        if (g_str_equal(mount->container_path, mounted->container_path) &&
            has_mount(found, mount))
            return true;
    }
    return false;
}

/* Each of the profile's items makes one mount of the spec. */
static json_t *mounts_of(const json_t *profile, const struct spec *spec,
                         const struct found *found)
{
    json_t *list = json_array();
    const json_t *items = json_object_get(profile, "mounts");
    for (guint i = 0; i < spec->mounts->len; i++)
        if (has_mount(found, spec->mounts->pdata[i]))
            json_array_append(list, json_array_get(items, i));
    for (guint i = 0; i < found->mounts->len; i++) {
        const struct mounted *mounted = found->mounts->pdata[i];
        if (g_str_equal(mounted->type, "bind") && !is_recorded(spec, found, mounted))
            json_array_append_new(list,
                                  json_pack("{s:o, s:o, s:b, s:b}", "host_path",
                                            literal(mounted->source), "container_path",
                                            literal(mounted->container_path), "read_only",
                                            mounted->read_only, "make_directory", 0));
    }
    return list;
}

/* By its name in the record, so that a change of that changes it. */
static json_t *port_text(const struct server_row *server, int64_t number)
{
    if (number == server->game_port)
        return json_string("{game_port}");
    if (number == server->udp_port)
        return json_string("{udp_port}");
    return number == server->rcon_port ? json_string("{rcon_port}")
                                       : json_integer(number);
}

static json_t *ports_of(const struct server_row *server, const struct found *found)
{
    json_t *list = json_array();
    for (guint i = 0; i < found->ports->len; i++) {
        const struct port *port = found->ports->pdata[i];
        if (port->host_port == 0) /* the engine takes any: no record can say that */
            continue;
        json_t *item = json_object();
        json_object_set_new(item, "host_port", port_text(server, port->host_port));
        json_object_set_new(item, "container_port",
                            port->container_port == port->host_port
                                ? port_text(server, port->container_port)
                                : json_integer(port->container_port));
        json_object_set_new(item, "protocol", json_string(protocol_name(port->protocol)));
        if (*port->host_ip)
            json_object_set_new(item, "host_ip", literal(port->host_ip));
        json_array_append_new(list, item);
    }
    return list;
}

void propose_places(json_t *profile, const struct spec *spec,
                    const struct server_row *server, const struct found *found)
{
    json_object_set_new(profile, "mounts", mounts_of(profile, spec, found));
    json_object_set_new(profile, "ports", ports_of(server, found));
}
