/*
 * metrics.c - writes figures; keeps none.
 */
#include "metrics.h"

void metrics_family(GString *text, const char *name, enum metric_type type,
                    const char *help)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_GAUGE] = "gauge",
    };
    g_string_append_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                           types[type]);
}

static void append_escaped(GString *text, const char *value)
{
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            g_string_append_c(text, '\\');
        if (*value == '\n')
            g_string_append(text, "\\n");
        else
            g_string_append_c(text, *value);
    }
}

void metrics_sample(GString *text, const char *name, const char *label,
                    const char *label_value, double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(text, name);
    if (label) {
        g_string_append_printf(text, "{%s=\"", label);
        append_escaped(text, label_value);
        g_string_append(text, "\"}");
    }
    g_string_append_printf(text, " %s\n", g_ascii_dtostr(number, sizeof(number), value));
}

void metrics_one(GString *text, const char *name, enum metric_type type, const char *help,
                 double value)
{
    metrics_family(text, name, type, help);
    metrics_sample(text, name, NULL, NULL, value);
}
