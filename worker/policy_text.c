/*
 * policy_text.c - a policy in whole sentences, for --check-policy.
 *
 * Every kind of limit has one, also where there is none: what is open should be seen, too.
 */
#include "policy_parts.h"

static void say(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(GString *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
    g_string_append_c(text, '\n');
}

/* What is said of a list, with the list in the place of %s, and of an empty one. */
static void say_list(GString *text, const GPtrArray *texts, const char *before,
                     const char *after, const char *any)
{
    g_autofree char *list = texts_join(texts);

    if (texts->len > 0)
        say(text, "%s%s%s", before, list, after);
    else
        say(text, "%s", any);
}

/* --- Numbers ------------------------------------------------------------------------ */

/* GLib puts a no-break space before the unit, which nobody can search for. */
static char *bytes_text(int64_t bytes)
{
    g_autofree char *size = g_format_size_full(
        (guint64)bytes, G_FORMAT_SIZE_IEC_UNITS | G_FORMAT_SIZE_LONG_FORMAT);
    g_auto(GStrv) words = g_strsplit(size, "\u00a0", -1);

    return g_strjoinv(" ", words);
}

static char *cpus_text(int64_t nano)
{
    return g_strdup_printf("%.3g CPUs", (double)nano / 1e9);
}

static char *number_text(int64_t number)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, number);
}

static char *seconds_text(int64_t seconds)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " s", seconds);
}

static void say_limit(GString *text, const char *what, const struct limit *limit,
                      char *(*in_words)(int64_t))
{
    g_autofree char *most = in_words(limit->most);
    const char *without = limit->required ? "a server without one is refused"
                                          : "a server may be without one";

    if (limit->most == INT64_MAX)
        say(text, "The limit of %s may be any; %s.", what, without);
    else
        say(text, "The limit of %s is at most %s; %s.", what, most, without);
}

/* "A server may have" and so on. */
static void say_most(GString *text, const char *subject, int64_t most,
                     char *(*in_words)(int64_t), const char *what)
{
    g_autofree char *words = in_words(most);

    if (most == INT64_MAX)
        say(text, "%s any %s.", subject, what);
    else
        say(text, "%s at most %s %s.", subject, words, what);
}

/* --- What may be asked for ---------------------------------------------------------- */

static void say_whose(GString *text, const struct policy *policy)
{
    say_list(text, policy->actions,
             "Of the actions only these are taken, beside cancel and sync: ", ".",
             "Every action is taken.");
    say_list(text, policy->data_roots, "Data lies inside ", ".",
             "Data may lie nowhere: give --data-root.");
    say_list(text, policy->registries, "Images come from ", ".",
             "Images come from nowhere: give --registry.");
    if (policy->file_registries->len > 0)
        say_list(text, policy->file_registries, "Of these images only those from ",
                 " are taken.", "");
    say(text, "%s",
        policy->require_digest ? "An image is named by digest alone."
                               : "An image is named by tag or by digest.");
    say_list(text, policy->name_prefixes, "The names of containers begin with ", ".",
             "A container may have any name.");
    if (policy->adopt_none)
        say(text, "No container may be adopted.");
    else
        say_list(text, policy->adopt,
                 "Only containers of these names may be adopted: ", ".",
                 "Any container that is nobody's may be adopted.");
}

static void say_places(GString *text, const struct policy *policy)
{
    g_autofree char *ports = spans_join(policy->host_ports);

    if (policy->host_ports->len > 0)
        say(text, "Ports of the host are among %s.", ports);
    else
        say(text, "Any port of the host may be published.");
    say_list(text, policy->host_addresses, "Ports are published on ",
             " alone (0.0.0.0: a port that names no address).",
             "Ports may be published on any address of the host.");
    say_list(text, policy->networks, "Networks are among ", ".",
             "A server may be in any network but the host's and other containers'.");
    say_most(text, "A server may be in", policy->networks_most, number_text, "networks");
    say_most(text, "A server may have", policy->mounts_most, number_text, "mounts");
    say_list(text, policy->mounters_ignored, "A purge does not mind the mounts of ", ".",
             "A purge minds whoever mounts the data.");
}

static void say_texts(GString *text, const struct policy *policy)
{
    say_most(text, "A server may have", policy->env_count_most, number_text, "variables");
    say_most(text, "Its variables may have", policy->env_bytes_most, bytes_text,
             "together");
    say_list(text, policy->env_forbidden, "Variables may have any name but ", ".",
             "Variables may have any name.");
    say_most(text, "A server may have", policy->labels_count_most, number_text, "labels");
    say_most(text, "Its labels may have", policy->labels_bytes_most, bytes_text,
             "together");
    say_list(text, policy->labels_forbidden, "Labels may have any name but ", ".",
             "Labels may have any name but those of Muster.");
}

static void say_ends(GString *text, const struct policy *policy)
{
    say_most(text, "A stop may take", policy->stop_timeout_most_s, seconds_text,
             "from its signal to the kill");
    say_most(text, "A save command may take", policy->save_timeout_most_s, seconds_text,
             "before a stop");
    if (policy->save_none)
        say(text, "No save command is run.");
    else
        say_list(text, policy->save_commands, "A save command is like ", ".",
                 "A save command may be any.");
    say_list(text, policy->restart_policies, "Restart policies are among ", ".",
             "A server may have any restart policy.");
}

/* --- What a container gets ---------------------------------------------------------- */

static void say_users(GString *text, const struct policy *policy)
{
    say(text, "%s",
        policy->users_not_root ? "A server names its user by a number that is not 0."
                               : "A server may run as root.");
    say_list(text, policy->users, "A server names its user, who is like ", ".",
             "A server may name any user, or leave it to its image.");
}

static void say_log(GString *text, const char *what, const struct log_bound *bound,
                    char *(*in_words)(int64_t))
{
    g_autofree char *given = in_words(bound->given);

    if (bound->given == 0)
        say(text, "The %s of a log has no bound.", what);
    else
        say(text, "The %s of a log is %s%s.", what, given,
            bound->most == INT64_MAX ? " if a server names none, and any that it names"
                                     : " at most");
}

static void say_confines(GString *text, const struct policy *policy)
{
    g_autofree char *pids = number_text(MIN(policy->pids_given, policy->pids.most));

    if (policy->pids_given > 0)
        say(text, "A server that names no limit of processes gets %s.", pids);
    else
        say(text, "A server that names no limit of processes gets none.");
    say_list(text, policy->capabilities, "Every container has the capabilities ",
             " and no other.", "No container has any capability.");
    say(text, "%s",
        policy->new_privileges ? "Setuid programs in a container give new privileges."
                               : "Nothing in a container gives new privileges.");
    say_users(text, policy);
    say_list(text, policy->log_drivers, "Log drivers are the engine's own, ", ".",
             "Log drivers are the engine's own, json-file, local, journald, none.");
    say_log(text, "size of a file", &policy->log_bytes, bytes_text);
    say_log(text, "number of files", &policy->log_files, number_text);
}

char *policy_text(const struct policy *policy)
{
    GString *text = g_string_new(NULL);

    say_whose(text, policy);
    say_places(text, policy);
    say_texts(text, policy);
    say_limit(text, "memory", &policy->memory_bytes, bytes_text);
    say_limit(text, "CPU", &policy->nano_cpus, cpus_text);
    say_limit(text, "processes", &policy->pids, number_text);
    say_confines(text, policy);
    say_ends(text, policy);
    say(text,
        "What only ends a container (stop, delete, purge) has to keep to the actions, "
        "the containers' names\nand the save commands alone and, for a purge, to the "
        "data.");
    return g_string_free(text, FALSE);
}
