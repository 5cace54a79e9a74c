/*
 * test_adopt.c - what is taken from a container into a record, and what still differs.
 */
#include "differ.h"
#include "propose.h"
#include "propose_profile.h"
#include "shape.h"

#include <string.h>

/* --- Differences ---------------------------------------------------------------------------- */

struct pair_of {
    struct spec *spec;
    struct found *found;
};

static void put(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

static void add_text(GPtrArray *texts, const char *text)
{
    g_ptr_array_add(texts, g_strdup(text));
}

static void add_mount(struct pair_of *pair, const char *type, const char *source,
                      const char *place)
{
    g_ptr_array_add(pair->found->mounts, mounted_new(type, "", source, place, false));
}

/* Both say the same. */
static struct pair_of same(void)
{
    struct pair_of pair = {spec_new(), found_new()};
    put(&pair.spec->image, "reg:5000/x");
    put(&pair.spec->image_tag, "1");
    put(&pair.found->image, "reg:5000/x:1");
    put(&pair.spec->restart_policy, "always");
    put(&pair.found->restart_policy, "always");
    g_ptr_array_add(pair.spec->ports, port_new(1, 2, PROTOCOL_UDP));
    g_ptr_array_add(pair.found->ports, port_new(1, 2, PROTOCOL_UDP));
    g_ptr_array_add(pair.spec->mounts, mount_new("/srv/a", "/data"));
    add_mount(&pair, "bind", "/srv/a", "/data");
    pairs_set(pair.spec->env, "A", "1");
    add_text(pair.found->env_names, "A");
    return pair;
}

static void nothing(struct pair_of *pair)
{
}

static void tagless(struct pair_of *pair)
{
    put(&pair->spec->image, "docker.io/library/x");
    put(&pair->spec->image_tag, "");
    put(&pair->found->image, "x");
}

static void by_id(struct pair_of *pair)
{
    put(&pair->found->image,
        "sha256:"
        "0123456789012345678901234567890123456789012345678901234567890"
        "123");
}

static void image(struct pair_of *pair)
{
    put(&pair->found->image, "reg:5000/x:0");
}

static void env(struct pair_of *pair)
{
    add_text(pair->found->env_names, "B");
    add_text(pair->found->env_names, "C");
    pairs_set(pair->spec->env, "D", "1");
}

static void only_added(struct pair_of *pair)
{
    pairs_set(pair->spec->env, "D", "1");
}

static void command(struct pair_of *pair)
{
    add_text(pair->found->command, "-x");
    add_text(pair->spec->entrypoint, "/run");
    add_text(pair->spec->entrypoint, "-y");
}

static void masked(struct pair_of *pair)
{
    add_text(pair->found->command, "--token=***");
    add_text(pair->spec->command, "--token=x");
}

#define TEN_X "xxxxxxxxxx"

static void script(struct pair_of *pair)
{
    g_autofree char *most = g_strnfill(210, 'x');
    add_text(pair->found->command, "a\n\033[2Jb");
    add_text(pair->spec->command, most);
}

static void policy(struct pair_of *pair)
{
    put(&pair->spec->restart_policy, "");
}

static void ports(struct pair_of *pair)
{
    struct port *port = port_new(3, 4, PROTOCOL_TCP);
    put(&port->host_ip, "127.0.0.1");
    g_ptr_array_add(pair->found->ports, port);
}

static void mounts(struct pair_of *pair)
{
    add_mount(pair, "bind", "/srv/b", "/more");
    g_ptr_array_add(pair->spec->mounts, mount_new("/srv/c", "/c"));
}

static void volume(struct pair_of *pair)
{
    add_mount(pair, "volume", "", "/c");
    g_ptr_array_add(pair->spec->mounts, mount_new("/srv/c", "/c"));
}

static void not_looked_at(struct pair_of *pair)
{
    put(&pair->found->restart_policy, "");
    env(pair);
    command(pair);
}

static void s29_what_differs_is_said(void)
{
    static const struct {
        void (*change)(struct pair_of *pair);
        const char *says;
    } rows[] = {
        {nothing, ""},
        {tagless, ""},
        {by_id, ""},
        {volume, ""},
        {not_looked_at, ""},
        {masked, ""},
        {image,
         "image: a rebuild would make it reg:5000/x:1, it is reg:5000/x:0; --image "
         "and --image-tag name it"},
        {env, "env: a rebuild would drop B, C, and add D; give them with --env"},
        {only_added, "env: a rebuild would add D"},
        {command,
         "entrypoint: a rebuild would make it /run -y, it is the image's own; a "
         "profile can say it|command: a rebuild would make it the image's own, it "
         "is -x; a profile can say it"},
        {script,
         "command: a rebuild would make it " TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X
             TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X
         "…, it is a  [2Jb; a profile can say it"},
        {policy,
         "restart_policy: a rebuild would make it no, it is always; a profile can "
         "say it"},
        {ports,
         "ports: a rebuild would drop 127.0.0.1:3:4/tcp; a profile, or the record's "
         "ports, can say them"},
        {mounts,
         "mounts: a rebuild would drop /srv/b:/more, and add /srv/c:/c; a profile, "
         "or --data-path, can say them"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct pair_of pair = same();
        rows[i].change(&pair);
        g_autoptr(GPtrArray) differences = differ(pair.spec, pair.found);
        g_autoptr(GString) text = g_string_new("");
        for (guint j = 0; j < differences->len; j++) {
            g_autofree char *sentence = difference_sentence(differences->pdata[j]);
            g_string_append_printf(text, "%s%s", j ? "|" : "", sentence);
        }
        g_assert_cmpstr(text->str, ==, rows[i].says);
        spec_free(pair.spec);
        shape_found.free(pair.found);
    }
}

/* --- Proposals -------------------------------------------------------------------------------- */

static const char zomboid[] =
    "{\"data_dir\": \"{data_path}/{name}\", \"mounts\": ["
    "{\"host_path\": \"{data_dir}/bin\", \"container_path\": \"/bin\"},"
    "{\"host_path\": \"{data_dir}/data\", \"container_path\": \"/data\"}], \"ports\": ["
    "{\"host_port\": \"{game_port}\", \"container_port\": \"{game_port}\", \"protocol\": "
    "\"udp\"},"
    "{\"host_port\": \"{udp_port}\", \"container_port\": \"{udp_port}\", \"protocol\": "
    "\"udp\"}]}";
static const char minecraft[] =
    "{\"data_dir\": \"{data_path}/{agent}/{name}\", \"mounts\": ["
    "{\"host_path\": \"{data_dir}\", \"container_path\": \"/data\"}], \"ports\": ["
    "{\"host_port\": \"{game_port}\", \"container_port\": 25565},"
    "{\"host_port\": \"{udp_port}\", \"container_port\": \"19132\", \"protocol\": "
    "\"udp\"}]}";

/* "5:5/udp" */
static void add_ports(struct found *found, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (char **word = words; *word && **word; word++) {
        g_auto(GStrv) parts = g_strsplit_set(*word, ":/", 3);
        g_ptr_array_add(
            found->ports,
            port_new(atoi(parts[0]), atoi(parts[1]),
                     g_str_equal(parts[2], "udp") ? PROTOCOL_UDP : PROTOCOL_TCP));
    }
}

static void s29_a_record_is_proposed(void)
{
    static const struct {
        const char *profile, *ports, *source;
        int64_t game_port, game, udp;
        const char *data_path;
    } rows[] = {
        {zomboid, "8:8/udp 7:7/udp 5:5/tcp", "/old/beta/data", 0, 7, 8, "/old"},
        {zomboid, "8:8/udp 7:7/udp", "/srv/beta/data", 8, 8, 7, NULL}, /* the agent's */
        {zomboid, "7:7/udp", "/old/other/data", 0, 7, 0, NULL},
        {zomboid, "7:8/udp", "/beta/data", 0, 0, 0, NULL}, /* what would be above? */
        {minecraft, "9:25565/tcp 6:19132/udp", "/old/host/beta", 0, 9, 6, "/old"},
        {minecraft, "9:25566/tcp 0:19132/udp", "/old/host/betamax", 0, 0, 0, NULL},
        {"{}", "9:9/tcp", "/old", 0, 0, 0, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ServerRow) server = server_row_new();
        g_autoptr(AgentRow) agent = agent_row_new();
        struct found *found = found_new();
        json_t *profile = json_loads(rows[i].profile, 0, NULL);
        row_set(&server->name, "beta");
        row_set(&agent->name, "host");
        row_set(&agent->server_data_path, "/srv");
        server->game_port = rows[i].game_port;
        add_ports(found, rows[i].ports);
        g_ptr_array_add(found->mounts,
                        mounted_new("bind", "", rows[i].source, "/data", false));
        propose(server, agent, profile, found);
        g_assert_cmpint(server->game_port, ==, rows[i].game);
        g_assert_cmpint(server->udp_port, ==, rows[i].udp);
        g_assert_cmpint(server->rcon_port, ==, 0);
        g_assert_cmpstr(server->server_data_path, ==, rows[i].data_path);
        json_decref(profile);
        shape_found.free(found);
    }
}

static json_t *object(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    g_assert_nonnull(json);
    return json;
}

static void assert_same(const json_t *profile, const char *text)
{
    json_auto_t *wanted = object(text);
    g_autofree char *got = json_dumps(profile, JSON_SORT_KEYS);
    if (!json_equal((json_t *)profile, wanted))
        g_error("it is %s", got);
}

static void s29_a_profile_keeps_what_no_record_says(void)
{
    json_auto_t *base = object(
        "{\"name\": \"x\", \"env\": {\"A\": \"1\", \"B\": \"1\"}, \"command\": [\"-y\"], "
        "\"mounts\": [{\"host_path\": \"{data_dir}\", \"container_path\": \"/data\"}, "
        "{\"host_path\": \"/srv/c\", \"container_path\": \"/c\"}], \"ports\": []}");
    struct pair_of pair = same();
    g_autoptr(ServerRow) server = server_row_new();
    put(&pair.found->name, "n");
    server->game_port = 1;
    g_ptr_array_add(pair.spec->mounts, mount_new("/srv/c", "/c"));
    add_mount(&pair, "bind", "/srv/{b}", "/b");
    add_text(pair.found->entrypoint, "/run");
    ports(&pair);
    json_auto_t *own = propose_profile(base, "own", pair.found);
    propose_places(own, pair.spec, server, pair.found);
    assert_same(
        own, "{\"name\": \"own\", \"about\": \"as the container n was adopted\", "
             "\"env\": {\"A\": \"1\"}, \"entrypoint\": [\"/run\"], \"restart_policy\": "
             "\"always\", \"mounts\": [{\"host_path\": \"{data_dir}\", "
             "\"container_path\": \"/data\"}, {\"host_path\": \"/srv/{{b}}\", "
             "\"container_path\": \"/b\", \"read_only\": false, \"make_directory\": "
             "false}], \"ports\": [{\"host_port\": \"{game_port}\", "
             "\"container_port\": 2, \"protocol\": \"udp\"}, {\"host_port\": 3, "
             "\"container_port\": 4, \"protocol\": \"tcp\", \"host_ip\": "
             "\"127.0.0.1\"}]}");
    add_text(pair.found->command, "***"); /* nobody knows it whole */
    json_auto_t *masked_one = propose_profile(base, "own", pair.found);
    assert_same(json_object_get(masked_one, "command"), "[\"-y\"]");
    g_assert_null(json_object_get(masked_one, "entrypoint"));
    put(&pair.found->restart_policy, ""); /* nobody has looked */
    json_auto_t *unseen = propose_profile(base, "own", pair.found);
    g_assert_null(json_object_get(unseen, "restart_policy"));
    assert_same(json_object_get(unseen, "env"), "{\"A\": \"1\", \"B\": \"1\"}");
    spec_free(pair.spec);
    shape_found.free(pair.found);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/differ/s29_what_differs_is_said", s29_what_differs_is_said);
    g_test_add_func("/propose/s29_a_record_is_proposed", s29_a_record_is_proposed);
    g_test_add_func("/propose/s29_a_profile_keeps_what_no_record_says",
                    s29_a_profile_keeps_what_no_record_says);
    return g_test_run();
}
