/*
 * test_credentials.c - what a host's Docker config gives for a pull, and what it never shows.
 */
#include "credentials.h"
#include "docker_config.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#define SECRET "hunter2"
/* base64 of "ann:hunter2" */
#define AUTH "YW5uOmh1bnRlcjI="

struct host {
    char *directory;
    char *file;
    char *helper;
    char *path; /* $PATH before */
    struct credentials_source source;
};

static void set_up(struct host *host, const void *unused)
{
    host->directory = g_dir_make_tmp("credentials-XXXXXX", NULL);
    host->file = g_build_filename(host->directory, "config.json", NULL);
    host->helper = g_build_filename(host->directory, "docker-credential-test", NULL);
    host->path = g_strdup(g_getenv("PATH"));
    host->source = (struct credentials_source){host->file, true};
    g_autofree char *path = g_strconcat(host->directory, ":", host->path, NULL);
    g_setenv("PATH", path, TRUE);
}

static void tear_down(struct host *host, const void *unused)
{
    g_setenv("PATH", host->path, TRUE);
    g_unlink(host->helper);
    g_unlink(host->file);
    g_rmdir(host->directory);
    g_free(host->directory);
    g_free(host->file);
    g_free(host->helper);
    g_free(host->path);
}

static void write_config(const struct host *host, const char *text)
{
    g_assert_true(g_file_set_contents(host->file, text, -1, NULL));
}

static void write_helper(const struct host *host, const char *script)
{
    g_autofree char *text = g_strconcat("#!/bin/sh\n", script, "\n", NULL);

    g_assert_true(g_file_set_contents_full(host->helper, text, -1,
                                           G_FILE_SET_CONTENTS_CONSISTENT, 0700, NULL));
}

/* X-Registry-Auth as the engine reads it: base64url of JSON. */
static char *auth_text(const char *auth)
{
    g_autofree char *standard = g_strdup(auth);
    gsize length = 0;

    g_strdelimit(standard, "-", '+');
    g_strdelimit(standard, "_", '/');
    g_autofree guchar *bytes = g_base64_decode(standard, &length);
    return g_strndup((char *)bytes, length);
}

/* `wanted` as "username=ann password=hunter2 …", or NULL for none. */
static void expect(const struct host *host, const char *image, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *auth = NULL;

    g_assert_true(credentials_find(&host->source, image, &auth, &error));
    g_assert_no_error(error);
    if (wanted == NULL) {
        g_assert_null(auth);
        return;
    }
    g_assert_nonnull(auth);
    g_autofree char *text = auth_text(auth);
    json_t *json = json_loads(text, 0, NULL);
    g_auto(GStrv) pairs = g_strsplit(wanted, " ", -1);
    g_assert_cmpuint(json_object_size(json), ==, g_strv_length(pairs));
    for (char **pair = pairs; *pair != NULL; pair++) {
        g_auto(GStrv) halves = g_strsplit(*pair, "=", 2);
        g_assert_cmpstr(json_string_value(json_object_get(json, halves[0])), ==,
                        halves[1]);
    }
    json_decref(json);
}

static void expect_error(const struct host *host, const char *image,
                         enum credentials_error code, const char *says)
{
    g_autoptr(GError) error = NULL;
    char *auth = NULL;

    g_assert_false(credentials_find(&host->source, image, &auth, &error));
    g_assert_error(error, CREDENTIALS_ERROR, (int)code);
    if (!strstr(error->message, says) || strstr(error->message, SECRET) ||
        strstr(error->message, AUTH))
        g_error("says: %s", error->message);
    g_assert_null(auth);
}

/* --- The file ----------------------------------------------------------------------- */

static const struct {
    const char *config;
    const char *image;
    const char *wanted;
} lookups[] = {
    {"{}", "reg:5000/x:1", NULL},
    {"{\"auths\": {}, \"HttpHeaders\": {}}", "reg:5000/x:1", NULL},
    {"{\"auths\": {\"reg:5000\": {\"auth\": \"" AUTH "\"}}}", "reg:5000/x:1",
     "username=ann password=hunter2 serveraddress=reg:5000"},
    {"{\"auths\": {\"https://reg:5000/v2/\": {\"auth\": \"" AUTH "\"}}}",
     "reg:5000/a/b@sha256:"
     "6d9ac9237a84afe1516540f40a0fafdc86859b2141954b4d643af7066d598b74",
     "username=ann password=hunter2 serveraddress=reg:5000"},
    {"{\"auths\": {\"reg:5000\": {\"auth\": \"" AUTH "\"}}}", "reg:5001/x:1", NULL},
    {"{\"auths\": {\"reg:5000\": {\"auth\": \"" AUTH "\"}}}", "reg/x:1", NULL},
    {"{\"auths\": {\"reg:5000\": {\"auth\": \"" AUTH "\"}}}", "busybox", NULL},
    {"{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"" AUTH "\"}}}",
     "busybox",
     "username=ann password=hunter2 serveraddress=https://index.docker.io/v1/"},
    {"{\"auths\": {\"docker.io\": {\"auth\": \"" AUTH "\"}}}", "someone/thing:1",
     "username=ann password=hunter2 serveraddress=https://index.docker.io/v1/"},
    /* "ann:a:b", and NULs behind the password. */
    {"{\"auths\": {\"r.io\": {\"auth\": \"YW5uOmE6Yg==\"}}}", "r.io/x",
     "username=ann password=a:b serveraddress=r.io"},
    {"{\"auths\": {\"r.io\": {\"auth\": \"YW5uOmEAAA==\"}}}", "r.io/x",
     "username=ann password=a serveraddress=r.io"},
    {"{\"auths\": {\"r.io\": {\"auth\": \"YW5uOg==\"}}}", "r.io/x",
     "username=ann password= serveraddress=r.io"},
    {"{\"auths\": {\"r.io\": {\"username\": \"ann\", \"password\": \"p\"}}}", "r.io/x",
     "username=ann password=p serveraddress=r.io"},
    {"{\"auths\": {\"r.io\": {\"auth\": \"" AUTH "\", \"identitytoken\": \"t0\"}}}",
     "r.io/x", "identitytoken=t0 serveraddress=r.io"},
    {"{\"auths\": {\"r.io\": {}}, \"credsStore\": \"\"}", "r.io/x", NULL},
};

static void auths_are_found_by_host(struct host *host, const void *unused)
{
    for (size_t i = 0; i < G_N_ELEMENTS(lookups); i++) {
        write_config(host, lookups[i].config);
        g_test_message("%s for %s", lookups[i].config, lookups[i].image);
        expect(host, lookups[i].image, lookups[i].wanted);
    }
}

static const struct {
    const char *config;
    const char *says;
} broken[] = {
    {"", "line 1, column 0: this is no JSON"},
    {"{\"auths\": " SECRET "}", "this is no JSON"},
    {"[\"" SECRET "\"]", "has to be a JSON object"},
    {"{\"auths\": {\"r.io\": \"" SECRET "\"}}", "the auths of r.io has to be an object"},
    {"{\"auths\": {\"r.io\": {\"auth\": \"" SECRET "\"}}}",
     "the auth of r.io has to be base64"},
    {"{\"auths\": {\"r.io\": {\"auth\": \"aHVudGVyMg==\"}}}",
     "base64 of \"name:password\""},
    {"{\"auths\": {\"r.io\": {\"auth\": \"OmE=\"}}}", "base64 of \"name:password\""},
    {"{\"auths\": {\"r.io\": {\"auth\": \"YW5uOv8=\"}}}", "base64 of \"name:password\""},
    {"{\"credsStore\": \"../" SECRET "\"}",
     "the credsStore of r.io has to be a helper's name"},
    {"{\"credsStore\": 1}", "the credsStore of r.io"},
    {"{\"credHelpers\": {\"r.io\": \"\"}}", "the credHelpers of r.io"},
};

static void what_is_broken_is_named_and_not_shown(struct host *host, const void *unused)
{
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        write_config(host, broken[i].config);
        expect_error(host, "r.io/x", CREDENTIALS_ERROR_CONTENT, broken[i].says);
        expect_error(host, "r.io/x", CREDENTIALS_ERROR_CONTENT, host->file);
    }
}

static void no_file_means_none_unless_it_was_asked_for(struct host *host,
                                                       const void *unused)
{
    expect_error(host, "r.io/x", CREDENTIALS_ERROR_FILE, host->file);
    host->source.must_exist = false;
    expect(host, "r.io/x", NULL);
    host->source.file = host->directory;
    expect_error(host, "r.io/x", CREDENTIALS_ERROR_FILE, "is no plain file");
}

static void it_is_read_afresh(struct host *host, const void *unused)
{
    write_config(host, "{\"auths\": {\"r.io\": {\"auth\": \"" AUTH "\"}}}");
    expect(host, "r.io/x", "username=ann password=hunter2 serveraddress=r.io");
    write_config(host, "{\"auths\": {\"r.io\": {\"auth\": \"YW5uOmE6Yg==\"}}}");
    expect(host, "r.io/x", "username=ann password=a:b serveraddress=r.io");
}

/* What plain base64 would put "+" and "/" into. */
static void the_header_is_base64url(struct host *host, const void *unused)
{
    g_autofree char *auth = NULL;

    write_config(host, "{\"auths\": {\"r.io\": {\"username\": \"~~~?>?>>>\","
                       " \"password\": \"\xc3\xbf\xc3\xbf\xc3\xbf?>?\"}}}");
    g_assert_true(credentials_find(&host->source, "r.io/x", &auth, NULL));
    g_assert_null(strpbrk(auth, "+/"));
    g_assert_nonnull(strpbrk(auth, "-_"));
    g_assert_cmpuint(strlen(auth) % 4, ==, 0);
}

static void the_default_is_dockers(struct host *host, const void *unused)
{
    g_autofree char *before = g_strdup(g_getenv("DOCKER_CONFIG"));

    g_setenv("DOCKER_CONFIG", "/etc/muster/docker", TRUE);
    g_autofree char *set = credentials_default_file();
    g_assert_cmpstr(set, ==, "/etc/muster/docker/config.json");
    g_unsetenv("DOCKER_CONFIG");
    g_autofree char *unset = credentials_default_file();
    g_assert_true(g_str_has_suffix(unset, "/.docker/config.json"));
    if (before != NULL)
        g_setenv("DOCKER_CONFIG", before, TRUE);
}

/* --- Helpers ------------------------------------------------------------------------ */

#define STORE \
 "{\"credsStore\": \"test\", \"auths\": {\"r.io\": {\"auth\": \"" AUTH "\"}}}"

static void a_helper_is_asked_for_the_registry(struct host *host, const void *unused)
{
    write_config(host, STORE);
    write_helper(host, "read -r server; printf '{\"ServerURL\": \"%s\", \"Username\": "
                       "\"%s\", \"Secret\": \"s\"}' \"$server\" \"$1-$server\"");
    expect(host, "r.io/x", "username=get-r.io password=s serveraddress=r.io");
    expect(host, "busybox",
           "username=get-https://index.docker.io/v1/ password=s "
           "serveraddress=https://index.docker.io/v1/");
}

static void a_token_is_told_as_one(struct host *host, const void *unused)
{
    write_config(host, STORE);
    write_helper(host, "echo '{\"Username\": \"<token>\", \"Secret\": \"t0\"}'");
    expect(host, "r.io/x", "identitytoken=t0 serveraddress=r.io");
}

static void a_host_of_its_own_has_its_own_helper(struct host *host, const void *unused)
{
    write_config(host, "{\"credHelpers\": {\"r.io\": \"test\"}, \"auths\": {\"q.io\": "
                       "{\"auth\": \"" AUTH "\"}}}");
    write_helper(host, "echo '{\"Username\": \"bob\", \"Secret\": \"s\"}'");
    expect(host, "r.io/x", "username=bob password=s serveraddress=r.io");
    expect(host, "q.io/x", "username=ann password=hunter2 serveraddress=q.io");
}

static void a_helper_may_have_none(struct host *host, const void *unused)
{
    write_config(host, STORE);
    write_helper(host, "echo 'credentials not found in native keychain'; exit 1");
    expect(host, "r.io/x", NULL);
}

static void a_helper_that_fails_is_named(struct host *host, const void *unused)
{
    static const struct {
        const char *script;
        const char *says;
    } rows[] = {
        {"echo " SECRET "; exit 1",
         "docker-credential-test, asked for r.io: it ended with "
         "exit code 1"},
        {"echo " SECRET, "its answer is no JSON"},
        {"echo '[\"" SECRET "\"]'", "its answer has no Secret"},
        {"echo '{\"Username\": \"" SECRET "\"}'", "its answer has no Secret"},
        {"echo " SECRET "; kill -9 $$", "died of signal 9"},
        {"yes " SECRET, "said more than 65536 bytes"},
    };

    write_config(host, STORE);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].script);
        write_helper(host, rows[i].script);
        expect_error(host, "r.io/x", CREDENTIALS_ERROR_HELPER, rows[i].says);
    }
    g_unlink(host->helper);
    expect_error(host, "r.io/x", CREDENTIALS_ERROR_HELPER, "could not be started");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) \
 g_test_add("/credentials/" #name, struct host, NULL, set_up, name, tear_down)
    ADD(auths_are_found_by_host);
    ADD(what_is_broken_is_named_and_not_shown);
    ADD(no_file_means_none_unless_it_was_asked_for);
    ADD(it_is_read_afresh);
    ADD(the_header_is_base64url);
    ADD(the_default_is_dockers);
    ADD(a_helper_is_asked_for_the_registry);
    ADD(a_token_is_told_as_one);
    ADD(a_host_of_its_own_has_its_own_helper);
    ADD(a_helper_may_have_none);
    ADD(a_helper_that_fails_is_named);
    return g_test_run();
}
