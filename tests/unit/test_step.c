/*
 * test_step.c - each step alone, asked and told by stories: tests/cases/step/.
 */
#include "step.h"

#include "script.h"
#include "seen.h"

#define LOOPS_MAX 1000

struct telling {
    const char *name;
    struct command *command;
    struct facts facts;
    enum step step;
    enum asked asked; /* by the last request */
    char *refused;    /* by an answer: "code message", or NULL */
};

static enum step step_of(const char *name)
{
    for (int step = 0; step < STEP_COUNT; step++) {
        if (g_str_equal(step_name((enum step)step), name))
            return (enum step)step;
    }
    g_error("there is no step \"%s\"", name);
}

static enum verdict verdict_of_name(const char *name)
{
    for (int verdict = 0; verdict <= VERDICT_REFUSED; verdict++) {
        if (g_str_equal(verdict_name((enum verdict)verdict), name))
            return (enum verdict)verdict;
    }
    g_error("there is no verdict \"%s\"", name);
}

static enum pull pull_of(const char *name)
{
    for (int pull = 0; pull < PULL_COUNT; pull++) {
        if (g_str_equal(pull_name((enum pull)pull), name))
            return (enum pull)pull;
    }
    g_error("there is no way \"%s\" to pull", name);
}

/* --- What a story begins with ------------------------------------------------------------ */

static void take_rest(char **words, GPtrArray *to)
{
    for (; *words; words++)
        g_ptr_array_add(to, g_strdup(*words));
}

static void add_networks(char **words, GPtrArray *to)
{
    for (; *words; words++)
        g_ptr_array_add(to, network_new(*words, false));
}

static void with(struct telling *telling, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    struct spec *spec = telling->command->spec;
    struct options *options = telling->command->options;
    for (char **word = words; *word; word++) {
        if (g_str_equal(*word, "save"))
            return take_rest(word + 1, spec->stop->save);
        if (g_str_equal(*word, "networks"))
            return add_networks(word + 1, spec->networks);
        if (g_str_equal(*word, "skip_save"))
            options->skip_save = true;
        else if (g_str_equal(*word, "others"))
            telling->facts.others_wanted = true;
        else if (g_str_equal(*word, "ran"))
            telling->facts.ran = true;
        else if (g_str_equal(*word, "removal_failed"))
            telling->facts.removal_failed = true;
        else if (g_str_equal(*word, "resumed"))
            telling->facts.resumed = true;
        else if (g_str_equal(*word, "action"))
            seen_set(&telling->command->action, *++word);
        else if (g_str_equal(*word, "volume"))
            g_ptr_array_add(spec->volumes, volume_new(*++word, "/cache"));
        else if (g_str_equal(*word, "owner"))
            seen_set(&spec->owner, *++word);
        else if (g_str_equal(*word, "mount")) {
            struct mount *mount = mount_new(*++word, "/data");
            mount->make_directory = true;
            g_ptr_array_add(spec->mounts, mount);
        } else if (g_str_equal(*word, "data_dir"))
            seen_set(&spec->data_dir, *++word);
        else if (g_str_equal(*word, "pull"))
            options->pull = pull_of(*++word);
        else if (g_str_equal(*word, "timeout"))
            spec->stop->timeout_s = atoi(*++word);
        else if (g_str_equal(*word, "api"))
            telling->facts.api = atoi(*++word);
        else
            g_error("%s: nothing can begin with \"%s\"", telling->name, *word);
    }
}

/* --- What is asked for --------------------------------------------------------------------- */

static const char *const works[] = {
    [HOST_LOOK_AT_DATA] = "look_at_data",
    [HOST_MAKE_DIRECTORIES] = "make_directories",
    [HOST_GIVE_DIRECTORIES] = "give_directories",
    [HOST_LOCK_NETWORKS] = "lock_networks",
    [HOST_CHECK_SOURCES] = "check_sources",
    [HOST_CHECK_PURGE] = "check_purge",
    [HOST_PURGE] = "purge",
};

/* In the words of a story. */
static char *described(enum ask ask, const struct want *want)
{
    switch (ask) {
    case ASK_NOTHING:
        return g_strdup("nothing");
    case ASK_LOOK:
        return g_strdup("look");
    case ASK_ENGINE:
        return g_strdup_printf("%s %s %s", want->request->method, want->request->path,
                               want->request->body ? want->request->body : "");
    case ASK_HOST:
        return g_strdup_printf("host %s", works[want->host]);
    case ASK_WAIT:
        return g_strdup_printf("wait %" G_GINT64_FORMAT, want->wait_ms);
    case ASK_REFUSE:
        return g_strdup_printf("refuse %s %s", want->refusal.code, want->refusal.message);
    }
    g_assert_not_reached();
}

static char *ask(struct telling *telling)
{
    struct want want;
    const enum ask asked = step_ask(telling->step, &telling->facts, &want);
    char *text = described(asked, &want);
    if (asked == ASK_ENGINE) {
        telling->asked = want.request->asked;
        g_assert_true(want.request->lane != DOCKER_READ ||
                      g_str_equal(want.request->method, "GET"));
        g_assert_true(want.request->asked == ASKED_PULL || want.request->timeout_ms > 0);
    }
    g_clear_pointer(&want.request, request_free);
    refusal_clear(&want.refusal);
    return text;
}

/* Every word group of what is wanted stands in the text: the first as its beginning, after a
 * path or a code the rest anywhere. */
static bool fits(const char *text, const char *wanted)
{
    g_auto(GStrv) words = g_strsplit(wanted, " ", 3);
    const guint n = g_strv_length(words);
    if (n < 3)
        return g_str_has_prefix(text, wanted);
    g_autofree char *head = g_strconcat(words[0], " ", words[1], NULL);
    return g_str_has_prefix(text, head) && strstr(text, words[2]);
}

static void expect(const struct telling *telling, const char *text, const char *wanted)
{
    const bool whole = g_str_equal(wanted, "nothing") || g_str_equal(wanted, "look") ||
                       g_str_has_prefix(wanted, "wait ");
    if (whole ? !g_str_equal(text, wanted) : !fits(text, wanted))
        g_error("%s\n  wants: %s\n  gets:  %s", telling->name, wanted, text);
}

/* "wait 250 until refuse …": what is seen stays as it is. */
static void expect_until(struct telling *telling, const char *wait, const char *end)
{
    for (int i = 0; i < LOOPS_MAX; i++) {
        g_autofree char *text = ask(telling);
        telling->facts.fresh = true;
        if (g_str_equal(text, wait))
            continue;
        g_assert_cmpint(i, >, 1);
        expect(telling, text, end);
        return;
    }
    g_error("%s: it waits for ever", telling->name);
}

static void expected(struct telling *telling, const char *wanted)
{
    g_auto(GStrv) until = g_strsplit(wanted, " until ", 2);
    const char *ended = script_after(wanted, "ended");
    if (until[1]) {
        expect_until(telling, until[0], until[1]);
    } else if (ended) {
        g_assert_nonnull(telling->refused);
        g_autofree char *text = g_strconcat("ended ", telling->refused, NULL);
        expect(telling, text, wanted);
    } else {
        g_assert_null(telling->refused);
        g_autofree char *text = ask(telling);
        expect(telling, text, wanted);
    }
}

/* --- What is told ---------------------------------------------------------------------------- */

static void told(struct telling *telling, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 2);
    struct refusal refusal = {0};
    const struct reply reply = {
        .asked = telling->asked,
        .body = words[1] ? words[1] : (char *)"",
        .length = words[1] ? strlen(words[1]) : 0,
    };
    if (step_told(telling->step, &telling->facts, verdict_of_name(words[0]), &reply,
                  &refusal))
        g_assert_null(refusal.code);
    else
        telling->refused = g_strdup_printf("%s %s", refusal.code, refusal.message);
    refusal_clear(&refusal);
}

/* As job_host.c notes it. */
static void host_has_done(struct facts *facts, enum step step)
{
    facts->directories_made |= step == STEP_DIRECTORIES;
    facts->directories_given |= step == STEP_CREATE;
    facts->networks_locked |= step == STEP_NETWORKS;
    facts->sources_checked |= step == STEP_START;
    facts->purge_checked |= step == STEP_CHECK_PURGE;
    facts->purged |= step == STEP_PURGE;
}

static void check_maybe(const struct telling *telling, enum maybe maybe,
                        const char *wanted)
{
    if (!g_str_equal(maybe_name(maybe), wanted))
        g_error("%s: it is %s, not %s", telling->name, maybe_name(maybe), wanted);
}

static GPtrArray *all_of(const char *words)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)container_free);
    g_auto(GStrv) each = g_strsplit(words, " | ", 0);
    for (char **one = each; *one; one++)
        g_ptr_array_add(all, seen_new(*one));
    return all;
}

static void tell_line(struct telling *telling, const char *line)
{
    struct facts *facts = &telling->facts;
    const char *rest;
    if ((rest = script_after(line, "with")))
        with(telling, rest);
    else if ((rest = script_after(line, "step")))
        telling->step = step_of(rest);
    else if ((rest = script_after(line, ">")))
        expected(telling, rest);
    else if ((rest = script_after(line, "old")))
        step_saw_old(facts, seen_new(rest));
    else if ((rest = script_after(line, "all")))
        step_saw_all(facts, all_of(rest));
    else if ((rest = script_after(line, "told")))
        told(telling, rest);
    else if ((rest = script_after(line, "saved")))
        check_maybe(telling, facts->saved, rest);
    else if ((rest = script_after(line, "killed")))
        check_maybe(telling, facts->killed, rest);
    else if (script_after(line, "host"))
        host_has_done(facts, telling->step);
    else if (script_after(line, "late")) /* as job_answer.c notes an unknown outcome */
        facts->network_late = true;
    else if (script_after(line, "waited")) /* for longer than anything is worth */
        facts->waited = 100000;
    else if (script_after(line, "stale"))
        facts->fresh = false;
    else if ((rest = script_after(line, "seen"))) {
        step_saw(facts, seen_new(rest));
        facts->fresh = true;
    } else
        g_error("%s: \"%s\" is no line of a story", telling->name, line);
}

static void tell(const struct script *script)
{
    struct telling telling = {.name = script->name};
    telling.command = seen_command("start");
    telling.facts.command = telling.command;
    telling.facts.seen = container_new();
    g_autoptr(Policy) policy = policy_new();
    telling.facts.policy = policy;
    telling.facts.api = 41;
    for (guint i = 0; i < script->lines->len; i++)
        tell_line(&telling, g_ptr_array_index(script->lines, i));
    facts_clear(&telling.facts);
    command_free(telling.command);
    g_free(telling.refused);
}

static void check_file(const void *name)
{
    g_autoptr(GPtrArray) scripts = scripts_in("step", name);
    for (guint i = 0; i < scripts->len; i++)
        tell(g_ptr_array_index(scripts, i));
    g_assert_cmpuint(scripts->len, >, 10);
}

/* --- Looking ------------------------------------------------------------------------------------ */

static void assert_path(struct request *request_taken, const char *path)
{
    g_assert_cmpstr(request_taken->path, ==, path);
    g_assert_cmpint(request_taken->lane, ==, DOCKER_READ);
    request_free(request_taken);
}

static void s21_an_adopted_one_is_found_by_its_id_until_it_is_gone(void)
{
    g_autoptr(Command) command = seen_command("start");
    struct facts facts = {.command = command, .seen = container_new()};
    seen_set(&command->spec->adopt, "abc");

    assert_path(step_look_request(&facts), "/containers/abc/json");
    step_saw(&facts, container_new());
    g_assert_true(facts.adopted_gone);
    assert_path(step_look_request(&facts), "/containers/steam-zomboid-a/json");
    facts_clear(&facts);
}

static void names_are_escaped(void)
{
    g_autoptr(Command) command = seen_command("start");
    struct facts facts = {.command = command, .seen = container_new()};
    seen_set(&command->spec->container, "a/../b?c");

    assert_path(step_look_request(&facts), "/containers/a%2F..%2Fb%3Fc/json");
    facts_clear(&facts);
}

/* A command may say of any container that it has adopted it. */
static void t10_anothers_old_one_is_none(void)
{
    static const struct {
        const char *server, *agent;
        bool taken;
    } rows[] = {
        {"", "", true}, /* an adopted one bears no label */
        {"a", "", true},      {"a", "ours", true},    {"b", "", false},
        {"b", "ours", false}, {"a", "theirs", false}, {"", "theirs", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Command) command = seen_command("start");
        struct facts facts = {.command = command, .seen = container_new()};
        struct container *old = seen_new("exited");
        seen_set(&command->agent_id, "ours");
        seen_set(&command->server_id, "a");
        seen_set(&old->name, "steam-zomboid-a.old-command-0-r");
        seen_set(&old->server_id, rows[i].server);
        seen_set(&old->agent_id, rows[i].agent);
        step_saw_old(&facts, old);
        g_assert_cmpint(facts.old != NULL, ==, rows[i].taken);
        facts_clear(&facts);
    }
}

static bool is_leftover(const char *name)
{
    g_autoptr(Command) command = seen_command("start");
    struct facts facts = {.command = command, .seen = container_new()};
    struct container *old = seen_new("exited");
    seen_set(&old->name, name);
    step_saw_old(&facts, old);
    const bool is = step_has_leftover(&facts);
    facts_clear(&facts);
    return is;
}

static void only_another_commands_rebuild_is_a_leftover(void)
{
    g_assert_true(is_leftover("steam-zomboid-a.old-command-0-r"));
    g_assert_false(is_leftover("steam-zomboid-a.old-command-1-r"));
    g_assert_false(is_leftover("steam-zomboid-a"));
    g_assert_false(is_leftover("steam-zomboid-a.old-command-0"));
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"make.txt", "run.txt", "remove.txt",
                                        "rebuild.txt"};

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *name = g_strconcat("/step/", files[i], NULL);
        g_test_add_data_func(name, files[i], check_file);
    }
    g_test_add_func("/step/s21_an_adopted_one_is_found_by_its_id_until_it_is_gone",
                    s21_an_adopted_one_is_found_by_its_id_until_it_is_gone);
    g_test_add_func("/step/names_are_escaped", names_are_escaped);
    g_test_add_func("/step/t10_anothers_old_one_is_none", t10_anothers_old_one_is_none);
    g_test_add_func("/step/only_another_commands_rebuild_is_a_leftover",
                    only_another_commands_rebuild_is_a_leftover);
    return g_test_run();
}
