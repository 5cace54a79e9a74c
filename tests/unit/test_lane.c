/*
 * test_lane.c - which command begins when, what it tells, and what the end of an assignment
 * leaves: tests/cases/job/lanes.txt.
 */
#include "lane.h"

#include "fake_docker.h"
#include "others.h"
#include "fake_publish.h"
#include "script.h"
#include "seen.h"

#define AT_ONCE     2
#define WALL_MS     1000000000000
#define BRIEF_MS    5000
#define PATIENCE_US (90 * G_USEC_PER_SEC)

static const struct author author = {
    .agent_id = "agent", .worker = "slot", .engine_id = "ENGINE"};

struct stage {
    const char *name;
    struct lanes *lanes;
    struct lanes_setup setup;
    struct policy *policy;
    struct partition partition;
    int64_t now_ms;
    bool ended;
};

static void wake(void *context)
{
}

static void set_stage(struct stage *stage)
{
    struct docker *docker = fake_docker_new();
    stage->policy = policy_new();
    g_assert_true(policy_add_data_root(stage->policy, "/srv", NULL));
    g_assert_true(policy_add_registry(stage->policy, "reg:5000", NULL));
    stage->partition.commands = offsets_new(0);
    stage->partition.control = offsets_new(0);
    stage->setup = (struct lanes_setup){
        .site = {.docker = docker,
                 .errands = errands_new(2, wake, NULL),
                 .pulls = pulls_new(docker, NULL),
                 .policy = stage->policy,
                 .author = &author,
                 .others = others_new(),
                 .pull_stall_ms = 2000},
        .publisher = fake_publisher_new(),
        .locks = locks_new(),
        .author = &author,
        .at_once = AT_ONCE,
    };
    locks_add(stage->setup.locks, 0, NULL); /* the assignment's */
    stage->lanes = lanes_new(&stage->setup);
    stage->now_ms = 1000;
}

static void clear_stage(struct stage *stage)
{
    errands_free(stage->setup.site.errands);
    others_free(stage->setup.site.others);
    lanes_free(stage->lanes);
    pulls_free(stage->setup.site.pulls);
    fake_docker_free(stage->setup.site.docker);
    fake_publisher_free(stage->setup.publisher);
    locks_free(stage->setup.locks);
    offsets_free(stage->partition.commands);
    offsets_free(stage->partition.control);
    policy_unref(stage->policy);
}

static void turn(struct stage *stage, bool engine_up)
{
    const int64_t until = g_get_monotonic_time() + PATIENCE_US;
    bool going = true;
    while (going) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        lanes_advance(stage->lanes, engine_up, stage->now_ms, WALL_MS + stage->now_ms,
                      WALL_MS + stage->now_ms);
        going = errands_running(stage->setup.site.errands) > 0;
        going |= errands_collect(stage->setup.site.errands);
    }
}

/* --- Commands ---------------------------------------------------------------------------------------- */

static struct order *order_new(const char *server, const char *id, const char *action)
{
    struct order *order = g_new0(struct order, 1);
    struct command *command = seen_command(action);
    seen_set(&command->server_id, server);
    seen_set(&command->command_id, id);
    command->expires_at = WALL_MS + 600000;
    g_free(command->spec->container);
    g_free(command->spec->image);
    command->spec->container = g_strdup_printf("c-%s", server);
    command->spec->image = g_strdup_printf("reg:5000/%s", server);
    order->command = command;
    order->cause = cause_new(command, "t", 0, atoi(id));
    return order;
}

static void twist(struct order *order, const char *word)
{
    if (g_str_equal(word, "expired"))
        order->command->expires_at = WALL_MS;
    else if (g_str_equal(word, "brief"))
        order->command->expires_at = WALL_MS + BRIEF_MS;
    else if (g_str_equal(word, "begun"))
        order->begun = g_strdup("a");
    else if (g_str_equal(word, "known"))
        order->begun = g_strdup("");
    else if (g_str_equal(word, "bare"))
        g_clear_pointer(&order->command->spec, spec_free);
    else if (g_str_equal(word, "elsewhere"))
        order->command->engine_id = g_strdup("ANOTHER");
    else if (g_str_equal(word, "forbidden"))
        seen_set(&order->command->spec->image, "docker.io/game");
    else
        g_error("no command is \"%s\"", word);
}

static void push(struct stage *stage, const char *rest)
{
    g_auto(GStrv) words = g_strsplit(rest, " ", -1);
    struct order *order = order_new(words[0], words[1], words[2]);
    const char *note = NULL;
    for (char **word = words + 3; *word; word++)
        twist(order, *word);
    if (!stage->ended)
        offsets_receive(stage->partition.commands, order->cause->offset, &note);
    lanes_push(stage->lanes, &stage->partition, order);
}

/* "SERVER ID TARGET taken|unknown" */
static void cancel(struct stage *stage, const char *rest)
{
    g_auto(GStrv) words = g_strsplit(rest, " ", -1);
    struct order *order = order_new(words[0], words[1], "cancel");
    order->control = true;
    order->cause->offset = 0;
    order->command->target = g_strdup(words[2]);
    const bool taken = lanes_cancel(stage->lanes, order, WALL_MS) == CANCEL_TAKEN;
    if (!g_str_equal(words[3], taken ? "taken" : "unknown"))
        g_error("%s: cancel %s: not so", stage->name, rest);
    if (!taken)
        order_free(order);
}

/* "SERVER STATUS NAME [AGENT]": what a list shows of its labels. */
static void listed(struct stage *stage, const char *rest)
{
    g_auto(GStrv) words = g_strsplit(rest, " ", 4);
    g_autoptr(Container) container = seen_new(words[1]);
    seen_set(&container->server_id, words[0]);
    seen_set(&container->name, words[2]);
    if (words[3])
        seen_set(&container->agent_id, words[3]);
    g_free(container->id);
    container->id = g_strdup_printf("id-%s", words[0]);
    lanes_tidy(stage->lanes, &stage->partition, container, stage->now_ms);
}

/* --- The engine's side ------------------------------------------------------------------------------ */

/* Whose request that is: a server's container, its id and its image are named alike. */
static char server_of(const struct request *request)
{
    for (char server = 'a'; server <= 'c'; server++) {
        g_autofree char *pattern = g_strdup_printf(
            "c-%c/|id-%c[/?]|%%3D%c%%22|%%2F%c%%3A", server, server, server, server);
        if (g_regex_match_simple(pattern, request->path, 0, 0))
            return server;
    }
    g_error("%s is no server's", request->path);
}

static struct sent *find_sent(const struct stage *stage, char server, const char *method)
{
    const GPtrArray *all = stage->setup.site.docker->sent;
    for (guint i = 0; i < all->len; i++) {
        struct sent *sent = g_ptr_array_index(all, i);
        if (server_of(sent->request) == server &&
            (!method || g_str_equal(sent->request->method, method)))
            return sent;
    }
    g_error("%s: nothing of %c is on its way", stage->name, server);
}

static char *body_of(char server, const char *words, int *ret_status)
{
    const char *seen = script_after(words, "seen");
    *ret_status = g_str_equal(words, "none") ? 404 : atoi(words) ? atoi(words) : 200;
    if (g_str_equal(words, "none"))
        return g_strdup("{\"message\": \"No such container: x\"}");
    if (!seen)
        return g_strdup(g_str_equal(words, "list") ? "[]" : "");
    g_autoptr(Container) container = seen_new(seen);
    g_free(container->id);
    g_free(container->name);
    g_free(container->server_id);
    container->id = g_strdup_printf("id-%c", server);
    container->name = g_strdup_printf("c-%c", server);
    container->server_id = g_strdup_printf("%c", server);
    return fake_docker_inspect(container);
}

/* "SERVER [GET|POST] WORDS" */
static void answer(struct stage *stage, const char *rest)
{
    const char *words = rest + 2;
    const char *method = script_after(words, "GET")    ? "GET"
                         : script_after(words, "POST") ? "POST"
                                                       : NULL;
    struct sent *sent = find_sent(stage, *rest, method);
    struct reply reply = {
        .ticket = sent->ticket, .asked = sent->request->asked, .answer = ANSWER_HTTP};
    g_autofree char *body = body_of(*rest, method ? words + strlen(method) + 1 : words,
                                    &reply.status);
    reply.body = body;
    reply.length = strlen(body);
    g_ptr_array_remove(stage->setup.site.docker->sent, sent);
    g_assert_true(lanes_reply(stage->lanes, &reply, stage->now_ms));
}

/* --- The story's lines -------------------------------------------------------------------------------- */

static void compare(const struct stage *stage, const char *wanted, const char *got)
{
    if (!g_str_equal(wanted, got))
        g_error("%s\n  wants: %s\n  gets:  %s", stage->name, wanted, got);
}

static void expect_requests(struct stage *stage, const char *wanted)
{
    const GPtrArray *all = stage->setup.site.docker->sent;
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < all->len; i++) {
        const struct request *request =
            ((struct sent *)g_ptr_array_index(all, i))->request;
        g_ptr_array_add(texts,
                        g_strdup_printf("%c %s", server_of(request), request->method));
    }
    g_ptr_array_sort(texts, cases_order);
    g_ptr_array_add(texts, NULL);
    g_autofree char *text = g_strjoinv(", ", (char **)texts->pdata);
    compare(stage, wanted, text);
}

static void commit(struct stage *stage, const char *wanted)
{
    g_autofree char *text = fake_publisher_commit(stage->setup.publisher);
    compare(stage, wanted, text ? text : "nothing");
}

static void lapse(struct stage *stage, const char *none)
{
    fake_publisher_lapse(stage->setup.publisher);
    g_assert_cmpint(lanes_wakes_at(stage->lanes), <=, stage->now_ms);
}

static void expect_open(struct stage *stage, const char *wanted)
{
    g_autofree char *got = g_strdup_printf("%u", lanes_queued(stage->lanes));
    g_autoptr(GHashTable)
        open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    compare(stage, wanted, got);
    lanes_add_open(stage->lanes, open);
    g_assert_true((g_hash_table_size(open) > 0) == (atoi(wanted) > 0));
}

static void expect_lock(struct stage *stage, const char *wanted)
{
    const bool held = locks_hold(stage->setup.locks, 0);
    if (held)
        locks_release(stage->setup.locks, 0);
    compare(stage, wanted, held ? "held" : "free");
}

static void pass_time(struct stage *stage, const char *ms)
{
    stage->now_ms += atoi(ms);
}

static void take_turn(struct stage *stage, const char *none)
{
    turn(stage, true);
}

static void take_turn_without_engine(struct stage *stage, const char *none)
{
    turn(stage, false);
}

static void close_lanes(struct stage *stage, const char *none)
{
    lanes_close(stage->lanes);
}

/* As the worker does it: letters are dropped first, and the assignment's hold goes with it. */
static void end_assignment(struct stage *stage, const char *none)
{
    g_ptr_array_set_size(stage->setup.publisher->letters, 0);
    lanes_end(stage->lanes);
    locks_release(stage->setup.locks, 0);
    stage->ended = true;
}

static void play_line(struct stage *stage, const char *line)
{
    static const struct {
        const char *word;
        void (*play)(struct stage *stage, const char *rest);
    } plays[] = {
        {"push", push},
        {"cancel", cancel},
        {"listed", listed},
        {"turn", take_turn},
        {"down", take_turn_without_engine},
        {">", expect_requests},
        {"<", answer},
        {"commit", commit},
        {"lapse", lapse},
        {"open", expect_open},
        {"lock", expect_lock},
        {"wait", pass_time},
        {"close", close_lanes},
        {"end", end_assignment},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(plays); i++) {
        const char *rest = script_after(line, plays[i].word);
        if (rest) {
            plays[i].play(stage, rest);
            return;
        }
    }
    g_error("%s: \"%s\" is no line of a story", stage->name, line);
}

static void stories(void)
{
    g_autoptr(GPtrArray) scripts = scripts_in("job", "lanes.txt");
    for (guint i = 0; i < scripts->len; i++) {
        const struct script *script = g_ptr_array_index(scripts, i);
        struct stage stage = {.name = script->name};
        set_stage(&stage);
        for (guint j = 0; j < script->lines->len; j++)
            play_line(&stage, g_ptr_array_index(script->lines, j));
        clear_stage(&stage);
    }
    g_assert_cmpuint(scripts->len, >, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lane/stories", stories);
    return g_test_run();
}
