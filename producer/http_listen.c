/*
 * http_listen.c - where to listen, and who has connected.
 */
#include "http_listen.h"

#include "http.h"

#include <netdb.h>
#include <string.h>

static bool usage(const char *listen, const char *why, GError **error)
{
    g_set_error(error, HTTP_ERROR, HTTP_ERROR_USAGE,
                "--listen %s: %s; an address and a port are meant, such as "
                "127.0.0.1:8080, [::1]:8080, or :8080 for loopback",
                listen, why);
    return false;
}

/* Takes the brackets off an IPv6 address. */
static char *host_of(const char *listen, const char *colon)
{
    if (colon == listen)
        return g_strdup("127.0.0.1");
    if (*listen == '[' && colon[-1] == ']')
        return g_strndup(listen + 1, (gsize)(colon - listen - 2));
    return g_strndup(listen, (gsize)(colon - listen));
}

bool http_listen_address(const char *listen, struct sockaddr_storage *ret_address,
                         GError **error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(listen, ':');
    guint64 port;
    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
        return usage(listen, "no port", error);
    g_autofree char *host = host_of(listen, colon);
    if (strchr(host, ':') && *listen != '[')
        return usage(listen, "an IPv6 address stands in brackets", error);
    int failed = getaddrinfo(host, colon + 1, &hints, &found);
    if (failed)
        return usage(listen, gai_strerror(failed), error);
    memset(ret_address, 0, sizeof *ret_address);
    memcpy(ret_address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

char *http_address_text(const struct sockaddr *address)
{
    char host[NI_MAXHOST];
    socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                      : sizeof(struct sockaddr_in);
    if (getnameinfo(address, length, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        return g_strdup("");
    return g_strdup(host);
}
