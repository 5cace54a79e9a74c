/*
 * policy_text.c - a policy in plain words, for --check-policy.
 *
 * Every kind of limit has a line, also where there is none: what is open should be seen, too.
 */
#include "policy_parts.h"

static void line(GString *text, const char *what, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static void line(GString *text, const char *what, const char *format, ...)
{
    va_list args;

    g_string_append_printf(text, "  %-18s", what);
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
    g_string_append_c(text, '\n');
}

/* `before` and the list, or what is said of an empty one. */
static void line_of_texts(GString *text, const char *what, const GPtrArray *texts,
                          const char *before, const char *any)
{
    g_autofree char *list = texts_join(texts);

    if (texts->len > 0)
        line(text, what, "%s%s", before, list);
    else
        line(text, what, "%s", any);
}

static void line_of_ports(GString *text, const struct policy *policy)
{
    g_autofree char *list = spans_join(policy->host_ports);

    line(text, "ports of the host", "%s", policy->host_ports->len > 0 ? list : "any");
}

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

static void line_of_limit(GString *text, const char *what, const struct limit *limit,
                          char *(*in_words)(int64_t))
{
    g_autofree char *most = in_words(limit->most);
    const char *without = limit->required ? "a server without a limit is refused"
                                          : "a server may be without a limit";

    if (limit->most == INT64_MAX)
        line(text, what, "any; %s", without);
    else
        line(text, what, "at most %s; %s", most, without);
}

static void line_of_most(GString *text, const char *what, int64_t most,
                         char *(*in_words)(int64_t))
{
    g_autofree char *words = in_words(most);

    if (most == INT64_MAX)
        line(text, what, "any");
    else
        line(text, what, "at most %s", words);
}

static void lines_of_confines(GString *text, const struct policy *policy)
{
    g_autofree char *given = number_text(MIN(policy->pids_given, policy->pids.most));

    line(text, "  if none is asked", "%s",
         policy->pids_given > 0 ? given : "no limit at all");
    line_of_texts(text, "capabilities", policy->capabilities, "every container has ",
                  "no container has any");
    line(text, "new privileges", "%s",
         policy->new_privileges ? "setuid programs in a container give them"
                                : "nothing in a container gives any");
}

static void line_of_log(GString *text, const char *what, const struct log_bound *bound,
                        char *(*in_words)(int64_t))
{
    g_autofree char *given = in_words(bound->given);

    if (bound->given == 0)
        line(text, what, "any");
    else
        line(text, what, "%s%s", given,
             bound->most == INT64_MAX ? " if none is asked, else any" : " at most");
}

static void lines_of_logs(GString *text, const struct policy *policy)
{
    line_of_texts(text, "log drivers", policy->log_drivers, "the engine's own, ",
                  "any of json-file, local, journald, none");
    line_of_log(text, "  a file's size", &policy->log_bytes, bytes_text);
    line_of_log(text, "  files", &policy->log_files, number_text);
}

static void lines_of_images(GString *text, const struct policy *policy)
{
    line_of_texts(text, "images", policy->registries, "from ", "none: give --registry");
    if (policy->file_registries->len > 0)
        line_of_texts(text, "", policy->file_registries, "and of these only ", "");
    line(text, "", "%s",
         policy->require_digest ? "by digest alone" : "by tag or by digest");
}

static void lines_of_env(GString *text, const struct policy *policy)
{
    line_of_most(text, "variables", policy->env_count_most, number_text);
    line_of_most(text, "  together", policy->env_bytes_most, bytes_text);
    line_of_texts(text, "  their names", policy->env_forbidden, "any but ", "any");
}

char *policy_text(const struct policy *policy)
{
    GString *text = g_string_new("A command may ask for:\n");

    line_of_texts(text, "data", policy->data_roots, "inside ", "none: give --data-root");
    lines_of_images(text, policy);
    line_of_texts(text, "container names", policy->name_prefixes, "that begin with ",
                  "any");
    line_of_ports(text, policy);
    line_of_texts(text, "networks", policy->networks, "",
                  "any but the host's and other containers'");
    line_of_most(text, "mounts", policy->mounts_most, number_text);
    line_of_texts(text, "  purge ignores", policy->mounters_ignored, "those of ",
                  "nobody who mounts the data");
    line_of_texts(text, "adopt", policy->adopt, "",
                  policy->adopt_none ? "no container" : "any that is nobody's");
    lines_of_env(text, policy);
    line_of_limit(text, "memory", &policy->memory_bytes, bytes_text);
    line_of_limit(text, "CPU", &policy->nano_cpus, cpus_text);
    line_of_limit(text, "processes", &policy->pids, number_text);
    lines_of_confines(text, policy);
    lines_of_logs(text, policy);
    line_of_most(text, "time to stop", policy->stop_timeout_most_s, seconds_text);
    line_of_most(text, "time to save", policy->save_timeout_most_s, seconds_text);
    line_of_texts(text, "restart policies", policy->restart_policies, "", "any");
    g_string_append(text,
                    "What only ends a container (stop, delete, purge) has to keep to "
                    "the container names\nand, for a purge, to the data.\n");
    return g_string_free(text, FALSE);
}
