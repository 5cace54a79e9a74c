/*
 * http_listen.h - where to listen, as people write it; who has connected.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080" (loopback).  Errors are of
 * HTTP_ERROR. */
bool http_listen_address(const char *listen, struct sockaddr_storage *ret_address,
                         GError **error);
/* Without a port; g_free it. */
char *http_address_text(const struct sockaddr *address);
bool http_address_is_loopback(const struct sockaddr *address);
/* What limits go by: the address, or of IPv6 the network of 64 bits, all of which one host
 * may have; g_free it. */
char *http_address_whence(const struct sockaddr *address);
/* "192.0.2.1", "2001:db8::1"; false: it is none. */
bool http_address_parse(const char *text, struct sockaddr_storage *ret_address);

/* Addresses that begin alike. */
struct http_network {
    uint8_t address[16];
    unsigned bits;
};
/* "192.0.2.1", "10.0.0.0/8", "2001:db8::/32"; errors are of HTTP_ERROR. */
bool http_network_parse(const char *text, struct http_network *ret_network,
                        GError **error);
bool http_network_has(const struct http_network *network, const struct sockaddr *address);
