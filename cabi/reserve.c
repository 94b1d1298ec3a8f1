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
enum { MOST = 192 << 20, LEAST = 72 << 20, STEP = 40 << 20, SMALL = 64 << 10,
    STEP_MASK = 15 };

uint32_t rvi_short; /* 1: the reserve was needed */

/* Where the reserve lies, and in the low bits how many STEPs it has less than MOST; 0: nowhere. One
 * word and no lock: a forked child may allocate, too. */
static atomic_uintptr_t held;

void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
    void *arg);
void *__real_malloc(size_t size);

int32_t rvi_hold_reserve(void)
{
    uintptr_t less, none;

    for (less = 0; atomic_load(&held) == 0 && MOST - less * STEP >= LEAST; less++) {
        void *p = __real_mmap(NULL, MOST - less * STEP, PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED)
            continue;
        none = 0;
        if (!atomic_compare_exchange_strong(&held, &none, (uintptr_t)p | less))
            munmap(p, MOST - less * STEP); /* another thread was faster */
    }
    if (atomic_load(&held) == 0)
        return 0;
    __atomic_store_n(&rvi_short, 0, __ATOMIC_SEQ_CST);
    return 1;
}

/* Gives the reserve up, unless another thread has just done so or there is none. */
static void give_up(void)
{
    uintptr_t was = atomic_exchange(&held, 0), less = was & STEP_MASK;

    if (was == 0)
        return;
    __atomic_store_n(&rvi_short, 1, __ATOMIC_SEQ_CST);
    munmap((void *)(was - less), MOST - less * STEP);
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
