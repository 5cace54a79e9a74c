/*
 * step_volumes.c - what a container keeps: would it be lost, whose volumes are they, and those
 * of a server that is purged.
 *
 * Of a purged one go those that we made for it, by their label, and those of its container
 * that nobody has named.  A volume with a name of its own is somebody's: it stays, and so does
 * one in use.
 */
#include "keep.h"
#include "step_parts.h"

#include <jansson.h>

#define CHANGES_BYTES (32 * 1024 * 1024)

/* --- Is there something that would be lost? --------------------------------------------- */

/* A purge is asked to remove the data; of an adopted container nobody has said yet which
 * that is. */
static bool may_all_go(const struct facts *facts)
{
    const bool purge = action_from_name(facts->command->action) == ACTION_PURGE;
    return facts->command->options->fresh || !spec_of(facts) || !step_is_ours(facts) ||
           (purge && facts->seen->managed) || facts->seen->status == CONTAINER_DEAD ||
           facts->seen->status == CONTAINER_REMOVING;
}

static bool refuse_elsewhere(const struct facts *facts, const char *changes,
                             size_t length, struct refusal *ret_refusal)
{
    g_autofree char *why = keep_elsewhere(facts->seen, spec_of(facts), facts->data_exists,
                                          changes, length);
    if (why)
        refusal_set(ret_refusal, CODE_DATA_ELSEWHERE, "%s", why);
    return why != NULL;
}

enum ask ask_check_kept(struct facts *facts, struct want *want)
{
    /* As it was seen before the beginning was committed: nothing has been done since. */
    if (facts->kept_checked || may_all_go(facts))
        return ASK_NOTHING;
    if (refuse_elsewhere(facts, NULL, 0, &want->refusal))
        return ASK_REFUSE;
    struct request *request = request_new(ASKED_CHANGES, DOCKER_READ, "GET",
                                          "/containers/%s/changes", facts->seen->id);
    request->max_bytes = CHANGES_BYTES;
    return step_ask_engine(want, request, step_span(facts, STEP_CALL_MS));
}

bool told_check_kept(struct facts *facts, enum verdict verdict, const struct reply *reply,
                     struct refusal *ret_refusal)
{
    facts->kept_checked = true;
    return verdict == VERDICT_ABSENT ||
           !refuse_elsewhere(facts, reply->body, reply->length, ret_refusal);
}

/* --- A purged server's volumes ------------------------------------------------------------ */

static struct request *list_request(const struct facts *facts)
{
    g_autofree char *filters = g_strdup_printf("{\"label\":[\"%s=%s\"]}", LABEL_SERVER_ID,
                                               facts->command->server_id);
    g_autofree char *text = step_escaped(filters);
    return request_new(ASKED_VOLUMES, DOCKER_READ, "GET", "/volumes?filters=%s", text);
}

static struct request *removal(const char *volume)
{
    g_autofree char *name = step_escaped(volume);
    return request_new(ASKED_VOLUME_REMOVE, DOCKER_CHANGE, "DELETE", "/volumes/%s", name);
}

enum ask ask_remove_volumes(struct facts *facts, struct want *want)
{
    const GPtrArray *going = facts->volumes_going;
    if (!going)
        return step_ask_engine(want, list_request(facts),
                               step_span(facts, STEP_SLACK_MS));
    if (going->len == 0)
        return ASK_NOTHING;
    return step_ask_engine(want, removal(g_ptr_array_index(going, going->len - 1)),
                           step_span(facts, STEP_CALL_MS));
}

/* As a container is, see container_is_of(). */
static bool bears_label(const struct facts *facts, const json_t *volume)
{
    const json_t *labels = json_object_get(volume, "Labels");
    const char *agent = json_string_value(json_object_get(labels, LABEL_AGENT_ID));
    const char *server = json_string_value(json_object_get(labels, LABEL_SERVER_ID));
    return g_strcmp0(server, facts->command->server_id) == 0 &&
           (!agent || g_str_equal(agent, facts->command->agent_id));
}

/* {"Volumes": [{"Name": "…", "Labels": {…}}]}, or null; the label is looked at once more: an
 * engine that does not know the filter lists all. */
static void take_listed(struct facts *facts, const struct reply *reply)
{
    json_t *answer = json_loadb(reply->body, reply->length, 0, NULL);
    size_t i;
    json_t *volume;
    json_array_foreach(json_object_get(answer, "Volumes"), i, volume)
    {
        const char *name = json_string_value(json_object_get(volume, "Name"));
        if (name && bears_label(facts, volume))
            g_ptr_array_add(facts->volumes_going, g_strdup(name));
    }
    json_decref(answer);
}

static void take_anonymous(struct facts *facts)
{
    const GPtrArray *kept = facts->kept      ? facts->kept
                            : spec_of(facts) ? spec_of(facts)->kept
                                             : NULL;
    for (guint i = 0; kept && i < kept->len; i++) {
        const struct volume *volume = g_ptr_array_index(kept, i);
        if (keep_is_anonymous(volume->name))
            g_ptr_array_add(facts->volumes_going, g_strdup(volume->name));
    }
}

/* Nothing else tells later which they were. */
static void note_removed(struct facts *facts, const char *volume)
{
    g_autofree char *before = facts->remark;
    const char *link = facts->volumes_removed++ > 0 ? ", "
                       : before                     ? "; volumes removed: "
                                                    : "volumes removed: ";
    facts->remark = g_strconcat(before ? before : "", link, volume, NULL);
}

bool told_remove_volumes(struct facts *facts, enum verdict verdict,
                         const struct reply *reply, struct refusal *ret_refusal)
{
    if (reply->asked == ASKED_VOLUMES) {
        facts->volumes_going = g_ptr_array_new_with_free_func(g_free);
        take_listed(facts, reply);
        take_anonymous(facts);
        return true;
    }
    facts->acted += verdict == VERDICT_DONE;
    facts->purge_found |= verdict == VERDICT_DONE;
    if (verdict == VERDICT_DONE)
        note_removed(facts, g_ptr_array_index(facts->volumes_going,
                                              facts->volumes_going->len - 1));
    g_ptr_array_set_size(facts->volumes_going, (int)facts->volumes_going->len - 1);
    return true;
}

/* --- Those that a server asks for -------------------------------------------------------- */

static const struct volume *volume_named(const GPtrArray *volumes, const char *name)
{
    for (guint i = 0; volumes && name && i < volumes->len; i++) {
        const struct volume *volume = g_ptr_array_index(volumes, i);
        if (g_str_equal(volume->name, name))
            return volume;
    }
    return NULL;
}

/* Those that the command says its last container had: asked for where none is there to tell. */
static const GPtrArray *told_kept(const struct facts *facts)
{
    return facts->kept ? NULL : spec_of(facts)->kept;
}

bool step_names_volumes(const struct facts *facts)
{
    const GPtrArray *kept = told_kept(facts);
    return spec_of(facts)->volumes->len > 0 || (kept && kept->len > 0);
}

static void add_names(json_t *names, const GPtrArray *volumes)
{
    for (guint i = 0; volumes && i < volumes->len; i++) {
        const struct volume *volume = g_ptr_array_index(volumes, i);
        json_array_append_new(names, json_string(volume->name));
    }
}

/* The filter takes names that hold one of these, too. */
enum ask step_ask_whose_volumes(const struct facts *facts, struct want *want)
{
    json_t *names = json_array();
    add_names(names, spec_of(facts)->volumes);
    add_names(names, told_kept(facts));
    json_t *filters = json_pack("{s:o}", "name", names);
    g_autofree char *json = json_dumps(filters, JSON_COMPACT);
    g_autofree char *text = step_escaped(json);
    json_decref(filters);
    return step_ask_engine(
        want, request_new(ASKED_VOLUMES, DOCKER_READ, "GET", "/volumes?filters=%s", text),
        step_span(facts, STEP_SLACK_MS));
}

/* Nobody's by its label, and no directory of the host under another name. */
static bool is_plain(const json_t *volume)
{
    return json_object_size(json_object_get(volume, "Options")) == 0;
}

/* One that its own container has had is its own, whoever made it; of one that the command
 * only says so of, it is believed if it is nobody else's. */
static bool is_ours_to_use(const struct facts *facts, const json_t *volume)
{
    const char *name = json_string_value(json_object_get(volume, "Name"));
    const char *whose = json_string_value(
        json_object_get(json_object_get(volume, "Labels"), LABEL_SERVER_ID));
    if (volume_named(facts->kept, name) || bears_label(facts, volume))
        return true;
    if (volume_named(told_kept(facts), name))
        return !whose && is_plain(volume);
    return !volume_named(spec_of(facts)->volumes, name);
}

/* Of those that held its data, one that is not there any more. */
static const struct volume *gone_volume(const struct facts *facts, const json_t *listed)
{
    const GPtrArray *kept = told_kept(facts);
    for (guint i = 0; kept && !facts->command->options->fresh && i < kept->len; i++) {
        const struct volume *volume = g_ptr_array_index(kept, i);
        bool there = false;
        for (size_t k = 0; k < json_array_size(listed); k++)
            there |= g_strcmp0(json_string_value(
                                   json_object_get(json_array_get(listed, k), "Name")),
                               volume->name) == 0;
        if (!there)
            return volume;
    }
    return NULL;
}

/* A name is all that a command gives; behind it may be another server's world, or a directory
 * of the host that lies in no data root. */
bool step_told_whose_volumes(struct facts *facts, const struct reply *reply,
                             struct refusal *ret_refusal)
{
    json_t *answer = json_loadb(reply->body, reply->length, 0, NULL);
    const json_t *foreign = NULL;
    size_t i;
    json_t *volume;
    json_array_foreach(json_object_get(answer, "Volumes"), i, volume)
    {
        if (!is_ours_to_use(facts, volume))
            foreign = volume;
    }
    facts->volumes_looked_at = true;
    if (foreign)
        refusal_set(
            ret_refusal, CODE_FORBIDDEN,
            "the volume %s is on this host already, and bears no label " LABEL_SERVER_ID
            "=%s: it is not this server's; name another, or make "
            "it with that label",
            json_string_value(json_object_get(foreign, "Name")),
            facts->command->server_id);
    const struct volume *gone = gone_volume(facts, json_object_get(answer, "Volumes"));
    if (!foreign && gone)
        refusal_set(
            ret_refusal, CODE_MOUNT_FAILED,
            "the volume %s, which held the server's data in %s, is gone from this "
            "host; bring it back, or begin with a new one (--fresh)",
            gone->name, gone->container_path);
    json_decref(answer);
    return !foreign && !gone;
}
