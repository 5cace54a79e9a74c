/*
 * http_listen.h - where to listen, as people write it; who has connected.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/socket.h>

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080" (loopback).  Errors are of
 * HTTP_ERROR. */
bool http_listen_address(const char *listen, struct sockaddr_storage *ret_address,
                         GError **error);
/* Without a port; g_free it. */
char *http_address_text(const struct sockaddr *address);
