/*
 * check.c - is a value fit to be part of a container's description?
 */
#include "check.h"

#include "reference.h"

#include <string.h>

G_DEFINE_QUARK(muster_check_error, check_error)

static bool G_GNUC_PRINTF(2, 3) invalid(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, CHECK_ERROR, CHECK_ERROR_INVALID, text);
    return false;
}

static bool all_in(const char *value, const char *punctuation)
{
    for (const char *at = value; *at; at++)
        if (!g_ascii_isalnum(*at) && !strchr(punctuation, *at))
            return false;
    return true;
}

static bool has_control(const char *value)
{
    for (const char *at = value; *at; at++)
        if (g_ascii_iscntrl(*at))
            return true;
    return false;
}

bool check_name(const char *field, const char *value, GError **error)
{
    if (!*value)
        return invalid(error, "%s: must not be empty", field);
    if (strlen(value) > CHECK_NAME_MAX)
        return invalid(error, "%s: longer than %d characters", field, CHECK_NAME_MAX);
    if (!g_ascii_isalnum(*value) || !all_in(value, "_.-"))
        return invalid(
            error,
            "%s: '%.*s' must begin with a letter or digit, and hold only letters, "
            "digits, '_', '.' and '-'",
            field, CHECK_NAME_MAX, value);
    if (strstr(value, ".."))
        return invalid(error, "%s: '%s' must not hold '..'", field, value);
    return true;
}

bool check_path(const char *field, const char *value, GError **error)
{
    if (strlen(value) > CHECK_PATH_MAX)
        return invalid(error, "%s: longer than %d bytes", field, CHECK_PATH_MAX);
    if (*value != '/')
        return invalid(error, "%s: '%s' must be an absolute path", field, value);
    if (!g_utf8_validate(value, -1, NULL) || has_control(value))
        return invalid(error, "%s: must be UTF-8 without control characters", field);
    if (!value[1])
        return invalid(error, "%s: must not be '/' itself, nor end in '/'", field);
    g_auto(GStrv) parts = g_strsplit(value + 1, "/", -1);
    for (char **part = parts; *part; part++)
        if (!**part || g_str_equal(*part, ".") || g_str_equal(*part, ".."))
            return invalid(error, "%s: '%s' must not hold '..', '.', '//' or end in '/'",
                           field, value);
    return true;
}

bool check_port(const char *field, int64_t value, GError **error)
{
    if (value >= 1 && value <= 65535)
        return true;
    return invalid(error, "%s: %" G_GINT64_FORMAT " is no port: 1 to 65535", field,
                   value);
}

bool check_image(const char *field, const char *value, GError **error)
{
    g_auto(Reference) image = {0};
    if (!*value)
        return invalid(
            error, "%s: no image: give the server one, or its agent a registry", field);
    g_autoptr(GError) wrong = NULL;
    if (!reference_parse(value, &image, &wrong))
        return invalid(error, "%s: %s", field, wrong->message);
    return true;
}

bool check_repository(const char *field, const char *value, GError **error)
{
    if (!check_image(field, value, error))
        return false;
    if (strchr(value, '@') ||
        strchr(strrchr(value, '/') ? strrchr(value, '/') : value, ':'))
        return invalid(error,
                       "%s: '%s' must hold no tag and no digest: they are its servers' "
                       "own, in image_tag",
                       field, value);
    return true;
}

bool check_env_name(const char *field, const char *value, GError **error)
{
    if (*value && !strpbrk(value, "= \t") && !has_control(value) &&
        g_utf8_validate(value, -1, NULL))
        return true;
    return invalid(error, "%s: '%.100s' is no name for a variable", field, value);
}
