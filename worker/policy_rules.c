/*
 * policy_rules.c - what a command must be to be carried out here: one small rule each.
 *
 * A command names paths, images, ports and names that end up in the engine's URLs, in
 * directories and in labels; whatever passes here is safe to put there.  Two kinds of no:
 * FORBIDDEN is this host's policy, INVALID would be wrong on any host.
 */
#include "policy_parts.h"

#include "inside.h"

#include <string.h>

#define NAME_CHARS    128 /* of an id or a name; rebuild appends ".old-<command>-r" to it */
#define TIMEOUT_MAX_S 3600
#define MEMORY_MIN    (6 * 1024 * 1024) /* the engine's own least */

/* --- Names -------------------------------------------------------------------------- */

/* At least `least` characters of [A-Za-z0-9._-]. */
static bool is_word(const char *text, size_t least)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789._-");

    return text[length] == '\0' && length >= least && length <= NAME_CHARS;
}

bool is_engine_name(const char *text, size_t least)
{
    return is_word(text, least) && g_ascii_isalnum(text[0]);
}

/* Ids become labels and parts of paths and names. */
static bool is_id(const char *text)
{
    return text != NULL && is_word(text, 1) && !g_str_equal(text, ".") &&
           !g_str_equal(text, "..");
}

static bool rule_ids(const struct policy *policy, const struct command *command,
                     struct refusal *refusal)
{
    bool needs_server = action_from_name(command->action) != ACTION_SYNC;

    if (!is_id(command->command_id))
        return refusal_set(refusal, CODE_INVALID,
                           "the command's id \"%s\" is not 1 to 128 of A-Za-z0-9._-",
                           command->command_id);
    if (command->server_id == NULL ? needs_server : !is_id(command->server_id))
        return refusal_set(refusal, CODE_INVALID,
                           "the server's id \"%s\" is not 1 to 128 of A-Za-z0-9._-",
                           command->server_id ? command->server_id : "");
    return true;
}

static bool rule_target(const struct policy *policy, const struct command *command,
                        struct refusal *refusal)
{
    return is_id(command->target) ||
           refusal_set(refusal, CODE_INVALID,
                       "a cancel names no command that it is to cancel");
}

static bool rule_spec(const struct policy *policy, const struct command *command,
                      struct refusal *refusal)
{
    return command->spec != NULL ||
           refusal_set(refusal, CODE_INVALID,
                       "a %s needs a spec, and this command has none", command->action);
}

static bool rule_container(const struct policy *policy, const struct command *command,
                           struct refusal *refusal)
{
    const struct spec *spec = command->spec;

    if (!is_engine_name(spec->container, 2))
        return refusal_set(
            refusal, CODE_INVALID,
            "the container's name \"%s\" is not 2 to 128 of A-Za-z0-9._-, the first "
            "a letter or digit",
            spec->container);
    if (strstr(spec->container, ".old-") || strstr(spec->container, ".gone-"))
        return refusal_set(
            refusal, CODE_INVALID,
            "the container's name \"%s\" has \".old-\" or \".gone-\" in it, which mark "
            "what a rebuild replaces; choose another",
            spec->container);
    if (spec->adopt != NULL && !is_engine_name(spec->adopt, 1))
        return refusal_set(refusal, CODE_INVALID,
                           "the container to adopt, \"%s\", is no container's id",
                           spec->adopt);
    if (text_has_control(spec->server_name))
        return refusal_set(refusal, CODE_INVALID,
                           "the server's name has control characters in it");
    return true;
}

/* --- Env and labels ----------------------------------------------------------------- */

/* Never shows a value: those of env are secret. */
static bool pairs_valid(const GPtrArray *pairs, const char *what, const char *refused,
                        struct refusal *refusal)
{
    g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < pairs->len; i++) {
        const struct pair *pair = g_ptr_array_index(pairs, i);
        if (*pair->key == '\0' || strpbrk(pair->key, refused) ||
            text_has_control(pair->key))
            return refusal_set(refusal, CODE_INVALID, "%s \"%s\" is no name for one",
                               what, pair->key);
        if (!g_hash_table_add(keys, pair->key))
            return refusal_set(refusal, CODE_INVALID, "%s \"%s\" is given twice", what,
                               pair->key);
    }
    return true;
}

static bool rule_env(const struct policy *policy, const struct command *command,
                     struct refusal *refusal)
{
    return pairs_valid(command->spec->env, "the variable", "=", refusal);
}

static bool rule_labels(const struct policy *policy, const struct command *command,
                        struct refusal *refusal)
{
    const GPtrArray *labels = command->spec->labels;

    for (guint i = 0; i < labels->len; i++) {
        const struct pair *label = g_ptr_array_index(labels, i);
        if (g_str_has_prefix(label->key, LABEL_PREFIX))
            return refusal_set(refusal, CODE_INVALID,
                               "the label %s begins with \"" LABEL_PREFIX "\", which the "
                               "worker keeps for its own",
                               label->key);
    }
    return pairs_valid(labels, "the label", "=", refusal);
}

/* --- How it lives and ends ---------------------------------------------------------- */

static bool rule_restart_policy(const struct policy *policy,
                                const struct command *command, struct refusal *refusal)
{
    static const char *const words[] = {"",           "no", "always", "unless-stopped",
                                        "on-failure", NULL};
    const char *word = command->spec->restart_policy;

    return g_strv_contains(words, word) ||
           refusal_set(refusal, CODE_INVALID,
                       "the restart policy \"%s\" is none of no, always, unless-stopped, "
                       "on-failure",
                       word);
}

static bool at_least(int64_t value, int64_t least, const char *what,
                     struct refusal *refusal)
{
    return value == 0 || value >= least ||
           refusal_set(refusal, CODE_INVALID,
                       "%s of %" G_GINT64_FORMAT " is less than %" G_GINT64_FORMAT
                       "; 0 means no limit",
                       what, value, least);
}

static bool rule_resources(const struct policy *policy, const struct command *command,
                           struct refusal *refusal)
{
    const struct resources *resources = command->spec->resources;

    return at_least(resources->memory_bytes, MEMORY_MIN, "a memory limit", refusal) &&
           at_least(resources->nano_cpus, 1, "a limit of nano CPUs", refusal) &&
           at_least(resources->pids, 1, "a limit of processes", refusal);
}

/* From 1 to `most`, as a person writes it. */
static bool is_number_to(const char *text, unsigned most)
{
    return *text != '0' && g_ascii_string_to_unsigned(text, 10, 1, most, NULL, NULL);
}

/* signal(7), x86 and ARM; realtime ones as SIGRTMIN+n; with or without SIG, or as a number. */
static bool is_signal(const char *signal)
{
    static const char *const names[] = {
        "HUP",    "INT",  "QUIT",  "ILL",    "TRAP", "ABRT",  "IOT",  "BUS",
        "FPE",    "KILL", "USR1",  "SEGV",   "USR2", "PIPE",  "ALRM", "TERM",
        "STKFLT", "CHLD", "CLD",   "CONT",   "STOP", "TSTP",  "TTIN", "TTOU",
        "URG",    "XCPU", "XFSZ",  "VTALRM", "PROF", "WINCH", "IO",   "POLL",
        "PWR",    "SYS",  "RTMIN", "RTMAX",  NULL};
    const char *name = g_str_has_prefix(signal, "SIG") ? signal + 3 : signal;

    if (*signal == '\0' || g_strv_contains(names, name))
        return true;
    if (g_str_has_prefix(name, "RTMIN+"))
        return is_number_to(name + 6, 15);
    if (g_str_has_prefix(name, "RTMAX-"))
        return is_number_to(name + 6, 14);
    return is_number_to(signal, 64);
}

static bool is_timeout(int64_t seconds)
{
    return seconds >= 0 && seconds <= TIMEOUT_MAX_S;
}

static bool rule_stop(const struct policy *policy, const struct command *command,
                      struct refusal *refusal)
{
    const struct stop *stop = command->spec->stop;

    if (!is_signal(stop->signal))
        return refusal_set(refusal, CODE_INVALID,
                           "the stop signal \"%s\" does not exist; give one such as "
                           "SIGTERM",
                           stop->signal);
    if (!is_timeout(stop->timeout_s) || !is_timeout(stop->save_timeout_s))
        return refusal_set(refusal, CODE_INVALID,
                           "a timeout of the stop (%" G_GINT64_FORMAT
                           " s, save %" G_GINT64_FORMAT " s) is not between 0 and %d s",
                           stop->timeout_s, stop->save_timeout_s, TIMEOUT_MAX_S);
    if (stop->save->len > 0 && *(const char *)g_ptr_array_index(stop->save, 0) == '\0')
        return refusal_set(refusal, CODE_INVALID, "the save command names no program");
    return true;
}

/* What no host could make is no matter of this one's policy. */
static bool rule_inside(const struct policy *policy, const struct command *command,
                        struct refusal *refusal)
{
    g_autofree char *wrong = NULL;

    return inside_check(command->spec, &wrong) ||
           refusal_set(refusal, CODE_INVALID, "%s", wrong);
}

/* --- All of it ---------------------------------------------------------------------- */

/* In this order: rule_spec before all that look into it. */
static const struct rule rules[] = {
    {ANY, "ids", rule_ids},
    {ACTION_BIT(CANCEL), "target", rule_target},
    {ON_SPEC, "spec", rule_spec},
    {ON_SPEC, "container", rule_container},
    {ON_SPEC, "stop", rule_stop},
    {MAKING | ACTION_BIT(PURGE), "data_root", rule_data_dir},
    {MAKING, "registry", rule_image},
    {MAKING, "mounts", rule_mounts},
    {MAKING, "ports", rule_ports},
    {MAKING, "networks", rule_networks},
    {MAKING, "env", rule_env},
    {MAKING, "labels", rule_labels},
    {MAKING, "restart_policy", rule_restart_policy},
    {MAKING, "resources", rule_resources},
    {MAKING, "inside", rule_inside},
};

bool refusal_name_rule(struct refusal *refusal, const char *rule)
{
    g_autofree char *message = g_steal_pointer(&refusal->message);

    return refusal_set(refusal, refusal->code, "rule %s: %s", rule, message);
}

bool rules_allow(const struct rule *rows, size_t count, const struct policy *policy,
                 const struct command *command, struct refusal *refusal)
{
    const unsigned action = 1u << action_from_name(command->action);

    for (size_t i = 0; i < count; i++) {
        if ((rows[i].actions & action) && !rows[i].allows(policy, command, refusal))
            return refusal_name_rule(refusal, rows[i].name);
    }
    return true;
}

bool policy_allows(const struct policy *policy, const struct command *command,
                   struct refusal *ret_refusal)
{
    if (action_from_name(command->action) == ACTION_UNKNOWN)
        return refusal_set(ret_refusal, CODE_UNKNOWN_ACTION,
                           "this worker knows no action \"%s\"; upgrade it",
                           command->action);
    return rules_allow(rules, G_N_ELEMENTS(rules), policy, command, ret_refusal) &&
           limits_allow(policy, command, ret_refusal);
}
