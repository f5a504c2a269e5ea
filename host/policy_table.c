// SPDX-License-Identifier: Apache-2.0
//
// policy-table: prints sdk/policy.md, the reference of a policy's keys, from their table.
#include <inttypes.h>
#include <stdio.h>

#include "host/policy_source.h"
#include "host/policy_value.h"
#include "host/policy_yaml.h"

static const char intro[] =
    "<!-- Made by host/policy_table.c from sandbox/policy_key.def: change that, then\n"
    "     BUILD/host/policy-table >sdk/policy.md -->\n"
    "# Policy: every key\n"
    "\n"
    "A policy is a YAML file of one mapping. Only `pinfold: 1` is required. What is not granted "
    "is\n"
    "denied; what is unknown, given twice or of another form is an error. Keys marked *later* are\n"
    "known, and refused with anything but their default.\n"
    "\n";

static const char forms[] = "## Forms\n"
                            "\n"
                            "Numbers are decimal, without sign, leading zero, separator, fraction "
                            "or exponent, with the unit\n"
                            "directly behind them, and without quotes. In the place of a text, "
                            "everything is text, quoted or\n"
                            "not, but for `~`, `null` and nothing at all. No limit can be switched "
                            "off by writing something.\n"
                            "\n";

static void print_bounds(enum policy_key key)
{
    const struct policy_key_info *info = policy_key_info(key);
    char text[POLICY_VALUE_SIZE];

    if (info->type == POLICY_TYPE_WORD || info->type == POLICY_TYPE_SECTION) {
        printf("| ");
    } else if (policy_key_is_number(key) && info->least == info->most) {
        printf("| %s ", policy_value_format(key, info->least, text));
    } else if (policy_key_is_number(key)) {
        printf("| %s to ", policy_value_format(key, info->least, text));
        printf("%s ", policy_value_format(key, info->most, text));
    } else if (info->type == POLICY_TYPE_TEXTS || info->type == POLICY_TYPE_VARIABLES ||
               info->type == POLICY_TYPE_DIRS || info->type == POLICY_TYPE_LINKS ||
               info->type == POLICY_TYPE_FUNCTIONS) {
        printf("| at most %" PRIu64 " ", info->most);
    } else if (info->type == POLICY_TYPE_SHA256) {
        printf("| ");
    } else {
        printf("| at most %" PRIu64 " bytes ", info->most);
    }
}

static void print_default(enum policy_key key)
{
    const struct policy_key_info *info = policy_key_info(key);
    char text[POLICY_VALUE_SIZE];

    if (info->absence == POLICY_ABSENCE_REQUIRED)
        printf("| required ");
    else if (key == POLICY_KEY_LIMITS_ENGINE)
        printf("| 16MiB + 6 x all modules ");
    else if (policy_key_is_number(key))
        printf("| %s ", policy_value_format(key, info->default_value, text));
    else
        printf("| ");
}

static void print_key(enum policy_key key)
{
    const struct policy_key_info *info = policy_key_info(key);

    printf("| `%s` | %s ", info->path, policy_value_type_name(info->type));
    print_default(key);
    print_bounds(key);
    printf("| %s%s | %s |\n", info->support == POLICY_SUPPORT_LATER ? "*later*: " : "",
           info->meaning, info->enforcer);
}

static void print_choices(void)
{
    printf("\n## Words\n\n| key | word | meaning |\n|---|---|---|\n");
    for (uint64_t i = 0; i < POLICY_CHOICE_COUNT; i++) {
        const struct policy_choice_info *choice = policy_choice_info(i);

        if (choice)
            printf("| `%s` | `%s` | %s%s |\n", policy_key_info(choice->key)->path, choice->word,
                   choice->support == POLICY_SUPPORT_LATER ? "*later*: " : "", choice->meaning);
    }
}

static void print_forms(void)
{
    printf("\n%s| type | form |\n|---|---|\n", forms);
    for (unsigned i = POLICY_TYPE_NUMBER; i < POLICY_TYPE_COUNT; i++) {
        if (i != POLICY_TYPE_DIRS && i != POLICY_TYPE_LINKS && i != POLICY_TYPE_FUNCTIONS &&
            i != POLICY_TYPE_WORD)
            printf("| %s | %s |\n", policy_value_type_name((enum policy_type)i),
                   policy_value_forms((enum policy_type)i));
    }
}

static const char dirs[] =
    "\n## Directories\n"
    "\n"
    "```yaml\n"
    "wasi:\n"
    "  dirs:\n"
    "    - { host: ./dict, guest: /dict }                # read, links followed inside\n"
    "    - { host: /var/tmp/out, guest: /out, access: write, links: none }\n"
    "```\n"
    "\n"
    "- `host` is the directory that `realpath` names when the policy is read: `..` and symbolic\n"
    "  links are resolved then, once. It must exist. A relative path begins in the folder of the\n"
    "  policy's file, as that was named; in a policy from memory and in `--dir` in the working\n"
    "  directory. `~` at the start is refused: it is not expanded.\n"
    "- `guest` is `.`, or an absolute path without `.`, `..`, `//` and `/` at its end; `/` is one. "
    "No\n"
    "  two directories have the same.\n"
    "- Never granted: `/`; what is at or below `/proc`, `/sys` and `/dev`, and other mounts of "
    "proc "
    "and\n"
    "  sysfs, which are outside of a directory that they are in as well.\n"
    "- Not granted for writing: a directory that has, at whatever depth, the policy's file, the "
    "programs\n"
    "  `pinfold-launcher` and `pinfold-worker`, or a symbolic link that leads to them. It may be "
    "read.\n"
    "- Directories that overlap have the same access: a file would be written by one name and not "
    "by\n"
    "  another.\n"
    "- `--dir HOST::GUEST[:read|write]` and the setting `wasi.dirs` of the SDK add a directory. "
    "`HOST`\n"
    "  ends at the first `::`, and what is behind the last `:` of the rest is the access.\n";

static const char links[] =
    "\n## Libraries\n"
    "\n"
    "```yaml\n"
    "link:\n"
    "  - { name: math, file: ./math.wasm }\n"
    "  - { name: env, file: /usr/lib/plugins/env.wasm }  # may import from math\n"
    "```\n"
    "\n"
    "- Libraries are instantiated in this order, then the plugin's module, all in one worker. "
    "What\n"
    "  a module imports from the `name` of a library in front of it, and that library exports, is\n"
    "  linked: functions, tables, memories, globals and tags. Everything else is for host "
    "functions\n"
    "  and WASI, also under the same module name; so a library may stand in for parts of either.\n"
    "- A library's start function runs when it is instantiated, and then its `_initialize` if it\n"
    "  exports that. What it may do is what the plugin may do: there is one policy for all.\n"
    "- Addresses that a library gives a host function or WASI are of its own memory 0, and memory\n"
    "  for what a host function returns is from its own `cabi_realloc`.\n"
    "- A relative `file` begins in the folder of the policy's file, as that was named; in a "
    "policy\n"
    "  from memory and in `--link` in the working directory. `~` at the start is refused. The "
    "file\n"
    "  is read when the plugin is loaded; `sha256` pins it.\n"
    "- A library in a directory that a plugin may write may be another one the next time, as the\n"
    "  plugin's own module may. It gets what the policy grants and no more, but so does whatever\n"
    "  other plugin is linked with it: keep libraries elsewhere, or pin them.\n"
    "- `--link NAME=FILE` and the setting `link` of the SDK add a library behind those of the "
    "policy,\n"
    "  and `links` of `pnf_source` behind these. No two have one name.\n";

static void print_limits(void)
{
    printf(
        "\n## The file\n"
        "\n"
        "At most %d KiB of UTF-8 without a byte order mark; %d levels; %d values and keys. "
        "Refused:\n"
        "tabs, control and invisible characters, anchors, aliases, tags, merge keys, directives,\n"
        "quoted keys, a second document.\n"
        "\n"
        "The file, the folder that it is in and symbolic links to it belong to root or to the "
        "user of the\n"
        "process, and neither their group nor others may write them (but for folders with the "
        "sticky\n"
        "bit). An application that has reasons to read a policy from elsewhere reads it itself: "
        "`pnf_load_bytes`.\n",
        POLICY_SOURCE_BYTES_MAX / 1024, POLICY_DEPTH_MAX, POLICY_EVENTS_MAX);
}

int main(void)
{
    printf(
        "%s| key | type | default | bounds | meaning | enforced by |\n|---|---|---|---|---|---|\n",
        intro);
    for (unsigned i = POLICY_KEY_ROOT + 1; i < POLICY_KEY_COUNT; i++)
        print_key((enum policy_key)i);
    print_choices();
    print_forms();
    printf("%s%s", links, dirs);
    print_limits();
    return ferror(stdout) || fflush(stdout) != 0;
}
