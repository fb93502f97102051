// tests/model/test_hash.c -- XXH64 and SHA-256 against published vectors.
// XXH64: as printed by a stock xxhsum; SHA-256: FIPS 180-4's examples.
// SPDX-License-Identifier: BSD-2-Clause
#include "model/core/vl_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Goal: XXH64 agrees with the published algorithm on every length class (below 4, 8 and 32 bytes,
// and above). Method: vectors.
static void xxh64_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t hash;
    } v[] = {
        {"", 0xef46db3751d8e999u},
        {"a", 0xd24ec4f1a98c6e5bu},
        {"abc", 0x44bc2cf5ad770999u},
        {"message digest", 0x066ed728fceeb3beu},
        {"abcdefghijklmnopqrstuvwxyz", 0xcfe1f278fa89835cu},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0xaaa46907d3047814u},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         0xe04a477f19ee145du},
    };
    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        assert_int_equal(vl_hash64(v[i].text, strlen(v[i].text)), v[i].hash);
    }
}

// Goal: how input is cut into pieces, and how it is aligned, does not matter.
// Method: 0..200 bytes, every cut into two pieces, at each of eight alignments.
static void xxh64_pieces(void **state)
{
    (void)state;
    _Alignas(8) uint8_t data[256];
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 131u + 7u);
    }
    for (size_t n = 0; n <= 200; n++) {
        const uint64_t whole = vl_hash64(data, n);
        for (size_t cut = 0; cut <= n; cut++) {
            struct vl_hash h;
            vl_hash_init(&h);
            vl_hash_update(&h, data, cut);
            vl_hash_update(&h, data + cut, n - cut);
            assert_int_equal(vl_hash_final(&h), whole);
        }
        const size_t shift = n % 8;
        _Alignas(8) uint8_t moved[256];
        memcpy(moved + shift, data, n);
        assert_int_equal(vl_hash64(moved + shift, n), whole);
    }
    assert_int_not_equal(vl_hash64(data, 200), vl_hash64(data, 199));
}

static void check_sha(const char *text, size_t repeat, const char *hex)
{
    struct vl_sha256 s;
    vl_sha256_init(&s);
    for (size_t i = 0; i < repeat; i++) {
        vl_sha256_update(&s, text, strlen(text));
    }
    uint8_t digest[VL_SHA256_BYTES];
    char out[2 * VL_SHA256_BYTES + 1];
    vl_sha256_final(&s, digest);
    vl_sha256_hex(digest, out);
    assert_string_equal(out, hex);
}

// Goal: SHA-256 agrees with FIPS 180-4's examples.
static void sha256_vectors(void **state)
{
    (void)state;
    check_sha("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_sha("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
              "klmnopqrlmnopqrsmnopqrstnopqrstu",
              1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    check_sha("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    check_sha("aaaaaaaaaaaaaaaaaaaaaaaaa", 40000,
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Goal: the padding is right at each fill of the last block. Method: lengths 0..130 in one piece
// and byte by byte.
static void sha256_pieces(void **state)
{
    (void)state;
    uint8_t data[131];
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 29u + 1u);
    }
    for (size_t n = 0; n < sizeof(data); n++) {
        struct vl_sha256 a;
        struct vl_sha256 b;
        uint8_t da[VL_SHA256_BYTES];
        uint8_t db[VL_SHA256_BYTES];
        vl_sha256_init(&a);
        vl_sha256_init(&b);
        vl_sha256_update(&a, data, n);
        for (size_t i = 0; i < n; i++) {
            vl_sha256_update(&b, data + i, 1);
        }
        vl_sha256_final(&a, da);
        vl_sha256_final(&b, db);
        assert_memory_equal(da, db, sizeof(da));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xxh64_vectors),
        cmocka_unit_test(xxh64_pieces),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(sha256_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
