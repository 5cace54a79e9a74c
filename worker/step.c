/*
 * step.c - the table of the steps, and what all of them share.
 *
 * Pure: reads and writes the facts of one job.  An ask function looks at the facts and says
 * what is missing; a told function notes what an answer has changed.  Where something was
 * changed, or may have been, the facts are no longer fresh, and the next ask is for a look:
 * that is how an unknown outcome and a known one take the same way.
 */
#include "step.h"

#include "keep.h"
#include "step_parts.h"

#include <string.h>

#define LIST_BYTES (32 * 1024 * 1024)

struct step_row {
    const char *name;
    bool
        patient; /* waits for a registry, a game's save, a clock: not for the engine's CPU */
    enum ask (*ask)(struct facts *facts, struct want *ret_want);
    bool (*told)(struct facts *facts, enum verdict verdict, const struct reply *reply,
                 struct refusal *ret_refusal);
};

static const struct step_row step_table[STEP_COUNT] = {
    [STEP_TIDY] = {"tidy", false, ask_tidy, told_back},
    [STEP_SWEEP] = {"sweep", false, ask_sweep, step_told_change},
    [STEP_CHECK_KEPT] = {"check_kept", false, ask_check_kept, told_check_kept},
    [STEP_PULL] = {"pull", true, ask_pull, told_pull},
    [STEP_DIRECTORIES] = {"directories", false, ask_directories, step_told_others},
    [STEP_NETWORKS] = {"networks", false, ask_networks, told_networks},
    [STEP_SET_ASIDE] = {"set_aside", false, ask_set_aside, step_told_change},
    [STEP_UNPAUSE] = {"unpause", false, ask_unpause, step_told_change},
    [STEP_SAVE] = {"save", true, ask_save, told_save},
    [STEP_STOP] = {"stop", true, ask_stop, step_told_change},
    [STEP_CREATE] = {"create", false, ask_create, told_create},
    [STEP_CONNECT] = {"connect", false, ask_connect, step_told_change},
    [STEP_START] = {"start", false, ask_start, told_start},
    [STEP_SETTLE] = {"settle", true, ask_settle, told_settle},
    [STEP_REMOVE] = {"remove", false, ask_remove, step_told_change},
    [STEP_REMOVE_OLD] = {"remove_old", false, ask_remove_old, step_told_change},
    [STEP_REMOVE_MADE] = {"remove_made", false, ask_remove_made, step_told_change},
    [STEP_PUT_BACK] = {"put_back", false, ask_put_back, told_back},
    [STEP_CHECK_PURGE] = {"check_purge", true, ask_check_purge, step_told_others},
    [STEP_PURGE] = {"purge", true, ask_purge, step_told_others},
    [STEP_REMOVE_VOLUMES] = {"remove_volumes", false, ask_remove_volumes,
                             told_remove_volumes},
};

enum ask step_ask(enum step step, struct facts *facts, struct want *ret_want)
{
    *ret_want = (struct want){0};
    return step_table[step].ask(facts, ret_want);
}

bool step_told(enum step step, struct facts *facts, enum verdict verdict,
               const struct reply *reply, struct refusal *ret_refusal)
{
    return step_table[step].told(facts, verdict, reply, ret_refusal);
}

const char *step_name(enum step step)
{
    return step_table[step].name;
}

bool step_can_do_without(enum step step, const struct facts *facts)
{
    const enum action action = action_from_name(facts->command->action);
    if (step == STEP_REMOVE)
        return action != ACTION_DELETE && action != ACTION_PURGE;
    return step == STEP_REMOVE_OLD || step == STEP_TIDY || step == STEP_PUT_BACK;
}

bool step_is_patient(enum step step)
{
    return step_table[step].patient;
}

void facts_clear(struct facts *facts)
{
    container_free(facts->seen);
    container_free(facts->old);
    g_clear_pointer(&facts->networks_here, g_ptr_array_unref);
    g_clear_pointer(&facts->networks_stuck, g_ptr_array_unref);
    g_free(facts->network_going);
    g_clear_pointer(&facts->kept, g_ptr_array_unref);
    g_clear_pointer(&facts->volumes_going, g_ptr_array_unref);
    g_clear_pointer(&facts->image_volumes, g_ptr_array_unref);
    g_free(facts->everything);
    g_free(facts->volumes);
    g_free(facts->old_id);
    g_clear_pointer(&facts->listed, g_ptr_array_unref);
    g_clear_pointer(&facts->passed, g_hash_table_unref);
    g_free(facts->exec_id);
    g_free(facts->denied);
    g_free(facts->remark);
}

int64_t step_span(const struct facts *facts, int64_t ms)
{
    return facts->patience > 0 ? (int64_t)((double)ms * facts->patience) : ms;
}

/* --- shared by the steps --------------------------------------------------------------------- */

bool step_is_ours(const struct facts *facts)
{
    return container_whose(facts->seen, facts->command) == WHOSE_OURS;
}

const char *step_own_id(const struct facts *facts)
{
    return step_is_ours(facts) ? facts->seen->id : "";
}

bool step_made_by_this(const struct facts *facts)
{
    return step_is_ours(facts) &&
           g_str_equal(facts->seen->command_id, facts->command->command_id);
}

char *step_escaped(const char *text)
{
    return g_uri_escape_string(text, NULL, false);
}

enum ask step_ask_engine(struct want *want, struct request *request, int64_t timeout_ms)
{
    request->timeout_ms = timeout_ms;
    want->request = request;
    return ASK_ENGINE;
}

enum ask step_ask_wait(struct facts *facts, struct want *want, int64_t ms)
{
    facts->waited++;
    facts->fresh = false;
    want->wait_ms = ms;
    return ASK_WAIT;
}

struct request *step_change(const struct container *container, enum asked asked,
                            const char *verb)
{
    return request_new(asked, DOCKER_CHANGE, "POST", "/containers/%s/%s", container->id,
                       verb);
}

/* Never with its anonymous volumes (v=1): the next container gets them, see keep.h. */
struct request *step_removal(const struct container *container, bool force)
{
    return request_new(ASKED_REMOVE, DOCKER_CHANGE, "DELETE", "/containers/%s%s",
                       container->id, force ? "?force=1" : "");
}

/* A purge is anybody's concern, sources are those of Muster's servers. */
static struct request *others_request(enum host_work work)
{
    static const char filters[] = "{\"label\":[\"" LABEL_MANAGED "=true\"]}";
    g_autofree char *text = step_escaped(filters);
    const bool ours = work == HOST_CHECK_SOURCES || work == HOST_CHECK_OLD_SOURCES ||
                      work == HOST_MAKE_DIRECTORIES;
    return request_new(ASKED_LIST, DOCKER_READ, "GET", "/containers/json?all=1%s%s",
                       ours ? "&filters=" : "", ours ? text : "");
}

/* Each time anew: the lists are forgotten once they have served.  The volumes are asked for
 * only where a container has one: its mount is of the type "volume". */
enum ask step_ask_host_with_others(struct facts *facts, struct want *want,
                                   enum host_work work)
{
    struct request *request;

    if (facts->everything &&
        (facts->volumes || !strstr(facts->everything, "\"volume\""))) {
        want->host = work;
        return ASK_HOST;
    }
    request = facts->everything
                  ? request_new(ASKED_VOLUMES, DOCKER_READ, "GET", "/volumes")
                  : others_request(work);
    request->max_bytes = LIST_BYTES;
    return step_ask_engine(want, request, STEP_SLACK_MS);
}

bool step_told_others(struct facts *facts, enum verdict verdict,
                      const struct reply *reply, struct refusal *ret_refusal)
{
    const bool volumes = reply->asked == ASKED_VOLUMES;
    char **body = volumes ? &facts->volumes : &facts->everything;

    g_free(*body);
    *body = g_memdup2(reply->body, reply->length + 1);
    *(volumes ? &facts->volumes_length : &facts->everything_length) = reply->length;
    return true;
}

bool step_told_change(struct facts *facts, enum verdict verdict,
                      const struct reply *reply, struct refusal *ret_refusal)
{
    facts->acted++;
    facts->fresh = facts->listed_now = false;
    /* Podman before 5.1 answers 404 although the container is there. */
    facts->policy_stays |= reply->asked == ASKED_UPDATE && verdict == VERDICT_ABSENT;
    return true;
}

/* --- looking ------------------------------------------------------------------------------------ */

static struct request *look_request(const struct facts *facts, const char *name_or_id)
{
    g_autofree char *name = step_escaped(name_or_id);
    struct request *request = request_new(ASKED_LOOK, DOCKER_READ, "GET",
                                          "/containers/%s/json", name);
    request->timeout_ms = step_span(facts, STEP_SLACK_MS);
    return request;
}

struct request *step_look_request(const struct facts *facts)
{
    const struct spec *spec = spec_of(facts);
    return look_request(facts, spec->adopt && !facts->adopted_gone ? spec->adopt
                                                                   : spec->container);
}

struct request *step_look_old_request(const struct facts *facts)
{
    return look_request(facts, facts->old_id);
}

struct request *step_find_request(const struct facts *facts)
{
    g_autofree char *filters = g_strdup_printf("{\"label\":[\"%s=%s\"]}", LABEL_SERVER_ID,
                                               facts->command->server_id);
    g_autofree char *text = step_escaped(filters);
    struct request *request = request_new(ASKED_LIST, DOCKER_READ, "GET",
                                          "/containers/json?all=1&filters=%s", text);
    request->timeout_ms = step_span(facts, STEP_SLACK_MS);
    return request;
}

static bool is_aside(const struct container *container)
{
    struct aside aside = {0};
    const bool is = aside_parse(container->name, &aside);
    aside_clear(&aside);
    return is;
}

static bool is_of_this(const struct facts *facts, const struct container *container)
{
    struct aside aside = {0};
    if (!aside_parse(container->name, &aside))
        return false;
    const bool is = g_str_equal(aside.command_id, facts->command->command_id);
    aside_clear(&aside);
    return is;
}

/* One that bears no label may have been adopted: its id is all that tells. */
static bool is_anothers(const struct facts *facts, const struct container *container)
{
    return !container_is_of(container, facts->command->agent_id) ||
           (*container->server_id &&
            !g_str_equal(container->server_id, facts->command->server_id));
}

/* What is broken, or bears the mark that it only has to go, is no old one any more: it could
 * not come back, and hinders nothing. */
void step_saw_old(struct facts *facts, struct container *old_taken)
{
    if (is_anothers(facts,
                    old_taken)) { /* whoever names its id, as that of an adopted one */
        g_clear_pointer(&facts->old, container_free);
        container_free(old_taken);
        return;
    }
    keep_note(&facts->kept, old_taken);
    container_free(facts->old);
    facts->old = old_taken;
    facts->was_aside |= is_of_this(facts, old_taken);
    if (old_taken->status == CONTAINER_ABSENT || !is_aside(old_taken))
        g_clear_pointer(&facts->old, container_free);
}

bool step_is_going(const struct container *container)
{
    return container->status == CONTAINER_DEAD || container->status == CONTAINER_REMOVING;
}

/* An adopted container bears no label: it is found by its id, under whatever name; once it is
 * gone, or set aside, the server's name counts. */
void step_saw(struct facts *facts, struct container *seen_taken)
{
    const bool by_adopt = spec_of(facts)->adopt && !facts->adopted_gone;
    const enum whose whose = container_whose(seen_taken, facts->command);
    if (by_adopt &&
        (whose == WHOSE_NOBODYS || (whose == WHOSE_OURS && is_aside(seen_taken)))) {
        facts->adopted_gone = true;
        if (!facts->old_id)
            facts->old_id = g_strdup(spec_of(facts)->adopt);
    }
    container_free(facts->seen);
    facts->seen = seen_taken;
    if (step_is_ours(facts))
        keep_note(&facts->kept, seen_taken);
}

static bool is_to_settle(const struct facts *facts, const struct container *container)
{
    return is_aside(container) && !step_is_going(container) &&
           !(facts->passed && g_hash_table_contains(facts->passed, container->id));
}

/* The engine was asked by the server's id alone. */
static void drop_anothers(GPtrArray *containers, const char *agent_id)
{
    for (guint i = containers->len; i > 0; i--) {
        if (!container_is_of(g_ptr_array_index(containers, i - 1), agent_id))
            g_ptr_array_remove_index(containers, i - 1);
    }
}

void step_saw_all(struct facts *facts, GPtrArray *containers_taken)
{
    const struct container *old = NULL;
    drop_anothers(containers_taken, facts->command->agent_id);
    g_clear_pointer(&facts->listed, g_ptr_array_unref);
    facts->listed = containers_taken;
    facts->listed_now = true;
    for (guint i = 0; i < containers_taken->len; i++) {
        const struct container *container = g_ptr_array_index(containers_taken, i);
        if (is_to_settle(facts, container) && (!old || is_of_this(facts, container)))
            old = container;
    }
    if (old && !facts->old_id)
        facts->old_id = g_strdup(old->id);
}

/* Another one of the server's.  A copy that mounts nothing (of `docker commit`, whose image
 * bears the labels) shares no world with it, and is nobody's concern (S23). */
static bool is_another(const struct facts *facts, const struct container *container)
{
    return !g_str_equal(container->id, facts->seen->id) &&
           g_strcmp0(container->id, facts->old_id) != 0 &&
           (container->mounts->len > 0 || is_aside(container));
}

const struct container *step_other_running(const struct facts *facts)
{
    for (guint i = 0; facts->listed && i < facts->listed->len; i++) {
        const struct container *container = g_ptr_array_index(facts->listed, i);
        if (is_another(facts, container) && container->running)
            return container;
    }
    return NULL;
}

const struct container *step_other(const struct facts *facts)
{
    for (guint i = 0; facts->listed && i < facts->listed->len; i++) {
        const struct container *container = g_ptr_array_index(facts->listed, i);
        if (is_another(facts, container) && !step_is_going(container) &&
            !g_str_equal(container->name,
                         spec_of(facts)->container) && /* looked at since */
            !aside_is_gone(container->name, container->id))
            return container;
    }
    return NULL;
}

bool step_must_list(struct facts *facts)
{
    if (facts->listed_now || !step_other_running(facts))
        return false;
    facts->wants_list = true;
    facts->fresh = false;
    return true;
}

void step_pass_over(struct facts *facts)
{
    if (!facts->passed)
        facts->passed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (facts->old_id)
        g_hash_table_add(facts->passed, g_steal_pointer(&facts->old_id));
    g_clear_pointer(&facts->old, container_free);
}

bool step_old_is_back(const struct facts *facts)
{
    return facts->fresh && !facts->old && step_is_ours(facts) &&
           !step_made_by_this(facts) && (!facts->ran || facts->seen->running);
}

bool step_has_leftover(const struct facts *facts)
{
    struct aside aside = {0};
    if (!facts->old || step_is_going(facts->old) ||
        !aside_parse(facts->old->name, &aside))
        return false;
    const bool other = !g_str_equal(aside.command_id, facts->command->command_id);
    aside_clear(&aside);
    return other;
}
