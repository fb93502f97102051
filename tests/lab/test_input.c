// tests/lab/test_input.c -- inputs: bytes and text say the same, every byte string is an input, and
// what is wrong with a text input is said in one clear line.
// SPDX-License-Identifier: BSD-2-Clause
#include "tests/support/temp_dir.h"
#include "tools/lab/lab_input.h"
#include "tools/lab/lab_mischief.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIST_MAX 512u
#define TEXT_MAX (1u << 17)

static struct vl_deviation list_a[LIST_MAX];
static struct vl_deviation list_b[LIST_MAX];
static uint8_t bytes_a[LIST_MAX * 2 * LAB_INPUT_RECORD_BYTES + LAB_INPUT_HEADER_BYTES];

struct text {
    char data[TEXT_MAX];
    size_t n;
};
static struct text text_a;

static bool take(void *ctx, const char *text, size_t bytes)
{
    struct text *t = ctx;
    if (bytes > sizeof(t->data) - t->n) {
        return false;
    }
    memcpy(t->data + t->n, text, bytes);
    t->n += bytes;
    return true;
}

static void print(const struct lab_input *in)
{
    const struct lab_input_sink sink = {.ctx = &text_a, .write = take};
    text_a.n = 0;
    assert_true(lab_input_print(in, &sink));
}

static void assert_same(const struct lab_input *a, const struct lab_input *b)
{
    char x[LAB_TEXT_BYTES];
    char y[LAB_TEXT_BYTES];
    assert_true(lab_scenario_print(&a->scenario, ' ', true, x, sizeof(x)) > 0);
    assert_true(lab_scenario_print(&b->scenario, ' ', true, y, sizeof(y)) > 0);
    assert_string_equal(x, y);
    assert_int_equal(a->target, b->target);
    assert_int_equal(a->n, b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        assert_int_equal(vl_deviation_compare(&a->list[i], &b->list[i]), 0);
        assert_int_equal(a->list[i].value, b->list[i].value);
    }
}

static void decode(enum lab_target target, const uint8_t *data, size_t n, struct lab_input *in)
{
    struct lab_scenario base;
    lab_target_scenario(target, &base);
    lab_input_decode(target, &base, 0, data, n, in);
}

// Bytes -> input -> bytes -> input, and input -> text -> input.
static void check_round_trips(const struct lab_input *in)
{
    struct lab_input back = {.list = list_b, .max = LIST_MAX};
    char err[256] = "";
    const size_t n = lab_input_encode(in->target, in, bytes_a, sizeof(bytes_a), err);
    assert_string_equal(err, "");
    assert_true(n >= LAB_INPUT_HEADER_BYTES);
    decode(in->target, bytes_a, n, &back);
    assert_same(in, &back);

    print(in);
    const bool ok = lab_input_parse(text_a.data, text_a.n, &back, err);
    assert_string_equal(err, "");
    assert_true(ok);
    assert_same(in, &back);
}

// Goal: zeros, and the end of the bytes, are the benign run of the target.
static void empty_and_zero_are_the_benign_run(void **state)
{
    static const uint8_t zeros[64];
    (void)state;
    for (unsigned t = LAB_TARGET_PAIR; t < LAB_TARGET_COUNT; t++) {
        struct lab_input a = {.list = list_a, .max = LIST_MAX};
        struct lab_input b = {.list = list_b, .max = LIST_MAX};
        decode((enum lab_target)t, NULL, 0, &a);
        decode((enum lab_target)t, zeros, sizeof(zeros), &b);
        assert_int_equal(a.n, 0);
        assert_same(&a, &b);
        struct lab_scenario base;
        lab_target_scenario((enum lab_target)t, &base);
        b.scenario = base;
        assert_same(&a, &b);
        check_round_trips(&a);
    }
}

// Goal: any bytes are an input with a valid scenario and a canonical list, which survives both
// conversions.
static void every_byte_string_is_an_input(void **state)
{
    uint64_t rng = 1;
    uint8_t data[256];
    uint32_t n_lists = 0;
    (void)state;

    for (uint32_t round = 0; round < 8000; round++) {
        const enum lab_target target = (enum lab_target)(1 + round % (LAB_TARGET_COUNT - 1));
        const size_t n = vl_mix64(&rng) % (sizeof(data) + 1);
        for (size_t i = 0; i < n; i++) {
            data[i] = (uint8_t)vl_mix64(&rng);
        }
        struct lab_input in = {.list = list_a, .max = LIST_MAX};
        char err[256];
        decode(target, data, n, &in);
        assert_true(lab_scenario_check(&in.scenario, err));
        for (uint32_t i = 0; i < in.n; i++) {
            assert_true(in.list[i].lane < VL_LANE_COUNT);
            assert_true(in.list[i].nth != 0 && in.list[i].value != 0);
            assert_true(i == 0 || vl_deviation_compare(&in.list[i - 1], &in.list[i]) < 0);
        }
        n_lists += in.n > 0;
        check_round_trips(&in);
    }
    assert_true(n_lists > 1000);
}

// Goal: occurrences and values of 32 bits go through a record and its prefix.
static void large_numbers_survive(void **state)
{
    static const uint32_t numbers[] = {1,     2,     255,        256,       257,        16640,
                                       16641, 65535, 65536,      1u << 30,  0x7FFFFFFF, 0x80000000,
                                       16639, 33280, 0xFFFFFFFE, 0xFFFFFFFF};
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct lab_input in = {.list = list_a, .max = LIST_MAX, .target = LAB_TARGET_PAIR};
        lab_target_scenario(LAB_TARGET_PAIR, &in.scenario);
        list_a[0] = (struct vl_deviation){.lane = VL_LANE_SCHEDULE, .nth = numbers[i], .value = 1};
        list_a[1] = (struct vl_deviation){
            .lane = VL_LANE_READ, .agent = 1, .key = 3, .nth = 1, .value = numbers[i]};
        list_a[2] = (struct vl_deviation){.lane = VL_LANE_MISCHIEF_PCI,
                                          .agent = 5,
                                          .key = 63,
                                          .nth = numbers[i],
                                          .value = numbers[i]};
        in.n = 3;
        check_round_trips(&in);
    }
}

// Goal: two records of one address, value 0, and a cut record have their stated meaning.
static void odd_records(void **state)
{
    uint8_t data[LAB_INPUT_HEADER_BYTES + 4 * LAB_INPUT_RECORD_BYTES] = {0};
    uint8_t *r = data + LAB_INPUT_HEADER_BYTES;
    struct lab_input in = {.list = list_a, .max = LIST_MAX};
    (void)state;

    r[2] = 4; // the driver's 5th port call, value 7
    r[4] = 7;
    r[6 + 2] = 4; // the same address, value 3: the smaller one stays
    r[6 + 4] = 3;
    r[12 + 2] = 9; // value 0: nothing
    r[18] = 15;    // a prefix without a record behind it: nothing
    decode(LAB_TARGET_PAIR, data, sizeof(data), &in);
    assert_int_equal(in.n, 1);
    assert_int_equal(in.list[0].nth, 5);
    assert_int_equal(in.list[0].value, 3);
    decode(LAB_TARGET_PAIR, data, LAB_INPUT_HEADER_BYTES + 5, &in);
    assert_int_equal(in.n, 0);
    // Lanes beyond the last one stand for others, the hostile side's among them.
    static const uint8_t more[][2] = {{10, VL_LANE_PRIORITY},
                                      {11, VL_LANE_DELAY},
                                      {12, VL_LANE_SCHEDULE},
                                      {13, VL_LANE_MISCHIEF_DRIVER},
                                      {14, VL_LANE_MISCHIEF_DRIVER}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        r[0] = more[i][0];
        decode(LAB_TARGET_DEVICE, data, LAB_INPUT_HEADER_BYTES + 6, &in);
        assert_int_equal(in.n, 1);
        assert_int_equal(in.list[0].lane, more[i][1]);
    }
    // A frequent address: agents from 6 on, the key picks it, small occurrences.
    r[0] = 0xF0 | VL_LANE_NOTIFY;
    r[1] = 1;
    r[2] = 11;
    decode(LAB_TARGET_DEVICE, data, LAB_INPUT_HEADER_BYTES + 6, &in);
    assert_int_equal(in.n, 1);
    assert_int_equal(in.list[0].agent, VL_AGENT_DEVICE);
    assert_int_equal(in.list[0].key, vl_choice_key(0, VL_FIELD_INTERRUPT));
    assert_int_equal(in.list[0].nth, 4);
}

// A file of these bytes is read with room for all that its header draws.
static void check_file(const uint8_t *data, size_t bytes, uint32_t n)
{
    char path[] = "/tmp/vringlab-input-XXXXXX";
    struct lab_input in;
    char err[256];

    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), bytes);
    (void)close(fd);
    assert_true(lab_input_load(path, LAB_TARGET_PAIR, &in, err));
    assert_int_equal(in.n, n);
    lab_input_free(&in);
    (void)unlink(path);
}

// Goal: keys that mean something only beside others give way where these are not.
static void headers_fit_transports(void **state)
{
    uint8_t data[LAB_INPUT_HEADER_BYTES] = {0};
    struct lab_input in = {.list = list_a, .max = LIST_MAX};
    (void)state;

    data[16] = 3;                                     // registers=window platform=weak-mmio
    data[17] = 1;                                     // resize=1
    decode(LAB_TARGET_PAIR, data, sizeof(data), &in); // entropy, direct, sc
    assert_int_equal(in.scenario.registers, LAB_REGISTERS_BAR);
    assert_int_equal(in.scenario.platform, LAB_PLATFORM_STRONG);
    assert_int_equal(in.scenario.resize, 0);
    check_round_trips(&in);
    data[0] = 8; // over PCI
    data[11] = LAB_MEMORY_TSO;
    decode(LAB_TARGET_PAIR, data, sizeof(data), &in);
    assert_int_equal(in.scenario.registers, LAB_REGISTERS_WINDOW);
    assert_int_equal(in.scenario.platform, LAB_PLATFORM_WEAK_MMIO);
    assert_int_equal(in.scenario.resize, 0);
    check_round_trips(&in);
    data[0] = 8 | 16; // a block device
    decode(LAB_TARGET_PAIR, data, sizeof(data), &in);
    assert_int_equal(in.scenario.resize, 1);
    check_round_trips(&in);
}

// Goal: the header says the memory model, for a pair of honest halves alone; a weaker one gives
// loads and stores of ring words their frequent addresses, and a number draws many deviations.
static void headers_say_memory(void **state)
{
    uint8_t data[LAB_INPUT_HEADER_BYTES + LAB_INPUT_RECORD_BYTES] = {0};
    uint8_t *r = data + LAB_INPUT_HEADER_BYTES;
    struct lab_input in = {.list = list_a, .max = LIST_MAX};
    (void)state;

    r[0] = 13;
    r[4] = 1;
    for (uint8_t memory = LAB_MEMORY_SC; memory <= LAB_MEMORY_RC11; memory++) {
        static const uint8_t lane[][2] = {{VL_LANE_SCHEDULE, VL_LANE_SCHEDULE},
                                          {VL_LANE_STORE, VL_LANE_SCHEDULE},
                                          {VL_LANE_STORE, VL_LANE_READ}};
        data[11] = memory;
        for (uint8_t i = 0; i < 2; i++) {
            r[0] = (uint8_t)(13 + i);
            decode(LAB_TARGET_PAIR, data, sizeof(data), &in);
            assert_int_equal(in.scenario.memory, memory);
            assert_int_equal(in.n, 1);
            assert_int_equal(in.list[0].lane, lane[memory][i]);
        }
        decode(LAB_TARGET_DEVICE, data, sizeof(data), &in);
        assert_int_equal(in.scenario.memory, LAB_MEMORY_SC);
        data[13] = 7; // a draw
        decode(LAB_TARGET_PAIR, data, LAB_INPUT_HEADER_BYTES, &in);
        assert_int_equal(in.n > 20, memory != LAB_MEMORY_SC);
        assert_int_equal(in.n == 0, memory == LAB_MEMORY_SC);
        check_round_trips(&in);
        check_file(data, LAB_INPUT_HEADER_BYTES, in.n);
        data[13] = 0;
    }
    data[11] = LAB_MEMORY_RC11; // a frequent address of a load: the device's of used_event
    r[0] = 0xF0 | VL_LANE_READ;
    r[1] = 5;
    decode(LAB_TARGET_PAIR, data, sizeof(data), &in);
    assert_int_equal(in.list[0].agent, VL_AGENT_DEVICE);
    assert_int_equal(in.list[0].key, vl_choice_key(0, VL_FIELD_USED_EVENT));
}

// Goal: a key that the user sets stays, whatever the header says, and the rest stays valid.
static void locked_keys_hold(void **state)
{
    static const char *const locks[] = {
        "queue_size=2", "queue_size=64", "device=blk", "start_idx=9", "batch=8",
        "chain=8",      "resets=3",      "poll=on",    "memory=rc11", "memory=tso"};
    uint64_t rng = 7;
    uint8_t header[LAB_INPUT_HEADER_BYTES];
    char err[256];
    (void)state;

    for (size_t k = 0; k < sizeof(locks) / sizeof(locks[0]); k++) {
        struct lab_scenario base;
        lab_target_scenario(LAB_TARGET_PAIR, &base);
        base.queue_size = 8;
        assert_true(lab_scenario_set(&base, locks[k], err));
        assert_true(lab_scenario_check(&base, err));
        const uint64_t locked = lab_input_key_bit(locks[k]);
        assert_true(locked != 0);
        for (uint32_t round = 0; round < 500; round++) {
            for (size_t i = 0; i < sizeof(header); i++) {
                header[i] = (uint8_t)vl_mix64(&rng);
            }
            struct lab_input in = {.list = list_a, .max = LIST_MAX};
            lab_input_decode(LAB_TARGET_PAIR, &base, locked, header, sizeof(header), &in);
            assert_true(lab_scenario_check(&in.scenario, err));
            struct lab_scenario again = in.scenario;
            char x[LAB_TEXT_BYTES];
            char y[LAB_TEXT_BYTES];
            assert_true(lab_scenario_set(&again, locks[k], err));
            (void)lab_scenario_print(&again, ' ', true, x, sizeof(x));
            (void)lab_scenario_print(&in.scenario, ' ', true, y, sizeof(y));
            assert_string_equal(x, y);
        }
    }
    assert_int_equal(lab_input_key_bit("no_such_key=1"), 0);
}

// Goal: what a header cannot say is refused by the name of the key.
static void unsayable_scenarios_are_named(void **state)
{
    static const char *const cases[][2] = {{"queue_size=128", "queue_size=128"},
                                           {"budget=100", "budget=100"},
                                           {"hostile=driver", "hostile=driver"},
                                           {"fault=barrier:avail-publish=none", "fault="},
                                           {"bytes=20000", "bytes=20000"},
                                           {"buffers=65", "buffers=65"},
                                           {"resets=5", "resets=5"}};
    (void)state;
    struct lab_input plain = {.list = list_a, .max = LIST_MAX};
    char none[256] = "";
    lab_target_scenario(LAB_TARGET_PAIR, &plain.scenario);
    assert_true(lab_scenario_set(&plain.scenario, "budget=1000000", none)); // as if left out
    assert_true(lab_input_encode(LAB_TARGET_PAIR, &plain, bytes_a, sizeof(bytes_a), none) > 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab_input in = {.list = list_a, .max = LIST_MAX};
        char err[256] = "";
        lab_target_scenario(LAB_TARGET_PAIR, &in.scenario);
        assert_true(lab_scenario_set(&in.scenario, cases[i][0], err));
        assert_int_equal(lab_input_encode(LAB_TARGET_PAIR, &in, bytes_a, sizeof(bytes_a), err), 0);
        assert_non_null(strstr(err, cases[i][1]));
        assert_non_null(strstr(err, "VRINGLAB_SCENARIO"));
    }
    struct lab_input in = {.list = list_a, .max = LIST_MAX};
    char err[256] = "";
    lab_target_scenario(LAB_TARGET_PAIR, &in.scenario);
    assert_int_equal(lab_input_encode(LAB_TARGET_NONE, &in, bytes_a, sizeof(bytes_a), err), 0);
    assert_non_null(strstr(err, "target="));
    assert_int_equal(lab_input_encode(LAB_TARGET_PAIR, &in, bytes_a, 3, err), 0);
}

// Goal: a text input says what it should, with sentences.
static void text_reads_well(void **state)
{
    static const char text[] = "vringlab-input 1\n"
                               "queue_size=4  # small\n"
                               "\n"
                               "target=fuzz_device\n"
                               "finding=LIVENESS:lost-notification\n"
                               "# a comment\n"
                               "mischief-driver adversary q0.avail.idx 2 3\n"
                               "schedule driver - 17 1\n"
                               "notify device q1.doorbell 0x3 5\n"
                               "completion - 0 4 5\n"
                               "completion - 1 2 1\n"
                               "workload - 11 1 2\r\n";
    static const char *const lines[] = {
        "queue_size=4\n",
        "target=fuzz_device\n",
        "finding=LIVENESS:lost-notification\n",
        "schedule driver - 17 1 # the driver is preempted at its 17th port call\n",
        "notify device q1.doorbell 3 5 # the device's 3rd doorbell (queue 1) arrives 5 port calls "
        "late\n",
        "workload - 11 1 2 # the 1st piece of buffer memory lies above 4 GiB\n",
        "completion - 0 4 5 # at its 4th turn the backend does not answer the oldest request (5)\n",
        "completion - 1 2 1 # the 2nd chance of the medium to grow is decided the other way\n",
        "mischief-driver adversary q0.avail.idx 2 3 # before the device's 2nd load of q0.avail.idx "
        "the adversary stores: index a queue size and one ahead\n",
    };
    struct lab_input in = {.list = list_a, .max = LIST_MAX};
    char err[256];
    (void)state;
    assert_true(lab_input_parse(text, sizeof(text) - 1, &in, err));
    assert_int_equal(in.n, 6);
    assert_int_equal(in.target, LAB_TARGET_DEVICE);
    print(&in);
    text_a.data[text_a.n] = '\0';
    const char *at = text_a.data;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *found = strstr(at, lines[i]);
        if (found == NULL) {
            fail_msg("not found in order: %sin:\n%s", lines[i], text_a.data);
        }
        at = found + strlen(lines[i]);
    }
}

// Goal: each deviation of each lane, field and row has a sentence that names its occurrence.
static void every_deviation_has_a_sentence(void **state)
{
    (void)state;
    for (unsigned lane = 0; lane < VL_LANE_COUNT; lane++) {
        for (unsigned agent = 0; agent < vl_lane_agents[lane]; agent++) {
            for (unsigned key = 0; key < vl_lane_keys[lane]; key++) {
                char out[256];
                const struct vl_deviation d = {.lane = (uint8_t)lane,
                                               .agent = (uint8_t)agent,
                                               .key = (uint16_t)key,
                                               .nth = 112,
                                               .value = 1 + key};
                lab_deviation_sentence(LAB_MEMORY_SC, &d, out, sizeof(out));
                assert_non_null(strstr(out, "112th"));
                assert_null(strchr(out, '\n'));
                lab_deviation_sentence(LAB_MEMORY_TSO, &d, out, sizeof(out));
                assert_true((strstr(out, "store buffer") != NULL) ==
                            (lane == VL_LANE_STORE && (key & 15u) != VL_FIELD_BUFFER));
            }
        }
    }
    for (unsigned field = 0; field < VL_FIELD_COUNT; field++) {
        uint32_t n = 0;
        const struct lab_mischief_entry *rows = lab_mischief_table(field, &n);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(rows[i].field, field);
            assert_string_equal(lab_mischief_sentence(field, n + i), rows[i].sentence);
        }
        assert_string_equal(lab_mischief_sentence(field, 0), "nothing");
    }
}

#define HEAD "vringlab-input 1\n"

struct broken {
    const char *name; // of the file
    const char *content;
    size_t bytes; // 0: strlen
    const char *says;
};

static const struct broken broken_inputs[] = {
    {"a.run", "", 0, "line 1: not a text input|empty"},
    {"b.run", "vringlab-input 2\n", 0, "line 1: not a text input"},
    {"c.run", "vringlab input 1\n", 0, "line 1: not a text input"},
    {"d.run",
     "\x7f"
     "ELF\x01\x02\xff\xfe",
     0, "line 1: not a text input"},
    {"e.run", HEAD "colour=red\n", 0, "line 2: colour: unknown key"},
    {"f.run", HEAD "queue_size=abc\n", 0, "line 2: queue_size=abc: use a"},
    {"g.run", HEAD "queue_size=3\n", 0, "line 2: queue_size=3: use a power of two"},
    {"h.run", HEAD "start_idx=65536\n", 0, "line 2: start_idx=65536: use a number"},
    {"i.run", HEAD "queue_size=\n", 0, "line 2: queue_size=: use a"},
    {"j.run", HEAD "poll=maybe\n", 0, "line 2: poll=maybe: unknown value; use one of: off, on"},
    {"k.run", HEAD "fault=no-such-fault\n", 0, "line 2: fault=no-such-fault: unknown"},
    {"l.run", HEAD "target=fuzz_moon\n", 0, "line 2: target=fuzz_moon: targets are"},
    {"m.run", HEAD "finding=nothing\n", 0, "line 2: finding=nothing: a finding is REFEREE:NAME"},
    {"n.run", HEAD "poll\n", 0, "line 2: poll: neither KEY=VALUE nor"},
    {"o.run", HEAD "dance driver - 1 1\n", 0, "line 2: dance: unknown lane"},
    {"p.run", HEAD "\nschedule nobody - 1 1\n", 0, "line 3: nobody: unknown agent"},
    {"q.run", HEAD "schedule driver 4 1 1\n", 0, "line 2: 4: lane schedule has no keys"},
    {"r.run", HEAD "read driver q0.avail.colour 1 1\n", 0, "line 2: q0.avail.colour: not a key"},
    {"s.run", HEAD "read driver q7.avail.idx 1 1\n", 0, "line 2: q7.avail.idx: not a key"},
    {"t.run", HEAD "workload - 64 1 1\n", 0, "line 2: 64: keys of lane workload are below 64"},
    {"u.run", HEAD "workload driver 1 1 1\n", 0, "line 2: driver: lane workload is the same"},
    {"v.run", HEAD "schedule driver - 0 1\n", 0, "line 2: 0: occurrences are numbers from 1"},
    {"w.run", HEAD "schedule driver - 1 0\n", 0, "line 2: 0: values are numbers from 1"},
    {"x.run", HEAD "schedule driver - 4294967296 1\n", 0, "line 2: 4294967296: occurrences"},
    {"y.run", HEAD "schedule driver - 1 99999999999999999999\n", 0, "values are numbers from 1"},
    {"z.run", HEAD "schedule driver - -1 1\n", 0, "line 2: -1: occurrences"},
    {"aa.run", HEAD "schedule driver - 1\n", 0, "line 2: schedule ...: a deviation is"},
    {"ab.run", HEAD "schedule driver - 1 1 1\n", 0, "line 2: schedule ...: a deviation is"},
    {"ac.run", HEAD "poll=\0on\n", sizeof(HEAD) + 8, "line 2: a NUL byte"},
    {"ad.run", HEAD "schedule driver - 3 1\nschedule driver - 3 2\n", 0,
     "1 deviations have the address of another one"},
    {"ae.run", HEAD "queue_size=2\nbatch=4\n", 0, "batch=4: larger than queue_size=2"},
    {"af", "any bytes", 0, "say whose with target="},
    {"ag", "SQLite format 3\0 and so on", 27, "a trace, not an input"},
};

static char dir[128];

static void put_file(const char *name, const char *content, size_t bytes, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

// One of the alternatives, separated by |.
static bool says(const char *err, const char *wanted)
{
    char part[256];
    for (const char *p = wanted; *p != '\0';) {
        const size_t n = strcspn(p, "|");
        (void)snprintf(part, sizeof(part), "%.*s", (int)n, p);
        if (strstr(err, part) != NULL) {
            return true;
        }
        p += n + (p[n] == '|' ? 1 : 0);
    }
    return false;
}

static void expect_refusal(const char *path, const char *wanted)
{
    struct lab_input in;
    char err[256];
    if (lab_input_load(path, LAB_TARGET_NONE, &in, err)) {
        lab_input_free(&in);
        fail_msg("%s was taken", path);
    }
    if (!says(err, wanted) || strstr(err, path) == NULL || strchr(err, '\n') != NULL) {
        fail_msg("%s: unclear: \"%s\", wanted \"%s\"", path, err, wanted);
    }
    assert_null(in.list);
}

static void broken_inputs_have_clear_errors(void **state)
{
    char path[256];
    (void)state;
    assert_true(temp_dir(dir, sizeof(dir)));
    for (size_t i = 0; i < sizeof(broken_inputs) / sizeof(broken_inputs[0]); i++) {
        const struct broken *b = &broken_inputs[i];
        put_file(b->name, b->content, b->bytes != 0 ? b->bytes : strlen(b->content), path);
        expect_refusal(path, b->says);
        assert_int_equal(unlink(path), 0);
    }

    (void)snprintf(path, sizeof(path), "%s/none.run", dir);
    expect_refusal(path, "No such file");
    (void)snprintf(path, sizeof(path), "%s/sub.run", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refusal(path, "a directory");
    assert_int_equal(rmdir(path), 0);

    // Too long a line, and too long a file.
    static char big[LAB_INPUT_BYTES_MAX + 2];
    memset(big, 'x', sizeof(big));
    memcpy(big, HEAD, strlen(HEAD));
    put_file("long.run", big, 4000, path);
    expect_refusal(path, "line 2: longer than");
    put_file("long.run", big, sizeof(big), path);
    expect_refusal(path, "longer than an input may be");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_and_zero_are_the_benign_run),
        cmocka_unit_test(every_byte_string_is_an_input),
        cmocka_unit_test(large_numbers_survive),
        cmocka_unit_test(odd_records),
        cmocka_unit_test(headers_say_memory),
        cmocka_unit_test(headers_fit_transports),
        cmocka_unit_test(locked_keys_hold),
        cmocka_unit_test(unsayable_scenarios_are_named),
        cmocka_unit_test(text_reads_well),
        cmocka_unit_test(every_deviation_has_a_sentence),
        cmocka_unit_test(broken_inputs_have_clear_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
