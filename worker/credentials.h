/*
 * credentials.h - what this host tells a registry to be let in, for one pull.
 *
 * Taken from the host's Docker config as Docker's own client would: `credHelpers` and
 * `credsStore` (programs of the host, asked afresh), else `auths`.  Read again for each pull,
 * so that new credentials need no restart.  They go into one header of one request and
 * nowhere else: no log, no event, no error, no argument of a process has them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct credentials_source {
    const char *file; /* config.json */
    bool
        must_exist; /* somebody asked for this very file; else none means: no credentials */
};

#define CREDENTIALS_ERROR (credentials_error_quark())
GQuark credentials_error_quark(void);
enum credentials_error {
    CREDENTIALS_ERROR_FILE,    /* could not be read */
    CREDENTIALS_ERROR_CONTENT, /* cannot be understood */
    CREDENTIALS_ERROR_HELPER,  /* the helper failed, or took too long, or said nonsense */
};

/* $DOCKER_CONFIG/config.json, else ~/.docker/config.json; g_free it. */
char *credentials_default_file(void);

/* The value of X-Registry-Auth for a pull of `image`, or NULL: there are none for its
 * registry; g_free it.  Blocks, half a minute at the most. */
bool credentials_find(const struct credentials_source *source, const char *image,
                      char **ret_auth, GError **error);
