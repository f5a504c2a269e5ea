// SPDX-License-Identifier: Apache-2.0
#include "sandbox/policy_key.h"

#include <assert.h>
#include <string.h>

#include "sandbox/policy.h"

#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND UINT64_C(1000)
#define HOUR   (3600 * SECOND)

static const struct policy_key_info keys[POLICY_KEY_COUNT] = {
#define POLICY_SECTION(NAME_, path_, meaning_)                                                     \
    [POLICY_KEY_##NAME_] = {                                                                       \
        .path = path_, .type = POLICY_TYPE_SECTION, .enforcer = "", .meaning = meaning_},
#define POLICY_NUMBER(NAME_, path_, TYPE_, struct_, field_, default_, least_, most_, ABSENT_,      \
                      SUPPORT_, enforcer_, meaning_)                                               \
    [POLICY_KEY_##NAME_] = {path_,                                                                 \
                            POLICY_TYPE_##TYPE_,                                                   \
                            POLICY_ABSENCE_##ABSENT_,                                              \
                            POLICY_SUPPORT_##SUPPORT_,                                             \
                            offsetof(struct struct_, field_),                                      \
                            default_,                                                              \
                            least_,                                                                \
                            most_,                                                                 \
                            enforcer_,                                                             \
                            meaning_},
#define POLICY_WORD(NAME_, path_, struct_, field_, DEFAULT_, enforcer_, meaning_)                  \
    [POLICY_KEY_##NAME_] = {.path = path_,                                                         \
                            .type = POLICY_TYPE_WORD,                                              \
                            .absence = POLICY_ABSENCE_FINITE,                                      \
                            .offset = offsetof(struct struct_, field_),                            \
                            .default_value = POLICY_##NAME_##_##DEFAULT_,                          \
                            .enforcer = enforcer_,                                                 \
                            .meaning = meaning_},
#define POLICY_OTHER(NAME_, path_, TYPE_, struct_, field_, most_, ABSENT_, SUPPORT_, enforcer_,    \
                     meaning_)                                                                     \
    [POLICY_KEY_##NAME_] = {.path = path_,                                                         \
                            .type = POLICY_TYPE_##TYPE_,                                           \
                            .absence = POLICY_ABSENCE_##ABSENT_,                                   \
                            .support = POLICY_SUPPORT_##SUPPORT_,                                  \
                            .offset = offsetof(struct struct_, field_),                            \
                            .most = most_,                                                         \
                            .enforcer = enforcer_,                                                 \
                            .meaning = meaning_},
#include "sandbox/policy_key.def"
};

// Fields that are reached through the table must be as wide as it believes.
#define POLICY_NUMBER(NAME_, path_, TYPE_, struct_, field_, ...)                                   \
    static_assert(sizeof(((struct struct_ *)NULL)->field_) == sizeof(uint64_t), path_);
#define POLICY_WORD(NAME_, path_, struct_, field_, ...)                                            \
    static_assert(sizeof(((struct struct_ *)NULL)->field_) == sizeof(uint64_t), path_);
#include "sandbox/policy_key.def"

static const struct policy_choice_info choices[POLICY_CHOICE_COUNT] = {
#define POLICY_CHOICE(KEY_, NAME_, word_, SUPPORT_, meaning_)                                      \
    [POLICY_##KEY_##_##NAME_] = {POLICY_KEY_##KEY_, word_, POLICY_SUPPORT_##SUPPORT_, meaning_},
#include "sandbox/policy_key.def"
};

const struct policy_key_info *policy_key_info(enum policy_key key)
{
    assert((unsigned)key < POLICY_KEY_COUNT);
    return &keys[key];
}

const struct policy_choice_info *policy_choice_info(uint64_t choice)
{
    if (choice == POLICY_CHOICE_INVALID || choice >= POLICY_CHOICE_COUNT)
        return NULL;
    return &choices[choice];
}

const char *policy_key_name(enum policy_key key)
{
    const char *path = policy_key_info(key)->path;
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}

// The length of the parent's path in the path of a key.
static size_t parent_length(enum policy_key key)
{
    const char *path = policy_key_info(key)->path;
    size_t length = (size_t)(policy_key_name(key) - path);

    if (length > 0)
        length--; // the dot
    if (length > 0 && path[length - 1] == ']')
        length -= 2;
    return length;
}

enum policy_key policy_key_parent(enum policy_key key)
{
    size_t length = parent_length(key);

    for (unsigned i = 0; i < POLICY_KEY_COUNT; i++) {
        if (strlen(keys[i].path) == length && memcmp(keys[i].path, keys[key].path, length) == 0)
            return (enum policy_key)i;
    }
    return POLICY_KEY_ROOT;
}

enum policy_key policy_key_find(enum policy_key parent, const char *name, size_t length)
{
    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++) {
        const char *own = policy_key_name((enum policy_key)i);

        if (strlen(own) == length && memcmp(own, name, length) == 0 &&
            policy_key_parent((enum policy_key)i) == parent)
            return (enum policy_key)i;
    }
    return POLICY_KEY_COUNT;
}

bool policy_key_is_number(enum policy_key key)
{
    enum policy_type type = policy_key_info(key)->type;

    return type >= POLICY_TYPE_NUMBER && type <= POLICY_TYPE_WORD;
}

uint64_t policy_key_read(enum policy_key key, const void *holder)
{
    uint64_t value;

    assert(policy_key_is_number(key));
    memcpy(&value, (const char *)holder + keys[key].offset, sizeof value);
    return value;
}

void policy_key_write(enum policy_key key, void *holder, uint64_t value)
{
    assert(policy_key_is_number(key));
    memcpy((char *)holder + keys[key].offset, &value, sizeof value);
}

bool policy_key_allows(enum policy_key key, uint64_t value)
{
    const struct policy_key_info *info = policy_key_info(key);
    const struct policy_choice_info *choice = policy_choice_info(value);

    if (info->type == POLICY_TYPE_WORD)
        return choice != NULL && choice->key == key;
    if (value == POLICY_NONE && info->absence == POLICY_ABSENCE_NONE)
        return true;
    if (value == POLICY_AUTOMATIC && info->absence == POLICY_ABSENCE_AUTOMATIC)
        return true;
    return value >= info->least && value <= info->most;
}

bool policy_key_supports(enum policy_key key, uint64_t value)
{
    const struct policy_key_info *info = policy_key_info(key);

    if (info->type == POLICY_TYPE_WORD)
        return policy_choice_info(value)->support == POLICY_SUPPORT_SUPPORTED;
    return info->support == POLICY_SUPPORT_SUPPORTED || value == info->default_value;
}
