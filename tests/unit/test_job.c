/*
 * test_job.c - jobs from their first look to their result, as stories: tests/cases/job/.
 *
 * The engine is the story; directories are made on threads as ever.
 */
#include "job.h"

#include "fake_docker.h"
#include "others.h"
#include "script.h"
#include "seen.h"

#include <unistd.h>

#define PATIENCE_US (90 * G_USEC_PER_SEC)
#define TURNS_MAX   2000

static const struct author author = {
    .agent_id = "agent", .worker = "slot", .engine_id = "ENGINE"};

struct stage {
    const char *name;
    struct site site;
    struct policy *policy;
    struct job *job;
    struct result *result;
    int64_t now_ms;
};

static void wake(void *context)
{
}

static void set_stage(struct stage *stage)
{
    stage->policy = policy_new();
    g_assert_true(policy_add_data_root(stage->policy, "/srv", NULL));
    stage->now_ms = 1000;
    stage->site = (struct site){
        .docker = fake_docker_new(),
        .errands = errands_new(2, wake, NULL),
        .policy = stage->policy,
        .author = &author,
        .others = others_new(),
        .pull_stall_ms = 2000,
    };
    stage->site.pulls = pulls_new(stage->site.docker, NULL);
}

static void clear_stage(struct stage *stage)
{
    job_free(stage->job);
    result_free(stage->result);
    pulls_free(stage->site.pulls);
    errands_free(stage->site.errands);
    others_free(stage->site.others);
    fake_docker_free(stage->site.docker);
    policy_unref(stage->policy);
}

/* Until the job waits for something that only the story can give. */
static void advance(struct stage *stage)
{
    const int64_t until = g_get_monotonic_time() + PATIENCE_US;
    bool going = true;
    while (going) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        job_advance(stage->job, stage->now_ms);
        going = errands_running(stage->site.errands) > 0;
        going |= errands_collect(stage->site.errands);
    }
}

/* --- The engine's side ------------------------------------------------------------------------------ */

static struct sent *sent_now(const struct stage *stage)
{
    const GPtrArray *sent = stage->site.docker->sent;
    return sent->len > 0 ? g_ptr_array_index(sent, 0) : NULL;
}

static void give(struct stage *stage, struct reply *reply)
{
    g_autoptr(PullStream) stream = NULL;
    struct sent *sent = sent_now(stage);
    if (!sent)
        g_error("%s: nothing is on its way to be answered", stage->name);
    reply->ticket = sent->ticket;
    reply->asked = sent->request->asked;
    g_ptr_array_remove_index(stage->site.docker->sent, 0);
    g_autoptr(GPtrArray) waiting = pulls_reply(stage->site.pulls, reply, &stream);
    if (waiting)
        job_pulled(stage->job, reply, stream, stage->now_ms);
    else
        job_reply(stage->job, reply, stage->now_ms);
}

/* "nothing", or containers with bars between them. */
static char *list_of(const char *words)
{
    g_auto(GStrv) all = g_strsplit(words, " | ", 0);
    json_t *list = json_array();
    for (char **one = all; *one && !g_str_equal(words, "nothing"); one++) {
        g_autoptr(Container) container = seen_new(*one);
        json_array_append_new(list, fake_docker_listed(container));
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

/* "200 {…}", "204", "broken", "unreachable", "timeout", "none", "seen …", "list …" */
static void answer(struct stage *stage, const char *words)
{
    static const char *const answers[] = {[ANSWER_UNREACHABLE] = "unreachable",
                                          [ANSWER_BROKEN] = "broken",
                                          [ANSWER_TIMEOUT] = "timeout"};
    const char *seen = script_after(words, "seen");
    const char *text = strchr(words, ' ');
    struct reply reply = {.answer = ANSWER_HTTP, .status = atoi(words)};
    g_autofree char *body = g_strdup(text ? text + 1 : "");
    for (size_t i = 1; i < G_N_ELEMENTS(answers); i++) {
        if (g_str_equal(answers[i], words))
            reply.answer = (enum answer)i;
    }
    if (g_str_equal(words, "none")) {
        reply.status = 404;
        seen_set(&body, "{\"message\": \"No such container: x\"}");
    } else if (script_after(words, "list")) {
        reply.status = 200;
        g_free(body);
        body = list_of(script_after(words, "list"));
    } else if (seen) {
        reply.status = 200;
        g_autoptr(Container) container = seen_new(seen);
        g_free(body);
        body = fake_docker_inspect(container);
    }
    reply.body = body;
    reply.length = strlen(body);
    reply.error = reply.answer == ANSWER_HTTP ? NULL : (char *)words;
    give(stage, &reply);
}

static void pull_line(struct stage *stage, const char *line)
{
    const struct sent *sent = sent_now(stage);
    g_assert_true(sent && pulls_line(stage->site.pulls, sent->ticket, line));
}

/* --- The story's lines -------------------------------------------------------------------------------- */

static char *note_of(const char *begun)
{
    if (!g_str_has_prefix(begun, "at "))
        return g_strdup(begun);
    g_autofree char *words = g_strconcat("running ", begun, NULL);
    g_autoptr(Container) then = seen_new(words);
    return plan_note(then);
}

static void begin_story(struct stage *stage, const char *words)
{
    g_auto(GStrv) parts = g_strsplit(words, " begun ", 2);
    char *refused = parts[1] ? strstr(parts[1], " refused") : NULL;
    struct order *order = g_new0(struct order, 1);
    order->command = seen_command(parts[0]);
    order->cause = cause_new(order->command, "t", 0, 1);
    if (refused) {
        *refused = '\0';
        refusal_set(&order->refused, CODE_FORBIDDEN, "the policy says no");
    }
    order->begun = parts[1] ? note_of(parts[1]) : NULL;
    stage->job = job_new(&stage->site, order);
}

static void expect_request(struct stage *stage, const char *wanted)
{
    advance(stage);
    const struct sent *sent = sent_now(stage);
    g_autofree char *text = sent ? g_strdup_printf("%s %s", sent->request->method,
                                                   sent->request->path)
                                 : g_strdup("nothing");
    if (!g_str_has_prefix(text, wanted))
        g_error("%s\n  wants: %s\n  asks:  %s, %s", stage->name, wanted, text,
                job_state_name(job_state(stage->job)));
}

static void expect_beginning(struct stage *stage, const char *note)
{
    advance(stage);
    if (job_state(stage->job) != JOB_BEGINNING)
        g_error("%s: it is %s, not beginning", stage->name,
                job_state_name(job_state(stage->job)));
    g_assert_true(g_str_has_prefix(job_note(stage->job), note));
    g_assert_null(sent_now(stage)); /* nothing has been done before it is committed */
    job_begun(stage->job);
}

static void pass_time(struct stage *stage)
{
    advance(stage);
    if (sent_now(stage) || job_wakes_at(stage->job) == INT64_MAX)
        g_error("%s: it does not wait for the time", stage->name);
    stage->now_ms = job_wakes_at(stage->job);
}

/* The deadline of what is on its way passes; its answer never comes. */
static void be_late(struct stage *stage)
{
    advance(stage);
    g_assert_nonnull(sent_now(stage));
    g_assert_cmpint(job_wakes_at(stage->job), <, INT64_MAX);
    stage->now_ms = job_wakes_at(stage->job);
    advance(stage);
    g_assert_cmpuint(job_given_up(stage->job), ==, sent_now(stage)->ticket);
    g_ptr_array_remove_index(stage->site.docker->sent, 0);
}

/* The call that was given up has its answer after all. */
static void come_back(struct stage *stage, const char *words)
{
    struct reply reply = {.answer = ANSWER_HTTP, .status = atoi(words)};
    reply.ticket = job_given_up(stage->job);
    reply.body = (char *)"";
    g_assert_cmpuint(reply.ticket, !=, 0);
    job_reply(stage->job, &reply, stage->now_ms);
}

/* Whatever time passes. */
static void expect_silence(struct stage *stage)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        advance(stage);
        g_assert_null(sent_now(stage));
        g_assert_cmpint(job_state(stage->job), !=, JOB_ENDED);
        stage->now_ms = MAX(stage->now_ms, job_wakes_at(stage->job));
    }
}

static void answer_times(struct stage *stage, const char *words, int times)
{
    while (times > 0) {
        g_assert_cmpint(job_state(stage->job), !=, JOB_ENDED);
        times -= sent_now(stage) != NULL;
        if (sent_now(stage))
            answer(stage, words);
        else
            stage->now_ms = MAX(stage->now_ms, job_wakes_at(stage->job));
        advance(stage);
    }
    stage->now_ms = MAX(stage->now_ms, job_wakes_at(stage->job));
}

static void answer_always(struct stage *stage, const char *words)
{
    for (int i = 0; job_state(stage->job) != JOB_ENDED; i++) {
        g_assert_cmpint(i, <, TURNS_MAX);
        if (sent_now(stage))
            answer(stage, words);
        else
            stage->now_ms = job_wakes_at(stage->job);
        advance(stage);
    }
}

static void take_answer(struct stage *stage, const char *words)
{
    const char *line = script_after(words, "line");
    g_auto(GStrv) always = g_strsplit(words, " always", 2);
    g_auto(GStrv) times = g_strsplit(words, " times ", 2);
    if (line)
        pull_line(stage, line);
    else if (times[1])
        answer_times(stage, times[0], atoi(times[1]));
    else if (always[1])
        answer_always(stage, always[0]);
    else
        answer(stage, words);
}

/* --- The result ----------------------------------------------------------------------------------------- */

static void wrong(const struct stage *stage, const char *wanted, const char *got)
{
    g_error("%s\n  wants: %s\n  gets:  %s", stage->name, wanted, got);
}

static void expect_result(struct stage *stage, const char *wanted)
{
    g_auto(GStrv) words = g_strsplit(wanted, " ", 3);
    advance(stage);
    if (job_state(stage->job) != JOB_ENDED)
        wrong(stage, wanted, job_state_name(job_state(stage->job)));
    g_assert_null(sent_now(stage));
    stage->result = job_take_result(stage->job);
    const struct result *result = stage->result;
    g_autofree char *got = g_strdup_printf("%s %s %s", outcome_name(result->outcome),
                                           result->code, result->message);
    if (!g_str_equal(outcome_name(result->outcome), words[0]) ||
        !g_str_equal(result->code, words[1] ? words[1] : "") ||
        (words[1] && words[2] && !strstr(result->message, words[2])))
        wrong(stage, wanted, got);
    g_assert_cmpstr(result->message, !=, ""); /* a person is told something */
}

static void expect_steps(struct stage *stage, const char *wanted)
{
    GString *got = g_string_new(NULL);
    for (guint i = 0; i < stage->result->steps->len; i++) {
        const struct step_report *report = g_ptr_array_index(stage->result->steps, i);
        g_string_append_printf(got, "%s%s %s", i ? ", " : "", report->name, report->did);
    }
    if (!g_str_equal(got->str, wanted))
        wrong(stage, wanted, got->str);
    g_string_free(got, TRUE);
}

static void expect_state(struct stage *stage, const char *wanted)
{
    const struct state *state = stage->result->state;
    const char *got = state ? container_status_name(state->status) : "none";
    if (!g_str_equal(got, wanted))
        wrong(stage, wanted, got);
}

static void expect_flags(struct stage *stage, const char *wanted)
{
    const struct result *result = stage->result;
    const struct {
        const char *name;
        bool set;
    } flags[] = {
        {"already", result->already},
        {"recovered", result->recovered},
        {"rolled_back", result->rolled_back},
        {"drift", result->drift},
        {"given_up", job_given_up(stage->job) != 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (script_has(wanted, flags[i].name) != flags[i].set)
            wrong(stage, wanted, flags[i].name);
    }
}

static void play_line(struct stage *stage, const char *line)
{
    static const struct {
        const char *word;
        void (*play)(struct stage *stage, const char *rest);
    } plays[] = {
        {"do", begin_story},          {">", expect_request},   {"<", take_answer},
        {"begins", expect_beginning}, {"=", expect_result},    {"steps", expect_steps},
        {"state", expect_state},      {"flags", expect_flags},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(plays); i++) {
        const char *rest = script_after(line, plays[i].word);
        if (rest) {
            plays[i].play(stage, rest);
            return;
        }
    }
    if (g_str_equal(line, "waits"))
        pass_time(stage);
    else if (g_str_equal(line, "late"))
        be_late(stage);
    else if (script_after(line, "returns"))
        come_back(stage, script_after(line, "returns"));
    else if (g_str_equal(line, "asks nothing"))
        expect_silence(stage);
    else if (g_str_equal(line, "cancel"))
        job_cancel(stage->job);
    else
        g_error("%s: \"%s\" is no line of a story", stage->name, line);
}

static void play(const struct script *script)
{
    struct stage stage = {.name = script->name};
    set_stage(&stage);
    for (guint i = 0; i < script->lines->len; i++)
        play_line(&stage, g_ptr_array_index(script->lines, i));
    if (!stage.result)
        g_error("%s: the story has no end", script->name);
    clear_stage(&stage);
}

static void stories(void)
{
    g_autoptr(GPtrArray) scripts = scripts_in("job", "stories.txt");
    for (guint i = 0; i < scripts->len; i++)
        play(g_ptr_array_index(scripts, i));
    g_assert_cmpuint(scripts->len, >, 20);
}

/* --- Being abandoned -------------------------------------------------------------------------------------- */

static void an_abandoned_call_is_waited_for(void)
{
    struct stage stage = {.name = "abandoned"};
    set_stage(&stage);
    begin_story(&stage, "stop");
    expect_request(&stage, "GET /containers/json");
    answer(&stage, "list nothing");
    expect_request(&stage, "GET /containers/steam-zomboid-a/json");
    job_abandon(stage.job);
    g_assert_false(job_can_be_freed(stage.job));
    answer(&stage, "seen running");
    advance(&stage);
    g_assert_true(job_can_be_freed(stage.job));
    g_assert_null(sent_now(&stage)); /* and nothing more is asked for */
    clear_stage(&stage);
}

static void an_abandoned_pull_is_left(void)
{
    struct stage stage = {.name = "abandoned pull"};
    set_stage(&stage);
    begin_story(&stage, "create begun a");
    pass_time(&stage);
    expect_request(&stage, "GET /containers/json");
    answer(&stage, "list nothing");
    expect_request(&stage, "GET /containers/steam-zomboid-a/json");
    answer(&stage, "none");
    expect_request(&stage, "POST /images/create");
    job_abandon(stage.job);
    g_assert_true(job_can_be_freed(stage.job));
    g_assert_cmpuint(stage.site.docker->cancelled, ==, 1);
    clear_stage(&stage);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/job/stories", stories);
    g_test_add_func("/job/an_abandoned_call_is_waited_for",
                    an_abandoned_call_is_waited_for);
    g_test_add_func("/job/an_abandoned_pull_is_left", an_abandoned_pull_is_left);
    return g_test_run();
}
