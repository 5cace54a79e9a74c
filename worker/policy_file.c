/*
 * policy_file.c - the policy's file, key by key: a table of what there is and how it is read.
 *
 * A reader of a value only says whether it could take it; what would have been right stands
 * in the table, so that every error names the key and the way out of it.
 */
#include "policy_file.h"

#include <jansson.h>
#include <string.h>

G_DEFINE_QUARK(policy - file - error - quark, policy_file_error)

#define TEXTS_MAX 1000
#define TEXT_MAX  512

struct key {
    const char *name;
    bool (*read)(const json_t *value, void *field);
    size_t offset;     /* of the field in struct policy */
    const char *right; /* "true or false" */
    const struct key
        *inner; /* of an object, instead of `read`; its names end with NULL */
};

/* --- Values ------------------------------------------------------------------------- */

static bool read_flag(const json_t *value, void *field)
{
    bool *flag = field;

    *flag = json_is_true(value);
    return json_is_boolean(value);
}

static bool read_number(const json_t *value, int64_t least, void *field)
{
    int64_t *number = field;

    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= least;
}

static bool read_count(const json_t *value, void *field)
{
    return read_number(value, 0, field);
}

static bool read_positive(const json_t *value, void *field)
{
    return read_number(value, 1, field);
}

/* One text of a list into it; false: it is not of this kind. */
typedef bool (*add_text)(GPtrArray *texts, const char *text);

static bool add_plain(GPtrArray *texts, const char *text)
{
    if (*text == '\0' || strlen(text) > TEXT_MAX || text_has_control(text))
        return false;
    g_ptr_array_add(texts, g_strdup(text));
    return true;
}

static bool add_registry(GPtrArray *texts, const char *text)
{
    return strlen(text) <= TEXT_MAX && registries_add(texts, text, NULL);
}

static bool add_restart_policy(GPtrArray *texts, const char *text)
{
    static const char *const words[] = {"no", "always", "unless-stopped", "on-failure",
                                        NULL};

    return g_strv_contains(words, text) && add_plain(texts, text);
}

static bool add_capability(GPtrArray *texts, const char *text)
{
    return capability_is_known(text) && add_plain(texts, text);
}

static bool add_log_driver(GPtrArray *texts, const char *text)
{
    static const char *const words[] = {"json-file", "local", "journald", "none", NULL};

    return g_strv_contains(words, text) && add_plain(texts, text);
}

static bool add_address(GPtrArray *texts, const char *text)
{
    return g_hostname_is_ip_address(text) && add_plain(texts, text);
}

static bool add_action(GPtrArray *texts, const char *text)
{
    const enum action action = action_from_name(text);

    return action != ACTION_UNKNOWN && action != ACTION_CANCEL && action != ACTION_SYNC &&
           add_plain(texts, text);
}

static bool read_texts(const json_t *value, add_text add, void *field)
{
    GPtrArray *texts = *(GPtrArray **)field;
    size_t i;
    json_t *text;

    if (!json_is_array(value) || json_array_size(value) > TEXTS_MAX)
        return false;
    json_array_foreach(value, i, text)
    {
        if (!json_is_string(text) || !add(texts, json_string_value(text)))
            return false;
    }
    return true;
}

static bool read_allowed(const json_t *value, void *field)
{
    return json_array_size(value) > 0 && read_texts(value, add_plain, field);
}

static bool read_forbidden(const json_t *value, void *field)
{
    return read_texts(value, add_plain, field);
}

/* false: none; else a list. */
static bool read_save_commands(const json_t *value, void *field)
{
    struct policy *policy = field;

    policy->save_none = json_is_false(value);
    return policy->save_none || read_allowed(value, &policy->save_commands);
}

/* Likewise. */
static bool read_adopt(const json_t *value, void *field)
{
    struct policy *policy = field;

    policy->adopt_none = json_is_false(value);
    return policy->adopt_none || read_allowed(value, &policy->adopt);
}

static bool read_registries(const json_t *value, void *field)
{
    return json_array_size(value) > 0 && read_texts(value, add_registry, field);
}

static bool read_addresses(const json_t *value, void *field)
{
    return json_array_size(value) > 0 && read_texts(value, add_address, field);
}

static bool read_actions(const json_t *value, void *field)
{
    return json_array_size(value) > 0 && read_texts(value, add_action, field);
}

/* "root": true leaves it open. */
static bool read_root(const json_t *value, void *field)
{
    bool *not_root = field;

    *not_root = json_is_false(value);
    return json_is_boolean(value);
}

static bool read_restart_policies(const json_t *value, void *field)
{
    return json_array_size(value) > 0 && read_texts(value, add_restart_policy, field);
}

/* Instead of those that it would be given; none is a list, too. */
static bool read_capabilities(const json_t *value, void *field)
{
    g_ptr_array_set_size(*(GPtrArray **)field, 0);
    return read_texts(value, add_capability, field);
}

static bool read_log_drivers(const json_t *value, void *field)
{
    return json_array_size(value) > 0 && read_texts(value, add_log_driver, field);
}

/* 0 bounds nothing. */
static bool read_log_bound(const json_t *value, void *field)
{
    struct log_bound *bound = field;

    if (!read_count(value, &bound->given))
        return false;
    bound->most = bound->given > 0 ? bound->given : INT64_MAX;
    return true;
}

static bool read_span(const json_t *value, struct span *ret_span)
{
    const json_t *least = json_array_get(value, 0), *most = json_array_get(value, 1);

    *ret_span = (struct span){json_integer_value(least), json_integer_value(most)};
    return json_array_size(value) == 2 && json_is_integer(least) &&
           json_is_integer(most) && ret_span->least >= 1 &&
           ret_span->least <= ret_span->most && ret_span->most <= 65535;
}

static bool read_spans(const json_t *value, void *field)
{
    GArray *spans = *(GArray **)field;
    size_t i;
    json_t *pair;

    if (json_array_size(value) == 0 || json_array_size(value) > TEXTS_MAX)
        return false;
    json_array_foreach(value, i, pair)
    {
        struct span span;
        if (!read_span(pair, &span))
            return false;
        g_array_append_val(spans, span);
    }
    return true;
}

/* Beside a "max", no limit at all is too much: "required", if it is there, comes later in
 * the table and has the last word. */
static bool read_most(const json_t *value, void *field)
{
    struct limit *limit = field;

    limit->required = true;
    return read_positive(value, &limit->most);
}

static bool read_required(const json_t *value, void *field)
{
    struct limit *limit = field;

    return read_flag(value, &limit->required);
}

/* --- Keys --------------------------------------------------------------------------- */

#define AT(field) offsetof(struct policy, field)

/* clang-format off */
#define LIMIT_KEYS(field, example) {                                              \
    {"max", read_most, AT(field), "a whole number from 1 up, such as " example},  \
    {"required", read_required, AT(field), "true or false"},                      \
    {NULL}}

static const struct key memory_keys[] = LIMIT_KEYS(memory_bytes, "8589934592");
static const struct key cpu_keys[] = LIMIT_KEYS(nano_cpus, "4000000000 for four CPUs");
static const struct key pids_keys[] = {
    {"max", read_most, AT(pids), "a whole number from 1 up, such as 2000"},
    {"required", read_required, AT(pids), "true or false"},
    {"default", read_count, AT(pids_given), "a whole number from 0 up, such as 4096"},
    {NULL}};

static const struct key logs_keys[] = {
    {"max_bytes", read_log_bound, AT(log_bytes), "a whole number from 0 up, such as 10485760"},
    {"max_files", read_log_bound, AT(log_files), "a whole number from 0 up, such as 5"},
    {"drivers", read_log_drivers, AT(log_drivers),
     "a list of some of json-file, local, journald, none that is not empty"},
    {NULL}};

static const struct key mounts_keys[] = {
    {"max", read_count, AT(mounts_most), "a whole number from 0 up, such as 8"},
    {NULL}};

static const struct key networks_keys[] = {
    {"max", read_count, AT(networks_most), "a whole number from 0 up, such as 4"},
    {NULL}};

static const struct key labels_keys[] = {
    {"max_count", read_count, AT(labels_count_most), "a whole number from 0 up, such as 50"},
    {"max_bytes", read_count, AT(labels_bytes_most), "a whole number from 0 up, such as 16384"},
    {"names_forbidden", read_forbidden, AT(labels_forbidden),
     "a list of patterns of names, such as [\"traefik.*\"]"},
    {NULL}};

static const struct key users_keys[] = {
    {"root", read_root, AT(users_not_root), "true or false"},
    {"allowed", read_allowed, AT(users),
     "a list of patterns of users that is not empty, such as [\"1000:*\"]"},
    {NULL}};

static const struct key env_keys[] = {
    {"max_count", read_count, AT(env_count_most), "a whole number from 0 up, such as 200"},
    {"max_bytes", read_count, AT(env_bytes_most), "a whole number from 0 up, such as 65536"},
    {"names_forbidden", read_forbidden, AT(env_forbidden),
     "a list of patterns of names, such as [\"LD_*\"]"},
    {NULL}};

static const struct key stop_keys[] = {
    {"max", read_count, AT(stop_timeout_most_s), "a whole number of seconds, such as 600"},
    {NULL}};

static const struct key save_keys[] = {
    {"max", read_count, AT(save_timeout_most_s), "a whole number of seconds, such as 300"},
    {NULL}};

static const struct key keys[] = {
    {"container_names", read_allowed, AT(name_prefixes),
     "a list of prefixes of containers' names that is not empty, such as "
     "[\"steam-zomboid-\"]"},
    {"registries", read_registries, AT(file_registries),
     "a list of registries, repositories or images with their digests that is not empty, "
     "such as [\"registry.example:5000/games\"]"},
    {"require_digest", read_flag, AT(require_digest), "true or false"},
    {"host_ports", read_spans, AT(host_ports),
     "a list of ranges within 1 to 65535 that is not empty, such as [[16261, 16400]]"},
    {"networks", read_allowed, AT(networks),
     "a list of patterns of networks' names that is not empty, such as [\"zomboid-*\"]"},
    {"networks_per_server", NULL, 0, "an object such as {\"max\": 4}", networks_keys},
    {"host_addresses", read_addresses, AT(host_addresses),
     "a list of IP addresses that is not empty, such as [\"127.0.0.1\"]"},
    {"actions", read_actions, AT(actions),
     "a list of some of create, start, stop, restart, rebuild, recreate, restore, delete, "
     "purge that is not empty"},
    {"users", NULL, 0, "an object such as {\"root\": false}", users_keys},
    {"labels", NULL, 0, "an object such as {\"max_count\": 50}", labels_keys},
    {"save_commands", read_save_commands, 0,
     "false, or a list of patterns of commands that is not empty, such as [\"rcon-cli *\"]"},
    {"mounts", NULL, 0, "an object such as {\"max\": 8}", mounts_keys},
    {"mounters_ignored", read_forbidden, AT(mounters_ignored),
     "a list of patterns of containers' names, such as [\"node-exporter\"]"},
    {"adopt", read_adopt, 0,
     "false, or a list of patterns of containers' names that is not empty, such as "
     "[\"zomboid-*\"]"},
    {"env", NULL, 0, "an object such as {\"max_count\": 200, \"max_bytes\": 65536}", env_keys},
    {"memory_bytes", NULL, 0, "an object such as {\"max\": 8589934592}", memory_keys},
    {"nano_cpus", NULL, 0, "an object such as {\"max\": 4000000000}", cpu_keys},
    {"pids", NULL, 0, "an object such as {\"max\": 2000}", pids_keys},
    {"logs", NULL, 0, "an object such as {\"max_bytes\": 10485760, \"max_files\": 5}", logs_keys},
    {"capabilities", read_capabilities, AT(capabilities),
     "a list of capabilities without CAP_, such as [\"CHOWN\", \"SETUID\", \"SETGID\"]"},
    {"new_privileges", read_flag, AT(new_privileges), "true or false"},
    {"stop_timeout_s", NULL, 0, "an object such as {\"max\": 600}", stop_keys},
    {"save_timeout_s", NULL, 0, "an object such as {\"max\": 300}", save_keys},
    {"restart_policies", read_restart_policies, AT(restart_policies),
     "a list of some of no, always, unless-stopped, on-failure that is not empty"},
    {NULL}};
/* clang-format on */

static bool is_remark(const char *name)
{
    return g_str_has_prefix(name, "//");
}

static const struct key *find_key(const struct key *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (g_str_equal(table->name, name))
            return table;
    }
    return NULL;
}

static char *names_of(const struct key *table)
{
    GString *names = g_string_new(table->name);

    while ((++table)->name != NULL)
        g_string_append_printf(names, ", %s", table->name);
    return g_string_free(names, FALSE);
}

/* `within` is "" or "memory_bytes.". */
static bool names_are_known(const struct key *table, const char *within,
                            const json_t *object, GError **error)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        if (is_remark(name) || find_key(table, name) != NULL)
            continue;
        g_autofree char *names = names_of(table);
        g_autofree char *shown = g_strndup(name, 100);
        g_set_error(error, POLICY_FILE_ERROR, POLICY_FILE_ERROR_KEY,
                    "there is no key \"%s%s\"; the keys %s are: %s", within, shown,
                    *within != '\0' ? "there" : "of a policy", names);
        return false;
    }
    return true;
}

static bool refuse(const struct key *key, const char *within, GError **error)
{
    g_set_error(error, POLICY_FILE_ERROR, POLICY_FILE_ERROR_VALUE,
                "the key \"%s%s\" has to be %s", within, key->name, key->right);
    return false;
}

static bool read_object(const struct key *table, const char *within, const json_t *object,
                        struct policy *policy, GError **error);

static bool read_key(const struct key *key, const char *within, const json_t *value,
                     struct policy *policy, GError **error)
{
    if (key->inner == NULL)
        return key->read(value, (char *)policy + key->offset) ||
               refuse(key, within, error);
    if (!json_is_object(value))
        return refuse(key, within, error);
    g_autofree char *inside = g_strconcat(key->name, ".", NULL);
    return read_object(key->inner, inside, value, policy, error);
}

/* In the table's order, not the file's. */
static bool read_object(const struct key *table, const char *within, const json_t *object,
                        struct policy *policy, GError **error)
{
    if (!names_are_known(table, within, object, error))
        return false;
    for (; table->name != NULL; table++) {
        const json_t *value = json_object_get(object, table->name);
        if (value != NULL && !read_key(table, within, value, policy, error))
            return false;
    }
    return true;
}

bool policy_file_parse(const char *text, size_t length, struct policy *policy,
                       GError **error)
{
    json_error_t flaw;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &flaw);
    bool good = json_is_object(root);

    if (root == NULL)
        g_set_error(error, POLICY_FILE_ERROR, POLICY_FILE_ERROR_SYNTAX,
                    "line %d, column %d: %s", flaw.line, flaw.column, flaw.text);
    else if (!good)
        g_set_error_literal(error, POLICY_FILE_ERROR, POLICY_FILE_ERROR_VALUE,
                            "a policy has to be an object, such as "
                            "{\"container_names\": [\"steam-zomboid-\"]}");
    else
        good = read_object(keys, "", root, policy, error);
    json_decref(root);
    return good;
}
