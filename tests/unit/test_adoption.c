/*
 * test_adoption.c - which containers a command may have by naming their id (T5).
 */
#include "adoption.h"
#include "container.h"
#include "seen.h"

#include <string.h>

#define ID "e7b11aba8f3e0000"

static const struct {
    const char *name, *agent_id, *server_id, *reach; /* what the engine shows */
    const char *code, *says;                         /* NULL: it may be had */
} rows[] = {
    {"old-one", "", "", "", NULL, NULL},
    {"old-one.old-0192d7a0-1111-7abc-8def-0123456789ab-r", "", "", "", NULL, NULL},
    {"payroll", "", "", "", CODE_FORBIDDEN, "rule adopt: the container payroll"},
    {"payroll.old-0192d7a0-1111-7abc-8def-0123456789ab-r", "", "", "", CODE_FORBIDDEN,
     "rule adopt: the container payroll"},
    {"old-one", "", "", "runs privileged", CODE_FORBIDDEN,
     "rule adopt: the container old-one runs privileged"},
    {"payroll", "a1", "s1", "", NULL, NULL}, /* ours, by whatever name */
    {"old-one", "a1", "s2", "", CODE_NAME_CONFLICT,
     "the container old-one is server s2's"},
    {"old-one", "a2", "s1", "", CODE_NAME_CONFLICT,
     "the container old-one is server s1's"},
    {"old-one", "a2", "", "", CODE_NAME_CONFLICT, "the container old-one is agent a2's"},
};

static struct container *shown(size_t i)
{
    struct container *seen = container_new();

    seen->status = CONTAINER_RUNNING;
    seen_set(&seen->id, ID);
    seen_set(&seen->name, rows[i].name);
    seen_set(&seen->agent_id, rows[i].agent_id);
    seen_set(&seen->server_id, rows[i].server_id);
    seen_set(&seen->reach, rows[i].reach);
    seen->managed = *rows[i].server_id != '\0';
    return seen;
}

static struct command *adopting(const char *id)
{
    struct command *command = seen_command("stop");

    seen_set(&command->agent_id, "a1");
    seen_set(&command->server_id, "s1");
    seen_set(&command->spec->adopt, id);
    return command;
}

static struct policy *only_old_ones(void)
{
    struct policy *policy = policy_new();

    g_ptr_array_add(policy->adopt, g_strdup("old-*"));
    return policy;
}

static void check(const char *id, const struct container *seen, bool by_id,
                  const char *code, const char *says)
{
    g_autoptr(Policy) policy = only_old_ones();
    g_autoptr(Command) command = adopting(id);
    struct refusal refusal = {0};

    g_assert_cmpint(adoption_allows(policy, command, seen, by_id, &refusal), ==,
                    code == NULL);
    g_assert_cmpstr(refusal.code, ==, code);
    if (says)
        g_assert_nonnull(strstr(refusal.message, says));
    refusal_clear(&refusal);
}

static void t5_what_the_engine_shows_decides(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Container) seen = shown(i);
        check(ID, seen, true, rows[i].code, rows[i].says);
    }
}

static void t5_a_name_is_no_id(void)
{
    g_autoptr(Container) seen = shown(0);

    check("old-one", seen, true, CODE_NAME_CONFLICT, "\"old-one\", is no container's id");
    check("e7b11aba8f3", seen, true, CODE_NAME_CONFLICT, "is no container's id");
    check(ID, seen, true, NULL, NULL);
}

/* The plan has its own words for one that bears the server's name. */
static void t5_it_is_about_what_was_named_alone(void)
{
    g_autoptr(Container) absent = container_new();
    g_autoptr(Container) theirs = shown(6);

    check(ID, absent, true, NULL, NULL);
    check(ID, theirs, false, NULL, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/adoption/t5_what_the_engine_shows_decides",
                    t5_what_the_engine_shows_decides);
    g_test_add_func("/adoption/t5_a_name_is_no_id", t5_a_name_is_no_id);
    g_test_add_func("/adoption/t5_it_is_about_what_was_named_alone",
                    t5_it_is_about_what_was_named_alone);
    return g_test_run();
}
