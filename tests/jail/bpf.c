// SPDX-License-Identifier: Apache-2.0
#include "tests/jail/bpf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint32_t load(const struct seccomp_data *record, uint32_t offset)
{
    uint32_t word;

    assert_true(offset % 4 == 0 && offset + 4 <= sizeof *record);
    memcpy(&word, (const uint8_t *)record + offset, sizeof word);
    return word;
}

static bool jumps(const struct sock_filter *instruction, uint32_t accumulator)
{
    switch (BPF_OP(instruction->code)) {
    case BPF_JEQ:
        return accumulator == instruction->k;
    case BPF_JGT:
        return accumulator > instruction->k;
    case BPF_JGE:
        return accumulator >= instruction->k;
    case BPF_JSET:
        return (accumulator & instruction->k) != 0;
    default:
        fail_msg("unknown jump %u", instruction->code);
        return false;
    }
}

uint32_t bpf_decide(const struct sock_filter *program, size_t count,
                    const struct seccomp_data *record)
{
    uint32_t accumulator = 0;

    for (size_t pc = 0; pc < count; pc++) {
        const struct sock_filter *instruction = &program[pc];

        if (instruction->code == (BPF_RET | BPF_K))
            return instruction->k;
        if (instruction->code == (BPF_LD | BPF_W | BPF_ABS))
            accumulator = load(record, instruction->k);
        else if (instruction->code == (BPF_ALU | BPF_AND | BPF_K))
            accumulator &= instruction->k;
        else if (instruction->code == (BPF_JMP | BPF_JA))
            pc += instruction->k;
        else if (BPF_CLASS(instruction->code) == BPF_JMP && BPF_SRC(instruction->code) == BPF_K)
            pc += jumps(instruction, accumulator) ? instruction->jt : instruction->jf;
        else
            fail_msg("unknown instruction %u", instruction->code);
    }
    fail_msg("the program has no end");
    return 0;
}
