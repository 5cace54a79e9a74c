/*
 * docker_config.c - credentials as Docker's own client keeps them.
 *
 * The rules are those of docker/cli (config/configfile, config/credentials) and of
 * docker-credential-helpers: a helper of this host, else the store, else `auths`.
 */
#include "docker_config.h"

#include <jansson.h>
#include <string.h>

G_DEFINE_QUARK(docker - config - error - quark, docker_config_error)

#define HUB            "docker.io"
#define HUB_SERVER     "https://index.docker.io/v1/"
#define TOKEN_USERNAME "<token>" /* a helper's: the secret is an identity token */
#define NOT_FOUND      "credentials not found in native keychain"

struct docker_config {
    json_t *root;
};

struct docker_config *docker_config_parse(const char *text, size_t length, GError **error)
{
    json_error_t flaw;
    json_t *root = json_loadb(text, length, 0, &flaw);

    if (!json_is_object(root)) {
        json_decref(root);
        if (root == NULL)
            g_set_error(error, DOCKER_CONFIG_ERROR, DOCKER_CONFIG_ERROR_SYNTAX,
                        "line %d, column %d: this is no JSON", flaw.line, flaw.column);
        else
            g_set_error_literal(error, DOCKER_CONFIG_ERROR, DOCKER_CONFIG_ERROR_SYNTAX,
                                "it has to be a JSON object, such as {\"auths\": {}}");
        return NULL;
    }
    struct docker_config *config = g_new0(struct docker_config, 1);
    config->root = root;
    return config;
}

void docker_config_free(struct docker_config *config)
{
    if (config == NULL)
        return;
    json_decref(config->root);
    g_free(config);
}

/* --- Whose entry -------------------------------------------------------------------- */

/* "https://reg:5000/v2/" → "reg:5000"; Docker Hub by its one name. */
static char *host_of_key(const char *key)
{
    const char *scheme = strstr(key, "://");
    const char *host = scheme != NULL ? scheme + strlen("://") : key;
    g_autofree char *plain = g_strndup(host, strcspn(host, "/"));

    if (g_str_equal(plain, "index.docker.io") ||
        g_str_equal(plain, "registry-1.docker.io"))
        return g_strdup(HUB);
    return g_steal_pointer(&plain);
}

/* The host itself first, then whatever stands for it. */
static const json_t *entry_of(const json_t *object, const char *host)
{
    const json_t *entry = json_object_get(object, docker_config_server(host));
    const char *key;
    json_t *value;

    if (entry != NULL)
        return entry;
    json_object_foreach((json_t *)object, key, value)
    {
        g_autofree char *named = host_of_key(key);
        if (g_str_equal(named, host))
            return value;
    }
    return NULL;
}

const char *docker_config_server(const char *host)
{
    return g_str_equal(host, HUB) ? HUB_SERVER : host;
}

static bool set_entry_error(GError **error, const char *key, const char *host,
                            const char *right)
{
    g_set_error(error, DOCKER_CONFIG_ERROR, DOCKER_CONFIG_ERROR_ENTRY,
                "%s of %s has to be %s", key, host, right);
    return false;
}

/* --- Helpers ------------------------------------------------------------------------ */

static bool is_helper_name(const char *name)
{
    return *name != '\0' && strlen(name) <= 100 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789._-")] == '\0';
}

static bool is_empty(const json_t *text)
{
    return json_is_string(text) && json_string_length(text) == 0;
}

bool docker_config_helper(const struct docker_config *config, const char *host,
                          char **ret_program, GError **error)
{
    const json_t *own = entry_of(json_object_get(config->root, "credHelpers"), host);
    const json_t *name = own != NULL ? own : json_object_get(config->root, "credsStore");

    *ret_program = NULL;
    if (name == NULL || (own == NULL && is_empty(name)))
        return true;
    if (!json_is_string(name) || !is_helper_name(json_string_value(name)))
        return set_entry_error(error, own != NULL ? "the credHelpers" : "the credsStore",
                               host, "a helper's name, such as \"pass\"");
    *ret_program = g_strconcat("docker-credential-", json_string_value(name), NULL);
    return true;
}

/* --- X-Registry-Auth ---------------------------------------------------------------- */

/* Docker Engine API, "Authentication": base64url (RFC 4648, section 5) with its padding. */
static char *base64url(const char *text)
{
    char *encoded = g_base64_encode((const guchar *)text, strlen(text));

    g_strdelimit(encoded, "+", '-');
    return g_strdelimit(encoded, "/", '_');
}

/* Takes the JSON. */
static char *auth_encode(json_t *auth_taken)
{
    char *text = json_dumps(auth_taken, JSON_COMPACT);
    char *auth = base64url(text);

    free(text);
    json_decref(auth_taken);
    return auth;
}

/* Either of the two kinds; NULL if something is no UTF-8. */
static char *auth_of_password(const char *host, const char *username,
                              const char *password)
{
    json_t *auth = json_pack("{s:s, s:s, s:s}", "username", username, "password",
                             password, "serveraddress", docker_config_server(host));

    return auth != NULL ? auth_encode(auth) : NULL;
}

static char *auth_of_token(const char *host, const char *token)
{
    json_t *auth = json_pack("{s:s, s:s}", "identitytoken", token, "serveraddress",
                             docker_config_server(host));

    return auth != NULL ? auth_encode(auth) : NULL;
}

/* NULL if it is not exactly base64: g_base64_decode() passes over what is none. */
static char *base64_decode(const char *text)
{
    size_t length = 0;
    g_autofree guchar *bytes = g_base64_decode(text, &length);
    g_autofree char *again = g_base64_encode(bytes, length);

    /* Some write NULs behind the password, as docker/cli knows. */
    return g_str_equal(again, text) ? g_strndup((char *)bytes, length) : NULL;
}

static bool auth_of_pair(const char *host, const char *encoded, char **ret_auth,
                         GError **error)
{
    g_autofree char *pair = base64_decode(encoded);
    char *colon = pair != NULL ? strchr(pair, ':') : NULL;

    if (colon != NULL && colon != pair) {
        *colon = '\0';
        *ret_auth = auth_of_password(host, pair, colon + 1);
    }
    return *ret_auth != NULL ||
           set_entry_error(error, "the auth", host, "base64 of \"name:password\"");
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

bool docker_config_auth(const struct docker_config *config, const char *host,
                        char **ret_auth, GError **error)
{
    const json_t *entry = entry_of(json_object_get(config->root, "auths"), host);
    const char *token = text_at(entry, "identitytoken");
    const char *encoded = text_at(entry, "auth");

    *ret_auth = NULL;
    if (entry != NULL && !json_is_object(entry))
        return set_entry_error(error, "the auths", host, "an object");
    if (*token != '\0')
        *ret_auth = auth_of_token(host, token);
    else if (*encoded != '\0')
        return auth_of_pair(host, encoded, ret_auth, error);
    else if (*text_at(entry, "username") != '\0')
        *ret_auth = auth_of_password(host, text_at(entry, "username"),
                                     text_at(entry, "password"));
    return true; /* an empty one says that a helper has them, or nobody */
}

/* --- What a helper says ------------------------------------------------------------- */

static bool set_helper_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool set_helper_error(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, DOCKER_CONFIG_ERROR, DOCKER_CONFIG_ERROR_HELPER, text);
    return false;
}

static bool read_answer(const char *host, const json_t *answer, char **ret_auth,
                        GError **error)
{
    const char *username = text_at(answer, "Username");
    const char *secret = text_at(answer, "Secret");

    if (*secret == '\0')
        return set_helper_error(error, "its answer has no Secret");
    *ret_auth = g_str_equal(username, TOKEN_USERNAME)
                    ? auth_of_token(host, secret)
                    : auth_of_password(host, username, secret);
    return true;
}

bool docker_config_answer(const char *host, int code, const char *text, size_t length,
                          char **ret_auth, GError **error)
{
    g_autofree char *line = g_strstrip(g_strndup(text, length));

    *ret_auth = NULL;
    if (code != 0)
        return g_str_equal(line, NOT_FOUND) ||
               set_helper_error(error, "it ended with exit code %d", code);
    json_t *answer = json_loadb(text, length, 0, NULL);
    const bool good = answer != NULL ? read_answer(host, answer, ret_auth, error)
                                     : set_helper_error(error, "its answer is no JSON");
    json_decref(answer);
    return good;
}
