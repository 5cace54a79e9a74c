/*
 * step_denied.c - whether what a container is confined to can be why it has not stayed up.
 *
 * Asked only of what its command has made: an older container is as its engine made it.  What
 * a container prints can hold secrets: of its log no word is told but the phrase looked for.
 */
#include "step_parts.h"

#include <string.h>

#define LOG_LINES 50

static const struct {
    const char *phrase; /* in lower case */
    bool capabilities;  /* the kernel says so of a capability that is not there, */
    bool privileges;    /* or of a setuid program that gives nothing */
} denials[] = {
    {"no new privileges", false, true},      /* sudo 1.9 */
    {"effective uid is not 0", false, true}, /* sudo */
    {"must be setuid", false, true},         {"must be suid", false, true},
    {"operation not permitted", true, true},
};

struct request *step_log_request(const struct facts *facts)
{
    return request_new(ASKED_LOG, DOCKER_READ, "GET",
                       "/containers/%s/logs?stdout=1&stderr=1&tail=%d", facts->seen->id,
                       LOG_LINES);
}

/* The engine puts a head of eight bytes before each piece, with zeros in it. */
static char *searchable(const char *text, size_t length)
{
    char *lower = g_malloc(length + 1);

    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        lower[i] = ' ';
        if (c != '\0')
            lower[i] = g_ascii_tolower(c);
    }
    lower[length] = '\0';
    return lower;
}

/* What the policy holds back of what the engine would give, "" if nothing. */
static char *held_back(const struct facts *facts, size_t denial)
{
    g_autoptr(GPtrArray) missing = policy_capabilities_missing(facts->policy);
    g_autoptr(GString) keys = g_string_new(NULL);

    if (denials[denial].capabilities && missing->len > 0) {
        g_string_append(keys, "\"capabilities\" (here without");
        for (guint i = 0; i < missing->len; i++)
            g_string_append_printf(keys, "%s %s", i > 0 ? "," : "",
                                   (const char *)g_ptr_array_index(missing, i));
        g_string_append_c(keys, ')');
    }
    if (denials[denial].privileges && !facts->policy->new_privileges)
        g_string_append_printf(keys, "%s\"new_privileges\" (here false)",
                               keys->len > 0 ? " and " : "");
    return g_string_free(g_steal_pointer(&keys), FALSE);
}

char *step_why_denied(const struct facts *facts, const char *text, size_t length)
{
    g_autofree char *lower = searchable(text, length);

    for (size_t i = 0; i < G_N_ELEMENTS(denials) && step_made_by_this(facts); i++) {
        if (!strstr(lower, denials[i].phrase))
            continue;
        g_autofree char *keys = held_back(facts, i);
        return *keys
                   ? g_strdup_printf("it says \"%s\": if the image needs what this host "
                                     "does not give its containers, see %s in the host's "
                                     "policy file",
                                     denials[i].phrase, keys)
                   : NULL;
    }
    return NULL;
}
