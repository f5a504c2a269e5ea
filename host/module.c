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

static bool create(struct module *module, struct error_text *error)
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

static bool seal(struct module *module, crypto_hash_sha256_state *hash, struct error_text *error)
{
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

    crypto_hash_sha256_final(hash, module->sha256);
    return fcntl(module->fd, F_ADD_SEALS, seals) == 0 || fail_system(error, "seal", "in memory");
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

static bool copy_and_seal(int file, const char *path, struct module *module,
                          struct error_text *error)
{
    crypto_hash_sha256_state hash;

    crypto_hash_sha256_init(&hash);
    return check_file(file, path, error) && create(module, error) &&
           copy_file(file, path, module, &hash, error) && seal(module, &hash, error);
}

bool module_open(const char *path, struct module *module, struct error_text *error)
{
    int file;
    bool done;

    *module = (struct module){.fd = -1};
    if (!path)
        return error_text_set(error, PNF_USAGE, "cannot load a module: no path was given");
    // Not to wait for a FIFO's writer, and not to get a terminal.
    file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return fail_system(error, "open", path);
    done = copy_and_seal(file, path, module, error);
    close(file);
    if (!done)
        module_close(module);
    return done;
}

bool module_copy(const void *bytes, size_t size, struct module *module, struct error_text *error)
{
    crypto_hash_sha256_state hash;

    *module = (struct module){.fd = -1};
    if (!bytes && size > 0)
        return error_text_set(error, PNF_USAGE, "cannot load a module: its bytes are NULL");
    crypto_hash_sha256_init(&hash);
    if (create(module, error) && append(module, &hash, bytes, size, error) &&
        seal(module, &hash, error))
        return true;
    module_close(module);
    return false;
}

static const char *format_hash(const uint8_t *sha256, char hex[HEX_SIZE])
{
    return sodium_bin2hex(hex, HEX_SIZE, sha256, POLICY_SHA256_SIZE);
}

bool module_check_pin(const struct module *module, const struct policy *policy,
                      struct error_text *error)
{
    char has[HEX_SIZE];
    char wanted[HEX_SIZE];

    if (!policy->pinned || memcmp(module->sha256, policy->sha256, sizeof module->sha256) == 0)
        return true;
    if (error->status == PNF_OK) {
        snprintf(error->capability, sizeof error->capability, "plugin.sha256");
        snprintf(error->hint, sizeof error->hint, "sha256: %s", format_hash(module->sha256, has));
    }
    return error_text_set(error, PNF_DENIED,
                          "denied: the module is not the one that the policy pins: its SHA-256 is "
                          "%s, plugin.sha256 (line %u) is %s; to grant it, write `sha256: %s`",
                          format_hash(module->sha256, has), policy->lines[POLICY_KEY_PLUGIN_SHA256],
                          format_hash(policy->sha256, wanted), has);
}

void module_close(struct module *module)
{
    if (module->fd >= 0)
        close(module->fd);
    module->fd = -1;
}
