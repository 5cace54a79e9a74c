/*
 * c11_threads.c - threads of C11 as such of pthread, which the sanitizers know.
 *
 * librdkafka starts its threads by thrd_create(), which sets up nothing of theirs:
 * ThreadSanitizer crashes in the new thread, and a report of AddressSanitizer breaks off where it
 * should say which thread it was.  Linked into every program of -DMUSTER_SANITIZE, and into no
 * other; a test may have its own.
 */
#include <glib.h>
#include <pthread.h>
#include <threads.h>

struct c11_call {
    thrd_start_t function;
    void *data;
};

static void *c11_run(void *data)
{
    struct c11_call call = *(struct c11_call *)data;
    g_free(data);
    return GINT_TO_POINTER(call.function(call.data));
}

/* glibc's thrd_t is a pthread_t. */
__attribute__((weak)) int thrd_create(thrd_t *thread, thrd_start_t function, void *data)
{
    struct c11_call *call = g_new(struct c11_call, 1);
    *call = (struct c11_call){function, data};
    return pthread_create(thread, NULL, c11_run, call) ? thrd_error : thrd_success;
}

__attribute__((weak)) int thrd_join(thrd_t thread, int *ret_result)
{
    void *result = NULL;
    if (pthread_join(thread, &result))
        return thrd_error;
    if (ret_result)
        *ret_result = GPOINTER_TO_INT(result);
    return thrd_success;
}
