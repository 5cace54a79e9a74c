/*
 * test_changed.c - which fields of a row were changed, by name and without a value.
 */
#include "changed.h"

static void is_names(GPtrArray *names_taken, const char *wanted)
{
    g_autoptr(GPtrArray) names = names_taken;
    g_ptr_array_add(names, NULL);
    g_autofree char *text = g_strjoinv(" ", (char **)names->pdata);
    g_assert_cmpstr(text, ==, wanted);
}

static struct server_row *a_server(void)
{
    struct server_row *server = server_row_new();
    row_set(&server->name, "alpha");
    row_set(&server->image_tag, "41");
    row_set(&server->config,
            "{\"TOKEN\": \"hunter2\", \"SLOTS\": \"8\", \"MAP\": \"x\"}");
    server->game_port = 16261;
    return server;
}

static void what_was_changed_of_a_server(void)
{
    g_autoptr(ServerRow) before = a_server();
    g_autoptr(ServerRow) after = a_server();
    is_names(changed_in_server(before, after), "");
    is_names(changed_in_server(NULL, after), "");
    row_set(&after->config, "{\"MAP\": \"x\", \"SLOTS\": \"8\", \"TOKEN\": \"hunter2\"}");
    row_set(&after->image, "");
    is_names(changed_in_server(before, after), "");
    row_set(&after->image_tag, "42");
    row_set(&after->on_missing, "start");
    after->game_port = 16262;
    row_set(&after->config, "{\"TOKEN\": \"hunter3\", \"SLOTS\": \"8\", \"NEW\": \"\"}");
    is_names(changed_in_server(before, after),
             "image_tag on_missing game_port config.MAP config.NEW config.TOKEN");
}

static void what_was_changed_of_an_agent(void)
{
    g_autoptr(AgentRow) before = agent_row_new();
    g_autoptr(AgentRow) after = agent_row_new();
    is_names(changed_in_agent(before, after), "");
    is_names(changed_in_agent(NULL, after), "");
    row_set(&after->engine_id, "E1");
    row_set(&after->server_data_path, "/srv");
    is_names(changed_in_agent(before, after), "server_data_path engine_id");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/changed/of_a_server", what_was_changed_of_a_server);
    g_test_add_func("/changed/of_an_agent", what_was_changed_of_an_agent);
    return g_test_run();
}
