/*
 * test_others.c - which list of all containers serves a start.
 */
#include "others.h"

static struct neighbours *list_of(const char *id)
{
    GPtrArray *containers = g_ptr_array_new_with_free_func(
        (GDestroyNotify)container_free);
    struct container *container = container_new();
    g_free(container->id);
    container->id = g_strdup(id);
    g_ptr_array_add(containers, container);
    return neighbours_new(containers, g_hash_table_new(g_str_hash, g_str_equal));
}

static bool serves(const struct others *others, const char *id)
{
    g_autoptr(Neighbours) list = others_for(others, id);
    return list != NULL;
}

/* Whether it serves a start of c1 if this happens between the asking, the keeping and the
 * start: "d" no events come, "h" they come again, "c" a container is made or removed. */
static void s30_a_list_serves_until_another_container_is_made(void)
{
    static const struct {
        const char *before, *meanwhile, *after;
        bool serves;
    } rows[] = {
        {"h", "", "", true},    {"", "", "", false},    {"h", "c", "", false},
        {"h", "", "c", false},  {"hc", "", "", true},   {"hd", "", "", false},
        {"h", "d", "", false},  {"h", "dh", "", false}, {"h", "", "d", false},
        {"h", "", "dh", false}, {"h", "h", "h", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Others) others = others_new();
        g_autoptr(Neighbours) list = list_of("c1");
        unsigned changes = 0;
        const char *const acts[] = {rows[i].before, rows[i].meanwhile, rows[i].after};
        for (size_t act = 0; act < G_N_ELEMENTS(acts); act++) {
            for (const char *at = acts[act]; *at; at++) {
                if (*at == 'c')
                    others_change(others);
                else
                    others_hear(others, *at == 'h');
            }
            if (act == 0)
                changes = others_changes(others);
            if (act == 1)
                others_keep(others, list, changes);
        }
        if (serves(others, "c1") != rows[i].serves)
            g_error("row %zu: it %s", i, rows[i].serves ? "does not serve" : "serves");
    }
}

/* Its events may come late: what is not in the list was made since. */
static void s30_a_list_serves_those_that_it_holds_alone(void)
{
    g_autoptr(Others) others = others_new();
    g_autoptr(Neighbours) list = list_of("c1");

    others_hear(others, true);
    others_keep(others, list, others_changes(others));
    g_assert_true(serves(others, "c1"));
    g_assert_false(serves(others, "c2"));
    g_assert_false(serves(others, ""));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/others/s30_a_list_serves_until_another_container_is_made",
                    s30_a_list_serves_until_another_container_is_made);
    g_test_add_func("/others/s30_a_list_serves_those_that_it_holds_alone",
                    s30_a_list_serves_those_that_it_holds_alone);
    return g_test_run();
}
