/* SPDX-License-Identifier: Apache-2.0
 *
 * library: by the dynamic loader.
 */
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int find_functions(struct library *l, void *handle, struct err *err)
{
    for (const struct library_function *f = l->function; f->name; f++) {
        void *address = dlsym(handle, f->name);
        if (!address)
            return err_set(err, ERR_INPUT, "%s is another version than quern was built for: %s is "
                           "not in it", l->file, f->name);
        memcpy(f->pointer, &address, sizeof address);
    }
    l->loaded = true;
    return 0;
}

static int load(struct library *l, struct err *err)
{
    if (l->loaded)
        return 0;
    void *handle = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, ERR_INPUT, "it needs a library that cannot be loaded: %s", dlerror());
    int r = find_functions(l, handle, err);
    if (r < 0)
        dlclose(handle);
    return r;
}

int library_load(struct library *l, struct err *err)
{
    pthread_mutex_lock(&lock);
    int r = load(l, err);
    pthread_mutex_unlock(&lock);
    return r;
}
