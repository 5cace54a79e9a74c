/*
 * fuzz_step.c - any answers at all, as what a step is told of what it asked for.
 *
 * Input: which step, how it is asked, then an answer a line; its first character is the
 * verdict, or says that the container was seen so.  Whatever comes: a request's path is plain
 * and its body JSON, a refusal is one line with a code, and a step ends.
 *
 * A seed corpus lies in corpus/step.
 */
#include "policy.h"
#include "step.h"

#include <jansson.h>
#include <string.h>

/* Beyond the answers a step only waits, and not for ever. */
#define ASKED_MOST 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct command *a_command(uint8_t how)
{
    static const char *const actions[] = {"create",  "start",    "stop",   "restart",
                                          "rebuild", "recreate", "delete", "purge"};
    struct command *command = command_new();
    struct spec *spec = spec_new();
    command->command_id = (g_free(command->command_id), g_strdup("c1"));
    command->server_id = (g_free(command->server_id), g_strdup("s1"));
    command->action = (g_free(command->action),
                       g_strdup(actions[how % G_N_ELEMENTS(actions)]));
    spec->container = (g_free(spec->container), g_strdup("zomboid-1"));
    spec->image = (g_free(spec->image), g_strdup("reg:5000/x"));
    spec->image_tag = (g_free(spec->image_tag), g_strdup("1"));
    spec->data_dir = (g_free(spec->data_dir), g_strdup("/srv/s1"));
    g_ptr_array_add(spec->networks, network_new("zomboid-servers", false));
    g_ptr_array_add(spec->networks, network_new("zomboid-backend", true));
    g_ptr_array_add(spec->stop->save, g_strdup("save"));
    command->spec = spec;
    return command;
}

static void check_request(const struct request *request)
{
    g_assert(request->path[0] == '/');
    for (const char *at = request->path; *at; at++)
        g_assert(g_ascii_isgraph(*at));
    if (!request->body)
        return;
    json_t *body = json_loads(request->body, 0, NULL);
    g_assert(json_is_object(body));
    json_decref(body);
}

static void check_refusal(struct refusal *refusal)
{
    g_assert(refusal->code && refusal->message);
    g_assert(!strpbrk(refusal->message, "\r\n"));
    g_assert(g_utf8_validate(refusal->message, -1, NULL));
    refusal_clear(refusal);
}

static bool tell(enum step step, struct facts *facts, enum asked asked, char *line)
{
    struct refusal refusal = {0};
    enum verdict verdict = (enum verdict)((uint8_t)line[0] % (VERDICT_REFUSED + 1));
    char *body = line[0] ? line + 1 : line;
    const struct reply reply = {.asked = asked, .body = body, .length = strlen(body)};
    bool good_news = verdict == VERDICT_DONE || verdict == VERDICT_ALREADY ||
                     verdict == VERDICT_ABSENT || verdict == VERDICT_CONFLICT;
    if (!good_news && asked != ASKED_EXEC)
        return false;
    if (step_told(step, facts, verdict, &reply, &refusal))
        return true;
    check_refusal(&refusal);
    return false;
}

static void see(struct facts *facts, const char *line)
{
    struct container *seen = container_parse(line, strlen(line), NULL);
    step_saw(facts, seen ? seen : container_new());
    facts->fresh = true;
}

static void host_has_done(struct facts *facts, enum host_work work)
{
    facts->directories_made |= work == HOST_MAKE_DIRECTORIES;
    facts->directories_given |= work == HOST_GIVE_DIRECTORIES;
    facts->networks_locked |= work == HOST_LOCK_NETWORKS;
    facts->purge_checked |= work == HOST_CHECK_PURGE;
    facts->purged |= work == HOST_PURGE;
}

/* One question and its answer; false: the step has ended. */
static bool go_on(enum step step, struct facts *facts, char ***lines)
{
    char empty[] = "";
    struct want want = {0};
    enum ask ask = step_ask(step, facts, &want);
    char *line = **lines ? *(*lines)++ : empty;
    bool more = true;
    switch (ask) {
    case ASK_NOTHING:
        more = false;
        break;
    case ASK_LOOK:
        see(facts, line);
        break;
    case ASK_ENGINE:
        check_request(want.request);
        facts->fresh = want.request->asked == ASKED_EXEC;
        more = tell(step, facts, want.request->asked, line);
        break;
    case ASK_HOST:
        host_has_done(facts, want.host);
        break;
    case ASK_WAIT:
        g_assert(want.wait_ms > 0);
        facts->fresh = false;
        break;
    case ASK_REFUSE:
        check_refusal(&want.refusal);
        more = false;
        break;
    }
    g_clear_pointer(&want.request, request_free);
    return more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    enum step step = (enum step)(data[0] % STEP_COUNT);
    g_autoptr(Command) command = a_command(data[1]);
    g_autoptr(Policy) policy = policy_new();
    struct facts facts = {
        .command = command,
        .policy = policy,
        .seen = container_new(),
        .api = data[1] & 0x80 ? 44 : 41,
        .ran = data[1] & 0x40,
    };
    g_autofree char *text = g_strndup((const char *)data + 2, size - 2);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    char **next = lines;
    int asked = 0;

    while (go_on(step, &facts, &next))
        g_assert(++asked < ASKED_MOST);
    facts_clear(&facts);
    return 0;
}
