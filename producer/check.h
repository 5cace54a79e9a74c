/*
 * check.h - is a value fit to be part of a container's description?
 *
 * Pure.  Each check sets an error that begins with the field's name, says what is wrong and
 * what would be right.  The hosts check again by their own policy; here is what can never
 * be meant.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CHECK_ERROR (check_error_quark())
GQuark check_error_quark(void);
enum check_error { CHECK_ERROR_INVALID };

#define CHECK_NAME_MAX 100          /* a server's or agent's name, an agent's id */
#define CHECK_PATH_MAX 1024         /* bytes */
#define CHECK_ENV_MAX  (256 * 1024) /* bytes of all names and values of one server */

/* Docker's charset for names: [A-Za-z0-9][A-Za-z0-9_.-]*, and no "..". */
bool check_name(const char *field, const char *value, GError **error);
/* Absolute, in UTF-8, without "." and ".." components, empty ones and control characters. */
bool check_path(const char *field, const char *value, GError **error);
bool check_port(const char *field, int64_t value, GError **error); /* 1 … 65535 */
/* An image as Docker knows it: [host[:port]/]path[:tag][@digest]. */
bool check_image(const char *field, const char *value, GError **error);
/* The same without tag and digest. */
bool check_repository(const char *field, const char *value, GError **error);
/* The name of an environment variable: not empty, no "=", no white space or control. */
bool check_env_name(const char *field, const char *value, GError **error);
