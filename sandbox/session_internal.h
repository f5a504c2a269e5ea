// SPDX-License-Identifier: Apache-2.0
//
// What the parts of a session share: session.c (life), session_wire.c (messages), session_link.c
// (modules, imports), session_modules.c (libraries, instances), session_dynamic.c,
// session_report.c, session_guest.c (the guest's memory), session_call.c (calls of exports),
// hostcall.c (calls of imports).
//
// A function that answers false or TRAP_HOST with session->over set has nothing to report any more:
// its callers return.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/report.h"
#include "sandbox/session.h"
#include "sandbox/wasm/layout.h"

// --- messages ------------------------------------------------------------------------------------

// A message with a private copy of its bytes, PARTs included, in session->scratch: whoever receives
// takes a mark before and releases it when done.
struct session_message {
    struct message message;
    const uint8_t *bytes;
    size_t length;
    size_t mark; // of session->scratch, before the bytes
    bool lost;   // there was no room for all bytes, so there are none; `length` says how many came
};

// False: the session is over.
MUST_CHECK bool session_receive(struct session *session, struct session_message *received);

// Whether the bytes are there. Error: LIMIT_MEMORY, which names limits.engine.
MUST_CHECK bool session_whole(const struct session_message *received, struct error *error);

// Sends a message whose word 0 says how many bytes belong to it, after PARTs if they are too many
// for the arena; word 0 is filled in here. Or one without bytes. False: the session is over.
bool session_send_bytes(struct session *session, struct message *message, const uint8_t *bytes,
                        size_t length);
bool session_send(struct session *session, enum message_kind kind, uint32_t count,
                  const uint64_t *words);

// ERROR and TRAP, and EXIT instead of a trap if that is what it is. Outside of calls, and after
// EXIT, the session is over.
void session_send_error(struct session *session, const struct error *error);
void session_send_trap(struct session *session, const struct trap *trap);

// A frame of words and blocks that is put together in session->scratch before it is sent.
struct session_frame {
    uint8_t *bytes;
    size_t length;
    uint8_t *blocks;
    size_t blocks_size;
};

// Lays the blocks out, whose lengths stand in the words, and makes a frame with room for them, all
// zeroes. Errors: LIMIT_MEMORY if that is more than a frame may have (limits.memory), or than there
// is room for (limits.engine).
MUST_CHECK bool session_frame_make(struct session *session, const struct plan_form *form,
                                   uint64_t *words, struct session_frame *frame,
                                   struct error *error);

// The wasi_output hook.
bool session_output(void *context, uint32_t descriptor, const struct wasi_span *spans, size_t count,
                    size_t *taken);

// The wasi_files hook (session_file.c).
bool session_files(void *context, const struct file_request *request, struct file_answer *answer,
                   uint8_t *bytes, size_t *length, int *descriptor);

// --- module, imports, instance -------------------------------------------------------------------

// A value type as the channel has it: enum plan_core, enum report_reference.
uint8_t session_value_code(valtype type);

// Sends MODULE_REPORT. False: there is none, for a limit.
MUST_CHECK bool session_report(struct session *session, struct error *error);

// session_layout.c: regions of memory 0, by enum report_region from REPORT_REGION_DATA on; those
// that are not known are empty.
struct session_layout {
    struct layout_region regions[REPORT_REGION_END - REPORT_REGION_DATA];
    uint8_t evidence; // enum report_stack
};
void session_layout(const struct module *module, struct session_layout *layout);

// Each sends what is to be sent, an error too. False: the session is over.
MUST_CHECK bool session_load(struct session *session, const struct session_message *start);
MUST_CHECK bool session_instantiate(struct session *session, const struct session_message *link);

// session_modules.c. Names the library, unless the module is the main one, in front of an error.
// Always false.
bool session_blame(const struct session *session, uint32_t index, struct error *error);

// The module of an instance; of none that which is being instantiated, or the main one.
uint32_t session_module_of(const struct session *session, const struct instance *instance);

// Finds who provides each import of each module.
MUST_CHECK bool session_find_providers(struct session *session, struct error *error);

// What can be known of all modules before code of one runs: that libraries provide what fits, as
// far as declarations tell, and that no module has too many memories.
MUST_CHECK bool session_check_modules(const struct session *session, struct error *error);

// Instantiates all modules, each library in front of those that may import from it. What they wrote
// stays if one of them fails.
MUST_CHECK enum outcome session_start_modules(struct session *session, struct trap *trap,
                                              struct error *error);

// session_dynamic.c: side modules, and a main module that is linked with them. Finds which modules
// those are, before session_find_providers; says who provides their imports, after it has found
// libraries; and instantiates them, when all other libraries are there. That they cannot be linked
// is said when they shall be, since they may only be looked at, without what they need: until then
// all that they import counts as the linker's.
void session_find_dynamic(struct session *session);
void session_provide_dynamic(struct session *session);
MUST_CHECK enum outcome session_start_dynamic(struct session *session, struct trap *trap,
                                              struct error *error);

// session_link.c: makes importable what the host serves of a module's imports.
MUST_CHECK bool session_define_imports(struct session *session, uint32_t index,
                                       struct error *error);

// --- the guest's memory --------------------------------------------------------------------------

// The guest is the instance whose code called the host function that runs; during a call from
// outside the main module's.

// The bytes at an address of memory 0; NULL if they are not all inside, or there is no memory.
uint8_t *session_memory(const struct session *session, uint64_t address, uint64_t length);

// The length of the text at an address, up to a NUL that is inside. False if there is none. Of a
// text that is too long for any frame only that much is looked at.
MUST_CHECK bool session_text_length(const struct session *session, uint32_t address,
                                    uint64_t *length);

// The guest's cabi_realloc; NULL if it does not export one of the right type.
const struct function *session_reallocation(struct session *session);

// Memory that belongs to the guest, by its cabi_realloc; what it answers is checked to be inside
// the memory. OUTCOME_TRAP also when it refuses (TRAP_HOST).
MUST_CHECK enum outcome session_allocate(struct session *session, uint32_t size, uint32_t alignment,
                                         uint32_t *address, struct trap *trap);
MUST_CHECK enum outcome session_free(struct session *session, uint32_t address, uint32_t size,
                                     uint32_t alignment, struct trap *trap);

// --- calls ---------------------------------------------------------------------------------------

// Serves a CALL to its answer; its bytes are gone before guest code of the call runs. False: the
// session is over.
MUST_CHECK bool session_call(struct session *session, const struct session_message *call);
