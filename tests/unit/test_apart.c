/*
 * test_apart.c - S30: no server's directories in or around another's, whoever makes a record.
 */
#include "apart.h"

#include "check.h"
#include "request.h"

#include <glib/gstdio.h>
#include <string.h>

struct desk {
    char *directory;
    struct ledger *ledger;
    struct codec *codec;
    int64_t clock;
};

static struct request request_of(struct desk *desk, enum action action)
{
    return (struct request){
        .action = action,
        .actor = "test",
        .reason = "",
        .now = desk->clock += 1000,
    };
}

static void set_up(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    desk->directory = g_dir_make_tmp("apart-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(desk->directory, "ledger.db", NULL);
    desk->ledger = ledger_make(path, &error);
    g_assert_no_error(error);
    desk->codec = codec_new();
    desk->clock = INT64_C(1800000000000);
    const struct request request = request_of(desk, ACTION_UNKNOWN);
    g_autoptr(AgentRow) agent = agent_row_new();
    row_set(&agent->id, "a1");
    row_set(&agent->name, "a1");
    row_set(&agent->steam_zomboid_registry, "registry:5000/steam-zomboid");
    row_set(&agent->server_data_path, "/srv");
    agent->partitions = 4;
    g_autoptr(Queued)
        queued = request_agent(desk->ledger, desk->codec, agent, &request, &error);
    g_assert_no_error(error);
    g_assert_nonnull(queued);
}

static void tear_down(struct desk *desk, gconstpointer data)
{
    ledger_close(desk->ledger);
    codec_free(desk->codec);
    g_autoptr(GDir) dir = g_dir_open(desk->directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(desk->directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(desk->directory);
    g_free(desk->directory);
}

static struct server_row *draft_of(const char *name, const char *data_path, int64_t port)
{
    struct server_row *draft = server_row_new();
    row_set(&draft->agent_id, "a1");
    row_set(&draft->name, name);
    row_set(&draft->profile, "zomboid");
    row_set(&draft->config, "{}");
    if (data_path)
        row_set(&draft->server_data_path, data_path);
    draft->game_port = port;
    draft->udp_port = port + 1;
    draft->rcon_port = port + 2;
    return draft;
}

static struct queued *create(struct desk *desk, const char *name, const char *data_path,
                             GError **error)
{
    const struct request request = request_of(desk, ACTION_CREATE);
    g_autoptr(ServerRow) draft = draft_of(name, data_path, 16261);
    return request_create(desk->ledger, desk->codec, draft, &request, error);
}

static char *created(struct desk *desk, const char *name, const char *data_path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = create(desk, name, data_path, &error);
    g_assert_no_error(error);
    return g_strdup(queued->server_id);
}

static void assert_refused(GError **error, const char *says)
{
    g_assert_error(*error, REQUEST_ERROR, REQUEST_ERROR_REFUSED);
    g_assert_nonnull(strstr((*error)->message, says));
    g_clear_error(error);
}

static void s30_create(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_free(created(desk, "fox", NULL)); /* /srv/fox */
    g_free(created(desk, "fox-2", NULL));
    g_free(created(desk, "owl", "/srv/more/deep"));
    g_assert_null(create(desk, "ant", "/srv/fox", &error));
    assert_refused(&error,
                   "'/srv/fox/ant' lies in '/srv/fox', the data directory of server "
                   "fox");
    g_assert_null(create(desk, "ant", "/srv/fox/data", &error));
    assert_refused(&error, "lies in '/srv/fox'");
    g_assert_null(create(desk, "more", NULL, &error));
    assert_refused(&error, "'/srv/more' holds '/srv/more/deep/owl'");
    g_assert_null(create(desk, "deep", "/srv/more", &error));
    assert_refused(&error, "holds '/srv/more/deep/owl'");
    g_free(created(desk, "ant", "/srv/more"));
}

static void s30_set(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_free(created(desk, "fox", NULL));
    g_autofree char *id = created(desk, "ant", NULL);
    const struct request request = request_of(desk, ACTION_UNKNOWN);
    g_autoptr(ServerRow) changed = draft_of("ant", "/srv/fox", 16261);
    row_set(&changed->id, id);
    g_assert_null(request_change(desk->ledger, desk->codec, changed, &request, &error));
    assert_refused(&error, "the data directory of server fox");
    row_set(&changed->server_data_path, "/srv/other");
    g_autoptr(Queued)
        good = request_change(desk->ledger, desk->codec, changed, &request, &error);
    g_assert_no_error(error);
    g_assert_nonnull(good);
}

/* What import and adopt do. */
static void s30_bring(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_free(created(desk, "fox", NULL));
    const struct request request = request_of(desk, ACTION_UNKNOWN);
    g_autofree char *event_id = NULL;
    g_autoptr(ServerRow) nested = draft_of("ant", "/srv/fox", 16261);
    row_set(&nested->id, "imported");
    g_assert_true(ledger_begin(desk->ledger, NULL));
    g_assert_false(
        request_bring(desk->ledger, desk->codec, nested, &request, &event_id, &error));
    assert_refused(&error, "the data directory of server fox");
    ledger_rollback(desk->ledger);
}

static void assert_within(const char *data_dir, const char *a, const char *b,
                          const char *says)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Spec) spec = spec_new();
    row_set(&spec->data_dir, data_dir);
    g_ptr_array_add(spec->mounts, mount_new(a, "/a"));
    g_ptr_array_add(spec->mounts, mount_new(b, "/b"));
    g_assert_true(apart_within(spec, &error) == (says == NULL));
    if (!says)
        return;
    g_assert_error(error, CHECK_ERROR, CHECK_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, says));
}

static void s30_within_one(struct desk *desk, gconstpointer data)
{
    assert_within("/srv/a", "/srv/a/bin", "/srv/a/data", NULL);
    assert_within("/srv/a", "/srv/a", "/srv/a-2", NULL);
    assert_within("/srv/a", "/srv/a/x", "/srv/a/x", NULL);
    assert_within("", "/srv/a", "/srv/b", NULL);
    assert_within("/srv/a", "/srv/a", "/srv/a/mods", "'/srv/a/mods' lies in another");
    assert_within("/srv/a", "/srv/a/x/y", "/srv/a/x", "'/srv/a/x/y' lies in another");
    assert_within("/srv/a/b", "/srv/a", "/srv/c", "'/srv/a' holds the data directory");
}

static void add(const char *name, void (*test)(struct desk *, gconstpointer))
{
    g_test_add(name, struct desk, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/apart/s30_create", s30_create);
    add("/apart/s30_set", s30_set);
    add("/apart/s30_bring", s30_bring);
    add("/apart/s30_within_one", s30_within_one);
    return g_test_run();
}
