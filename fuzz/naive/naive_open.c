// fuzz/naive/naive_open.c -- which halves a naive harness runs: ours, or a faulty copy of one.
// SPDX-License-Identifier: BSD-2-Clause
#include "fuzz/naive/naive.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

static const struct naive_player *driver;
static const struct naive_player *device;

_Noreturn static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "naive: %s: %s\n", what, why);
    exit(3);
}

// "naive-players/NAME.so" beside this program.
static void player_path(const char *name, char path[PATH_BYTES])
{
    char exe[PATH_BYTES];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n <= 0) {
        give_up("VRINGLAB_NAIVE_FAULT", "cannot tell where this program lies");
    }
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    const int length = snprintf(path, PATH_BYTES, "%s/naive-players/%s.so", exe, name);
    if (length < 0 || length >= PATH_BYTES) {
        give_up(name, "the path of its player is too long");
    }
}

static const struct naive_player *load(const char *name)
{
    char path[PATH_BYTES];
    const struct naive_player *(*entry)(void) = NULL;

    player_path(name, path);
    void *handle = access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (handle == NULL) {
        give_up(path, "is not built; run `tools/dev build fuzz`");
    }
    // POSIX guarantees that a data pointer from dlsym() converts to a function pointer.
    void *symbol = dlsym(handle, "naive_player_entry");
    memcpy(&entry, &symbol, sizeof(entry));
    if (entry == NULL || entry()->abi != NAIVE_ABI) {
        give_up(path, "is no naive player of this build");
    }
    return entry();
}

int naive_open(void)
{
    const char *fault = getenv("VRINGLAB_NAIVE_FAULT");

    driver = naive_player_driver_entry();
    device = naive_player_device_entry();
    if (fault == NULL || *fault == '\0') {
        return 0;
    }
    if (strncmp(fault, "zoo:", 4) == 0) {
        fault += 4;
    }
    if (strchr(fault, ':') != NULL) {
        (void)fprintf(stderr, "naive: %s: no native half has it; ours run\n", fault);
        return 0;
    }
    const struct naive_player *faulty = load(fault);
    *(strcmp(faulty->side, "driver") == 0 ? &driver : &device) = faulty;
    return 0;
}

const struct naive_player *naive_driver(void)
{
    return driver;
}

const struct naive_player *naive_device(void)
{
    return device;
}
