// SPDX-License-Identifier: Apache-2.0
#include "host/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/start.h"

enum {
    OPTIMIZE_LINEAR = 1, // values of SCMP_FLTATR_CTL_OPTIMIZE
    OPTIMIZE_TREE = 2,
    MFD_NOEXEC = 0x8 // MFD_NOEXEC_SEAL, of newer headers
};

#define EQUAL(argument_, value_)                                                                   \
    {                                                                                              \
        true, argument_, UINT64_MAX, (uint64_t)(value_)                                            \
    }
#define WITHIN(argument_, bits_) MASKED(argument_, bits_, 0)
#define MASKED(argument_, bits_, value_)                                                           \
    {                                                                                              \
        true, argument_, ~(uint64_t)(bits_), (uint64_t)(value_)                                    \
    }
#define ANY                                                                                        \
    {                                                                                              \
        .present = false                                                                           \
    }
#define CONDITIONS(...)                                                                            \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static const struct filter_rule rules[] = {
#define RULE(CAPABILITY_, name_, conditions_, reason_)                                             \
    {FILTER_##CAPABILITY_, false, SYS_##name_, #name_, CONDITIONS conditions_, reason_},
#define PROBE(name_, conditions_, reason_)                                                         \
    {FILTER_CORE, true, SYS_##name_, #name_, CONDITIONS conditions_, reason_},
#include "host/syscall.def"
#undef PROBE
#undef RULE
};

#undef CONDITIONS
#undef ANY
#undef MASKED
#undef WITHIN
#undef EQUAL

const struct filter_rule *filter_rules(size_t *count)
{
    *count = sizeof rules / sizeof rules[0];
    return rules;
}

bool filter_includes(const struct filter_options *options, const struct filter_rule *rule)
{
    switch (rule->capability) {
    case FILTER_CORE:
        return true;
    case FILTER_CLOCK:
        return options->clock;
    case FILTER_RANDOM:
        return options->random;
    case FILTER_FILES:
        return options->files;
    case FILTER_FILES_WRITE:
        return options->files_write;
    }
    return false;
}

// Exact: libseccomp must not leave out a comparison that it cannot make.
static int add_rule(scmp_filter_ctx context, const struct filter_rule *rule)
{
    struct scmp_arg_cmp comparisons[FILTER_CONDITIONS_MAX];
    uint32_t action = rule->probe ? SCMP_ACT_ERRNO(START_PROBE_ERRNO) : SCMP_ACT_ALLOW;
    unsigned count = 0;

    while (count < FILTER_CONDITIONS_MAX && rule->conditions[count].present) {
        const struct filter_condition *condition = &rule->conditions[count];

        comparisons[count++] = (struct scmp_arg_cmp){.arg = condition->argument,
                                                     .op = SCMP_CMP_MASKED_EQ,
                                                     .datum_a = condition->mask,
                                                     .datum_b = condition->value};
    }
    return seccomp_rule_add_exact_array(context, action, rule->number, count, comparisons);
}

static int fill(scmp_filter_ctx context, const struct filter_options *options)
{
    uint32_t form = options->linear ? OPTIMIZE_LINEAR : OPTIMIZE_TREE;
    int result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (result == 0)
        result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, form);
    for (size_t at = 0; result == 0 && at < sizeof rules / sizeof rules[0]; at++)
        if (filter_includes(options, &rules[at]))
            result = add_rule(context, &rules[at]);
    return result;
}

// A memfd with the program's bytes, open for writing at their end; negative errno on failure.
static int export_program(const struct filter_options *options)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int descriptor = -1;
    int result;

    if (context == NULL)
        return -ENOMEM;
    result = fill(context, options);
    if (result == 0) {
        descriptor = memfd_create("filter", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC);
        if (descriptor < 0 && errno == EINVAL)
            descriptor = memfd_create("filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        result = descriptor < 0 ? -errno : seccomp_export_bpf(context, descriptor);
    }
    seccomp_release(context);
    if (result == 0)
        return descriptor;
    if (descriptor >= 0)
        close(descriptor);
    return result;
}

bool filter_memfd(const struct filter_options *options, int *descriptor, struct error *error)
{
    int made = export_program(options);

    if (made < 0)
        return error_set(error, ERROR_SYSTEM_FILTER, 0, "errno %d", -made);
    if (fcntl(made, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
        close(made);
        return error_set(error, ERROR_SYSTEM_FILTER, 0, "sealing: errno %d", errno);
    }
    *descriptor = made;
    return true;
}

bool filter_build(const struct filter_options *options, struct sock_filter *out, size_t *count,
                  struct error *error)
{
    size_t room = *count * sizeof *out;
    int descriptor;
    ssize_t length;
    off_t size;

    if (!filter_memfd(options, &descriptor, error))
        return false;
    size = lseek(descriptor, 0, SEEK_END);
    length = pread(descriptor, out, room, 0);
    close(descriptor);
    if (length < 0 || length != size)
        return error_set(error, ERROR_SYSTEM_FILTER, 0, "larger than %zu instructions", *count);
    *count = (size_t)length / sizeof *out;
    return true;
}
