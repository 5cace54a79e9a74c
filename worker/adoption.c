/*
 * adoption.c - whether a container that a command names by its id may be had.
 *
 * One with our label was made by us, by the policy of its day; here it is about all others.
 */
#include "adoption.h"

#include "aside.h"

static bool is_anothers(const struct command *command, const struct container *seen)
{
    return *seen->server_id != '\0' || !container_is_of(seen, command->agent_id);
}

static bool refuse_anothers(const struct container *seen, struct refusal *refusal)
{
    const bool server = *seen->server_id != '\0';
    return refusal_set(refusal, CODE_NAME_CONFLICT,
                       "the container %s is %s %s's: it cannot be adopted", seen->name,
                       server ? "server" : "agent",
                       server ? seen->server_id : seen->agent_id);
}

bool adoption_allows(const struct policy *policy, const struct command *command,
                     const struct container *seen, bool by_id,
                     struct refusal *ret_refusal)
{
    const enum whose whose = container_whose(seen, command);
    if (!command->spec || !command->spec->adopt || whose == WHOSE_NOBODYS ||
        (whose == WHOSE_OURS && seen->managed) || (whose == WHOSE_FOREIGN && !by_id))
        return true;
    if (is_anothers(command, seen))
        return refuse_anothers(seen, ret_refusal);
    if (whose == WHOSE_FOREIGN)
        return refusal_set(ret_refusal, CODE_NAME_CONFLICT,
                           "the container to adopt, \"%s\", is no container's id, which "
                           "%s has: %s",
                           command->spec->adopt, seen->name, seen->id);
    if (*seen->reach)
        return refusal_set(
            ret_refusal, CODE_FORBIDDEN,
            "rule adopt: the container %s %s: who has it has the host, and "
            "it is not adopted",
            seen->name, seen->reach);
    g_autofree char *original = aside_original(seen->name);
    return policy_allows_adopt(policy, original ? original : seen->name, ret_refusal);
}
