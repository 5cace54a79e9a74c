/*
 * http_head.c - whether a request's head says one thing only, and who it is from.
 *
 * libmicrohttpd takes the first of two Content-Lengths, prefers Transfer-Encoding to both, and
 * takes any other coding than "chunked" for a body without an end; so it is all looked at here
 * before the first byte of a body is.
 */
#include "http_head.h"

#include <string.h>

struct seen {
    unsigned hosts, lengths, codings;
    bool malformed;
    bool chunked;
    const char *forwarded;
};

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t length)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isalnum(text[i]) && (text[i] == '\0' || !strchr(others, text[i])))
            return false;
    return length > 0;
}

/* No controls but a tab. */
static bool is_value(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != '\t' && g_ascii_iscntrl(text[i]))
            return false;
    return true;
}

static bool is_number(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isdigit(text[i]))
            return false;
    return length > 0;
}

static enum MHD_Result take_field(void *context, enum MHD_ValueKind kind,
                                  const char *name, size_t name_length, const char *value,
                                  size_t value_length)
{
    struct seen *seen = context;
    if (!value)
        value = "";
    if (!is_token(name, name_length) || !is_value(value, value_length))
        seen->malformed = true;
    else if (g_ascii_strcasecmp(name, "Host") == 0)
        seen->hosts++;
    else if (g_ascii_strcasecmp(name, "Content-Length") == 0) {
        seen->lengths++;
        seen->malformed |= !is_number(value, value_length);
    } else if (g_ascii_strcasecmp(name, "Transfer-Encoding") == 0) {
        seen->codings++;
        seen->chunked = g_ascii_strcasecmp(value, "chunked") == 0;
    } else if (g_ascii_strcasecmp(name, "X-Forwarded-For") == 0)
        seen->forwarded = value;
    return MHD_YES;
}

static struct seen look(struct MHD_Connection *connection)
{
    struct seen seen = {0};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_field, &seen);
    return seen;
}

bool http_head_is_clear(struct MHD_Connection *connection, const char *version)
{
    const struct seen seen = look(connection);
    if (seen.malformed || seen.hosts > 1 || seen.lengths > 1 || seen.codings > 1)
        return false;
    /* Before 1.1 there was none, and who takes it so may see a body where we see none. */
    return seen.codings == 0 || (seen.chunked && seen.lengths == 0 &&
                                 g_ascii_strcasecmp(version, "HTTP/1.1") == 0);
}

char *http_head_forwarded(struct MHD_Connection *connection)
{
    const struct seen seen = look(connection);
    if (!seen.forwarded)
        return NULL;
    const char *comma = strrchr(seen.forwarded, ',');
    return g_strstrip(g_strdup(comma ? comma + 1 : seen.forwarded));
}
