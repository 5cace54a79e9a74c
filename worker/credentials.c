/*
 * credentials.c - reads the host's Docker config, and asks the helper that it names.
 */
#include "credentials.h"

#include "docker_config.h"
#include "helper.h"
#include "policy.h"
#include "small_file.h"

#include <string.h>

#define FILE_BYTES_MAX   (1024 * 1024)
#define ANSWER_BYTES_MAX (64 * 1024)
#define HELPER_MS        30000

G_DEFINE_QUARK(credentials - error - quark, credentials_error)

char *credentials_default_file(void)
{
    const char *directory = g_getenv("DOCKER_CONFIG");

    if (directory != NULL && *directory != '\0')
        return g_build_filename(directory, "config.json", NULL);
    return g_build_filename(g_get_home_dir(), ".docker", "config.json", NULL);
}

/* The reason in our words; `about` says of what. */
static bool set_error(GError **error, enum credentials_error code, const char *about,
                      GError *reason_taken)
{
    g_set_error(error, CREDENTIALS_ERROR, (int)code, "%s%s", about,
                reason_taken->message);
    g_error_free(reason_taken);
    return false;
}

static bool set_content_error(GError **error, const char *file, GError *reason_taken)
{
    g_autofree char *about = g_strconcat(file, ": ", NULL);

    return set_error(error, CREDENTIALS_ERROR_CONTENT, about, reason_taken);
}

/* Without an error and without a config: there is no file, and none is needed. */
static bool read_config(const struct credentials_source *source,
                        struct docker_config **ret_config, GError **error)
{
    g_autofree char *text = NULL;
    GError *reason = NULL;
    size_t length = 0;

    if (!small_file_read(source->file, FILE_BYTES_MAX, &text, &length, &reason)) {
        if (source->must_exist ||
            !g_error_matches(reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return set_error(error, CREDENTIALS_ERROR_FILE, "", reason);
        g_error_free(reason);
        return true;
    }
    *ret_config = docker_config_parse(text, length, &reason);
    return *ret_config != NULL || set_content_error(error, source->file, reason);
}

static bool ask(const char *program, const char *host, char **ret_auth, GError **error)
{
    const struct helper_call call = {
        .name = program,
        .verb = "get",
        .input = docker_config_server(host),
        .limit_ms = HELPER_MS,
        .most = ANSWER_BYTES_MAX,
    };
    struct helper_said said = {0};

    if (!helper_run(&call, &said, error))
        return false;
    const bool good = docker_config_answer(host, said.code, said.text, said.length,
                                           ret_auth, error);
    helper_said_clear(&said);
    return good;
}

static bool ask_helper(const char *program, const char *host, char **ret_auth,
                       GError **error)
{
    GError *reason = NULL;

    if (ask(program, host, ret_auth, &reason))
        return true;
    g_autofree char *about = g_strdup_printf("%s, asked for %s: ", program, host);
    return set_error(error, CREDENTIALS_ERROR_HELPER, about, reason);
}

static bool look_up(const struct credentials_source *source,
                    const struct docker_config *config, const char *host, char **ret_auth,
                    GError **error)
{
    g_autofree char *program = NULL;
    GError *reason = NULL;

    if (!docker_config_helper(config, host, &program, &reason))
        return set_content_error(error, source->file, reason);
    if (program != NULL)
        return ask_helper(program, host, ret_auth, error);
    return docker_config_auth(config, host, ret_auth, &reason) ||
           set_content_error(error, source->file, reason);
}

bool credentials_find(const struct credentials_source *source, const char *image,
                      char **ret_auth, GError **error)
{
    g_autoptr(DockerConfig) config = NULL;
    g_autofree char *host = image_host(image);

    *ret_auth = NULL;
    if (!read_config(source, &config, error))
        return false;
    return config == NULL || look_up(source, config, host, ret_auth, error);
}
