// SPDX-License-Identifier: Apache-2.0
#include "host/module.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/policy_error.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

enum { CHUNK_BYTES = 16 * 1024, SHOWN_SIZE = 256, HEX_SIZE = 2 * POLICY_SHA256_SIZE + 1 };

static_assert(POLICY_SHA256_SIZE == crypto_hash_sha256_BYTES, "the same hash");

static bool fail_system(struct error_text *error, const char *what, const char *path)
{
    char reason[128];
    char shown[SHOWN_SIZE];
    const char *words = strerror_r(errno, reason, sizeof reason);

    policy_show(shown, sizeof shown, path);
    return error_text_set(error, PNF_SYSTEM, "cannot %s module %s: %s", what, shown, words);
}

static bool fail_size(struct error_text *error)
{
    return error_text_set(error, PNF_LIMIT, "the module has more than %d bytes", MODULE_BYTES_MAX);
}

bool module_create(struct module *module, struct error_text *error)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

    *module = (struct module){.fd = memfd_create("pinfold-module", flags | MFD_NOEXEC_SEAL)};
    // Kernels before 6.3 do not know the flag.
    if (module->fd < 0 && errno == EINVAL)
        module->fd = memfd_create("pinfold-module", flags);
    return module->fd >= 0 || fail_system(error, "copy", "into memory");
}

static bool append(struct module *module, crypto_hash_sha256_state *hash, const uint8_t *bytes,
                   size_t length, struct error_text *error)
{
    if (length > MODULE_BYTES_MAX - module->size)
        return fail_size(error);
    crypto_hash_sha256_update(hash, bytes, length);
    module->size += length;
    while (length > 0) {
        ssize_t written = write(module->fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail_system(error, "copy", "into memory");
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static bool copy_file(int file, const char *path, struct module *module,
                      crypto_hash_sha256_state *hash, struct error_text *error)
{
    uint8_t chunk[CHUNK_BYTES];

    for (;;) {
        ssize_t length = read(file, chunk, sizeof chunk);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return fail_system(error, "read", path);
        if (length == 0)
            return true;
        if (!append(module, hash, chunk, (size_t)length, error))
            return false;
    }
}

static bool check_file(int file, const char *path, struct error_text *error)
{
    char shown[SHOWN_SIZE];
    struct stat status;

    if (fstat(file, &status) != 0)
        return fail_system(error, "look at", path);
    if (S_ISREG(status.st_mode))
        return true;
    policy_show(shown, sizeof shown, path);
    return error_text_set(error, PNF_SYSTEM, "cannot load module %s: it is not a regular file",
                          shown);
}

// Behind what is there already.
static void begin(struct module *module, crypto_hash_sha256_state *hash)
{
    module->offset = module->size;
    crypto_hash_sha256_init(hash);
}

bool module_add_file(struct module *module, const char *path, struct error_text *error)
{
    crypto_hash_sha256_state hash;
    int file;
    bool done;

    if (!path)
        return error_text_set(error, PNF_USAGE, "cannot load a module: no path was given");
    // Not to wait for a FIFO's writer, and not to get a terminal.
    file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return fail_system(error, "open", path);
    begin(module, &hash);
    done = check_file(file, path, error) && copy_file(file, path, module, &hash, error);
    close(file);
    crypto_hash_sha256_final(&hash, module->sha256);
    return done;
}

bool module_add_bytes(struct module *module, const void *bytes, size_t size,
                      struct error_text *error)
{
    crypto_hash_sha256_state hash;
    bool done;

    if (!bytes && size > 0)
        return error_text_set(error, PNF_USAGE, "cannot load a module: its bytes are NULL");
    begin(module, &hash);
    done = append(module, &hash, bytes, size, error);
    crypto_hash_sha256_final(&hash, module->sha256);
    return done;
}

bool module_seal(const struct module *module, struct error_text *error)
{
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

    return fcntl(module->fd, F_ADD_SEALS, seals) == 0 || fail_system(error, "seal", "in memory");
}

static const char *format_hash(const uint8_t *sha256, char hex[HEX_SIZE])
{
    return sodium_bin2hex(hex, HEX_SIZE, sha256, POLICY_SHA256_SIZE);
}

struct pin {
    const char *key;
    const uint8_t *sha256;
    uint32_t line;
};

static bool check_pin(const struct module *module, const struct pin *pin, struct error_text *error)
{
    char has[HEX_SIZE];
    char wanted[HEX_SIZE];

    if (memcmp(module->sha256, pin->sha256, sizeof module->sha256) == 0)
        return true;
    if (error->status == PNF_OK) {
        snprintf(error->capability, sizeof error->capability, "%s", pin->key);
        snprintf(error->hint, sizeof error->hint, "sha256: %s", format_hash(module->sha256, has));
    }
    return error_text_set(error, PNF_DENIED,
                          "denied: the module is not the one that the policy pins: its SHA-256 is "
                          "%s, %s (line %u) is %s; to grant it, write `sha256: %s`",
                          format_hash(module->sha256, has), pin->key, pin->line,
                          format_hash(pin->sha256, wanted), has);
}

bool module_check_pin(const struct module *module, const struct policy *policy,
                      struct error_text *error)
{
    struct pin pin = {"plugin.sha256", policy->sha256, policy->lines[POLICY_KEY_PLUGIN_SHA256]};

    return !policy->pinned || check_pin(module, &pin, error);
}

bool module_check_link_pin(const struct module *module, const struct policy_link *link,
                           struct error_text *error)
{
    struct pin pin = {"link[].sha256", link->sha256, link->line};

    return !link->pinned || check_pin(module, &pin, error);
}

void module_close(struct module *module)
{
    if (module->fd >= 0)
        close(module->fd);
    module->fd = -1;
}
