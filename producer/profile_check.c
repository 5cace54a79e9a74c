/*
 * profile_check.c - is a profile one?
 */
#include "profile_check.h"

#include "check.h"
#include "contract.h"
#include "fill.h"
#include "reference.h"
#include "resolve.h"

#include <string.h>

/* What a field of a profile may be. */
enum member_kind {
    MEMBER_PLAIN,    /* a string */
    MEMBER_TEXT,     /* a string with placeholders */
    MEMBER_OWN,      /* the same, and it must differ from server to server */
    MEMBER_WORD,     /* one of `words` */
    MEMBER_FLAG,     /* true or false */
    MEMBER_NUMBER,   /* not negative, or a string with placeholders */
    MEMBER_LIMIT,    /* likewise, or -1 */
    MEMBER_PORT,     /* a number, or a string with placeholders: of one, or of a range */
    MEMBER_TEXTS,    /* a list of strings with placeholders */
    MEMBER_TEST,     /* likewise, or one such string */
    MEMBER_TEXT_MAP, /* an object of such strings */
    MEMBER_ENV,      /* an object of such strings, under names of variables */
    MEMBER_LABELS,   /* likewise, under names that are not ours */
    MEMBER_OBJECT,   /* an object of `members` */
    MEMBER_LIST,     /* a list of such objects */
};

struct member {
    const char *name; /* NULL ends a table */
    enum member_kind kind;
    bool needed;
    const char *const *words;
    const struct member *members;
};

static const char *const protocols[] = {"tcp", "udp", NULL};
static const char *const policies[] = {"no", "always", "unless-stopped", "on-failure",
                                       NULL};
static const char *const drivers[] = {"json-file", "local", "journald", "none", NULL};

/* clang-format off */
static const struct member network[] = {
    {"name",           MEMBER_TEXT,  true},
    {"internal",       MEMBER_FLAG},
    {NULL}};
static const struct member mount[] = {
    {"host_path",      MEMBER_TEXT,  true},
    {"container_path", MEMBER_TEXT,  true},
    {"read_only",      MEMBER_FLAG},
    {"make_directory", MEMBER_FLAG},
    {NULL}};
static const struct member port[] = {
    {"host_ip",        MEMBER_TEXT},
    {"host_port",      MEMBER_PORT,  true},
    {"container_port", MEMBER_PORT,  true},
    {"protocol",       MEMBER_WORD,  false, protocols},
    {NULL}};
static const struct member tmpfs[] = {
    {"container_path", MEMBER_TEXT,  true},
    {"size_bytes",     MEMBER_NUMBER},
    {"mode",           MEMBER_TEXT},
    {"exec",           MEMBER_FLAG},
    {NULL}};
static const struct member ulimit[] = {
    {"name",           MEMBER_TEXT,  true},
    {"soft",           MEMBER_LIMIT, true},
    {"hard",           MEMBER_LIMIT},
    {NULL}};
static const struct member logging[] = {
    {"driver",         MEMBER_WORD,  true, drivers},
    {"options",        MEMBER_TEXT_MAP},
    {NULL}};
static const struct member health[] = {
    {"test",           MEMBER_TEST},
    {"off",            MEMBER_FLAG},
    {"interval_s",     MEMBER_NUMBER},
    {"timeout_s",      MEMBER_NUMBER},
    {"start_period_s", MEMBER_NUMBER},
    {"retries",        MEMBER_NUMBER},
    {NULL}};
static const struct member volume[] = {
    {"name",           MEMBER_OWN,   true},
    {"container_path", MEMBER_TEXT,  true},
    {"read_only",      MEMBER_FLAG},
    {NULL}};
static const struct member stop[] = {
    {"signal",         MEMBER_TEXT},
    {"timeout_s",      MEMBER_NUMBER},
    {"save",           MEMBER_TEXTS},
    {"save_timeout_s", MEMBER_NUMBER},
    {NULL}};
static const struct member resources[] = {
    {"memory_bytes",   MEMBER_NUMBER},
    {"nano_cpus",      MEMBER_NUMBER},
    {"pids",           MEMBER_NUMBER},
    {NULL}};
static const struct member profile_members[] = {
    {"name",           MEMBER_PLAIN, true},
    {"about",          MEMBER_PLAIN},
    {"image",          MEMBER_PLAIN},
    {"image_tag",      MEMBER_PLAIN},
    {"container",      MEMBER_OWN},
    {"data_dir",       MEMBER_OWN},
    {"env",            MEMBER_ENV},
    {"labels",         MEMBER_LABELS},
    {"networks",       MEMBER_LIST,   false, NULL, network},
    {"mounts",         MEMBER_LIST,   false, NULL, mount},
    {"ports",          MEMBER_LIST,   false, NULL, port},
    {"restart_policy", MEMBER_WORD,   false, policies},
    {"stop",           MEMBER_OBJECT, false, NULL, stop},
    {"resources",      MEMBER_OBJECT, false, NULL, resources},
    {"owner",          MEMBER_TEXT},
    {"user",           MEMBER_TEXT},
    {"entrypoint",     MEMBER_TEXTS},
    {"command",        MEMBER_TEXTS},
    {"stdin",          MEMBER_FLAG},
    {"tty",            MEMBER_FLAG},
    {"hostname",       MEMBER_TEXT},
    {"tmpfs",          MEMBER_LIST,   false, NULL, tmpfs},
    {"shm_bytes",      MEMBER_NUMBER},
    {"ulimits",        MEMBER_LIST,   false, NULL, ulimit},
    {"logging",        MEMBER_OBJECT, false, NULL, logging},
    {"health",         MEMBER_OBJECT, false, NULL, health},
    {"volumes",        MEMBER_LIST,   false, NULL, volume},
    {"disposable",     MEMBER_TEXTS},
    {NULL}};
/* clang-format on */

static bool G_GNUC_PRINTF(3, 4)
    wrong(GError **error, const char *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, RESOLVE_ERROR, RESOLVE_ERROR_PROFILE, "%s: %s", place, text);
    return false;
}

/* --- Values ---------------------------------------------------------------------------- */

static bool check_text(const char *place, const json_t *value, GError **error)
{
    return json_is_string(value) ? fill_check(place, json_string_value(value), error)
                                 : wrong(error, place, "must be a string");
}

/* What two servers had in common, one of them would take from the other. */
static bool check_own(const char *place, const json_t *value, GError **error)
{
    if (!check_text(place, value, error))
        return false;
    const char *text = json_string_value(value);
    return !*text || fill_uses(text, "name") || fill_uses(text, "id") ||
           wrong(error, place, "must hold {name} or {id}: it is one server's own");
}

static bool check_word(const char *place, const char *const *words, const json_t *value,
                       GError **error)
{
    if (json_is_string(value) && g_strv_contains(words, json_string_value(value)))
        return true;
    g_autofree char *known = g_strjoinv(", ", (char **)words);
    return wrong(error, place, "must be one of %s", known);
}

static bool check_number(const char *place, const json_t *value, int64_t least,
                         int64_t most, GError **error)
{
    if (json_is_string(value))
        return check_text(place, value, error);
    if (json_is_integer(value) && json_integer_value(value) >= least &&
        json_integer_value(value) <= most)
        return true;
    return wrong(error, place,
                 "must be a number, %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                 ", or a string such as \"{game_port}\"",
                 least, most);
}

static bool check_texts(const char *place, const json_t *value, GError **error)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return wrong(error, place, "must be a list of strings");
    json_array_foreach(value, i, item)
    {
        g_autofree char *inner = g_strdup_printf("%s[%zu]", place, i);
        if (!check_text(inner, item, error))
            return false;
    }
    return true;
}

static bool check_map(const char *place, enum member_kind kind, const json_t *value,
                      GError **error)
{
    const char *key;
    json_t *item;
    if (!json_is_object(value))
        return wrong(error, place, "must be an object of strings");
    json_object_foreach((json_t *)value, key, item)
    {
        g_autofree char *inner = g_strdup_printf("%s.%.100s", place, key);
        if (kind == MEMBER_LABELS && g_str_has_prefix(key, LABEL_PREFIX))
            return wrong(error, inner, "may not begin with " LABEL_PREFIX);
        if ((kind == MEMBER_ENV && !check_env_name(place, key, error)) ||
            !check_text(inner, item, error))
            return false;
    }
    return true;
}

/* --- Objects ------------------------------------------------------------------------------ */

static bool check_object(const char *place, const struct member *members,
                         const json_t *value, GError **error);

static bool check_list(const char *place, const struct member *members,
                       const json_t *value, GError **error)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return wrong(error, place, "must be a list");
    json_array_foreach(value, i, item)
    {
        g_autofree char *inner = g_strdup_printf("%s[%zu]", place, i);
        if (!check_object(inner, members, item, error))
            return false;
    }
    return true;
}

static bool check_member(const char *place, const struct member *member,
                         const json_t *value, GError **error)
{
    switch (member->kind) {
    case MEMBER_PLAIN:
        return json_is_string(value) || wrong(error, place, "must be a string");
    case MEMBER_TEXT:
        return check_text(place, value, error);
    case MEMBER_OWN:
        return check_own(place, value, error);
    case MEMBER_WORD:
        return check_word(place, member->words, value, error);
    case MEMBER_FLAG:
        return json_is_boolean(value) || wrong(error, place, "must be true or false");
    case MEMBER_NUMBER:
        return check_number(place, value, 0, INT64_MAX, error);
    case MEMBER_LIMIT:
        return check_number(place, value, -1, INT64_MAX, error);
    case MEMBER_PORT:
        return check_number(place, value, 1, 65535, error);
    case MEMBER_TEXTS:
        return check_texts(place, value, error);
    case MEMBER_TEST:
        return json_is_string(value) ? check_text(place, value, error)
                                     : check_texts(place, value, error);
    case MEMBER_TEXT_MAP:
    case MEMBER_ENV:
    case MEMBER_LABELS:
        return check_map(place, member->kind, value, error);
    case MEMBER_OBJECT:
        return check_object(place, member->members, value, error);
    case MEMBER_LIST:
        return check_list(place, member->members, value, error);
    }
    g_assert_not_reached();
}

static const struct member *member_of(const struct member *members, const char *name)
{
    while (members->name && !g_str_equal(members->name, name))
        members++;
    return members->name ? members : NULL;
}

/* "stop.save"; the profile's own fields stand alone. */
static char *place_of(const char *place, const char *name)
{
    return *place ? g_strdup_printf("%s.%.100s", place, name)
                  : g_strdup_printf("%.100s", name);
}

static bool check_object(const char *place, const struct member *members,
                         const json_t *value, GError **error)
{
    const char *key;
    json_t *item;
    if (!json_is_object(value))
        return wrong(error, *place ? place : "profile", "must be an object");
    json_object_foreach((json_t *)value, key, item)
    {
        const struct member *member = member_of(members, key);
        g_autofree char *inner = place_of(place, key);
        if (!member)
            return wrong(error, inner, "is no field that a profile has");
        if (!check_member(inner, member, item, error))
            return false;
    }
    for (const struct member *member = members; member->name; member++) {
        g_autofree char *inner = place_of(place, member->name);
        if (member->needed && !json_object_get(value, member->name))
            return wrong(error, inner, "is missing");
    }
    return true;
}

/* Either may be left to the record; then a name stands for it. */
static bool check_reference(const char *image, const char *tag, GError **error)
{
    g_auto(Reference) reference = {0};
    g_autoptr(GError) reason = NULL;
    if (reference_of(image ? image : "x", tag ? tag : "", &reference, &reason))
        return true;
    g_set_error_literal(error, RESOLVE_ERROR, RESOLVE_ERROR_PROFILE, reason->message);
    return false;
}

bool profile_check(const json_t *profile, GError **error)
{
    const char *image = json_string_value(json_object_get(profile, "image"));
    const char *tag = json_string_value(json_object_get(profile, "image_tag"));
    return check_object("", profile_members, profile, error) &&
           check_name("name", json_string_value(json_object_get(profile, "name")),
                      error) &&
           check_reference(image, tag, error);
}
