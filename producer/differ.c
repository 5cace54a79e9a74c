/*
 * differ.c - what a rebuild would change of a container that Muster has not made.
 */
#include "differ.h"

#include "masked.h"
#include "reference.h"

#include <string.h>

#define SHOWN_MAX 200 /* characters of each */

typedef void (*gather)(const struct spec *spec, const struct found *found,
                       GPtrArray *recorded, GPtrArray *there);

struct differing_row {
    const char *word;
    bool is_looked; /* known only of a container that was looked at */
    bool is_one;    /* one thing that takes another's place */
    gather gather;
    const char *advice; /* for what would be dropped */
};

static bool has_text(const GPtrArray *texts, const char *text)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)texts, text, g_str_equal, NULL);
}

/* --- What both have, as texts ---------------------------------------------------------------- */

static void add_image(GPtrArray *texts, const char *image, const char *tag)
{
    g_auto(Reference) reference = {0};
    if (!reference_of(image, tag, &reference, NULL))
        return;
    g_autofree char *repository = repository_full(reference.repository);
    g_free(reference.repository);
    reference.repository = g_steal_pointer(&repository);
    g_ptr_array_add(texts, reference_text(&reference));
}

/* One that is known by its id alone, since its tag has gone to another, says nothing. */
static void gather_image(const struct spec *spec, const struct found *found,
                         GPtrArray *recorded, GPtrArray *there)
{
    add_image(there, found->image, "");
    if (there->len > 0)
        add_image(recorded, spec->image, spec->image_tag);
}

static void add_words(GPtrArray *texts, const GPtrArray *words)
{
    g_autoptr(GPtrArray) masked = masked_words(words);
    g_ptr_array_add(masked, NULL);
    g_ptr_array_add(texts, words->len > 0 ? g_strjoinv(" ", (char **)masked->pdata)
                                          : g_strdup("the image's own"));
}

static void gather_entrypoint(const struct spec *spec, const struct found *found,
                              GPtrArray *recorded, GPtrArray *there)
{
    add_words(recorded, spec->entrypoint);
    add_words(there, found->entrypoint);
}

static void gather_command(const struct spec *spec, const struct found *found,
                           GPtrArray *recorded, GPtrArray *there)
{
    add_words(recorded, spec->command);
    add_words(there, found->command);
}

static void gather_restart_policy(const struct spec *spec, const struct found *found,
                                  GPtrArray *recorded, GPtrArray *there)
{
    g_ptr_array_add(recorded,
                    g_strdup(*spec->restart_policy ? spec->restart_policy : "no"));
    g_ptr_array_add(there, g_strdup(found->restart_policy));
}

static void add_ports(GPtrArray *texts, const GPtrArray *ports)
{
    for (guint i = 0; i < ports->len; i++) {
        const struct port *port = ports->pdata[i];
        const bool everywhere = !*port->host_ip || g_str_equal(port->host_ip, "0.0.0.0");
        g_ptr_array_add(
            texts, g_strdup_printf("%s%s%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT "/%s",
                                   everywhere ? "" : port->host_ip, everywhere ? "" : ":",
                                   port->host_port, port->container_port,
                                   protocol_name(port->protocol)));
    }
}

static void gather_ports(const struct spec *spec, const struct found *found,
                         GPtrArray *recorded, GPtrArray *there)
{
    add_ports(recorded, spec->ports);
    add_ports(there, found->ports);
}

static void add_mount(GPtrArray *texts, const char *source, const char *place, bool only)
{
    g_ptr_array_add(texts, g_strdup_printf("%s:%s%s", source, place, only ? ":ro" : ""));
}

static bool has_volume_at(const struct found *found, const char *place)
{
    for (guint i = 0; i < found->mounts->len; i++) {
        const struct mounted *mounted = found->mounts->pdata[i];
        if (g_str_equal(mounted->type, "volume") &&
            g_str_equal(mounted->container_path, place))
            return true;
    }
    return false;
}

static void gather_mounts(const struct spec *spec, const struct found *found,
                          GPtrArray *recorded, GPtrArray *there)
{
    for (guint i = 0; i < spec->mounts->len; i++) {
        const struct mount *mount = spec->mounts->pdata[i];
        if (!has_volume_at(found, mount->container_path))
            add_mount(recorded, mount->host_path, mount->container_path,
                      mount->read_only);
    }
    for (guint i = 0; i < found->mounts->len; i++) {
        const struct mounted *mounted = found->mounts->pdata[i];
        if (g_str_equal(mounted->type, "bind"))
            add_mount(there, mounted->source, mounted->container_path,
                      mounted->read_only);
    }
}

static void gather_env(const struct spec *spec, const struct found *found,
                       GPtrArray *recorded, GPtrArray *there)
{
    for (guint i = 0; i < spec->env->len; i++) {
        const struct pair *pair = spec->env->pdata[i];
        g_ptr_array_add(recorded, g_strdup(pair->key));
    }
    for (guint i = 0; i < found->env_names->len; i++)
        g_ptr_array_add(there, g_strdup(found->env_names->pdata[i]));
}

/* clang-format off */
#define BY_PROFILE "a profile can say it"
static const struct differing_row table[DIFFERING_COUNT] = {
    [DIFFERING_IMAGE]          = {"image",          false, true,  gather_image,          "--image and --image-tag name it"},
    [DIFFERING_ENTRYPOINT]     = {"entrypoint",     true,  true,  gather_entrypoint,     BY_PROFILE},
    [DIFFERING_COMMAND]        = {"command",        true,  true,  gather_command,        BY_PROFILE},
    [DIFFERING_RESTART_POLICY] = {"restart_policy", true,  true,  gather_restart_policy, BY_PROFILE},
    [DIFFERING_PORTS]          = {"ports",          false, false, gather_ports,          "a profile, or the record's ports, can say them"},
    [DIFFERING_MOUNTS]         = {"mounts",         false, false, gather_mounts,         "a profile, or --data-path, can say them"},
    [DIFFERING_ENV]            = {"env",            true,  false, gather_env,            "give them with --env"},
};
/* clang-format on */

/* --- Differences ------------------------------------------------------------------------------- */

void difference_free(struct difference *difference)
{
    if (!difference)
        return;
    g_ptr_array_unref(difference->dropped);
    g_ptr_array_unref(difference->added);
    g_free(difference);
}

static GPtrArray *texts_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

/* The texts of one side that the other has not. */
static GPtrArray *beyond(const GPtrArray *side, const GPtrArray *against)
{
    GPtrArray *texts = texts_new();
    for (guint i = 0; i < side->len; i++)
        if (!has_text(against, side->pdata[i]) && !has_text(texts, side->pdata[i]))
            g_ptr_array_add(texts, g_strdup(side->pdata[i]));
    return texts;
}

GPtrArray *differ(const struct spec *spec, const struct found *found)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)difference_free);
    const bool is_looked = *found->restart_policy != '\0';
    for (int i = 0; i < DIFFERING_COUNT; i++) {
        g_autoptr(GPtrArray) recorded = texts_new();
        g_autoptr(GPtrArray) there = texts_new();
        if (table[i].is_looked && !is_looked)
            continue;
        table[i].gather(spec, found, recorded, there);
        struct difference *difference = g_new0(struct difference, 1);
        difference->what = (enum differing)i;
        difference->dropped = beyond(there, recorded);
        difference->added = beyond(recorded, there);
        if (difference->dropped->len + difference->added->len > 0)
            g_ptr_array_add(all, difference);
        else
            difference_free(difference);
    }
    return all;
}

/* A foreign container's own words, fit for a line of a terminal. */
static void say_one(GString *text, const char *words)
{
    glong left = SHOWN_MAX;
    for (; *words && left > 0; words = g_utf8_next_char(words), left--) {
        const gunichar at = g_utf8_get_char(words);
        g_string_append_unichar(text, g_unichar_iscntrl(at) ? ' ' : at);
    }
    if (*words)
        g_string_append(text, "…");
}

static void say(GString *text, const char *before, const GPtrArray *texts)
{
    for (guint i = 0; i < texts->len; i++) {
        g_string_append(text, i ? ", " : before);
        say_one(text, texts->pdata[i]);
    }
}

char *difference_sentence(const struct difference *difference)
{
    const struct differing_row *row = &table[difference->what];
    GString *text = g_string_new(row->word);
    if (row->is_one) {
        say(text, ": a rebuild would make it ", difference->added);
        say(text, ", it is ", difference->dropped);
    } else {
        say(text, ": a rebuild would drop ", difference->dropped);
        say(text, difference->dropped->len ? ", and add " : ": a rebuild would add ",
            difference->added);
    }
    if (difference->dropped->len)
        g_string_append_printf(text, "; %s", row->advice);
    return g_string_free(text, FALSE);
}
