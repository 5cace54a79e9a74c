/*
 * docker_config.h - what Docker's config.json says of credentials.
 *
 * Pure: reads JSON, makes JSON.  It knows `auths` (auth, username and password,
 * identitytoken), `credHelpers` and `credsStore`; all else in the file is not ours.  Keys are
 * hosts ("reg:5000"), also as an address ("https://reg:5000/v2/"); Docker Hub has several
 * names.  What stands in the file is secret: errors name the key, line and column only.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct docker_config;

/* Error: DOCKER_CONFIG_ERROR_SYNTAX. */
struct docker_config *docker_config_parse(const char *text, size_t length,
                                          GError **error);
void docker_config_free(struct docker_config *config);

#define DOCKER_CONFIG_ERROR (docker_config_error_quark())
GQuark docker_config_error_quark(void);
enum docker_config_error {
    DOCKER_CONFIG_ERROR_SYNTAX, /* no JSON object */
    DOCKER_CONFIG_ERROR_ENTRY,  /* of this host: not what it has to be */
    DOCKER_CONFIG_ERROR_HELPER, /* of the helper's answer */
};

/* The program to ask for this host's credentials, "docker-credential-pass", or NULL: none is
 * configured.  A name that is no plain one is an error (and a path would be).  g_free it. */
bool docker_config_helper(const struct docker_config *config, const char *host,
                          char **ret_program, GError **error);
/* What a helper is asked for: the host, or Docker Hub's address. */
const char *docker_config_server(const char *host);

/* Both make the value of X-Registry-Auth, base64url of JSON, or NULL: there are none for
 * this host.  g_free it. */
bool docker_config_auth(const struct docker_config *config, const char *host,
                        char **ret_auth, GError **error);
/* `text` is what the helper said, ending with `code`. */
bool docker_config_answer(const char *host, int code, const char *text, size_t length,
                          char **ret_auth, GError **error);

typedef struct docker_config DockerConfig;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerConfig, docker_config_free)
