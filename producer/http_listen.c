/*
 * http_listen.c - where to listen, and who has connected.
 */
#include "http_listen.h"

#include "http.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#define BYTES 16 /* of an address; IPv4's are mapped into IPv6's (RFC 4291, 2.5.5.2) */
#define BITS  (BYTES * 8)
#define BITS4 96 /* before an IPv4 address */

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

/* --- Addresses ----------------------------------------------------------------------------- */

static void to_bytes(const struct sockaddr *address, uint8_t bytes[BYTES])
{
    const struct sockaddr_in6 *six = (const void *)address;
    const struct sockaddr_in *four = (const void *)address;
    if (address->sa_family == AF_INET6) {
        memcpy(bytes, &six->sin6_addr, BYTES);
        return;
    }
    memset(bytes, 0, BYTES);
    memset(bytes + 10, 0xff, 2);
    memcpy(bytes + BITS4 / 8, &four->sin_addr, 4);
}

static bool is_mapped(const uint8_t bytes[BYTES])
{
    static const uint8_t prefix[BITS4 / 8] = {[10] = 0xff, [11] = 0xff};
    return memcmp(bytes, prefix, sizeof prefix) == 0;
}

static char *bytes_text(const uint8_t bytes[BYTES])
{
    char text[INET6_ADDRSTRLEN];
    const bool four = is_mapped(bytes);
    if (!inet_ntop(four ? AF_INET : AF_INET6, four ? bytes + BITS4 / 8 : bytes, text,
                   sizeof text))
        g_assert_not_reached();
    return g_strdup(text);
}

char *http_address_text(const struct sockaddr *address)
{
    uint8_t bytes[BYTES];
    to_bytes(address, bytes);
    return bytes_text(bytes);
}

char *http_address_whence(const struct sockaddr *address)
{
    uint8_t bytes[BYTES];
    to_bytes(address, bytes);
    if (!is_mapped(bytes))
        memset(bytes + 8, 0, 8);
    return bytes_text(bytes);
}

bool http_address_is_loopback(const struct sockaddr *address)
{
    static const uint8_t one[BYTES] = {[BYTES - 1] = 1};
    uint8_t bytes[BYTES];
    to_bytes(address, bytes);
    return is_mapped(bytes) ? bytes[BITS4 / 8] == 127 : memcmp(bytes, one, BYTES) == 0;
}

bool http_address_parse(const char *text, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    const bool is_four = inet_pton(AF_INET, text, &four.sin_addr) == 1;
    if (!is_four && inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
        return false;
    memset(ret_address, 0, sizeof *ret_address);
    if (is_four)
        memcpy(ret_address, &four, sizeof four);
    else
        memcpy(ret_address, &six, sizeof six);
    return true;
}

/* --- Networks -------------------------------------------------------------------------------- */

bool http_network_parse(const char *text, struct http_network *ret_network,
                        GError **error)
{
    struct sockaddr_storage address;
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    guint64 bits = 0;
    const bool is_address = parts[0] && http_address_parse(parts[0], &address);
    const bool is_four = is_address && address.ss_family == AF_INET;
    if (!is_address ||
        (parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 0, is_four ? 32 : BITS,
                                                 &bits, NULL))) {
        g_set_error(error, HTTP_ERROR, HTTP_ERROR_USAGE,
                    "--proxy %s: an address or a network is meant, such as 192.0.2.1, "
                    "10.0.0.0/8, or 2001:db8::/32",
                    text);
        return false;
    }
    to_bytes((const void *)&address, ret_network->address);
    ret_network->bits = !parts[1] ? BITS
                        : is_four ? BITS4 + (unsigned)bits
                                  : (unsigned)bits;
    return true;
}

bool http_network_has(const struct http_network *network, const struct sockaddr *address)
{
    uint8_t bytes[BYTES];
    to_bytes(address, bytes);
    const unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(bytes, network->address, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] ^ network->address[whole]) >> (8 - rest) == 0;
}
