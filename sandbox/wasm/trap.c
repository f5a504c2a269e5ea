// SPDX-License-Identifier: Apache-2.0
#include "sandbox/wasm/trap.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "sandbox/wasm/instance.h"

enum {
    ALTERNATE_STACK_BYTES = 64 * 1024,       // room for the largest vector state and a debugger's
    ALTERNATE_STACK_GUARD_BYTES = 64 * 1024, // below it; the largest page size there is
    ALTERNATE_STACK_ENOUGH = 16 * 1024       // somebody else's is kept from this size on
};

_Thread_local struct store *trap_store __attribute__((tls_model("initial-exec")));

// The section that all handlers stand in, bounded by symbols that the linker makes; weak, since a
// program without handlers has no such section.
extern const char handlers_start[] __asm__("__start_pinfold_handlers") __attribute__((weak));
extern const char handlers_stop[] __asm__("__stop_pinfold_handlers") __attribute__((weak));

// Guarded by install_lock until `installed`, immutable from then on.
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed;
static struct sigaction previous_segv;
static struct sigaction previous_bus;

static _Thread_local bool has_alternate_stack __attribute__((tls_model("initial-exec")));

const char *trap_wording(enum trap_code code)
{
    static const char *const wordings[TRAP_COUNT] = {
        [TRAP_NONE] = "",
#define TRAP(name_, wording_) [TRAP_##name_] = wording_,
#include "sandbox/wasm/trap.def"
#undef TRAP
    };

    return (unsigned)code < TRAP_COUNT ? wordings[code] : "";
}

static bool within(uintptr_t address, const void *start, uint64_t length)
{
    return address - (uintptr_t)start < length;
}

static bool in_handlers(uintptr_t pc)
{
    return pc >= (uintptr_t)handlers_start && pc < (uintptr_t)handlers_stop;
}

// Only a fault of an access has an address: not kill(), nor a non-canonical address on x86-64.
static bool has_address(int signal_number, const siginfo_t *info)
{
    if (signal_number == SIGSEGV)
        return info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR;
    return info->si_code == BUS_ADRERR;
}

// The trap that a fault stands for, or TRAP_NONE when it is none of the guest's. Helpers in C check
// their bounds and may fault only where they write a frame to the slot stack; all else that goes
// wrong outside of handlers, and below the slot stack, is an error of the engine.
static enum trap_code classify(const struct store *store, uintptr_t address, uintptr_t pc)
{
    const uint8_t *stack_end = (const uint8_t *)store->stack + store->stack_bytes;

    if (within(address, stack_end, STACK_GUARD_ABOVE_BYTES))
        return TRAP_CALL_STACK_EXHAUSTED;
    if (!in_handlers(pc))
        return TRAP_NONE;
    for (const struct memory *memory = store->memories; memory != NULL; memory = memory->next)
        if (memory->guarded && within(address, memory->base, memory->reserved_bytes))
            return TRAP_MEMORY_OUT_OF_BOUNDS;
    return TRAP_NONE;
}

// Makes the interrupted run of `store` end with `code`. Where the cell is, is known only with
// preserve_none, whose registers handlers have no use for but their arguments: other conventions'
// are soon used for something else, and on AArch64 it moves on before the access.
static void land(struct store *store, enum trap_code code, void *context)
{
    bool known = TRAP_FAULT_HAS_PLACE && in_handlers(trap_context_pc(context));

    store->trap_pc = known ? trap_context_cell(context) : NULL;
    trap_context_redirect(context, run_landing, code);
}

// What happens by default. A fault comes again when the handler returns; the kernel ends a process
// that faults while the signal is blocked, and to block it in the context takes no system call,
// which seccomp would report as an attack.
static void take_default(int signal_number, const siginfo_t *info, ucontext_t *context)
{
    if (info->si_code > 0) {
        sigaddset(&context->uc_sigmask, signal_number);
        return;
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void chain(int signal_number, siginfo_t *info, void *context)
{
    const struct sigaction *previous = signal_number == SIGSEGV ? &previous_segv : &previous_bus;

    if ((previous->sa_flags & SA_SIGINFO) != 0)
        previous->sa_sigaction(signal_number, info, context);
    else if (previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN)
        previous->sa_handler(signal_number);
    else if (previous->sa_handler == SIG_DFL || info->si_code > 0)
        take_default(signal_number, info, context);
}

static void handle_fault(int signal_number, siginfo_t *info, void *context)
{
    struct store *store = trap_store;
    enum trap_code code = TRAP_NONE;

    if (store != NULL && has_address(signal_number, info))
        code = classify(store, (uintptr_t)info->si_addr, trap_context_pc(context));
    if (code != TRAP_NONE)
        land(store, code, context);
    else
        chain(signal_number, info, context);
}

// Handlers hold no locks and no state in C, so they can be left at any instruction.
static void handle_interrupt(int signal_number, siginfo_t *info, void *context)
{
    struct store *store = trap_store;

    (void)signal_number;
    (void)info;
    if (store == NULL)
        return;
    if (in_handlers(trap_context_pc(context)))
        land(store, TRAP_INTERRUPTED, context);
    else
        store->interrupted = 1;
}

// A signal handler on the alternate stack that is not to be deferred by itself: a fault inside the
// fault handler is an error of the engine and must be reported as one.
static bool install_handler(int signal_number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    action.sa_sigaction = handler;
    sigemptyset(&action.sa_mask);
    return sigaction(signal_number, &action, NULL) == 0;
}

// The previous handlers are known before ours can be called, and never replaced by ours: chaining
// would have no end.
static bool install_fault_handlers(void)
{
    bool done;

    pthread_mutex_lock(&install_lock);
    if (!installed && sigaction(SIGSEGV, NULL, &previous_segv) == 0 &&
        sigaction(SIGBUS, NULL, &previous_bus) == 0 && install_handler(SIGSEGV, handle_fault)) {
        installed = install_handler(SIGBUS, handle_fault);
        if (!installed)
            sigaction(SIGSEGV, &previous_segv, NULL);
    }
    done = installed;
    pthread_mutex_unlock(&install_lock);
    return done;
}

static bool install_alternate_stack(void)
{
    stack_t stack;
    uint8_t *base;

    if (sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_DISABLE) == 0 &&
        stack.ss_size >= ALTERNATE_STACK_ENOUGH)
        return true;
    base = mmap(NULL, ALTERNATE_STACK_GUARD_BYTES + ALTERNATE_STACK_BYTES, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    stack =
        (stack_t){.ss_sp = base + ALTERNATE_STACK_GUARD_BYTES, .ss_size = ALTERNATE_STACK_BYTES};
    if (mprotect(stack.ss_sp, stack.ss_size, PROT_READ | PROT_WRITE) == 0 &&
        sigaltstack(&stack, NULL) == 0)
        return true;
    munmap(base, ALTERNATE_STACK_GUARD_BYTES + ALTERNATE_STACK_BYTES);
    return false;
}

bool trap_install(struct error *error)
{
    if (!has_alternate_stack) {
        if (!install_alternate_stack())
            return error_set(error, ERROR_SYSTEM_SIGNAL, 0, "no alternate stack");
        has_alternate_stack = true;
    }
    if (!install_fault_handlers())
        return error_set(error, ERROR_SYSTEM_SIGNAL, 0, "for faults");
    return true;
}

bool trap_install_interrupt(int signal_number, struct error *error)
{
    if (!install_handler(signal_number, handle_interrupt))
        return error_set(error, ERROR_SYSTEM_SIGNAL, 0, "for signal %d", signal_number);
    return true;
}
