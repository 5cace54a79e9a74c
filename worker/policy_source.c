/*
 * policy_source.c - the options and the file, read into a policy.
 */
#include "policy_source.h"

#include "policy_file.h"
#include "small_file.h"

typedef bool (*policy_add)(struct policy *policy, const char *text, GError **error);

static bool add_all(struct policy *policy, const GPtrArray *texts, policy_add add,
                    GError **error)
{
    for (guint i = 0; i < texts->len; i++) {
        if (!add(policy, g_ptr_array_index(texts, i), error))
            return false;
    }
    return true;
}

static bool read_file(const char *path, struct policy *policy, GError **error)
{
    g_autofree char *text = NULL;
    size_t length = 0;

    if (!small_file_read(path, POLICY_FILE_BYTES_MAX, &text, &length, error))
        return false;
    if (policy_file_parse(text, length, policy, error))
        return true;
    g_prefix_error(error, "%s: ", path);
    return false;
}

struct policy *policy_source_read(const struct policy_source *source, GError **error)
{
    g_autoptr(Policy) policy = policy_new();

    if (!add_all(policy, source->data_roots, policy_add_data_root, error) ||
        !add_all(policy, source->registries, policy_add_registry, error) ||
        (source->file != NULL && !read_file(source->file, policy, error)))
        return NULL;
    return g_steal_pointer(&policy);
}
