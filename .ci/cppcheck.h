/*
 * cppcheck.h - macros of GLib and jansson as cppcheck is to see them; .ci/analyse gives it this.
 *
 * It does not look into the headers of libraries: what they make of our code would take it
 * minutes.  Nothing is compiled with this.
 */
/* clang-format off */
#define G_DEFINE_QUARK(name, function) GQuark function##_quark(void) { return 0; }
#define G_DEFINE_AUTOPTR_CLEANUP_FUNC(type, function)
#define G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(type, function)
#define G_DEFINE_AUTO_CLEANUP_FREE_FUNC(type, function, none)
#define G_GNUC_PRINTF(format, first)
#define G_GNUC_NULL_TERMINATED
#define G_GNUC_WARN_UNUSED_RESULT
#define G_GNUC_UNUSED
#define G_GINT64_FORMAT "ld"
#define G_GUINT64_FORMAT "lu"
#define g_autofree
#define g_autoptr(type) type *
#define g_auto(type) type
#define json_auto_t json_t
#define json_array_foreach(array, i, value) \
    for (i = 0; (value = json_array_get(array, i)) != 0; i++)
#define json_object_foreach(object, key, value) while (json_next(object, &key, &value))
#define json_object_foreach_safe(object, next, key, value) \
    while (json_next(object, &next, &key, &value))
