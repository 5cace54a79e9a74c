/*
 * policy_parts.h - what the files of the policy share: for policy*.c alone.
 */
#pragma once

#include "policy.h"

/* One thing that a command has to be, to be carried out here. */
struct rule {
    unsigned actions; /* 1 << enum action, of the commands it is asked about */
    const char *name; /* told in a refusal; of the host's limits, the file's key */
    bool (*allows)(const struct policy *policy, const struct command *command,
                   struct refusal *refusal);
};

#define ACTION_BIT(name) (1u << ACTION_##name)
/* A command that only ends a container is not measured by the rules for making one: a
 * narrower policy must not make an old server unstoppable. */
#define MAKING                                                                         \
 (ACTION_BIT(CREATE) | ACTION_BIT(START) | ACTION_BIT(RESTART) | ACTION_BIT(REBUILD) | \
  ACTION_BIT(RECREATE) | ACTION_BIT(RESTORE))
#define ON_SPEC (MAKING | ACTION_BIT(STOP) | ACTION_BIT(DELETE) | ACTION_BIT(PURGE))
#define ANY     (ON_SPEC | ACTION_BIT(CANCEL) | ACTION_BIT(SYNC))

/* Puts the rule's name before the message; false. */
bool refusal_name_rule(struct refusal *refusal, const char *rule);
/* In the table's order; the first no is the answer. */
bool rules_allow(const struct rule *rules, size_t count, const struct policy *policy,
                 const struct command *command, struct refusal *refusal);
/* policy_limits.c: what the file narrows.  The command is valid by then. */
bool limits_allow(const struct policy *policy, const struct command *command,
                  struct refusal *refusal);

/* policy_places.c: what a container has of the host and its networks */
bool rule_data_dir(const struct policy *policy, const struct command *command,
                   struct refusal *refusal);
bool rule_image(const struct policy *policy, const struct command *command,
                struct refusal *refusal);
bool rule_mounts(const struct policy *policy, const struct command *command,
                 struct refusal *refusal);
bool rule_ports(const struct policy *policy, const struct command *command,
                struct refusal *refusal);
bool rule_networks(const struct policy *policy, const struct command *command,
                   struct refusal *refusal);

/* policy_confines.c: what a container gets if the file says nothing. */
void confines_set_defaults(struct policy *policy);
bool limit_logs(const struct policy *policy, const struct command *command,
                struct refusal *refusal);

/* What of `path` lies below `root`, or NULL; both plain. */
const char *path_below(const char *path, const char *root);
/* What the engine takes as a name: of A-Za-z0-9._-, beginning with a letter or digit. */
bool is_engine_name(const char *text, size_t least);
char *texts_join(const GPtrArray *texts); /* "a, b"; g_free it */
char *spans_join(const GArray *spans);    /* "1-2, 5-9"; g_free it */
