/*
 * metrics.h - figures as text, in the format that Prometheus reads (text format 0.0.4).
 */
#pragma once

#include <glib.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/* Appends the HELP and TYPE lines of a family; its samples follow. */
void metrics_family(GString *text, const char *name, enum metric_type type,
                    const char *help);
/* Appends one sample.  `label` NULL: none; its value is escaped. */
void metrics_sample(GString *text, const char *name, const char *label,
                    const char *label_value, double value);
/* A family of one sample without labels. */
void metrics_one(GString *text, const char *name, enum metric_type type, const char *help,
                 double value);
