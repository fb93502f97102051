// tools/lab/lab_fault.c -- the list of faults, and loading players that have one.
// SPDX-License-Identifier: BSD-2-Clause
#include "tools/lab/lab_fault.h"

#include "model/core/vl_event.h"
#include "tools/lab/lab_breach.h"
#include "tools/lab/lab_fault_table.h"
#include "tools/lab/lab_mischief_fault.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const strengths[] = {"none", "acq", "rel", "ar", "sc"};
static const uint8_t strength_order[] = {VIRTQ_RELAXED, VIRTQ_ACQUIRE, VIRTQ_RELEASE, VIRTQ_ACQ_REL,
                                         VIRTQ_SEQ_CST};
#define FAULT_NAMES_MAX 512u
#define N_STRENGTHS (sizeof(strengths) / sizeof(strengths[0]))

#define LAB_BARRIER_SIDE_(id, name, strength, partner, side, orders) #side,
static const char *const barrier_sides[] = {"-", VIRTQ_BARRIERS(LAB_BARRIER_SIDE_)};

// The weakest memory model in which the barrier is missed: full fences by store buffers, the
// others by reordered loads and stores.
static const char *barrier_memory(unsigned barrier)
{
    switch (barrier) {
    case VIRTQ_BARRIER_KICK_CHECK:
    case VIRTQ_BARRIER_KICK_REARM:
    case VIRTQ_BARRIER_IRQ_CHECK:
    case VIRTQ_BARRIER_IRQ_REARM: return "tso";
    default: return "rc11";
    }
}

// What is found where the barrier is missing.
static const char *barrier_referee(unsigned barrier)
{
    switch (barrier) {
    case VIRTQ_BARRIER_KICK_CHECK:
    case VIRTQ_BARRIER_KICK_REARM: return "liveness:lost-kick";
    case VIRTQ_BARRIER_IRQ_CHECK:
    case VIRTQ_BARRIER_IRQ_REARM: return "liveness:lost-interrupt";
    case VIRTQ_BARRIER_AVAIL_PUBLISH:
    case VIRTQ_BARRIER_AVAIL_CONSUME: return "race:avail.ring";
    default: return "race:used.ring";
    }
}

// "barrier:NAME=STRENGTH": true with its parts.
static bool parse_barrier(const char *name, unsigned *barrier, uint8_t *order)
{
    const char prefix[] = "barrier:";
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0) {
        return false;
    }
    const char *at = name + sizeof(prefix) - 1;
    const char *eq = strchr(at, '=');
    if (eq == NULL) {
        return false;
    }
    for (unsigned b = 1; b < VIRTQ_BARRIER_COUNT; b++) {
        const char *text = vl_barrier_name(b);
        if (strlen(text) != (size_t)(eq - at) || strncmp(text, at, (size_t)(eq - at)) != 0) {
            continue;
        }
        for (unsigned i = 0; i < N_STRENGTHS; i++) {
            if (strcmp(strengths[i], eq + 1) == 0) {
                *barrier = b;
                *order = strength_order[i];
                return true;
            }
        }
    }
    return false;
}

static uint32_t n_breaches(void)
{
    uint32_t n = 0;
    while (lab_breach_at(n) != NULL) { // bound: rows of the tables
        n++;
    }
    return n;
}

static bool breach_info(uint32_t i, struct lab_fault_info *info)
{
    static char names[FAULT_NAMES_MAX][LAB_NAME_BYTES];
    static char referees[FAULT_NAMES_MAX][LAB_NAME_BYTES];
    const struct lab_breach *b = lab_breach_at(i);

    if (b == NULL || i >= FAULT_NAMES_MAX) {
        return false;
    }
    const struct vl_clause_info *clause = vl_clause_info(vl_clause_find(b->id));
    (void)snprintf(names[i], sizeof(names[i]), "clause:%s", b->id);
    (void)snprintf(referees[i], sizeof(referees[i]), "spec:%s", b->id);
    *info = (struct lab_fault_info){.name = names[i],
                                    .kind = "clause",
                                    .memory = "sc",
                                    .target = "-",
                                    .referee = referees[i],
                                    .side = b->side == LAB_SIDE_DRIVER ? "driver" : "device",
                                    .meaning = clause != NULL ? clause->summary : b->how};
    return true;
}

bool lab_fault_info(uint32_t i, struct lab_fault_info *info)
{
    static char names[VIRTQ_BARRIER_COUNT][LAB_NAME_BYTES];
    if (i < lab_n_bugs) {
        *info = lab_bugs[i];
        return true;
    }
    const uint32_t b = i - lab_n_bugs + 1;
    if (b >= VIRTQ_BARRIER_COUNT) {
        const uint32_t at = b - VIRTQ_BARRIER_COUNT;
        return breach_info(at, info) || lab_mischief_fault_info(at - n_breaches(), info);
    }
    (void)snprintf(names[b], sizeof(names[b]), "barrier:%s=none", vl_barrier_name(b));
    *info = (struct lab_fault_info){.name = names[b],
                                    .kind = "barrier",
                                    .memory = barrier_memory(b),
                                    .target = "fuzz_pair",
                                    .referee = barrier_referee(b),
                                    .side = strcmp(barrier_sides[b], "DRIVER") == 0 ? "driver"
                                                                                    : "device"};
    return true;
}

static const struct lab_fault_info *find_bug(const char *name)
{
    for (uint32_t i = 0; i < lab_n_bugs; i++) {
        if (strcmp(lab_bugs[i].name, name) == 0) {
            return &lab_bugs[i];
        }
    }
    return NULL;
}

// "zoo:SLUG": the slug, where it is one (it becomes a file name); else NULL. Which half it belongs
// to is known by its player alone, so that an entry of the zoo is a directory and no row here.
static const char *zoo_slug(const char *name)
{
    const char prefix[] = "zoo:";
    const char *slug = name + sizeof(prefix) - 1;
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || *slug == '\0' ||
        slug[strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0') {
        return NULL;
    }
    return slug;
}

bool lab_fault_known(const char *name, char err[256])
{
    unsigned barrier = 0;
    uint8_t order = 0;
    unsigned field = 0;
    uint32_t row = 0;
    enum lab_side side = LAB_SIDE_DRIVER;
    if (zoo_slug(name) != NULL || find_bug(name) != NULL || lab_breach_named(name) != NULL ||
        parse_barrier(name, &barrier, &order) ||
        lab_mischief_fault_parse(name, &field, &row, &side)) {
        return true;
    }
    if (strncmp(name, "barrier:", 8) == 0) {
        (void)snprintf(err, 256,
                       "fault=%.64s: use barrier:NAME=none|acq|rel|ar|sc; "
                       "`vringlab scenarios` lists the names",
                       name);
    } else {
        (void)snprintf(err, 256, "fault=%.64s: unknown; `vringlab scenarios` lists the faults",
                       name);
    }
    return false;
}

void lab_fault_orders(const struct lab_scenario *s, uint8_t *orders)
{
    memset(orders, 0xFF, VIRTQ_BARRIER_COUNT);
    for (uint32_t i = 0; i < s->n_faults; i++) {
        unsigned barrier = 0;
        uint8_t order = 0;
        if (parse_barrier(s->fault[i], &barrier, &order)) {
            orders[barrier] = order;
        }
    }
}

bool lab_executable_dir(char *out, size_t out_bytes)
{
    const ssize_t n = readlink("/proc/self/exe", out, out_bytes - 1);
    if (n <= 0) {
        return false;
    }
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

// Players once loaded, by fault name: a harness changes scenario with every input.
static struct {
    char name[LAB_NAME_BYTES];
    const struct lab_player *player;
} loaded[FAULT_NAMES_MAX];
static uint32_t n_loaded;

static const struct lab_player *load(const char *name, const char *dir, char err[256])
{
    char path[LAB_PATH_BYTES + 128];
    char exe[LAB_PATH_BYTES];

    for (uint32_t i = 0; i < n_loaded; i++) {
        if (strcmp(loaded[i].name, name) == 0) {
            return loaded[i].player;
        }
    }
    if (dir == NULL && lab_executable_dir(exe, sizeof(exe))) {
        (void)snprintf(path, sizeof(path), "%s/players/%s.so", exe, name);
    } else {
        (void)snprintf(path, sizeof(path), "%s/%s.so", dir != NULL ? dir : "players", name);
    }
    void *handle = access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (handle == NULL) {
        (void)snprintf(err, 256, "fault=%s: its player %.120s is not built; run `tools/dev build`",
                       name, path);
        return NULL;
    }
    // POSIX guarantees that a data pointer from dlsym() converts to a function pointer.
    const struct lab_player *(*entry)(void) = NULL;
    void *symbol = dlsym(handle, "lab_player_entry");
    memcpy(&entry, &symbol, sizeof(entry));
    if (entry == NULL || n_loaded == FAULT_NAMES_MAX) {
        (void)snprintf(err, 256, "fault=%s: %.160s is no player", name, path);
        return NULL;
    }
    const struct lab_player *player = entry();
    if (player->abi != LAB_PLAYER_ABI) {
        (void)snprintf(err, 256, "fault=%s: %.120s is of another build; run `tools/dev build`",
                       name, path);
        return NULL;
    }
    (void)snprintf(loaded[n_loaded].name, LAB_NAME_BYTES, "%s", name);
    loaded[n_loaded].player = player;
    return loaded[n_loaded++].player;
}

// ---- players by name ---------------------------------------------------------------------------

// Those that were registered beside ours.
static const struct lab_player *registered[LAB_PLAYERS_MAX];
static uint32_t n_registered;

static const struct lab_player *our_player(enum lab_side side)
{
    return side == LAB_SIDE_DRIVER ? lab_player_driver_entry() : lab_player_device_entry();
}

static const struct lab_player *find_player(const char *name, enum lab_side side)
{
    if (strcmp(our_player(side)->name, name) == 0) {
        return our_player(side);
    }
    for (uint32_t i = 0; i < n_registered; i++) { // bound: LAB_PLAYERS_MAX
        if (registered[i]->side == side && strcmp(registered[i]->name, name) == 0) {
            return registered[i];
        }
    }
    return NULL;
}

bool lab_player_register(const struct lab_player *player)
{
    const bool driver = player->side == LAB_SIDE_DRIVER;
    const bool whole = player->name != NULL && player->state_bytes != NULL &&
                       player->create != NULL && player->step != NULL && player->destroy != NULL &&
                       (driver ? player->on_interrupt != NULL : player->on_notify != NULL);

    if (!whole || n_registered == LAB_PLAYERS_MAX ||
        find_player(player->name, player->side) != NULL) {
        return false;
    }
    registered[n_registered++] = player;
    return true;
}

bool lab_player_known(const char *name, enum lab_side side, char err[256])
{
    char all[160];
    if (find_player(name, side) != NULL) {
        return true;
    }
    (void)snprintf(all, sizeof(all), "%s", our_player(side)->name);
    for (uint32_t i = 0; i < n_registered; i++) { // bound: LAB_PLAYERS_MAX
        const size_t used = strlen(all);
        if (registered[i]->side == side) {
            (void)snprintf(all + used, sizeof(all) - used, ", %s", registered[i]->name);
        }
    }
    (void)snprintf(err, 256, "%s=%.60s: unknown player; there is: %s",
                   side == LAB_SIDE_DRIVER ? "driver" : "player", name, all);
    return false;
}

// The player that a fault wants on a side, by the name of its patch; NULL if it wants none there.
static const char *patched_half(const char *fault, enum lab_side side)
{
    const char *side_name = side == LAB_SIDE_DRIVER ? "driver" : "device";
    const struct lab_fault_info *info = find_bug(fault);
    const struct lab_breach *breach = lab_breach_named(fault);

    if (info != NULL) {
        return strcmp(info->side, side_name) == 0 ? info->name : NULL;
    }
    return breach != NULL && breach->patch && breach->side == side ? breach->id : NULL;
}

const struct lab_player *lab_fault_player(const struct lab_scenario *s, enum lab_side side,
                                          const char *dir, char err[256])
{
    const char *side_name = side == LAB_SIDE_DRIVER ? "driver" : "device";
    const char *player_name = side == LAB_SIDE_DRIVER ? s->driver : s->device_player;
    const char *bug = NULL;

    if (!lab_player_known(player_name, side, err)) {
        return NULL;
    }
    const struct lab_player *player = find_player(player_name, side);
    const bool direct = s->transport == LAB_TRANSPORT_DIRECT;
    if (side == LAB_SIDE_DEVICE && (direct ? player->link == NULL : player->pci_describe == NULL)) {
        (void)snprintf(err, 256, "player=%.60s: cannot be attached by transport=%s", player_name,
                       direct ? "direct" : "pci");
        return NULL;
    }
    for (uint32_t i = 0; i < s->n_faults; i++) {
        const char *patched = patched_half(s->fault[i], side);
        const char *slug = zoo_slug(s->fault[i]);
        if (slug != NULL) {
            const struct lab_player *of_zoo = load(slug, dir, err);
            if (of_zoo == NULL) {
                return NULL;
            }
            patched = of_zoo->side == side ? slug : NULL;
        }
        if (patched == NULL) {
            continue;
        }
        if (bug != NULL) {
            (void)snprintf(err, 256, "fault=%s,%s: both are bugs of the %s; one at a time", bug,
                           patched, side_name);
            return NULL;
        }
        if (player != our_player(side)) {
            (void)snprintf(err, 256, "fault=%s: a bug of our %s, which %.60s replaces", patched,
                           side_name, player_name);
            return NULL;
        }
        bug = patched;
        player = load(bug, dir, err);
        if (player == NULL) {
            return NULL;
        }
    }
    return player;
}
