/*
 * test_profile.c - which profiles are one, and what is said of the others.
 */
#include "profile.h"
#include "profile_check.h"
#include "resolve.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

static void test_what_is_wrong_is_named(void)
{
    static const struct {
        const char *members, *says;
    } rows[] = {
        {"\"ports\": [{\"host_port\": 1, \"container_port\": 70000}]",
         "ports[0].container_port: must be a number, 1 to 65535"},
        {"\"ports\": [{\"host_port\": 1, \"container_port\": 2, \"protocol\": \"sctp\"}]",
         "ports[0].protocol: must be one of tcp, udp"},
        {"\"ports\": [{\"host_port\": 1}]", "ports[0].container_port: is missing"},
        {"\"ports\": {}", "ports: must be a list"},
        {"\"ports\": [3]", "ports[0]: must be an object"},
        {"\"mounts\": [{\"host_path\": 1, \"container_path\": \"/x\"}]",
         "mounts[0].host_path: must be a string"},
        {"\"mounts\": [{\"host_path\": \"{nobody}\", \"container_path\": \"/x\"}]",
         "mounts[0].host_path: '{nobody}' is no placeholder; known: {id}"},
        {"\"networks\": [{\"name\": \"a\", \"internal\": \"yes\"}]",
         "networks[0].internal: must be true or false"},
        {"\"stop\": {\"save\": \"x\"}", "stop.save: must be a list of strings"},
        {"\"stop\": {\"save\": [\"x\", \"{\"]}", "stop.save[1]: '{' is no placeholder"},
        {"\"stop\": {\"timeout\": 5}", "stop.timeout: is no field that a profile has"},
        {"\"resources\": {\"pids\": -1}", "resources.pids: must be a number"},
        {"\"labels\": {\"muster.spec\": \"x\"}",
         "labels.muster.spec: may not begin with muster."},
        {"\"env\": {\"A B\": \"x\"}", "env: 'A B' is no name for a variable"},
        {"\"env\": {\"A\": 1}", "env.A: must be a string"},
        {"\"container\": \"game\"", "container: must hold {name} or {id}"},
        {"\"data_dir\": \"{data_path}\"", "data_dir: must hold {name} or {id}"},
        {"\"restart_policy\": \"maybe\"", "restart_policy: must be one of no, always"},
        {"\"image\": \"A/b:C/d\"", "image: 'A/b:C/d'"},
        {"\"image\": \"a:b\", \"image_tag\": \"c\"", "image: 'a:b' holds the tag b"},
        {"\"image_tag\": \"a b\"", "image_tag: 'a b' is no tag"},
        {"\"image_tag\": \"sha256:12\"", "image_tag: 'sha256:12' is no digest"},
        {"\"privileged\": true", "privileged: is no field that a profile has"},
        {"\"devices\": []", "devices: is no field that a profile has"},
        {"\"cap_add\": []", "cap_add: is no field that a profile has"},
        {"\"pid\": \"host\"", "pid: is no field that a profile has"},
        {"\"volumes\": [{\"name\": \"cache\", \"container_path\": \"/c\"}]",
         "volumes[0].name: must hold {name} or {id}"},
        {"\"data_dir\": \"/x/{{name}}\"", "data_dir: must hold {name} or {id}"},
        {"\"env\": {\"A\": \"{{name}\"}", "env.A: '}' is no placeholder"},
        {"\"env\": {\"A\": \"{a: {b}}\"}", "env.A: '{a: {b}}' is no placeholder"},
        {"\"ulimits\": [{\"name\": \"core\"}]", "ulimits[0].soft: is missing"},
        {"\"ulimits\": [{\"name\": \"core\", \"soft\": -2}]",
         "ulimits[0].soft: must be a number, -1 to"},
        {"\"logging\": {\"driver\": \"syslog\"}",
         "logging.driver: must be one of json-file, local, journald, none"},
        {"\"logging\": {\"options\": {}}", "logging.driver: is missing"},
        {"\"health\": {\"test\": 3}", "health.test: must be a list of strings"},
        {"\"health\": {\"test\": [3]}", "health.test[0]: must be a string"},
        {"\"command\": \"a b\"", "command: must be a list of strings"},
        {"\"tmpfs\": [\"/tmp\"]", "tmpfs[0]: must be an object"},
        {"\"stdin\": \"yes\"", "stdin: must be true or false"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("{\"name\": \"x\", %s}", rows[i].members);
        g_autoptr(GError) error = NULL;
        json_auto_t *profile = resolve_profile(text, &error);
        g_assert_no_error(error);
        g_assert_false(profile_check(profile, &error));
        if (!g_str_has_prefix(error->message, rows[i].says))
            g_error("%s: says \"%s\"", text, error->message);
    }
}

/* --- In a ledger ---------------------------------------------------------------------------- */

struct shelf {
    char *directory;
    struct ledger *ledger;
};

static void set_up(struct shelf *shelf, gconstpointer data)
{
    shelf->directory = g_dir_make_tmp("shelf-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(shelf->directory, "ledger.db", NULL);
    shelf->ledger = ledger_make(path, NULL);
    g_assert_nonnull(shelf->ledger);
}

static void tear_down(struct shelf *shelf, gconstpointer data)
{
    ledger_close(shelf->ledger);
    g_autoptr(GDir) dir = g_dir_open(shelf->directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(shelf->directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(shelf->directory);
    g_free(shelf->directory);
}

static void test_those_compiled_in_are_right(struct shelf *shelf, gconstpointer data)
{
    g_auto(GStrv) names = profile_compiled_in();
    g_assert_cmpuint(g_strv_length(names), >=, 2);
    for (char **name = names; *name; name++) {
        g_autoptr(GError) error = NULL;
        json_auto_t *profile = profile_find(shelf->ledger, *name, &error);
        g_assert_no_error(error);
        profile_check(profile, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(json_string_value(json_object_get(profile, "name")), ==, *name);
    }
}

static char *file_with(struct shelf *shelf, const char *text)
{
    char *path = g_build_filename(shelf->directory, "own.json", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static void test_a_file_is_taken(struct shelf *shelf, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = file_with(
        shelf, "{\"name\": \"zomboid\", \"container\": \"z-{name}\"}");
    g_autofree char *name = profile_take(shelf->ledger, path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, "zomboid");
    json_auto_t *profile = profile_find(shelf->ledger, "zomboid", &error);
    g_assert_cmpstr(json_string_value(json_object_get(profile, "container")), ==,
                    "z-{name}");
}

static void test_an_error_names_file_and_field(struct shelf *shelf, gconstpointer data)
{
    static const char *const rows[][2] = {
        {"{\"name\": \"x\", \"ports\": 1}", "ports: must be a list"},
        {"{\"name\": 1}", "name: must be a string"},
        {"{\n\"name\": }", "line 2: "},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = file_with(shelf, rows[i][0]);
        g_assert_null(profile_take(shelf->ledger, path, &error));
        g_assert_true(g_str_has_prefix(error->message, path));
        g_assert_nonnull(strstr(error->message, rows[i][1]));
    }
}

/* --- Names from containers -------------------------------------------------------------------- */

static void test_a_container_tells_its_servers_name(void)
{
    static const struct {
        const char *template, *container, *name;
    } rows[] = {
        {"steam-zomboid-{name}", "steam-zomboid-alpha", "alpha"},
        {"{name}-{agent}", "alpha-host-1", "alpha"},
        {"{name}", "alpha", "alpha"},
        {"steam-zomboid-{name}", "steam-zomboid-", NULL},
        {"steam-zomboid-{name}", "alpha", NULL},
        {"{name}-{agent}", "alpha-host-2", NULL},
        {"a{name}a", "a", NULL},
        {"{id}", "alpha", NULL},
    };
    g_autoptr(AgentRow) agent = agent_row_new();
    row_set(&agent->name, "host-1");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        json_auto_t *profile = json_pack("{s:s}", "container", rows[i].template);
        g_autofree char *name = resolve_name(profile, agent, rows[i].container, &error);
        g_assert_cmpstr(name, ==, rows[i].name);
        g_assert_true((name == NULL) == (error != NULL));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/profile/what_is_wrong_is_named", test_what_is_wrong_is_named);
    g_test_add_func("/profile/a_container_tells_its_servers_name",
                    test_a_container_tells_its_servers_name);
    g_test_add("/profile/those_compiled_in_are_right", struct shelf, NULL, set_up,
               test_those_compiled_in_are_right, tear_down);
    g_test_add("/profile/a_file_is_taken", struct shelf, NULL, set_up,
               test_a_file_is_taken, tear_down);
    g_test_add("/profile/an_error_names_file_and_field", struct shelf, NULL, set_up,
               test_an_error_names_file_and_field, tear_down);
    return g_test_run();
}
