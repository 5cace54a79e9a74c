/*
 * test_stranger.c - what a Sync tells of a container that nobody made through Muster.
 */
#include "stranger.h"

#include "masked.h"
#include "shape.h"

#include <string.h>

static char *joined(const GPtrArray *words)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (guint i = 0; i < words->len; i++)
        g_ptr_array_add(all, words->pdata[i]);
    g_ptr_array_add(all, NULL);
    return g_strjoinv("|", (char **)all->pdata);
}

static struct found *looked(const char *config, const char *image)
{
    g_autofree char *container = g_strdup_printf(
        "{\"Id\": \"c1\", \"Name\": \"/steam-zomboid-a\", \"State\": {\"Status\": "
        "\"running\"}, \"HostConfig\": {\"RestartPolicy\": {\"Name\": \"always\"}}, "
        "\"Config\": {\"Image\": \"x:1\", %s}}",
        config);
    struct found *found = stranger_looked(container, strlen(container), image,
                                          image ? strlen(image) : 0);
    g_assert_nonnull(found);
    g_assert_cmpstr(found->restart_policy, ==, "always");
    g_assert_cmpstr(found->image, ==, "x:1");
    return found;
}

#define IMAGE                                                                           \
 "{\"Config\": {\"Env\": [\"PATH=/bin\", \"A=1\"], \"Entrypoint\": [\"/run\"], \"Cmd\"" \
 ": [\"-x\"]}}"

static void s29_what_is_its_images_is_not_told(void)
{
    static const struct {
        const char *config, *image, *env, *entrypoint, *command;
    } rows[] = {
        {"\"Env\": [\"PATH=/bin\", \"A=1\"], \"Entrypoint\": [\"/run\"], \"Cmd\": [\"-x\"]",
         IMAGE, "", "", ""},
        {"\"Env\": [\"PATH=/bin\", \"A=2\", \"B=\", \"C\"], \"Entrypoint\": [\"/run\"], "
         "\"Cmd\": [\"-y\", \"-adminpassword\", \"geheim\"]",
         IMAGE, "A|B|C", "", "-y|-adminpassword|***"},
        {"\"Entrypoint\": [\"/other\"], \"Cmd\": [\"-x\"]", IMAGE, "", "/other", "-x"},
        {"\"Entrypoint\": \"/other\", \"Cmd\": null", IMAGE, "", "/other", ""},
        {"\"Env\": [\"PATH=/bin\"], \"Cmd\": [\"-y\"]", NULL, "PATH", "", ""}, /* gone */
        {"\"Env\": null, \"Entrypoint\": null, \"Cmd\": []", "{\"Config\": {}}", "", "",
         ""},
        {"\"Env\": 7, \"Cmd\": {\"a\": 1}", "nonsense", "", "", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct found *found = looked(rows[i].config, rows[i].image);
        g_autofree char *env = joined(found->env_names);
        g_autofree char *entrypoint = joined(found->entrypoint);
        g_autofree char *command = joined(found->command);
        g_assert_cmpstr(env, ==, rows[i].env);
        g_assert_cmpstr(entrypoint, ==, rows[i].entrypoint);
        g_assert_cmpstr(command, ==, rows[i].command);
        shape_found.free(found);
    }
    g_assert_null(stranger_looked("[]", 2, NULL, 0));
}

static void s29_nothing_of_it_is_without_an_end(void)
{
    g_autoptr(GString) config = g_string_new("\"Env\": [\"");
    for (int i = 0; i < STRANGER_WORD_MAX; i++)
        g_string_append(config, "ä");
    g_string_append(config, "=1\"");
    for (int i = 0; i < STRANGER_WORDS_MAX; i++)
        g_string_append_printf(config, ", \"V%d=1\"", i);
    g_string_append(config, "]");
    struct found *found = looked(config->str, NULL);
    const char *first = found->env_names->pdata[0];
    g_assert_cmpuint(found->env_names->len, ==, STRANGER_WORDS_MAX + 1);
    g_assert_cmpstr(found->env_names->pdata[STRANGER_WORDS_MAX], ==, "…");
    g_assert_true(g_utf8_validate(first, -1, NULL));
    g_assert_cmpuint(strlen(first), ==, STRANGER_WORD_MAX + strlen("…"));
    shape_found.free(found);
}

static void s29_a_password_in_a_command_line_is_masked(void)
{
    static const struct {
        const char *words, *masked;
    } rows[] = {
        {"/run|-port|1", "/run|-port|1"},
        {"-adminpassword|x|y", "-adminpassword|***|y"},
        {"+rcon_password|x", "+rcon_password|***"},
        {"--token=x=y|z", "--token=***|z"},
        {"-nopassword|-x", "-nopassword|-x"},
        {"API_KEY=x|FOO=1", "API_KEY=***|FOO=1"},
        {"--secret", "--secret"},
        {"", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(GStrv) list = g_strsplit(rows[i].words, "|", -1);
        g_autoptr(GPtrArray) words = g_ptr_array_new();
        for (char **word = list; *word; word++)
            g_ptr_array_add(words, *word);
        g_autoptr(GPtrArray) masked = masked_words(words);
        g_autofree char *text = joined(masked);
        g_assert_cmpstr(text, ==, rows[i].masked);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stranger/s29_what_is_its_images_is_not_told",
                    s29_what_is_its_images_is_not_told);
    g_test_add_func("/stranger/s29_nothing_of_it_is_without_an_end",
                    s29_nothing_of_it_is_without_an_end);
    g_test_add_func("/masked/s29_a_password_in_a_command_line_is_masked",
                    s29_a_password_in_a_command_line_is_masked);
    return g_test_run();
}
