/*
 * policy_confines.c - what every container is confined to, unless this host's file loosens it.
 *
 * The root of a container is the host's root, less what it lacks here.  A server's spec has
 * no word for any of this but its limits, and those only narrow.
 *
 * The capabilities: of the engine's own fourteen, those without which the entrypoints of
 * common images fail, which begin as root, give the data to a user and go on as that user:
 *
 *     CHOWN, DAC_OVERRIDE, FOWNER   chown -R, chmod and usermod, on what another user has
 *     SETUID, SETGID                gosu, su-exec, setpriv, su
 *     KILL                          a root that hands signals on to its user's server
 *     AUDIT_WRITE                   su: PAM ends with "System error" where it cannot tell
 *     NET_BIND_SERVICE              ports below 1024, in a network that is its own
 *
 * and not those that a game has no use for and that reach further: MKNOD (device nodes in
 * the mounts), NET_RAW (forged packets on the bridge), SETFCAP, SETPCAP, FSETID (programs
 * that give privileges), SYS_CHROOT.
 */
#include "policy_parts.h"

#include <string.h>

#define PIDS_GIVEN      4096 /* a server of Java or Wine has some hundreds */
#define LOG_BYTES_GIVEN (10 * 1024 * 1024) /* of a file */
#define LOG_FILES_GIVEN 5

static const struct {
    const char *name;
    bool engine; /* given by an engine of its own accord (moby: oci/caps/defaults.go) */
    bool given;  /* by us, if the file says nothing */
} capabilities[] = {
    {"AUDIT_WRITE", true, true},    {"CHOWN", true, true},
    {"DAC_OVERRIDE", true, true},   {"FOWNER", true, true},
    {"FSETID", true, false},        {"KILL", true, true},
    {"MKNOD", true, false},         {"NET_BIND_SERVICE", true, true},
    {"NET_RAW", true, false},       {"SETFCAP", true, false},
    {"SETGID", true, true},         {"SETPCAP", true, false},
    {"SETUID", true, true},         {"SYS_CHROOT", true, false},
    {"IPC_LOCK", false, false},     {"NET_ADMIN", false, false},
    {"SYS_NICE", false, false},     {"SYS_PTRACE", false, false},
    {"SYS_RESOURCE", false, false},
};

bool capability_is_known(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (g_str_equal(name, capabilities[i].name))
            return true;
    }
    return false;
}

void confines_set_defaults(struct policy *policy)
{
    for (size_t i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (capabilities[i].given)
            g_ptr_array_add(policy->capabilities, g_strdup(capabilities[i].name));
    }
    policy->pids_given = PIDS_GIVEN;
    policy->log_bytes = (struct log_bound){LOG_BYTES_GIVEN, INT64_MAX};
    policy->log_files = (struct log_bound){LOG_FILES_GIVEN, INT64_MAX};
}

GPtrArray *policy_capabilities_missing(const struct policy *policy)
{
    GPtrArray *missing = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (capabilities[i].engine &&
            !g_ptr_array_find_with_equal_func(policy->capabilities, capabilities[i].name,
                                              g_str_equal, NULL))
            g_ptr_array_add(missing, (char *)capabilities[i].name);
    }
    return missing;
}

/* --- Logs ----------------------------------------------------------------------------- */

/* go-units' FromHumanSize; a unit is taken for its larger meaning, 1024. */
int64_t log_size_parse(const char *text)
{
    static const char units[] = "kmgt";
    char *end = NULL;
    const double number = g_ascii_isdigit(*text) ? g_ascii_strtod(text, &end) : 0;
    const char *unit = end && *end ? strchr(units, g_ascii_tolower(*end)) : NULL;

    if (!end)
        return -1;
    end += unit != NULL;
    const double bytes = number *
                         (double)(INT64_C(1) << (unit ? 10 * (unit - units + 1) : 0));
    if ((*end != '\0' && g_ascii_strcasecmp(end, "b") != 0) || !(bytes < 9e18))
        return -1;
    return (int64_t)bytes + (bytes > (double)(int64_t)bytes);
}

static bool log_option_allowed(const struct pair *option, const char *key, int64_t most,
                               int64_t asked, struct refusal *refusal)
{
    if (most == INT64_MAX || !g_str_equal(option->key, key) ||
        (asked >= 0 && asked <= most))
        return true;
    return refusal_set(refusal, CODE_FORBIDDEN,
                       "the log's %s, %s, is above the most that this host allows, "
                       "%" G_GINT64_FORMAT,
                       key, option->value, most);
}

static bool log_files_allowed(const struct policy *policy, const struct pair *option,
                              struct refusal *refusal)
{
    gint64 files = -1;

    g_ascii_string_to_signed(option->value, 10, 1, G_MAXINT32, &files, NULL);
    return log_option_allowed(option, "max-file", policy->log_files.most, files, refusal);
}

bool limit_logs(const struct policy *policy, const struct command *command,
                struct refusal *refusal)
{
    const struct logging *logging = command->spec->logging;

    if (*logging->driver && policy->log_drivers->len > 0 &&
        !g_ptr_array_find_with_equal_func(policy->log_drivers, logging->driver,
                                          g_str_equal, NULL)) {
        g_autofree char *allowed = texts_join(policy->log_drivers);
        return refusal_set(
            refusal, CODE_FORBIDDEN,
            "the log driver %s is none of those that this host allows (%s)",
            logging->driver, allowed);
    }
    for (guint i = 0; i < logging->options->len; i++) {
        const struct pair *option = g_ptr_array_index(logging->options, i);
        if (!log_option_allowed(option, "max-size", policy->log_bytes.most,
                                log_size_parse(option->value), refusal) ||
            !log_files_allowed(policy, option, refusal))
            return false;
    }
    return true;
}
