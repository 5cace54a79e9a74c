/*
 * others.c - what all containers with our label mount, remembered from one start to the next.
 */
#include "others.h"

struct others {
    struct neighbours *list; /* or NULL */
    unsigned changes;
    bool hears;
};

struct others *others_new(void)
{
    return g_new0(struct others, 1);
}

void others_free(struct others *others)
{
    if (!others)
        return;
    neighbours_unref(others->list);
    g_free(others);
}

void others_change(struct others *others)
{
    others->changes++;
    g_clear_pointer(&others->list, neighbours_unref);
}

void others_hear(struct others *others, bool hears)
{
    if (others->hears != hears)
        others_change(others);
    others->hears = hears;
}

unsigned others_changes(const struct others *others)
{
    return others->changes;
}

void others_keep(struct others *others, struct neighbours *list, unsigned changes)
{
    if (!others->hears || changes != others->changes)
        return;
    neighbours_unref(others->list);
    others->list = neighbours_ref(list);
}

struct neighbours *others_for(const struct others *others, const char *container_id)
{
    const bool serves = others->list && neighbours_hold(others->list, container_id);

    return serves ? neighbours_ref(others->list) : NULL;
}
