/*
 * test_resolve.c - records to specs: the design's list point by point, and what is refused.
 */
#include "resolve.h"

#include "check.h"

#include "cases.h"

#include <string.h>

static struct agent_row *good_agent(void)
{
    struct agent_row *agent = agent_row_new();
    row_set(&agent->id, "a1");
    row_set(&agent->name, "host1");
    row_set(&agent->steam_zomboid_registry, "registry:5000/steam-zomboid");
    row_set(&agent->server_data_path, "/srv/zomboid");
    return agent;
}

static struct server_row *good_server(void)
{
    struct server_row *server = server_row_new();
    row_set(&server->id, "s1");
    row_set(&server->agent_id, "a1");
    row_set(&server->name, "alpha");
    row_set(&server->profile, "zomboid");
    row_set(&server->config, "{\"ADMIN_PASSWORD\":\"geheim\",\"MAX_PLAYERS\":32}");
    server->game_port = 16261;
    server->udp_port = 16262;
    server->rcon_port = 27015;
    return server;
}

static json_t *profile_from(const char *path)
{
    g_autoptr(GBytes) bytes = case_bytes(path);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL),
                                      g_bytes_get_size(bytes));
    g_autoptr(GError) error = NULL;
    json_t *profile = resolve_profile(text, &error);
    g_assert_no_error(error);
    return profile;
}

static struct spec *resolve_with(const struct server_row *server,
                                 const struct agent_row *agent, const char *profile_path,
                                 GError **error)
{
    json_auto_t *profile = profile_from(profile_path);
    g_autoptr(GBytes) key = g_bytes_new_static("key", 3);
    return resolve(server, agent, profile, key, error);
}

static struct spec *resolve_good(const struct server_row *server)
{
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GError) error = NULL;
    struct spec *spec = resolve_with(server, agent, PROFILES "/zomboid.json", &error);
    g_assert_no_error(error);
    return spec;
}

static void test_zomboid_is_the_designs_list(void)
{
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(Spec) spec = resolve_good(server);
    json_auto_t *json = shape_to_json(&shape_spec, spec);
    json_auto_t *wanted = case_json(TEST_CASES "/resolve/zomboid.json");
    json_object_del(json, "digest");
    assert_json_equal(json, wanted, "zomboid");
    g_assert_cmpstr(pairs_get(spec->env, "RCON_PORT"), ==, "27015");
    g_assert_cmpstr(pairs_get(spec->env, "SERVER_DEFAULT_PORT"), ==, "16261");
    g_assert_cmpstr(pairs_get(spec->env, "SERVER_UDP_PORT"), ==, "16262");
    g_assert_cmpstr(pairs_get(spec->env, "ADMIN_PASSWORD"), ==, "geheim");
    g_assert_cmpstr(pairs_get(spec->env, "MAX_PLAYERS"), ==, "32");
}

static void test_the_server_wins_over_the_agent(void)
{
    g_autoptr(ServerRow) server = good_server();
    row_set(&server->image, "other.example/zomboid");
    row_set(&server->image_tag, "v41");
    row_set(&server->server_data_path, "/mnt/fast");
    g_autoptr(Spec) spec = resolve_good(server);
    g_assert_cmpstr(spec->image, ==, "other.example/zomboid");
    g_assert_cmpstr(spec->image_tag, ==, "v41");
    g_assert_cmpstr(spec->data_dir, ==, "/mnt/fast/alpha");
}

static void test_a_tag_that_is_a_whole_reference(void)
{
    g_autoptr(ServerRow) server = good_server();
    row_set(&server->image_tag, "old.example:5000/zomboid:v40");
    g_autoptr(Spec) spec = resolve_good(server);
    g_assert_cmpstr(spec->image, ==, "old.example:5000/zomboid");
    g_assert_cmpstr(spec->image_tag, ==, "v40");
}

/* Game and RCON of a Source server: UDP and TCP. */
static void test_s36_one_number_for_udp_and_tcp(void)
{
    static const struct {
        const char *ports, *refused;
    } table[] = {
        {"[]", NULL},
        {"[{\"host_port\":\"{game_port}\",\"container_port\":1,\"protocol\":\"udp\"},"
         "{\"host_port\":\"{rcon_port}\",\"container_port\":1,\"protocol\":\"tcp\"}]",
         NULL},
        {"[{\"host_port\":\"{game_port}\",\"container_port\":1,\"host_ip\":\"127.0.0.1\"},"
         "{\"host_port\":\"{rcon_port}\",\"container_port\":1,\"host_ip\":\"::1\"}]",
         NULL},
        {"[{\"host_port\":\"{game_port}\",\"container_port\":1,\"host_ip\":\"0:0::1\"},"
         "{\"host_port\":\"{rcon_port}\",\"container_port\":2,\"host_ip\":\"::1\"}]",
         "rcon_port: 27015 is the game_port already, tcp both"},
        {"[{\"host_port\":\"{game_port}\",\"container_port\":1,\"host_ip\":\"0.0.0.0\"},"
         "{\"host_port\":27015,\"container_port\":2,\"host_ip\":\"127.0.0.1\"}]",
         "ports: 27015 is the game_port already, tcp both"},
    };
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GBytes) key = g_bytes_new_static("key", 3);
    server->game_port = server->rcon_port = 27015;
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *text = g_strdup_printf("{\"name\":\"p\",\"ports\":%s}",
                                                table[i].ports);
        g_autoptr(GError) error = NULL;
        json_auto_t *profile = resolve_profile(text, &error);
        g_assert_no_error(error);
        g_autoptr(Spec) spec = resolve(server, agent, profile, key, &error);
        g_assert_true((spec == NULL) == (table[i].refused != NULL));
        g_assert_cmpstr(error ? error->message : NULL, ==, table[i].refused);
    }
}

#define DIGEST "sha256:6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74"

/* As CLI, API and import put them into a record. */
static void test_s36_an_image_by_its_digest(void)
{
    static const char *const table[][4] = {
        {NULL, DIGEST, "registry:5000/steam-zomboid", DIGEST},
        {"other/x@" DIGEST, NULL, "other/x", DIGEST},
        {"other/x:41@" DIGEST, NULL, "other/x", DIGEST},
        {"other/x:41", NULL, "other/x", "41"},
        {NULL, "latest@" DIGEST, "registry:5000/steam-zomboid", DIGEST},
        {NULL, "other/x:latest@" DIGEST, "other/x", DIGEST},
        {"y", "other/x@" DIGEST, "other/x", DIGEST},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(ServerRow) server = good_server();
        server_row_put_image(server, table[i][0], table[i][1]);
        g_autoptr(Spec) spec = resolve_good(server);
        g_assert_cmpstr(spec->image, ==, table[i][2]);
        g_assert_cmpstr(spec->image_tag, ==, table[i][3]);
    }
}

static void test_s36_what_is_set_next_replaces_it(void)
{
    g_autoptr(ServerRow) server = good_server();
    server_row_put_image(server, NULL, "v40");
    server_row_put_image(server, "other/x@" DIGEST, NULL);
    g_autoptr(Spec) first = resolve_good(server);
    g_assert_cmpstr(first->image_tag, ==, DIGEST);
    server_row_put_image(server, NULL, "v42");
    g_autoptr(Spec) second = resolve_good(server);
    g_assert_cmpstr(second->image, ==, "other/x");
    g_assert_cmpstr(second->image_tag, ==, "v42");
    server_row_put_image(server, "other/y", NULL);
    g_autoptr(Spec) third = resolve_good(server);
    g_assert_cmpstr(third->image, ==, "other/y");
    g_assert_cmpstr(third->image_tag, ==, "v42");
}

static void test_the_profile_wins_over_the_config(void)
{
    g_autoptr(ServerRow) server = good_server();
    row_set(&server->config, "{\"RCON_PORT\":\"1\"}");
    g_autoptr(Spec) spec = resolve_good(server);
    g_assert_cmpstr(pairs_get(spec->env, "RCON_PORT"), ==, "27015");
}

static void test_another_game_needs_no_code(void)
{
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GError) error = NULL;
    server->udp_port = 0;
    row_set(&server->image, "luanti");
    g_autoptr(Spec)
        spec = resolve_with(server, agent, TEST_CASES "/resolve/other_game.json", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(spec->container, ==, "mt-host1-alpha");
    g_assert_cmpstr(spec->data_dir, ==, "/srv/zomboid/minetest/alpha");
    g_assert_cmpstr(pairs_get(spec->labels, "world"), ==, "alpha");
    const struct port *port = spec->ports->pdata[1];
    g_assert_cmpint(port->protocol, ==, PROTOCOL_TCP);
    g_assert_cmpint(port->host_port, ==, 27015);
    const struct mount *mount = spec->mounts->pdata[1];
    g_assert_true(mount->read_only);
    g_assert_false(mount->make_directory);
    g_assert_cmpstr(spec->stop->save->pdata[1], ==, "--world=alpha");
    g_assert_cmpint(spec->resources->pids, ==, 200);
}

/* What DESIGN's list has, from a profile's words to the spec's. */
static void test_s33_a_profile_says_what_a_real_image_needs(void)
{
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GError) error = NULL;
    g_autoptr(Spec)
        spec = resolve_with(server, agent, TEST_CASES "/resolve/inside.json", &error);
    g_assert_no_error(error);
    json_auto_t *json = shape_to_json(&shape_spec, spec);
    json_auto_t *wanted = case_json(TEST_CASES "/resolve/inside.spec.json");
    const char *field;
    json_t *value;
    json_object_foreach(wanted, field, value)
    {
        json_auto_t *got = json_incref(json_object_get(json, field));
        assert_json_equal(got, value, field);
    }
    g_assert_cmpuint(json_object_size(wanted), ==, 15);
    g_assert_cmpstr(pairs_get(spec->env, "SETTINGS"), ==,
                    "{\"name\": \"alpha\", \"x\": {}}");
}

/* --- What is refused ------------------------------------------------------------------- */

static void set_number(int64_t *field, const char *value)
{
    *field = g_ascii_strtoll(value, NULL, 10);
}

static void set_field(struct server_row *server, struct agent_row *agent,
                      const char *field, const char *value)
{
    if (g_str_equal(field, "registry"))
        row_set(&agent->steam_zomboid_registry, value);
    else if (g_str_equal(field, "data_path"))
        row_set(&agent->server_data_path, value);
    else
        for (size_t i = 0; i < table_servers.n_columns; i++) {
            const struct column *column = &table_servers.columns[i];
            if (!g_str_equal(column->name, field))
                continue;
            if (column->kind == COLUMN_INTEGER)
                set_number(column_integer(column, server), value);
            else
                row_set(column_text(column, server), value);
        }
}

static void check_refused(const char *line)
{
    g_auto(GStrv) halves = g_strsplit(line, " => ", 2);
    g_auto(GStrv) change = g_strsplit(halves[0], " = ", 2);
    g_auto(GStrv) wanted = g_strsplit(halves[1], " | ", 2);
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GError) error = NULL;
    set_field(server, agent, change[0], change[1]);
    g_autoptr(Spec) spec = resolve_with(server, agent, PROFILES "/zomboid.json", &error);
    if (spec)
        g_error("%s: was not refused", line);
    g_assert_true(error->domain == CHECK_ERROR || error->domain == RESOLVE_ERROR);
    if (!g_str_has_prefix(error->message, wanted[0]) ||
        !strstr(error->message, wanted[1]))
        g_error("%s: says \"%s\"", line, error->message);
}

static void test_refused(void)
{
    g_autoptr(GBytes) bytes = case_bytes(TEST_CASES "/resolve/refused.txt");
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL),
                                      g_bytes_get_size(bytes));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line && **line != '#')
            check_refused(*line);
}

static void test_profiles_are_refused(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{", "line"},
        {"[]", "name"},
        {"{\"name\": 1}", "name"},
        {"{\"name\": \"../x\"}", "name"},
        {"{\"name\": \"x\", \"name\": \"y\"}", "duplicate"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(resolve_profile(rows[i].text, &error));
        g_assert_nonnull(strstr(error->message, rows[i].says));
    }
}

static void test_templates_are_refused(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{\"name\": \"x\", \"container\": \"{nobody}\"}",
         "profile: container: '{nobody}' is no placeholder"},
        {"{\"name\": \"x\", \"container\": \"{name\"}", "'{name' is no placeholder"},
        {"{\"name\": \"x\", \"container\": \"name}\"}", "is written twice, {{ or }}"},
        {"{\"name\": \"x\", \"ports\": [{\"host_port\": \"9-8\", \"container_port\": 1}]}",
         "host_port: '9-8' is no port"},
        {"{\"name\": \"x\", \"ports\": [{\"host_port\": \"1-2\", \"container_port\": 1}]}",
         "host_port 1-2 and container_port 1 have not as many ports"},
        {"{\"name\": \"x\", \"ports\": [{\"host_port\": \"1-300\", "
         "\"container_port\": \"1-300\"}]}",
         "more than 256"},
        {"{\"name\": \"x\", \"ports\": [{\"host_port\": \"65535-65536\", "
         "\"container_port\": \"1-2\"}]}",
         "'65535-65536' is no port"},
        {"{\"name\": \"x\", \"owner\": \"steam\"}",
         "profile: owner: 'steam' is no uid:gid"},
        {"{\"name\": \"x\", \"user\": \"a b\"}", "profile: user"},
        {"{\"name\": \"x\", \"container\": \"x{data_dir}\"}",
         "profile: container: {data_dir} is not known here yet"},
        {"{\"name\": \"x\", \"hostname\": \"{data_path}\"}", "profile: hostname"},
        {"{\"name\": \"x\", \"tmpfs\": [{\"container_path\": \"tmp\"}]}",
         "profile: tmpfs: 'tmp' is no plain absolute path"},
        {"{\"name\": \"x\", \"volumes\": [{\"name\": \"{name}/x\", "
         "\"container_path\": \"/c\"}]}",
         "profile: volumes: 'alpha/x' is no volume's name"},
        {"{\"name\": \"x\", \"ulimits\": [{\"name\": \"rtprio\", \"soft\": 1}]}",
         "profile: ulimits: 'rtprio' is none of"},
        {"{\"name\": \"x\", \"logging\": {\"driver\": \"json-file\", "
         "\"options\": {\"env\": \"PASSWORD\"}}}",
         "profile: logging: options: 'env' is none of"},
        {"{\"name\": \"x\", \"health\": {\"test\": \"true\", \"off\": true}}",
         "has a test, and is off"},
        {"{\"name\": \"x\", \"health\": {\"test\": []}}", "profile: health: test"},
        {"{\"name\": \"x\", \"container\": \"a/{name}\"}", "container"},
        {"{\"name\": \"x\", \"data_dir\": \"/x/../{name}\"}", "data_dir"},
        {"{\"name\": \"x\", \"labels\": {\"muster.server.id\": \"x\"}}", "muster."},
        {"{\"name\": \"x\", \"mounts\": [{\"host_path\": \"/a\"}]}", "container_path"},
        {"{\"name\": \"x\", \"ports\": [{\"host_port\": 1, \"container_port\": 2, "
         "\"protocol\": \"sctp\"}]}",
         "tcp or udp"},
        {"{\"name\": \"x\", \"ports\": 3}", "list"},
        {"{\"name\": \"x\", \"stop\": {\"save\": [1]}}", "strings"},
    };
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GBytes) key = g_bytes_new_static("key", 3);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        json_auto_t *profile = resolve_profile(rows[i].text, &error);
        g_assert_no_error(error);
        g_assert_null(resolve(server, agent, profile, key, &error));
        if (!strstr(error->message, rows[i].says))
            g_error("%s: says \"%s\"", rows[i].text, error->message);
    }
}

static void test_a_config_that_is_too_large(void)
{
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GError) error = NULL;
    g_autofree char *large = g_strnfill(CHECK_ENV_MAX, 'x');
    g_free(server->config);
    server->config = g_strdup_printf("{\"A\":\"%s\"}", large);
    g_assert_null(resolve_with(server, agent, PROFILES "/zomboid.json", &error));
    g_assert_nonnull(strstr(error->message, "larger than"));
}

/* --- The digest ------------------------------------------------------------------------- */

static void test_digest(void)
{
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(Spec) one = resolve_good(server);
    g_autoptr(Spec) same = resolve_good(server);
    g_autoptr(GBytes) key = g_bytes_new_static("key", 3);
    g_autoptr(GBytes) other_key = g_bytes_new_static("kex", 3);
    g_autofree char *with_other_key = resolve_digest(one, other_key);
    g_assert_cmpuint(strlen(one->digest), ==, 64);
    g_assert_cmpstr(one->digest, ==, same->digest);
    g_assert_cmpstr(one->digest, !=, with_other_key);
    row_set(&same->digest, "");
    g_autofree char *without_itself = resolve_digest(same, key);
    g_assert_cmpstr(one->digest, ==, without_itself);
}

static void test_every_change_changes_the_digest(void)
{
    static const char *const changes[][2] = {
        {"config", "{\"ADMIN_PASSWORD\":\"anders\",\"MAX_PLAYERS\":32}"},
        {"config", "{\"ADMIN_PASSWORD\":\"geheim\"}"},
        {"game_port", "16263"},
        {"image_tag", "v2"},
        {"image", "x/y"},
        {"name", "beta"},
        {"server_data_path", "/mnt"},
    };
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(Spec) before = resolve_good(server);
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(ServerRow) changed = good_server();
        set_field(changed, agent, changes[i][0], changes[i][1]);
        g_autoptr(Spec) after = resolve_good(changed);
        g_assert_cmpstr(before->digest, !=, after->digest);
    }
}

/* A field that drift does not see would never be applied: each that differs is another. */
static void test_s33_every_field_is_in_the_digest(void)
{
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(AgentRow) agent = good_agent();
    g_autoptr(GBytes) key = g_bytes_new_static("key", 3);
    g_autoptr(Spec)
        spec = resolve_with(server, agent, TEST_CASES "/resolve/inside.json", NULL);
    for (size_t i = 0; i < shape_spec.n_fields; i++) {
        const struct field *field = &shape_spec.fields[i];
        const size_t size = field->kind == FIELD_BOOL   ? sizeof(bool)
                            : field->kind == FIELD_LONG ? sizeof(int64_t)
                                                        : sizeof(void *);
        g_autoptr(Spec) blank = spec_new();
        char *here = (char *)spec + field->offset, *there = (char *)blank + field->offset;
        char kept[sizeof(int64_t)];
        g_autofree char *before = resolve_digest(spec, key);
        memcpy(kept, here, size);
        memcpy(here, there, size);
        g_autofree char *after = resolve_digest(spec, key);
        memcpy(here, kept, size);
        const bool left_out = g_str_equal(field->name, "digest") ||
                              g_str_equal(field->name, "adopt") ||
                              g_str_equal(field->name, "kept") ||
                              g_str_equal(field->name, "disposable");
        if (g_str_equal(before, after) != left_out)
            g_error("%s of a spec, and its digest", field->name);
    }
}

/* A digest that changed with the program would show drift everywhere after an upgrade. */
static void test_the_digest_stays_what_it_was(void)
{
    g_autoptr(ServerRow) server = good_server();
    g_autoptr(Spec) spec = resolve_good(server);
    g_assert_cmpstr(spec->digest, ==,
                    "62faa19e4a139ccb36cc3357d5e94d2ed5fb524f6912b1edbfb7749456df0b5a");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resolve/zomboid_is_the_designs_list",
                    test_zomboid_is_the_designs_list);
    g_test_add_func("/resolve/the_server_wins_over_the_agent",
                    test_the_server_wins_over_the_agent);
    g_test_add_func("/resolve/a_tag_that_is_a_whole_reference",
                    test_a_tag_that_is_a_whole_reference);
    g_test_add_func("/resolve/s36_one_number_for_udp_and_tcp",
                    test_s36_one_number_for_udp_and_tcp);
    g_test_add_func("/resolve/s36_an_image_by_its_digest",
                    test_s36_an_image_by_its_digest);
    g_test_add_func("/resolve/s36_what_is_set_next_replaces_it",
                    test_s36_what_is_set_next_replaces_it);
    g_test_add_func("/resolve/the_profile_wins_over_the_config",
                    test_the_profile_wins_over_the_config);
    g_test_add_func("/resolve/another_game_needs_no_code",
                    test_another_game_needs_no_code);
    g_test_add_func("/resolve/s33_a_profile_says_what_a_real_image_needs",
                    test_s33_a_profile_says_what_a_real_image_needs);
    g_test_add_func("/resolve/s33_every_field_is_in_the_digest",
                    test_s33_every_field_is_in_the_digest);
    g_test_add_func("/resolve/refused", test_refused);
    g_test_add_func("/resolve/profiles_are_refused", test_profiles_are_refused);
    g_test_add_func("/resolve/templates_are_refused", test_templates_are_refused);
    g_test_add_func("/resolve/a_config_that_is_too_large",
                    test_a_config_that_is_too_large);
    g_test_add_func("/resolve/digest", test_digest);
    g_test_add_func("/resolve/every_change_changes_the_digest",
                    test_every_change_changes_the_digest);
    g_test_add_func("/resolve/the_digest_stays_what_it_was",
                    test_the_digest_stays_what_it_was);
    return g_test_run();
}
