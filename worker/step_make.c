/*
 * step_make.c - the steps that make a container: pull, directories, create, connect.
 */
#include "inside.h"
#include "keep.h"
#include "step_parts.h"

#include <jansson.h>

#define NAME_TRIES    5      /* a name that is reserved with no container to be seen */
#define PULL_STALL_MS 120000 /* the engine itself retries a dead registry for 76 s */

/* --- pull ------------------------------------------------------------------------------ */

static enum pull pull_policy(const struct command *command)
{
    const enum action action = action_from_name(command->action);
    if (command->options->pull != PULL_BY_ACTION)
        return command->options->pull;
    return action == ACTION_CREATE || action == ACTION_REBUILD ? PULL_ALWAYS
                                                               : PULL_MISSING;
}

static struct request *image_request(const struct facts *facts)
{
    g_autofree char *image = container_image_reference(spec_of(facts));
    return request_new(ASKED_IMAGE, DOCKER_READ, "GET", "/images/%s/json", image);
}

static struct request *pull_request(const struct facts *facts)
{
    /* Always with the tag in the reference: without one the engine pulls all tags. */
    g_autofree char *image = container_image_reference(spec_of(facts));
    g_autofree char *text = step_escaped(image);
    struct request *request = request_new(ASKED_PULL, DOCKER_PULL, "POST",
                                          "/images/create?fromImage=%s", text);
    request->lines = true;
    request->first_byte_ms = PULL_STALL_MS;
    request->stall_ms = PULL_STALL_MS;
    return request;
}

enum ask ask_pull(struct facts *facts, struct want *want)
{
    const enum pull policy = pull_policy(facts->command);
    if (facts->pulled || (policy != PULL_ALWAYS && facts->image_here == MAYBE_YES))
        return ASK_NOTHING;
    if (policy != PULL_ALWAYS && facts->image_here == MAYBE_UNKNOWN)
        return step_ask_engine(want, image_request(facts),
                               step_span(facts, STEP_SLACK_MS));
    if (policy == PULL_NEVER) {
        g_autofree char *image = container_image_reference(spec_of(facts));
        refusal_set(
            &want->refusal, CODE_IMAGE_NOT_FOUND,
            "the image %s is not on this host, and the command says never to pull",
            image);
        return ASK_REFUSE;
    }
    return step_ask_engine(want, pull_request(facts), 0);
}

/* {"Config": {"Volumes": {"/data": {}}}}, or null. */
static void take_image_volumes(struct facts *facts, const struct reply *reply)
{
    json_t *image = json_loadb(reply->body, reply->length, 0, NULL);
    json_t *volumes = json_object_get(json_object_get(image, "Config"), "Volumes");
    const char *place;
    json_t *nothing;
    g_clear_pointer(&facts->image_volumes, g_ptr_array_unref);
    facts->image_volumes = g_ptr_array_new_with_free_func(g_free);
    json_object_foreach(volumes, place, nothing)
        g_ptr_array_add(facts->image_volumes, g_canonicalize_filename(place, "/"));
    json_decref(image);
}

bool told_pull(struct facts *facts, enum verdict verdict, const struct reply *reply,
               struct refusal *ret_refusal)
{
    if (reply->asked == ASKED_IMAGE) {
        facts->image_here = verdict == VERDICT_ABSENT ? MAYBE_NO : MAYBE_YES;
        if (verdict != VERDICT_ABSENT)
            take_image_volumes(facts, reply);
        return true;
    }
    if (verdict == VERDICT_ABSENT) {
        g_autofree char *image = container_image_reference(spec_of(facts));
        refusal_set(ret_refusal, CODE_IMAGE_NOT_FOUND, "the registry has no image %s",
                    image);
        return false;
    }
    facts->pulled = true;
    g_clear_pointer(&facts->image_volumes, g_ptr_array_unref);
    facts->image_here = MAYBE_YES;
    facts->acted++;
    return true;
}

/* --- directories -------------------------------------------------------------------------- */

/* Others are asked about only where the server's mark does not say that they were already. */
enum ask ask_directories(struct facts *facts, struct want *want)
{
    if (facts->directories_made)
        return ASK_NOTHING;
    if (facts->others_wanted)
        return step_ask_host_with_others(facts, want, HOST_MAKE_DIRECTORIES);
    want->host = HOST_MAKE_DIRECTORIES;
    return ASK_HOST;
}

/* --- create, connect ---------------------------------------------------------------------- */

static enum ask refuse_name(struct want *want, const struct facts *facts, const char *why)
{
    refusal_set(&want->refusal, CODE_NAME_CONFLICT,
                "the container name \"%s\" is taken: %s", spec_of(facts)->container, why);
    return ASK_REFUSE;
}

/* Whether there is a directory that the container's user is to be able to write. */
static bool has_directories(const struct spec *spec)
{
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = g_ptr_array_index(spec->mounts, i);
        if (mount->make_directory && !mount->read_only)
            return true;
    }
    return false;
}

/* Who runs in it is known once it is made: the image says it, or the spec. */
static enum ask ask_to_give(const struct facts *facts, struct want *want)
{
    int64_t uid, gid;
    const struct spec *spec = spec_of(facts);
    const bool root = *spec->owner == '\0' &&
                      inside_user(facts->seen->user, &uid, &gid) && uid == 0;
    if (root || facts->directories_given || !has_directories(spec))
        return ASK_NOTHING;
    want->host = HOST_GIVE_DIRECTORIES;
    return ASK_HOST;
}

enum ask ask_create(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    switch (container_whose(facts->seen, facts->command)) {
    case WHOSE_FOREIGN:
        return refuse_name(want, facts,
                           "that container is not this server's and was not touched; "
                           "rename or remove it");
    case WHOSE_OURS:
        if (step_made_by_this(facts)) /* perhaps an earlier life of this worker did */
            return ask_to_give(facts, want);
        return refuse_name(want, facts,
                           "another command made the server's container meanwhile");
    case WHOSE_NOBODYS:
        break;
    }
    if (facts->acted >= NAME_TRIES)
        return refuse_name(want, facts,
                           "the engine reserves it but shows no such container; "
                           "restart the engine to free it");
    if (facts->acted > facts->waited)
        return step_ask_wait(facts, want, STEP_POLL_MS << facts->acted);
    if (!facts->image_volumes)
        return step_ask_engine(want, image_request(facts),
                               step_span(facts, STEP_SLACK_MS));
    if (step_names_volumes(facts) && !facts->volumes_looked_at)
        return step_ask_whose_volumes(facts, want);
    g_autofree char *name = step_escaped(spec_of(facts)->container);
    g_autoptr(GPtrArray)
        volumes = keep_volumes(facts->command, facts->kept, facts->image_volumes);
    struct request *request = request_new(ASKED_CREATE, DOCKER_CHANGE, "POST",
                                          "/containers/create?name=%s", name);
    const struct terms terms = {facts->policy, facts->logs, facts->api};
    request->body = container_create_body(facts->command, volumes, &terms);
    return step_ask_engine(want, request, step_span(facts, STEP_CALL_MS));
}

bool told_create(struct facts *facts, enum verdict verdict, const struct reply *reply,
                 struct refusal *ret_refusal)
{
    if (reply->asked == ASKED_IMAGE && verdict != VERDICT_ABSENT) {
        take_image_volumes(facts, reply);
        return true;
    }
    if (reply->asked == ASKED_VOLUMES)
        return step_told_whose_volumes(facts, reply, ret_refusal);
    facts->acted += reply->asked != ASKED_IMAGE;
    facts->fresh = false;
    if (verdict != VERDICT_ABSENT)
        return true; /* made, or a conflict: the look decides whose it is */
    g_autofree char *image = container_image_reference(spec_of(facts));
    refusal_set(ret_refusal, CODE_IMAGE_NOT_FOUND,
                "the image %s went away between the pull and the create; try again",
                image);
    return false;
}

/* The container knows it by an id that is nobody's any more: it was removed, and made anew.
 * (Some engines, Podman of Debian 12, say the name in the id's place.) */
static bool is_stale(const struct facts *facts, const struct engine_network *joined)
{
    const GPtrArray *here = facts->networks_here;
    if (facts->seen->running || !here || !*joined->id)
        return false;
    for (guint i = 0; i < here->len; i++) {
        const struct engine_network *network = g_ptr_array_index(here, i);
        if (g_str_equal(network->id, joined->id) ||
            g_str_equal(network->name, joined->id))
            return false;
    }
    return true;
}

/* One that a container of ours lacks, or that it could not be started on; to connect it once
 * more, while it stands still, lets it know the new one (moby's updateNetworkConfig).  What
 * another command's container lacks was taken from it: that is left as it is. */
static const struct network *unconnected_network(const struct facts *facts)
{
    const GPtrArray *networks = spec_of(facts)->networks;
    for (guint i = 0; i < networks->len; i++) {
        const struct network *network = g_ptr_array_index(networks, i);
        const struct engine_network *joined = engine_network_find(facts->seen->networks,
                                                                  network->name);
        if (joined ? is_stale(facts, joined) : step_made_by_this(facts))
            return network;
    }
    return NULL;
}

enum ask ask_connect(struct facts *facts, struct want *want)
{
    if (!facts->fresh)
        return ASK_LOOK;
    const struct network *network = unconnected_network(facts);
    if (!network || facts->acted >= spec_of(facts)->networks->len)
        return ASK_NOTHING;
    g_autofree char *name = step_escaped(network->name);
    struct request *request = request_new(ASKED_CONNECT, DOCKER_CHANGE, "POST",
                                          "/networks/%s/connect", name);
    request->body = g_strdup_printf("{\"Container\": \"%s\"}", facts->seen->id);
    return step_ask_engine(want, request, step_span(facts, STEP_CALL_MS));
}
