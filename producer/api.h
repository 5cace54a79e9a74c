/*
 * api.h - the HTTP API of `muster serve`, beside its loop.
 *
 * HTTP's thread (http.c) takes requests and hands each to one of a few threads here, which
 * have the ledger to themselves meanwhile; the feed (feed.c) tells what happens.  What is
 * asked for goes into the ledger by the same functions that the command line uses, and the
 * bell wakes the loop, which sends it.
 *
 * web/openapi.json is the contract, api_routes.c its table.
 */
#pragma once

#include "bus.h"

#define API_LISTEN "127.0.0.1:8080"

struct api;

struct api_options {
    const char *listen;            /* NULL: API_LISTEN */
    const char *tls_certificate;   /* a PEM file; NULL: no TLS */
    const char *tls_key;           /* likewise */
    bool insecure;                 /* without TLS, not on loopback alone */
    const GPtrArray *cors_origins; /* char *; NULL: none */
    const GPtrArray *proxies;      /* char *, networks of reverse proxies; NULL: none */
};

struct api *api_start(const char *ledger_path, struct bus *bus,
                      const struct api_options *options, GError **error);
/* Answers what has come, ends streams and waits, and closes. */
void api_stop(struct api *api); /* NULL is fine */
/* Reads the certificate and its key again; an error, and those of before stay.  Without TLS there
 * is nothing to do. */
bool api_reload(struct api *api, GError **error);
/* The ledger may have taken something. */
void api_poke(struct api *api);
/* What keeps the loop from sending or taking, for /readyz; NULL: nothing. */
void api_trouble(struct api *api, const char *why);
/* What is wrong with how topics are set up, and with how many; NULL: nothing. */
void api_topic_faults(struct api *api, const char *fault, guint count);
/* Another control plane that writes into the log; NULL: none. */
void api_other(struct api *api, const char *other);
