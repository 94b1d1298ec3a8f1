/* Address space kept back for the Go runtime, which ends the process when the system gives it no
 * memory or no thread. Its calls come here (build.sh links with --wrap): one that fails gives the
 * reserve up and is tried again, and whatever runs is told to end with OutOfMemory. Nothing here
 * calls Go or allocates: the callers are in the midst of that. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "shim.h"

/* One arena of the Go heap is 64 MiB, the stack of a thread 8. */
enum { MOST = 192 << 20, LEAST = 72 << 20, STEP = 40 << 20, SMALL = 64 << 10 };

uint32_t rvi_short; /* 1: the reserve was needed */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *held;
static size_t held_bytes;

void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
    void *arg);
void *__real_malloc(size_t size);

int32_t rvi_hold_reserve(void)
{
    size_t size;
    int32_t done;

    pthread_mutex_lock(&lock);
    for (size = MOST; held == NULL && size >= LEAST; size -= STEP) {
        void *p = __real_mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1, 0);

        if (p == MAP_FAILED)
            continue;
        held = p;
        held_bytes = size;
    }
    done = held != NULL;
    if (done)
        __atomic_store_n(&rvi_short, 0, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&lock);
    return done;
}

/* Gives the reserve up; 0 when another thread has just done so or there is none. */
static int give_up(void)
{
    int given = 0;

    pthread_mutex_lock(&lock);
    if (held != NULL) {
        __atomic_store_n(&rvi_short, 1, __ATOMIC_SEQ_CST);
        munmap(held, held_bytes);
        held = NULL;
        given = 1;
    }
    pthread_mutex_unlock(&lock);
    return given;
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    void *p = __real_mmap(addr, len, prot, flags, fd, offset);

    if (p == MAP_FAILED && errno == ENOMEM) {
        give_up();
        p = __real_mmap(addr, len, prot, flags, fd, offset);
    }
    return p;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
    void *arg)
{
    int kind = __real_pthread_create(thread, attr, start, arg);

    if (kind == EAGAIN || kind == ENOMEM) {
        give_up();
        kind = __real_pthread_create(thread, attr, start, arg);
    }
    return kind;
}

void *__wrap_malloc(size_t size)
{
    void *p = __real_malloc(size);

    if (p == NULL && size < SMALL) {
        give_up();
        p = __real_malloc(size);
    }
    return p;
}
