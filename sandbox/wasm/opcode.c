// SPDX-License-Identifier: Apache-2.0

#include "sandbox/wasm/opcode.h"

#include <assert.h>
#include <stddef.h>

/* Decoder and validator compute the bound of an immediate from its kind. */
static_assert(IMMEDIATE_MEMARG4 == IMMEDIATE_MEMARG0 + 4, "alignment is the distance to MEMARG0");
static_assert(IMMEDIATE_MEMARG3_LANE2 == IMMEDIATE_MEMARG0_LANE16 + 3, "and so it is with lanes");
static_assert(IMMEDIATE_LANE2 == IMMEDIATE_LANE16 + 3, "each step halves the lanes");
static_assert(OPCODE_COUNT < UINT16_MAX, "opcodes and their successors fit 16 bits");

/*
 * A row's signature as a literal, so that its length is known here; "" stands for no signature.
 * No signature has more than three parameters. The padding keeps short ones readable to index 2.
 */
#define LETTER(signature_, index_) ((signature_ "   ")[index_])
#define HAS_SIGNATURE(signature_)  (sizeof(signature_) > 1)
#define PARAMETER_COUNT(signature_)                                                                \
    (!HAS_SIGNATURE(signature_) || LETTER(signature_, 0) == ':' ? 0                                \
     : LETTER(signature_, 1) == ':'                             ? 1                                \
     : LETTER(signature_, 2) == ':'                             ? 2                                \
                                                                : 3)
#define RESULT_COUNT(signature_)                                                                   \
    (sizeof(signature_) - 1 - PARAMETER_COUNT(signature_) - HAS_SIGNATURE(signature_))

const struct opcode_info opcode_info[OPCODE_COUNT] = {
#define CONTEXT ""
#define OPCODE(page_, code_, name_, mnemonic_, immediate_, signature_, feature_)                   \
    [OPCODE_##name_] = {                                                                           \
        .mnemonic = mnemonic_,                                                                     \
        .signature = HAS_SIGNATURE(signature_) ? (signature_) : NULL,                              \
        .immediate = IMMEDIATE_##immediate_,                                                       \
        .feature = FEATURE_##feature_,                                                             \
        .page = page_,                                                                             \
        .parameter_count = PARAMETER_COUNT(signature_),                                            \
        .result_count = RESULT_COUNT(signature_),                                                  \
        .code = code_,                                                                             \
    },
#include "sandbox/wasm/opcode.def"
};

#undef LETTER
#undef HAS_SIGNATURE
#undef PARAMETER_COUNT
#undef RESULT_COUNT

/*
 * Only here is it meant that an entry replaces another: first every byte is invalid, then some are
 * not. Were two rows to claim the same byte, the compiler would still complain below.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"

#define BYTE_0(code_, opcode_) [code_] = (opcode_),
#define BYTE_0xFB(code_, opcode_)
#define BYTE_0xFC(code_, opcode_)
#define BYTE_0xFD(code_, opcode_)
#define BYTE_0xFE(code_, opcode_)

const uint16_t opcode_of_byte[256] = {
    [0 ... 255] = OPCODE_INVALID,
#define OPCODE(page_, code_, name_, ...) BYTE_##page_(code_, OPCODE_##name_)
#include "sandbox/wasm/opcode.def"
};

#undef BYTE_0
#undef BYTE_0xFB
#undef BYTE_0xFC
#undef BYTE_0xFD
#undef BYTE_0xFE

#pragma GCC diagnostic pop

/* As large as the greatest code of any page is, plus one. */
union code_space {
#define OPCODE(page_, code_, name_, ...) uint8_t name_[(code_) + 1];
#include "sandbox/wasm/opcode.def"
};

/* Prefixes follow each other, so pages do; the first holds the single bytes. */
enum { PREFIX_FIRST = 0xFB, PREFIX_LAST = 0xFE, PAGE_COUNT = PREFIX_LAST - PREFIX_FIRST + 2 };

#define PAGE_INDEX(page_) ((page_) == 0 ? 0 : 1 - PREFIX_FIRST + (page_))

/*
 * One more than the opcode, so that what no row fills is zero. A row whose page and code are those
 * of another does not compile (-Woverride-init).
 */
static const uint16_t successor_of_code[PAGE_COUNT][sizeof(union code_space)] = {
#define OPCODE(page_, code_, name_, ...) [PAGE_INDEX(page_)][code_] = OPCODE_##name_ + 1,
#include "sandbox/wasm/opcode.def"
};

uint16_t opcode_of_prefixed(uint8_t page, uint32_t code)
{
    if (page < PREFIX_FIRST || page > PREFIX_LAST || code >= sizeof(union code_space))
        return OPCODE_INVALID;
    uint16_t successor = successor_of_code[PAGE_INDEX(page)][code];
    return successor == 0 ? OPCODE_INVALID : (uint16_t)(successor - 1);
}

#undef PAGE_INDEX

const char *feature_name(enum feature feature)
{
    static const char *const names[FEATURE_COUNT] = {
#define FEATURE(name_, words_) [FEATURE_##name_] = words_,
#include "sandbox/wasm/opcode.def"
    };
    assert(feature < FEATURE_COUNT);
    return names[feature];
}
