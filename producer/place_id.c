/*
 * place_id.c - a place in all partitions as one word.
 */
#include "place_id.h"

#include <string.h>

#define TAG_LENGTH 6
#define DIGITS     "0123456789abcdefghijklmnopqrstuvwxyz"

char *place_id_tag(const char *log_id)
{
    char *tag = g_compute_checksum_for_string(G_CHECKSUM_SHA256, log_id, -1);
    tag[TAG_LENGTH] = '\0';
    return tag;
}

static void append_number(GString *text, int64_t number)
{
    char digits[16];
    int at = sizeof digits;
    do {
        digits[--at] = DIGITS[number % 36];
        number /= 36;
    } while (number > 0);
    g_string_append_len(text, digits + at, (gssize)sizeof digits - at);
}

char *place_id_text(const char *tag, const int64_t *next, int32_t partitions)
{
    GString *text = g_string_new(tag);
    for (int32_t partition = 0; partition < partitions; partition++) {
        if (next[partition] <= 0)
            continue;
        g_string_append_c(text, '-');
        append_number(text, partition);
        g_string_append_c(text, '.');
        append_number(text, next[partition]);
    }
    return g_string_free(text, FALSE);
}

static bool parse_number(const char *digits, int64_t *ret_number)
{
    guint64 number;
    size_t length = strlen(digits);
    if (length == 0 || length > 12 || strspn(digits, DIGITS) != length)
        return false;
    number = g_ascii_strtoull(digits, NULL, 36);
    *ret_number = (int64_t)number; /* twelve digits are fewer than 63 bits */
    return true;
}

static bool parse_pair(char *pair, int64_t *next, int32_t partitions)
{
    char *dot = strchr(pair, '.');
    int64_t partition, offset;
    if (!dot)
        return false;
    *dot = '\0';
    if (!parse_number(pair, &partition) || !parse_number(dot + 1, &offset) ||
        partition >= partitions)
        return false;
    next[partition] = offset;
    return true;
}

enum place_id place_id_parse(const char *tag, const char *text, int64_t *ret_next,
                             int32_t partitions)
{
    g_auto(GStrv) parts = g_strsplit(text, "-", partitions + 2);
    g_autofree int64_t *next = g_new0(int64_t, partitions);
    if (!parts[0] || strlen(parts[0]) != TAG_LENGTH ||
        strspn(parts[0], "0123456789abcdef") != TAG_LENGTH)
        return PLACE_ID_MALFORMED;
    if (!g_str_equal(parts[0], tag))
        return PLACE_ID_OTHER_LOG;
    for (char **part = parts + 1; *part; part++)
        if (!parse_pair(*part, next, partitions))
            return PLACE_ID_MALFORMED;
    memcpy(ret_next, next, (size_t)partitions * sizeof *next);
    return PLACE_ID_OURS;
}
